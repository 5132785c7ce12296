//! Verification of customer tokens, without HTTP.
//!
//! [`Verifier::verify`] returns a [`VerifiedToken`], or a [`VerifyError`] whose
//! [`kind`](VerifyError::kind) is the reason. [`VerifierBuilder`] has the settings.
//! [`CustomerAuthLayer`](crate::CustomerAuthLayer) applies a verifier to HTTP requests.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//! use tower_customer_auth::VerifyErrorKind;
//!
//! # fn main() -> Result<(), tower_customer_auth::ConfigError> {
//! let verifier = Verifier::new(KeyRing::hs256("0123456789abcdef0123456789abcdef")?);
//! let error = verifier.verify(b"not.a.token").unwrap_err();
//! assert_eq!(error.kind(), VerifyErrorKind::Malformed);
//! # Ok(())
//! # }
//! ```

mod builder;
mod cache;
mod config;
mod error;
mod steps;
mod times;
mod verified;
mod verifier;

pub use self::builder::VerifierBuilder;
#[cfg(feature = "issuer")]
pub(crate) use self::config::DEFAULT_MAX_LIFETIME;
pub use self::error::VerifyError;
pub use self::error::VerifyErrorKind;
pub use self::verified::VerifiedToken;
pub use self::verifier::Verifier;
