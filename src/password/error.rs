//! Errors of password hashing.

use std::error::Error;
use std::fmt;

/// Error of parsing a password hash.
///
/// The text is not an argon2id PHC string, or its parameters exceed the bounds of
/// [`PasswordHash`](super::PasswordHash).
///
/// The text itself is not kept: it may contain most of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id PHC string within bounds")]
#[non_exhaustive]
pub struct InvalidPasswordHash;

/// Error of hashing or verifying a password.
#[derive(Debug)]
pub struct HashError {
    kind: HashErrorKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Kind of a [`HashError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashErrorKind {
    /// The queue had no place, or the wait was too long.
    ///
    /// Nothing was computed; a later attempt may succeed.
    Overloaded,
    /// The system had no memory, thread or random bytes.
    Failed,
}

impl HashError {
    pub(crate) const OVERLOADED: Self = Self { kind: HashErrorKind::Overloaded, cause: None };

    pub(crate) fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: HashErrorKind::Failed, cause: Some(cause.into()) }
    }

    /// Returns the kind of error.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_of_a_chain_says_its_own_part_alone() {
        let failed = HashError::failed("connection refused");
        assert_eq!(failed.to_string(), "the password could not be hashed");
        assert_eq!(failed.source().unwrap().to_string(), "connection refused");
        let overloaded = HashError::OVERLOADED;
        assert_eq!(overloaded.to_string(), "too many passwords are being hashed");
        assert!(overloaded.source().is_none());
        let invalid = InvalidPasswordHash;
        assert_eq!(invalid.to_string(), "not an argon2id PHC string within bounds");
        assert!(invalid.source().is_none());
    }
}
