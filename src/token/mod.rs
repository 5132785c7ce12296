//! The two forms of a token on the wire, and nothing about whether to believe one.
//!
//! A token comes in exactly one spelling of one form, and every other is refused.
//! Nothing here is authenticated: `verify` does that, and only then parses claims.

mod base64;
mod bounds;
mod claims;
#[cfg(any(feature = "issuer", feature = "test-util"))]
mod encode;
mod header;
mod json;
mod name;
mod shape;
#[cfg(test)]
mod tests;
mod unverified;

pub(crate) use self::claims::Claims;
pub(crate) use self::claims::IssuedClaims;
#[cfg(any(feature = "issuer", feature = "test-util"))]
pub(crate) use self::encode::encode;
pub(crate) use self::json::Json;
pub(crate) use self::json::each_member;
pub(crate) use self::name::Name;
pub(crate) use self::unverified::Decoded;
pub(crate) use self::unverified::HeaderRoom;
pub(crate) use self::unverified::Parts;
pub(crate) use self::unverified::Room;
pub(crate) use self::unverified::UnverifiedToken;

/// The longest token, in bytes. A longer one is refused before anything of it is decoded.
pub(crate) const MAX_TOKEN_LEN: usize = 8 * 1024;

/// Largest `NumericDate` taken, in seconds: the integers that every JSON reader agrees on.
pub(crate) const MAX_NUMERIC_DATE: u64 = 1 << 53;

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenForm {
    /// JWS Compact Serialization (RFC 7515 section 7.1): three parts in base64url without padding.
    #[default]
    Compact,
    /// The form of Elastic Path's samples: the header is `{"alg": "HS256", "typ": "JWT"}` with its
    /// spaces, the claims are in *padded standard* base64, and the signature is 64 lower-case
    /// hexadecimal digits. It has no room for a key id.
    Legacy,
}

/// Why text is no token. The reason names a rule, never the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);
