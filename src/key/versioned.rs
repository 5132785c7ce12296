//! A value that is replaced as a whole, with a version number.
//!
//! `tests/rotation_model.rs` runs this file under random interleavings.

use std::sync::Arc;

use super::shared::ArcSwap;
use super::shared::Loaded;

pub(super) struct Versioned<T> {
    current: ArcSwap<Version<T>>,
}

pub(super) struct Version<T> {
    pub(super) number: u64,
    pub(super) value: T,
}

impl<T> Versioned<T> {
    pub(super) fn new(value: T) -> Self {
        Self { current: ArcSwap::from_pointee(Version { number: 0, value }) }
    }

    #[inline]
    pub(super) fn load(&self) -> Loaded<Version<T>> {
        self.current.load()
    }

    /// Replaces the value with the result of `next`, which may run several times; `None` keeps it.
    pub(super) fn change(&self, mut next: impl FnMut(&T) -> Option<T>) {
        self.current.rcu(|current| match next(&current.value) {
            Some(value) => Arc::new(Version { number: current.number + 1, value }),
            None => Arc::clone(current),
        });
    }
}
