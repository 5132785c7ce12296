//! Authentication of the clients that request customer tokens.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use subtle::Choice;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::customer::BoxFuture;
use crate::customer::StoreError;

/// Decision of a [`ClientAuthenticator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientDecision {
    /// The access token is valid.
    Accepted,
    /// The access token is valid, and belongs to the store itself: one for client credentials, which
    /// no browser has.
    ///
    /// It may log in customers as [`Accepted`](Self::Accepted) may, and also end all tokens of any
    /// customer without a token of theirs ([`Sessions`](crate::issuer::Sessions)).
    AcceptedAsStore,
    /// The access token is unknown, expired or revoked: the response is 401.
    Refused,
}

/// Client whose access token was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Client,
    Store,
}

/// Authenticator of clients by the access token in `Authorization: Bearer`.
///
/// `Ok` is a decision. `Err` means that none could be made, and is answered with 503 and
/// `Retry-After`, never with 401. The issuer gives each call 5 s by default and answers 503 after
/// that. A panic is not caught.
///
/// # Security
///
/// Compare access tokens in constant time, or look them up by a hash.
///
/// # Example
///
/// ```
/// use tower_customer_auth::ClientAuthenticator;
/// use tower_customer_auth::issuer::ClientDecision;
/// use tower_customer_auth::customer::StoreError;
///
/// /// Accepts every token with this prefix, for tests.
/// struct Prefix(&'static str);
///
/// impl ClientAuthenticator for Prefix {
///     async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
///         Ok(if bearer.starts_with(self.0) {
///             ClientDecision::Accepted
///         } else {
///             ClientDecision::Refused
///         })
///     }
/// }
/// ```
pub trait ClientAuthenticator: Send + Sync + 'static {
    /// Decides whether to accept an access token.
    ///
    /// `bearer` is one or more printable ASCII characters without spaces.
    ///
    /// # Errors
    ///
    /// The decision could not be made.
    fn authenticate(
        &self,
        bearer: &str,
    ) -> impl Future<Output = Result<ClientDecision, StoreError>> + Send;
}

impl<C: ClientAuthenticator> ClientAuthenticator for Arc<C> {
    fn authenticate(
        &self,
        bearer: &str,
    ) -> impl Future<Output = Result<ClientDecision, StoreError>> + Send {
        (**self).authenticate(bearer)
    }
}

/// Client authenticator with a fixed list of access tokens.
///
/// Only hashes of the tokens are kept. Each request is compared with all of them, in constant time.
///
/// # Security
///
/// Use random tokens of at least 16 bytes; this is not checked. With an empty list, every request
/// is rejected.
///
/// # Example
///
/// ```
/// use tower_customer_auth::StaticBearer;
///
/// let clients = StaticBearer::new(["b7UrM0Kp2dZf4QhW"]);
/// assert_eq!(format!("{clients:?}"), "StaticBearer { tokens: 1 }");
/// ```
#[derive(Clone)]
pub struct StaticBearer {
    digests: Arc<[[u8; 32]]>,
}

impl StaticBearer {
    /// Creates an authenticator that accepts these tokens.
    #[must_use]
    pub fn new<T: AsRef<[u8]>>(tokens: impl IntoIterator<Item = T>) -> Self {
        // Digests have equal length, so a comparison does not reveal the length of an entry.
        let digests = tokens.into_iter().map(|token| Sha256::digest(token).into()).collect();
        Self { digests }
    }
}

impl ClientAuthenticator for StaticBearer {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        let offered: [u8; 32] = Sha256::digest(bearer).into();
        let known = self
            .digests
            .iter()
            .fold(Choice::from(0), |known, digest| known | digest.ct_eq(&offered));
        Ok(if bool::from(known) { ClientDecision::Accepted } else { ClientDecision::Refused })
    }
}

impl fmt::Debug for StaticBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticBearer").field("tokens", &self.digests.len()).finish()
    }
}

/// Object-safe twin of [`ClientAuthenticator`].
pub(super) trait DynClientAuthenticator: Send + Sync {
    fn authenticate(
        self: Arc<Self>,
        bearer: Zeroizing<String>,
    ) -> BoxFuture<'static, Result<ClientDecision, StoreError>>;
}

impl<C: ClientAuthenticator> DynClientAuthenticator for C {
    fn authenticate(
        self: Arc<Self>,
        bearer: Zeroizing<String>,
    ) -> BoxFuture<'static, Result<ClientDecision, StoreError>> {
        Box::pin(async move { ClientAuthenticator::authenticate(&*self, &bearer).await })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn decide(clients: &StaticBearer, bearer: &str) -> Option<ClientDecision> {
        ClientAuthenticator::authenticate(clients, bearer).now_or_never()?.ok()
    }

    #[test]
    fn a_static_list_takes_its_own_tokens_alone() {
        let clients = StaticBearer::new(["first-token", "second-token"]);
        for (bearer, decision) in [
            ("first-token", ClientDecision::Accepted),
            ("second-token", ClientDecision::Accepted),
            ("First-token", ClientDecision::Refused),
            ("first-toke", ClientDecision::Refused),
            ("first-token2", ClientDecision::Refused),
            ("", ClientDecision::Refused),
        ] {
            assert_eq!(decide(&clients, bearer), Some(decision), "{bearer}");
        }
        let empty = StaticBearer::new([""; 0]);
        assert_eq!(decide(&empty, "first-token"), Some(ClientDecision::Refused));
    }

    #[test]
    fn debug_shows_no_token() {
        let clients = StaticBearer::new(vec![String::from("first-token")]);
        assert_eq!(format!("{clients:?}"), "StaticBearer { tokens: 1 }");
    }
}
