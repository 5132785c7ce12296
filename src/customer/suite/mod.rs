//! What every store must do, whatever it keeps the customers in. A file of tests is instantiated for
//! each store.

mod customers;
mod identities;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_identities;

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "sqlite")]
use std::sync::atomic::AtomicU32;
#[cfg(feature = "sqlite")]
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::customer::PasswordHash;
use crate::customer::PasswordParams;
use crate::id::CustomerId;
use crate::secret::Secret;

const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
const LESLIE: &str = "be076eb9-689e-4cfe-8299-8489f99a14e6";

/// A time with a fraction that stores don't keep.
const INSERTED: Duration = Duration::from_nanos(1_510_597_800_123_456_789);
const KEPT: Duration = Duration::from_millis(1_510_597_800_123);

#[derive(Debug)]
struct Fixed(Duration);

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Fixed(INSERTED))
}

fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

fn hash(password: &str) -> PasswordHash {
    let params = PasswordParams::worthless_but_fast();
    PasswordHash::compute(&Secret::from(password), params).unwrap()
}

/// A path where no file is yet, and none will be left.
#[cfg(feature = "sqlite")]
struct TempFile(PathBuf);

#[cfg(feature = "sqlite")]
impl TempFile {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("customers-{}-{number}.sqlite3", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

#[cfg(feature = "sqlite")]
impl Drop for TempFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            drop(std::fs::remove_file(path));
        }
    }
}
