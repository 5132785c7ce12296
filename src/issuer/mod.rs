//! The service that generates customer tokens: `POST /v2/customers/tokens`.
//!
//! [`TokenIssuer`]'s documentation has what is answered to what; the files have a role each.

mod bearer;
mod body;
mod builder;
mod client;
mod future;
#[cfg(feature = "asymmetric")]
mod jwk_set;
mod login;
#[cfg(feature = "oidc")]
mod oidc;
mod password;
mod request;
mod response;
mod service;
mod store_answer;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

pub use self::bearer::bearer_token;
pub use self::body::IssuerBody;
pub use self::builder::TokenIssuerBuilder;
pub use self::client::ClientAuthenticator;
pub use self::client::ClientDecision;
pub use self::client::StaticBearer;
pub use self::future::IssuerFuture;
#[cfg(feature = "asymmetric")]
pub use self::jwk_set::JwkSetService;
#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrant;
#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrantBuilder;
pub use self::password::PasswordGrant;
pub use self::service::TokenIssuer;

/// A future whose type is forgotten.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
