//! Whether to believe a token, and why not.

mod cache;
mod error;
mod times;
mod verified;
mod verifier;

pub use self::error::VerifyError;
pub use self::error::VerifyErrorKind;
pub use self::verified::VerifiedToken;
pub use self::verifier::Verifier;
pub use self::verifier::VerifierBuilder;
