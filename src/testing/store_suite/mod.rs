//! What every store must do, whatever it keeps the customers in. A file of tests is instantiated for
//! each store.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod customers;
#[cfg(feature = "oidc")]
pub(crate) mod identities;

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::password::PasswordParams;
use crate::secret::Secret;

pub(crate) const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
pub(crate) const LESLIE: &str = "be076eb9-689e-4cfe-8299-8489f99a14e6";

/// A time with a fraction that stores don't keep.
pub(crate) const INSERTED: Duration = Duration::from_nanos(1_510_597_800_123_456_789);
pub(crate) const KEPT: Duration = Duration::from_millis(1_510_597_800_123);

#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) Duration);

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Fixed(INSERTED))
}

pub(crate) fn id(text: &str) -> CustomerId {
    text.parse().unwrap()
}

pub(crate) fn hash(password: &str) -> PasswordHash {
    let params = PasswordParams::worthless_but_fast();
    PasswordHash::compute(&Secret::from(password), params).unwrap()
}
