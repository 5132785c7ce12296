//! Making tokens.

mod issued;
mod signer;
#[cfg(test)]
mod tests;

pub use self::issued::IssuedToken;
pub use self::issued::SignError;
pub use self::signer::TokenSigner;
