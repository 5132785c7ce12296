//! What candidates are sent through: a race, or a count of allocations.

use crate::support::race::Race;

/// Somewhere to add candidates to. `check` asserts what a candidate gives, once.
pub trait Course<'a> {
    /// Adds what those after it are measured by.
    fn floor<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R));

    /// Adds what those after it have as a part.
    fn bare<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R));

    /// Adds a candidate.
    fn row<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R));
}

impl<'a> Course<'a> for Race<'a> {
    fn floor<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        Self::floor(self, name, run, check);
    }

    fn bare<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        Self::bare(self, name, run, check);
    }

    fn row<R>(&mut self, name: &str, run: impl FnMut() -> R + 'a, check: impl FnOnce(R)) {
        Self::row(self, name, run, check);
    }
}
