//! Events that the crate tells its program, captured for one thread.

use std::io;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;

use tracing::Dispatch;
use tracing::Level;
use tracing::Subscriber;
use tracing::subscriber::DefaultGuard;
use tracing::subscriber::NoSubscriber;

/// Makes this the subscriber of the thread until the guard is dropped.
///
/// While a process has one subscriber alone, `tracing` asks only the thread that is first at a
/// callsite whether its events interest anybody. In one process with tests that have no subscriber
/// that answer is often no, and it then holds for every thread. With two more subscribers alive,
/// all of them are asked.
pub(crate) fn subscribe(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    static OTHERS: LazyLock<[Dispatch; 2]> =
        LazyLock::new(|| [(); 2].map(|()| Dispatch::new(NoSubscriber::default())));
    LazyLock::force(&OTHERS);
    tracing::subscriber::set_default(subscriber)
}

/// All that was written to a subscriber.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Captures the events of this thread, at every level, until the guard is dropped.
    pub(crate) fn begin() -> (Self, DefaultGuard) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        (captured, subscribe(subscriber))
    }

    /// The events as text, a line each.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
