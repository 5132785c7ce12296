//! The times that decide about a token.

use crate::token::Claims;

/// The times a token gives, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) exp: u64,
    pub(super) iat: u64,
    /// Zero where the token gives none.
    pub(super) nbf: u64,
}

impl Times {
    pub(super) fn of(claims: &Claims<'_>) -> Self {
        Self { exp: claims.exp, iat: claims.iat, nbf: claims.nbf.unwrap_or_default() }
    }
}
