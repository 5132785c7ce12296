//! An OpenID Connect relying party: an authorization code goes in, a proven identity comes out.
//!
//! - [`OidcProfile`] says which provider, as which client; [`HttpClient`] how to reach it.
//! - `provider` knows the provider's endpoints and keys, and keeps them fresh in the background.
//! - `exchange` trades the code (the `oauth2` crate), `id_token` judges what comes back by our own
//!   front end and keys, `user_info` asks for what is lacking in it.
//! - [`RelyingParty`] is the order of these steps.
//!
//! Nothing here knows customers: whom an identity belongs to is decided elsewhere.

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
