//! What can go wrong around customers and their passwords.

use std::error::Error;
use std::fmt;

/// Text that is no password hash this crate will compute: not an argon2id PHC string, or one whose
/// parameters are past the bounds of [`PasswordHash`](crate::PasswordHash).
///
/// The text itself is not kept: it may be most of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id PHC string within bounds")]
#[non_exhaustive]
pub struct InvalidPasswordHash;

/// A store that could not tell: a look-up or a write whose outcome is unknown.
///
/// The issuer answers 503 with `Retry-After`, never 401 or 403: the customer did nothing wrong.
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Creates the error from its cause, which [`source`](Error::source) returns.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store could not tell")
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

/// A password that could not be hashed or checked.
#[derive(Debug)]
pub struct HashError {
    kind: HashErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a [`HashError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashErrorKind {
    /// The queue was full, or the wait in it too long. Nothing was computed; a later try may go
    /// through.
    Overloaded,
    /// The machine could not: no memory, no thread, no randomness.
    Failed,
}

impl HashError {
    pub(crate) const OVERLOADED: Self = Self { kind: HashErrorKind::Overloaded, cause: None };

    pub(crate) fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: HashErrorKind::Failed, cause: Some(cause.into()) }
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> HashErrorKind {
        self.kind
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HashErrorKind::Overloaded => "too many passwords are being hashed",
            HashErrorKind::Failed => "the password could not be hashed",
        })
    }
}

impl Error for HashError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// A change that a store refused or could not carry out.
#[derive(Debug)]
pub struct ChangeError {
    kind: ChangeErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a [`ChangeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeErrorKind {
    /// Another customer with a password has this e-mail.
    DuplicateEmail,
    /// Another customer has this identifier.
    DuplicateId,
    /// The store could not tell, as in [`StoreError`]. The change may have happened or not.
    Store,
}

impl ChangeError {
    #[cfg(any(test, feature = "sqlite", feature = "test-util"))]
    pub(crate) const DUPLICATE_EMAIL: Self =
        Self { kind: ChangeErrorKind::DuplicateEmail, cause: None };

    #[cfg(any(test, feature = "sqlite", feature = "test-util"))]
    pub(crate) const DUPLICATE_ID: Self = Self { kind: ChangeErrorKind::DuplicateId, cause: None };

    #[cfg(feature = "sqlite")]
    pub(crate) fn store(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: ChangeErrorKind::Store, cause: Some(cause.into()) }
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ChangeErrorKind {
        self.kind
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ChangeErrorKind::DuplicateEmail => "another customer with a password has this e-mail",
            ChangeErrorKind::DuplicateId => "another customer has this identifier",
            ChangeErrorKind::Store => "the store could not tell",
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
        assert_eq!(chain(&store), ["the store could not tell", cause()]);
        let failed = HashError::failed(cause());
        assert_eq!(chain(&failed), ["the password could not be hashed", cause()]);
        assert_eq!(chain(&HashError::OVERLOADED), ["too many passwords are being hashed"]);
        let duplicate = "another customer with a password has this e-mail";
        assert_eq!(chain(&ChangeError::DUPLICATE_EMAIL), [duplicate]);
        let invalid = "not an argon2id PHC string within bounds";
        assert_eq!(chain(&InvalidPasswordHash), [invalid]);
    }
}
