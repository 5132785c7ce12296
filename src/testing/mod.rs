//! Test utilities (feature `test-util`).
//!
//! They are a manual clock, tokens with any content, identities without tokens, and with the
//! feature `oidc` a scriptable OpenID provider (`ScriptedProvider`).
//!
//! With the feature `issuer` there are also a customer store in memory (`MemoryCustomers`), and the
//! tests that a store of your own has to pass (`customer_store_suite!`, and with `oidc`
//! `identity_store_suite!`), a revocation log of your own (`revocation_log_suite!`),
//! or throttle counters of your own (`throttle_counters_suite!`).
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::SigningKey;
//! use tower_customer_auth::TokenForm;
//! use tower_customer_auth::Verifier;
//! use tower_customer_auth::VerifyErrorKind;
//! use tower_customer_auth::testing::ManualClock;
//! use tower_customer_auth::testing::TestToken;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(ManualClock::at_epoch_seconds(1_510_597_800));
//! let key = SigningKey::hs256("0123456789abcdef0123456789abcdef")?;
//! let verifier = Verifier::builder(KeyRing::new(key.clone())).clock(clock.clone()).build()?;
//!
//! let token = TestToken::new("79cc0486-bbdf-491b-a0a2-722383b6288b", 1_510_597_800);
//! let token = token.sign(&key, TokenForm::Legacy);
//! assert_eq!(verifier.verify(token.as_bytes())?.name(), Some("Ron Swanson"));
//!
//! clock.advance(Duration::from_secs(86_400));
//! let refused = verifier.verify(token.as_bytes()).unwrap_err();
//! assert_eq!(refused.kind(), VerifyErrorKind::Expired);
//! # Ok(())
//! # }
//! ```

mod clock;
mod identity;
#[cfg(feature = "issuer")]
mod memory_customers;
#[cfg(feature = "oidc")]
mod provider;
mod revocation;
#[cfg(feature = "issuer")]
#[doc(hidden)]
pub mod store_suite;
mod token;

pub use self::clock::ManualClock;
pub use self::identity::sign_in;
#[cfg(feature = "issuer")]
pub use self::memory_customers::MemoryCustomers;
#[cfg(feature = "oidc")]
pub use self::provider::Consent;
#[cfg(feature = "oidc")]
pub use self::provider::Endpoint;
#[cfg(feature = "oidc")]
pub use self::provider::Fault;
#[cfg(feature = "oidc")]
pub use self::provider::IdToken;
#[cfg(feature = "oidc")]
pub use self::provider::ScriptedBody;
#[cfg(feature = "oidc")]
pub use self::provider::ScriptedProvider;
#[cfg(feature = "oidc")]
pub use self::provider::TokenRequest;
pub use self::revocation::is_revoked;
#[cfg(feature = "issuer")]
pub use self::store_suite::CustomerStoreFixture;
#[cfg(feature = "oidc")]
pub use self::store_suite::IdentityStoreFixture;
#[cfg(feature = "issuer")]
pub use self::store_suite::ThrottleCountersFixture;
#[cfg(feature = "issuer")]
#[doc(inline)]
pub use self::store_suite::customer_store_suite;
#[cfg(feature = "oidc")]
#[doc(inline)]
pub use self::store_suite::identity_store_suite;
#[cfg(feature = "issuer")]
#[doc(inline)]
pub use self::store_suite::revocation_log_suite;
#[cfg(feature = "issuer")]
#[doc(inline)]
pub use self::store_suite::throttle_counters_suite;
pub use self::token::TestToken;
pub use self::token::sign_raw;
