//! Customer authentication for any tower stack.

mod clock;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod id;
mod key;
mod layer;
mod observe;
mod reject;
mod revocation;
mod secret;
#[cfg(feature = "issuer")]
mod sign;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;
mod verify;

pub use crate::clock::Clock;
pub use crate::clock::SystemClock;
pub use crate::error::ConfigError;
#[cfg(feature = "axum")]
pub use crate::extract::ExtractRejection;
pub use crate::id::CustomerId;
pub use crate::id::InvalidId;
pub use crate::id::TokenId;
pub use crate::key::KeyRing;
pub use crate::key::SigningKey;
pub use crate::key::VerifyingKey;
pub use crate::layer::AuthBody;
pub use crate::layer::CustomerAuth;
pub use crate::layer::CustomerAuthLayer;
pub use crate::layer::NoIdentity;
pub use crate::layer::RejectionResponse;
pub use crate::layer::ResponseFuture;
pub use crate::reject::Rejection;
pub use crate::reject::RejectionKind;
pub use crate::revocation::Revocations;
pub use crate::revocation::RevokeError;
pub use crate::revocation::RevokeErrorKind;
pub use crate::secret::Secret;
#[cfg(feature = "issuer")]
pub use crate::sign::IssuedToken;
#[cfg(feature = "issuer")]
pub use crate::sign::SignError;
#[cfg(feature = "issuer")]
pub use crate::sign::TokenSigner;
pub use crate::token::TokenForm;
pub use crate::verify::VerifiedToken;
pub use crate::verify::Verifier;
pub use crate::verify::VerifierBuilder;
pub use crate::verify::VerifyError;
pub use crate::verify::VerifyErrorKind;
