//! Hints that there is something new in the log, by `LISTEN` and `NOTIFY`.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::PgConnection;
use sqlx::postgres::PgListener;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::database::PostgresDatabase;

/// The hints of one process: it gives them after its own commits, and listens for all.
pub(super) struct Hints {
    shared: Arc<Shared>,
    /// The task that listens, from the first call of [`next`](Self::next) on.
    listener: Mutex<Option<AbortHandle>>,
}

struct Shared {
    database: PostgresDatabase,
    channel: String,
    /// A hint has come that the follower has not taken.
    heard: Notify,
    /// Something was committed that the other nodes have not been told of.
    is_due: AtomicBool,
    /// A task is telling them.
    is_telling: AtomicBool,
}

impl Hints {
    pub(super) fn of(database: &PostgresDatabase) -> Self {
        let shared = Shared {
            database: database.clone(),
            channel: format!("customer_auth.{}", database.schema()),
            heard: Notify::new(),
            is_due: AtomicBool::new(false),
            is_telling: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), listener: Mutex::new(None) }
    }

    /// Tells all nodes that something was committed, in the background.
    ///
    /// Not in the transaction itself: the server lets transactions that notify commit one after the
    /// other. One hint is for all that was committed before it.
    pub(super) fn notify(&self) {
        self.shared.is_due.store(true, Ordering::SeqCst);
        if !self.shared.is_telling.swap(true, Ordering::SeqCst) {
            tokio::spawn(tell(Arc::clone(&self.shared)));
        }
    }

    /// Tells all nodes when a transaction of the caller is committed.
    pub(super) async fn notify_in(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(NOTIFY).bind(&self.shared.channel).execute(connection).await.map(drop)
    }

    /// Completes when there may be something new.
    pub(super) async fn next(&self) {
        self.listen();
        self.shared.heard.notified().await;
    }

    fn listen(&self) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        // It has finished if its runtime has shut down.
        if listener.as_ref().is_none_or(AbortHandle::is_finished) {
            let listen = listen(Arc::clone(&self.shared));
            *listener = Some(tokio::spawn(listen).abort_handle());
        }
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        let listener = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener.take() {
            listener.abort();
        }
    }
}

/// The task that tells, until it ends or its runtime does.
struct Telling<'a>(&'a AtomicBool);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn tell(shared: Arc<Shared>) {
    loop {
        let telling = Telling(&shared.is_telling);
        while shared.is_due.swap(false, Ordering::SeqCst) {
            let tell = async {
                let mut lease = shared.database.lease().await?;
                let told = sqlx::query(NOTIFY).bind(&shared.channel).execute(&mut *lease).await;
                lease.end(told)
            };
            // A hint only: the others read the log within a second anyway.
            drop(shared.database.within(tell, |error| error).await);
        }
        drop(telling);
        // One that came after the look, and saw this task still telling.
        let is_done =
            !shared.is_due.load(Ordering::SeqCst) || shared.is_telling.swap(true, Ordering::SeqCst);
        if is_done {
            return;
        }
    }
}

/// Listens for ever. An error of any kind ends the connection, and another one is opened.
async fn listen(shared: Arc<Shared>) {
    loop {
        drop(listen_once(&shared).await);
        sleep(RECONNECT_PAUSE).await;
    }
}

async fn listen_once(shared: &Shared) -> Result<(), sqlx::Error> {
    // A connection outside of the pool, which lasts.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(HEARTBEAT_TIMEOUT)
        .connect_lazy_with(shared.database.options().clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    timeout(HEARTBEAT_TIMEOUT, listener.listen(&shared.channel)).await.map_err(io)??;
    // What was committed before is found by reading once.
    shared.heard.notify_one();
    loop {
        match timeout(HEARTBEAT_INTERVAL, listener.try_recv()).await {
            Ok(Ok(Some(_))) => {
                while listener.next_buffered().is_some() {}
                shared.heard.notify_one();
            }
            // The connection was lost.
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            // A network that drops packets shows no error, so the server is asked now and then.
            Err(_) => {
                let heartbeat = listener.execute("SELECT 1");
                timeout(HEARTBEAT_TIMEOUT, heartbeat).await.map_err(io)??;
            }
        }
    }
}

fn io(elapsed: tokio::time::error::Elapsed) -> sqlx::Error {
    sqlx::Error::Io(elapsed.into())
}

// The payload is constant: the server keeps one of several in a transaction.
const NOTIFY: &str = "SELECT pg_notify($1, '')";

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
