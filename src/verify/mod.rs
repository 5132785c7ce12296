//! Verification of customer tokens.

mod builder;
mod cache;
mod config;
mod error;
mod steps;
mod times;
mod verified;
mod verifier;

pub use self::builder::VerifierBuilder;
pub use self::error::VerifyError;
pub use self::error::VerifyErrorKind;
pub use self::verified::VerifiedToken;
pub use self::verifier::Verifier;
