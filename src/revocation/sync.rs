//! What the list shares between threads by: the one name to replace when a model checker is to see
//! each step, as `tests/revocation_model.rs` and `tests/follower_model.rs` do.

pub(super) use std::sync::Arc;
pub(super) use std::sync::Mutex;
pub(super) use std::sync::MutexGuard;
pub(super) use std::sync::PoisonError;
pub(super) use std::sync::atomic::AtomicU8;
pub(super) use std::sync::atomic::AtomicU64;
pub(super) use std::sync::atomic::AtomicUsize;
pub(super) use std::sync::atomic::Ordering;

pub(super) use arc_swap::ArcSwapOption;
