//! A value that is swapped whole, and whoever worked with one of its versions can tell whether that
//! is still the newest. `tests/rotation_model.rs` runs this file under every order of its steps.

use std::ops::Deref;
use std::sync::Arc;

use super::shared::ArcSwap;
use super::shared::AtomicU64;
use super::shared::Ordering;

pub(super) struct Versioned<T> {
    /// At least the number of `current`: more while a change is on its way.
    newest: AtomicU64,
    current: ArcSwap<Version<T>>,
}

pub(super) struct Version<T> {
    pub(super) number: u64,
    pub(super) value: T,
}

impl<T> Versioned<T> {
    pub(super) fn new(value: T) -> Self {
        let first = Version { number: 0, value };
        Self { newest: AtomicU64::new(0), current: ArcSwap::from_pointee(first) }
    }

    #[inline]
    pub(super) fn load(&self) -> impl Deref<Target = Arc<Version<T>>> {
        self.current.load()
    }

    /// Whether a reader that loaded now would get this version: never so after a change that
    /// replaces it has taken effect.
    #[inline]
    pub(super) fn is_newest(&self, number: u64) -> bool {
        self.newest.load(Ordering::Acquire) == number
    }

    /// Replaces the value by what `next` makes of it, which may run several times, or leaves it.
    pub(super) fn change(&self, mut next: impl FnMut(&T) -> Option<T>) {
        self.current.rcu(|current| {
            let Some(value) = next(&current.value) else {
                return Arc::clone(current);
            };
            let number = current.number + 1;
            // Before the swap, never after it: in the moment between, what an older version said
            // would still be taken for the newest. The other way round it is only asked anew.
            self.newest.fetch_max(number, Ordering::SeqCst);
            Arc::new(Version { number, value })
        });
    }
}
