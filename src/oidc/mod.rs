//! OpenID Connect providers: from an authorization code to a verified identity.
//!
//! - [`OidcProfile`] is the registration of a client at a provider.
//! - [`HttpClient`] sends the requests to the provider, over any tower service.
//! - [`OidcError`] is the reason why a login failed.
//!
//! A login exchanges the code at the token endpoint, verifies the ID token, and reads missing
//! claims from userinfo. The provider's endpoints and keys are cached and renewed in the
//! background. [`OidcGrant`](crate::OidcGrant) then maps the verified identity to a customer.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use tower_customer_auth::oidc::NoncePolicy;
//! use tower_customer_auth::oidc::OidcProfile;
//!
//! let profile = OidcProfile::new("https://id.example", "storefront")
//!     .redirect_uri("https://shop.example/signed-in")
//!     .nonce(NoncePolicy::EqualsCodeChallenge)
//!     .clock_skew(Duration::from_secs(30));
//! assert_eq!(profile.issuer(), "https://id.example");
//! ```

mod error;
mod exchange;
mod freshness;
mod http_client;
mod id_token;
mod profile;
mod provider;
mod relying_party;
mod spent_codes;
mod url;
mod user_info;

pub use self::error::OidcError;
pub use self::error::OidcErrorKind;
pub(crate) use self::exchange::CodeExchange;
pub use self::http_client::HttpClient;
pub use self::profile::ClientAuthMethod;
pub use self::profile::NoncePolicy;
pub use self::profile::OidcProfile;
pub(crate) use self::relying_party::RelyingParty;
pub(crate) use self::spent_codes::SpentCodes;
