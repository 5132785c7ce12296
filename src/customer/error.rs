//! Errors of customer stores.

use std::error::Error;
use std::fmt;

/// Error of a customer store: the outcome of a lookup or write is unknown.
///
/// The issuer answers 503 with `Retry-After`, never 401 or 403, because the customer is not at
/// fault.
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Creates the error from its cause, which [`source`](Error::source) returns.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store is unavailable")
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError").field(&self.0).finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Error of a change that a store rejected or failed to apply.
#[derive(Debug)]
pub struct ChangeError {
    kind: ChangeErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Kind of a [`ChangeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeErrorKind {
    /// Another customer with a password has this e-mail.
    DuplicateEmail,
    /// Another customer has this identifier.
    DuplicateId,
    /// The store failed, as in [`StoreError`]. The change may or may not have been applied.
    Store,
}

impl ChangeError {
    #[cfg(any(test, feature = "postgres", feature = "sqlite", feature = "test-util"))]
    pub(crate) const DUPLICATE_EMAIL: Self =
        Self { kind: ChangeErrorKind::DuplicateEmail, cause: None };

    #[cfg(any(test, feature = "postgres", feature = "sqlite", feature = "test-util"))]
    pub(crate) const DUPLICATE_ID: Self = Self { kind: ChangeErrorKind::DuplicateId, cause: None };

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn store(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: ChangeErrorKind::Store, cause: Some(cause.into()) }
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ChangeErrorKind {
        self.kind
    }
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl From<StoreError> for ChangeError {
    fn from(StoreError(cause): StoreError) -> Self {
        Self::store(cause)
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ChangeErrorKind::DuplicateEmail => "another customer with a password has this e-mail",
            ChangeErrorKind::DuplicateId => "another customer has this identifier",
            ChangeErrorKind::Store => "the store is unavailable",
        })
    }
}

impl Error for ChangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(error: &dyn Error) -> Vec<String> {
        let mut lines = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            lines.push(error.to_string());
            cause = error.source();
        }
        lines
    }

    #[test]
    fn every_level_of_a_chain_says_its_own_part_alone() {
        let cause = || "connection refused";
        let store = StoreError::new(cause());
        assert_eq!(chain(&store), ["the store is unavailable", cause()]);
        let duplicate = "another customer with a password has this e-mail";
        assert_eq!(chain(&ChangeError::DUPLICATE_EMAIL), [duplicate]);
    }
}
