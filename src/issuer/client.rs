//! Who may ask for customer tokens at all.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use subtle::Choice;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::customer::StoreError;
use crate::issuer::BoxFuture;

/// What a [`ClientAuthenticator`] says of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientDecision {
    /// The token is good.
    Accepted,
    /// The token is unknown, expired or revoked: 401.
    Refused,
}

/// Judge of the access tokens in `Authorization: Bearer`: which programs may ask for customer tokens.
///
/// `Ok` is a judgement; `Err` says that there can be none at the moment, and is answered with 503 and
/// `Retry-After`, never with 401. The issuer waits 5 s by default, and answers 503 after that. A panic
/// is not caught.
///
/// # Security
///
/// Tokens are compared in constant time, or looked up by a hash of them.
///
/// # Example
///
/// ```
/// use tower_customer_auth::ClientAuthenticator;
/// use tower_customer_auth::issuer::ClientDecision;
/// use tower_customer_auth::customer::StoreError;
///
/// /// Takes any token that starts so, as a test would.
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
    /// Judges an access token: one or more printable ASCII characters without spaces.
    ///
    /// # Errors
    ///
    /// There is no telling now.
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

/// A fixed list of access tokens, for a program whose clients are known when it starts.
///
/// Only hashes of the tokens are kept. Each request is compared with all of them, in constant time.
///
/// # Security
///
/// Use random tokens of at least 16 bytes; this is not checked. With an empty list every request is refused.
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
    /// Creates a list.
    #[must_use]
    pub fn new<T: AsRef<[u8]>>(tokens: impl IntoIterator<Item = T>) -> Self {
        // Digests have one length, so that a comparison doesn't tell the length of an entry either.
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

/// A [`ClientAuthenticator`] whose type is forgotten, so that only bodies are generic.
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

    fn judge(clients: &StaticBearer, bearer: &str) -> Option<ClientDecision> {
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
            assert_eq!(judge(&clients, bearer), Some(decision), "{bearer}");
        }
        let nobody = StaticBearer::new([""; 0]);
        assert_eq!(judge(&nobody, "first-token"), Some(ClientDecision::Refused));
    }

    #[test]
    fn debug_shows_no_token() {
        let clients = StaticBearer::new(vec![String::from("first-token")]);
        assert_eq!(format!("{clients:?}"), "StaticBearer { tokens: 1 }");
    }
}
