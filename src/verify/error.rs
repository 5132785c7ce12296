//! Verification errors.

use crate::key::SignatureError;
use crate::token::Malformed;

/// Error of a token that failed verification.
///
/// `Display` names the kind. For a malformed token, [`source`](std::error::Error::source) names the
/// violated rule. Neither contains any part of the token.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", kind.describe())]
pub struct VerifyError {
    kind: VerifyErrorKind,
    source: Option<Malformed>,
}

/// Reason why a token failed verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The text is not a token in an accepted form.
    ///
    /// It has the wrong number of parts, an invalid encoding, header or JSON, or a claim that is
    /// missing, of the wrong type or out of range.
    Malformed,
    /// No key is for the algorithm in `alg` (RFC 8725 section 3.1).
    DisallowedAlgorithm,
    /// No key has the id in `kid` (RFC 7515 section 4.1.4).
    UnknownKey,
    /// The signature does not match any key.
    InvalidSignature,
    /// The current time is at or after `exp` (RFC 7519 section 4.1.4).
    Expired,
    /// The current time is before `nbf` (RFC 7519 section 4.1.5).
    NotYetValid,
    /// `iat` is ahead of the clock by more than the allowed clock skew.
    IssuedInFuture,
    /// The time from `iat` to `exp` exceeds the maximum lifetime.
    LifetimeTooLong,
    /// `aud` does not contain an accepted audience (RFC 7519 section 4.1.3).
    WrongAudience,
    /// `iss` is not the accepted issuer (RFC 7519 section 4.1.1).
    WrongIssuer,
    /// The token has been revoked, alone or with all earlier tokens of its customer.
    Revoked,
    /// The revocation status is temporarily unavailable. This is a server fault, not the token's.
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
    /// Returns the reason.
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

impl From<SignatureError> for VerifyError {
    fn from(refusal: SignatureError) -> Self {
        match refusal {
            SignatureError::DisallowedAlgorithm => VerifyErrorKind::DisallowedAlgorithm,
            SignatureError::UnknownKey => VerifyErrorKind::UnknownKey,
            SignatureError::InvalidSignature => VerifyErrorKind::InvalidSignature,
        }
        .into()
    }
}
