//! What a verified token says.

use std::time::SystemTime;

use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::token::Claims;
use crate::token::IssuedClaims;
use crate::token::Name;

/// Token whose signature, times and revocation status were found good.
///
/// Only a [`Verifier`](crate::Verifier) makes one, so that having one is the proof. Cloning is cheap: it
/// never allocates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    customer_id: CustomerId,
    token_id: TokenId,
    name: Option<Name>,
    issued_at: u64,
    expires_at: u64,
}

impl VerifiedToken {
    /// Keeps of the claims what the layer's users need. The caller has verified them.
    pub(crate) fn new(claims: Claims<'_>) -> Self {
        Self {
            customer_id: claims.customer_id,
            token_id: claims.token_id,
            name: claims.name,
            issued_at: claims.iat,
            expires_at: claims.exp,
        }
    }

    /// As [`new`](Self::new), of claims of our own issuer.
    #[inline(always)]
    pub(crate) fn of_issued(claims: &IssuedClaims<'_>) -> Self {
        Self {
            customer_id: CustomerId::from_uuid_bytes(claims.customer_id),
            token_id: TokenId::from_uuid_bytes(claims.token_id),
            name: Some(claims.name.keep()),
            issued_at: claims.iat,
            expires_at: claims.exp,
        }
    }

    /// Returns the customer the token speaks for (`sub`).
    #[must_use]
    pub const fn customer_id(&self) -> &CustomerId {
        &self.customer_id
    }

    /// Returns the token's own id (`jti`), by which it can be revoked.
    #[must_use]
    pub const fn token_id(&self) -> &TokenId {
        &self.token_id
    }

    /// Returns the customer's name as the issuer knew it (`name`), which may be empty.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// Returns when the token was issued (`iat`), a whole second.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        from_epoch(self.issued_at)
    }

    /// Returns the first second at which the token is no longer good (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        from_epoch(self.expires_at)
    }
}
