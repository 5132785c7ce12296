//! The times of a token.

use crate::token::Claims;

/// The times in a token's claims, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) exp: u64,
    pub(super) iat: u64,
    /// Zero if the token has none.
    pub(super) nbf: u64,
    /// `iat` if the token has none.
    pub(super) auth_time: u64,
}

impl Times {
    pub(super) fn of(claims: &Claims<'_>) -> Self {
        Self {
            exp: claims.exp,
            iat: claims.iat,
            nbf: claims.nbf.unwrap_or_default(),
            auth_time: claims.auth_time.unwrap_or(claims.iat),
        }
    }
}
