//! Notices of changes in the file.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::database::SqliteDatabase;

/// Watches `PRAGMA data_version`, which changes when another connection has committed.
///
/// On a connection of its own: the number is about the other connections, and means nothing when it
/// is compared with that of another one.
pub(super) struct Changes {
    /// `None` for a database in memory, which no other process can change.
    options: Option<SqliteConnectOptions>,
    watch: Mutex<Option<Watch>>,
}

struct Watch {
    connection: SqliteConnection,
    version: i64,
}

impl Changes {
    pub(super) fn of(database: &SqliteDatabase) -> Self {
        let options = database.pool().connect_options();
        let is_file = options.get_filename().as_os_str() != ":memory:";
        let options = is_file.then(|| (*options).clone().read_only(true));
        Self { options, watch: Mutex::new(None) }
    }

    /// Completes when the file has changed since the last time. Never completes if that can't be
    /// found out: the log is read once a second anyway.
    pub(super) async fn next(&self) {
        let Some(options) = &self.options else {
            return std::future::pending().await;
        };
        let mut watch = self.watch.lock().await;
        if self.until_changed(options, &mut watch).await.is_err() {
            // A connection that failed may fail for ever. The next call opens another.
            *watch = None;
            std::future::pending::<()>().await;
        }
    }

    async fn until_changed(
        &self,
        options: &SqliteConnectOptions,
        watch: &mut Option<Watch>,
    ) -> Result<(), sqlx::Error> {
        loop {
            let Some(known) = watch else {
                let connection = options.connect().await?;
                let mut new = Watch { connection, version: 0 };
                new.version = new.read().await?;
                *watch = Some(new);
                // What was appended before is found by reading once.
                return Ok(());
            };
            let version = known.read().await?;
            if version != known.version {
                known.version = version;
                return Ok(());
            }
            sleep(INTERVAL).await;
        }
    }
}

impl Watch {
    async fn read(&mut self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut self.connection).await
    }
}

const INTERVAL: Duration = Duration::from_millis(50);
