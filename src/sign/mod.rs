//! Signing of customer tokens, without HTTP.
//!
//! [`TokenIssuer`](crate::TokenIssuer) has a [`TokenSigner`] inside. Use one yourself to issue tokens
//! for logins that this crate does not know.

mod issued;
mod signer;
#[cfg(test)]
mod tests;

pub use self::issued::IssuedToken;
pub use self::issued::SignError;
pub use self::signer::TokenSigner;
