//! What attempts are counted and waited for with: the one name to replace when a model checker is to
//! see each step, as `tests/throttle_model.rs` does.

pub(super) use std::sync::Arc;
pub(super) use std::sync::Mutex;
pub(super) use std::sync::MutexGuard;
pub(super) use std::sync::PoisonError;

pub(super) use tokio::sync::Notify;
pub(super) use tokio::time::timeout_at;
