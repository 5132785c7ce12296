//! What `arc-swap` promises: a cell whose value is replaced in one step. For the models, each of
//! which has the locks of its model checker in `checker`.

use crate::checker::Arc;
use crate::checker::Mutex;

pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn load(&self) -> Option<Arc<T>> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        self.load()
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        // What was there is dropped outside of the lock, as a swap would.
        let _old = std::mem::replace(&mut *self.0.lock().unwrap(), value);
    }
}
