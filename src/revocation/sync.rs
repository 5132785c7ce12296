//! What the tables share between threads by: the one name to replace when a model checker is to see
//! each step of theirs, as `tests/revocation_model.rs` does.

pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::AtomicU64;
pub(super) use std::sync::atomic::Ordering;

pub(super) use arc_swap::ArcSwapOption;
