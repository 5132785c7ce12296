//! Customer authentication for any tower stack.

mod clock;
mod error;
mod id;
mod key;
mod revocation;
mod secret;
mod token;

pub use crate::clock::Clock;
pub use crate::clock::SystemClock;
pub use crate::error::ConfigError;
pub use crate::id::CustomerId;
pub use crate::id::InvalidId;
pub use crate::id::TokenId;
pub use crate::key::KeyRing;
pub use crate::key::SigningKey;
pub use crate::key::VerifyingKey;
pub use crate::revocation::Revocations;
pub use crate::revocation::RevokeError;
pub use crate::revocation::RevokeErrorKind;
pub use crate::secret::Secret;
pub use crate::token::TokenForm;
