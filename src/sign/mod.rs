//! Signing of customer tokens, without HTTP.
//!
//! [`TokenIssuer`](crate::TokenIssuer) has a [`TokenSigner`] inside. Use one directly to issue tokens
//! for logins that this crate does not implement. [`TokenSignerBuilder`] has the settings.

mod builder;
mod issued;
mod signer;
#[cfg(test)]
mod tests;

pub use self::builder::TokenSignerBuilder;
pub use self::issued::IssuedToken;
pub use self::issued::SignError;
pub use self::signer::TokenSigner;
