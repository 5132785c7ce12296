//! Signing of customer tokens, without HTTP.
//!
//! [`TokenIssuer`](crate::TokenIssuer) contains a [`TokenSigner`]. Use one directly to issue tokens
//! for logins that this crate does not implement. [`TokenSignerBuilder`] has the settings.
//!
//! # Example
//!
//! ```
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::Verifier;
//! use tower_customer_auth::sign::TokenSigner;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
//! let issued = TokenSigner::new(keys.clone())?.sign(&"ron".parse()?, Some("Ron Swanson"))?;
//! let verified = Verifier::new(keys).verify(issued.token().as_bytes())?;
//! assert_eq!(verified.name(), Some("Ron Swanson"));
//! # Ok(())
//! # }
//! ```

mod builder;
mod issued;
mod session;
mod signer;
#[cfg(test)]
mod tests;

pub use self::builder::TokenSignerBuilder;
pub use self::issued::IssuedToken;
pub use self::issued::SignError;
pub(crate) use self::session::Session;
pub use self::signer::TokenSigner;
