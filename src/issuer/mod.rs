//! The service that generates customer tokens: `POST /v2/customers/tokens`.
//!
//! [`TokenIssuer`] answers a request in this order, and the first thing that is wrong decides:
//!
//! 1. **Bearer.** Exactly one `Authorization: Bearer TOKEN`, which the [`ClientAuthenticator`] takes;
//!    else 401. It speaks for the store's API access, and 401 is about nothing else: the common SDKs
//!    renew their access token and repeat on every 401.
//! 2. **Method.** `POST`; else 405.
//! 3. **Size.** A body of at most 16 KiB, by `Content-Length` before it is read and by count while it
//!    is; else 413. One that isn't there after 10 s is a 408.
//! 4. **Type.** `application/json`, in UTF-8 if it says so; else 415, also where there is no
//!    `Content-Type` at all: no client of this endpoint leaves it out.
//! 5. **JSON.** One object, no member name twice at any level, `data` an object; else 400.
//! 6. **Fields.** 400 with one error an offending field, whose name is in `source`. A login without
//!    `authentication_mechanism` is one by password, as old SDKs send it.
//! 7. **Grant.** 200 with the token, or 403. A store that can't tell, or too many logins at once: 503
//!    with `Retry-After`.
//!
//! Every answer is JSON, is kept by no cache, and echoes nothing of the request.
//!
//! # Security
//!
//! A wrong password, an unknown e-mail, a customer without a password and a password of over 1 024
//! bytes are told apart by nothing: not by the answer's bytes, and not by time, since each costs one
//! look-up and one hash with today's parameters. One difference is left: a customer whose hash was
//! made with other parameters takes as long as those say, until the next login replaces the hash.
//!
//! There is no limit yet to how often a password may be guessed, beyond what the machine can hash.

mod bearer;
mod body;
mod builder;
mod client;
mod future;
#[cfg(feature = "asymmetric")]
mod jwk_set;
mod password;
mod request;
mod response;
mod service;
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
pub use self::password::PasswordGrant;
pub use self::service::TokenIssuer;

/// A future whose type is forgotten.
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
