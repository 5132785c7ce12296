//! Why a token is not accepted.

use crate::key::Refusal;
use crate::token::Malformed;

/// Refusal of a token.
///
/// `Display` names the kind; for a malformed token, [`source`](std::error::Error::source) names the
/// rule it breaks. Neither ever shows a part of the token.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", kind.describe())]
pub struct VerifyError {
    kind: VerifyErrorKind,
    source: Option<Malformed>,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The text is no token in a form that is accepted: wrong parts, encoding, header or JSON, or a
    /// claim that is missing or of the wrong type or range.
    Malformed,
    /// `alg` names no algorithm that a key is for (RFC 8725 section 3.1).
    DisallowedAlgorithm,
    /// `kid` names no key (RFC 7515 section 4.1.4).
    UnknownKey,
    /// No key made the signature.
    InvalidSignature,
    /// The time is `exp` or later (RFC 7519 section 4.1.4).
    Expired,
    /// The time is before `nbf` (RFC 7519 section 4.1.5).
    NotYetValid,
    /// `iat` is further ahead than clocks differ.
    IssuedInFuture,
    /// `exp` is further from `iat` than tokens may live.
    LifetimeTooLong,
    /// `aud` does not name an accepted audience (RFC 7519 section 4.1.3).
    WrongAudience,
    /// `iss` is not the accepted issuer (RFC 7519 section 4.1.1).
    WrongIssuer,
    /// The token, or all of its customer's from that time, have been revoked.
    Revoked,
    /// Whether the token has been revoked can't be told now. The fault is ours, not the token's.
    UnknownRevocationStatus,
}

impl VerifyErrorKind {
    /// Returns the kind's name for metrics and logs, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::DisallowedAlgorithm => "disallowed_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::InvalidSignature => "invalid_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::WrongAudience => "wrong_audience",
            Self::WrongIssuer => "wrong_issuer",
            Self::Revoked => "revoked",
            Self::UnknownRevocationStatus => "unknown_revocation_status",
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Malformed => "the token is malformed",
            Self::DisallowedAlgorithm => "the token's algorithm is not allowed",
            Self::UnknownKey => "the token names an unknown key",
            Self::InvalidSignature => "the token's signature is invalid",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::IssuedInFuture => "the token was issued in the future",
            Self::LifetimeTooLong => "the token lives longer than allowed",
            Self::WrongAudience => "the token is for another audience",
            Self::WrongIssuer => "the token is from another issuer",
            Self::Revoked => "the token has been revoked",
            Self::UnknownRevocationStatus => "whether the token has been revoked is unknown",
        }
    }
}

impl VerifyError {
    /// Returns why the token is not accepted.
    #[must_use]
    pub const fn kind(&self) -> VerifyErrorKind {
        self.kind
    }
}

impl From<VerifyErrorKind> for VerifyError {
    fn from(kind: VerifyErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<Malformed> for VerifyError {
    fn from(malformed: Malformed) -> Self {
        Self { kind: VerifyErrorKind::Malformed, source: Some(malformed) }
    }
}

impl From<Refusal> for VerifyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::DisallowedAlgorithm => VerifyErrorKind::DisallowedAlgorithm,
            Refusal::UnknownKey => VerifyErrorKind::UnknownKey,
            Refusal::InvalidSignature => VerifyErrorKind::InvalidSignature,
        }
        .into()
    }
}
