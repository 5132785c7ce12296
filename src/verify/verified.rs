//! Verified tokens.

use std::time::SystemTime;

use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::token::Claims;
use crate::token::IssuedClaims;
use crate::token::Name;

/// Token that has passed verification.
///
/// Its signature, times and revocation status have been checked. Only a
/// [`Verifier`](crate::Verifier) creates one, so the type is the proof. Cloning never allocates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    customer_id: CustomerId,
    token_id: TokenId,
    name: Option<Name>,
    issued_at: u64,
    expires_at: u64,
    /// `None` for a token that is its own session.
    session_id: Option<TokenId>,
    authenticated_at: u64,
}

impl VerifiedToken {
    /// Keeps the claims that users of the layer need. The caller has verified them.
    pub(crate) fn new(claims: Claims<'_>) -> Self {
        Self {
            customer_id: claims.customer_id,
            token_id: claims.token_id,
            name: claims.name,
            issued_at: claims.iat,
            expires_at: claims.exp,
            session_id: claims.session_id,
            authenticated_at: claims.auth_time.unwrap_or(claims.iat),
        }
    }

    /// Like [`new`](Self::new), from claims of our own issuer.
    #[inline(always)]
    pub(crate) fn of_issued(claims: &IssuedClaims<'_>) -> Self {
        Self {
            customer_id: CustomerId::from_uuid_bytes(claims.customer_id),
            token_id: TokenId::from_uuid_bytes(claims.token_id),
            name: Some(claims.name.keep()),
            issued_at: claims.iat,
            expires_at: claims.exp,
            session_id: claims.session.map(|session| TokenId::from_uuid_bytes(session.id)),
            authenticated_at: claims.authenticated_at(),
        }
    }

    /// Returns the customer (`sub`).
    #[must_use]
    pub const fn customer_id(&self) -> &CustomerId {
        &self.customer_id
    }

    /// Returns the token's id (`jti`), by which it can be revoked.
    #[must_use]
    pub const fn token_id(&self) -> &TokenId {
        &self.token_id
    }

    /// Returns the id of the token's session (`sid`): the id of the token of the login.
    ///
    /// Tokens that were refreshed from one login have this id in common. A token without `sid` is a
    /// session of its own, and this is its [`token_id`](Self::token_id). `sid` is the session ID of
    /// [OpenID Connect Front-Channel Logout 1.0, section 3][sid].
    ///
    /// [sid]: https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout
    #[must_use]
    pub const fn session_id(&self) -> &TokenId {
        match &self.session_id {
            Some(session_id) => session_id,
            None => &self.token_id,
        }
    }

    /// Returns the customer's name (`name`) at the time of issue, which may be empty.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// Returns when the token was issued (`iat`), in whole seconds.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        from_epoch(self.issued_at)
    }

    /// Returns when the customer logged in (`auth_time`), in whole seconds.
    ///
    /// [OpenID Connect Core 1.0, section 2][auth_time] defines `auth_time`. A refreshed token keeps
    /// that of its login. For a token without `auth_time`, this is [`issued_at`](Self::issued_at).
    /// It is never later than `issued_at`.
    ///
    /// [auth_time]: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    #[must_use]
    pub fn authenticated_at(&self) -> SystemTime {
        from_epoch(self.authenticated_at)
    }

    /// Returns the expiry time (`exp`), the first second at which the token is rejected.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        from_epoch(self.expires_at)
    }
}
