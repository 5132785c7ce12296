//! The storefront's own writes, one at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::spawn;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::problem::Problem;

/// The turn of whoever writes.
///
/// SQLite has one writer at a time. While somebody else holds the file, each writer would wait with
/// a connection of the pool in its hands, and soon there would be none for those who only read,
/// whom a writer doesn't stop. The crate's own writes take turns too: between them and these, two
/// connections at most are waiting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writes(Arc<Mutex<()>>);

impl Writes {
    /// Carries out a write in its turn, which is waited for 1 s.
    ///
    /// In a task of its own, because a client that hangs up drops the handler: it must not be able
    /// to stop a change half-way, nor to pass the turn on while its statement goes on waiting.
    pub(crate) async fn carry_out<T, E, W>(&self, write: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).lock_owned()).await;
        let turn = turn.map_err(|_| Problem::busy())?;
        let task = spawn(async move {
            let _turn = turn;
            write.await
        });
        task.await.map_err(|error| Problem::unavailable(&error))?.map_err(Into::into)
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
