//! Logout and refresh.

mod logout;
mod manager;
mod refresh;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::customer::CustomerLookup;
use crate::customer::DynCustomerLookup;
use crate::error::ConfigError;
use crate::revocation::DEFAULT_MAX_SESSION;
use crate::revocation::MAX_SESSION;
use crate::revocation::Revocations;
use crate::sign::TokenSigner;

pub(super) use self::manager::SessionManager;

/// Logout and refresh for a [`TokenIssuer`](crate::TokenIssuer).
///
/// A session is a login and all tokens that are refreshed from it. Set this with
/// [`TokenIssuerBuilder::sessions`](crate::TokenIssuerBuilder::sessions), and mount the issuer at
/// both paths. All of these requests have the customer token in the header
/// `X-Moltin-Customer-Token`. `Authorization: Bearer` is checked first, as for a login, and then the
/// method.
///
/// The last segments of the path decide: `…/customers/{id}/tokens` are the tokens of a customer,
/// and every other path is taken for `/v2/customers/tokens`. The id is percent-decoded, and a slash
/// at the end is ignored. A router may cut off what comes before `customers`, as axum's
/// `nest("/v2", …)` does. It must not cut off `customers` as well, as `nest("/v2/customers", …)`
/// does: a logout everywhere would end one session only.
///
/// Mount the service outside of [`CustomerAuthLayer`](crate::CustomerAuthLayer), which would refuse
/// an expired or revoked token before a logout can confirm it.
///
/// # Logout: `DELETE /v2/customers/tokens`
///
/// Ends a token and its whole session. The body of the request is not read. The first matching row
/// decides:
///
/// | customer token | response |
/// |---|---|
/// | missing, repeated, or never valid; also one whose key is no longer in the ring | 403 |
/// | revoked or expired | 204; an expired token does not end a session that goes on with others |
/// | whether it is revoked is unknown, or the revocation failed | 503, `Retry-After` |
/// | else | 204, and no token of the session is accepted any more |
///
/// After a 503, the tokens may or may not be revoked. Repeat the request.
///
/// # Logout everywhere: `DELETE /v2/customers/{id}/tokens`
///
/// Ends all tokens of a customer whose login is older than the request, the token of the request
/// included. The body of the request is not read. The first matching row decides:
///
/// | client and customer token | response |
/// |---|---|
/// | token repeated, expired or never valid | 403 |
/// | whether the token is revoked is unknown | 503, `Retry-After` |
/// | token of another customer, valid or revoked | 404 |
/// | token revoked with all tokens of the customer since its login, by this request before or by a change of the password | 204 |
/// | token revoked alone or with its session | 403, because other sessions may go on |
/// | no token, client [`Accepted`](super::ClientDecision::Accepted) | 403 |
/// | no token, client [`AcceptedAsStore`](super::ClientDecision::AcceptedAsStore), unknown customer | 404 |
/// | the store or the revocation failed, or took too long | 503, `Retry-After` |
/// | else | 204 |
///
/// A customer token limits every client, the store itself too: a back office that acts for a
/// customer can do what that customer can.
///
/// # Refresh: `POST /v2/customers/tokens`
///
/// The body is JSON as for a login, with `"authentication_mechanism": "customer_token"` and no other
/// field than `type`; others are ignored:
///
/// ```json
/// {"data": {"type": "token", "authentication_mechanism": "customer_token"}}
/// ```
///
/// After the checks of a login's body, the first matching row decides:
///
/// | customer token | response |
/// |---|---|
/// | missing, repeated, or not valid now | 403 |
/// | of a customer who was disabled or deleted | 403 |
/// | of a session that has reached its maximum length | 403 |
/// | whether it is revoked is unknown; the store failed or timed out | 503, `Retry-After` |
/// | else | 200, another token |
///
/// The new token has the name that the store has now, and two more claims: `auth_time`, the time of
/// the login (OpenID Connect Core 1.0, section 2), and `sid`, the `jti` of the login's token. Its
/// `exp` is at most [`max_session`](Self::max_session) after the login. The presented token stays
/// valid until its own `exp`, because parallel requests still carry it, and ends with the session.
///
/// # Security
///
/// Revocations of a customer are compared with the time of the login. So no refresh, not even at a
/// process that has not read the revocation yet, outlives a logout of its session, a logout
/// everywhere, or a change of the password.
///
/// A stolen token can be refreshed, and ends at the latest when its session does. Logging out
/// everywhere and changing the password end it sooner.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use axum::Router;
/// use tower_customer_auth::ClientAuthenticator;
/// use tower_customer_auth::ConfigError;
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::KeyRing;
/// use tower_customer_auth::PasswordGrant;
/// use tower_customer_auth::Revocations;
/// use tower_customer_auth::TokenIssuer;
/// use tower_customer_auth::customer::CustomerLookup;
/// use tower_customer_auth::issuer::Sessions;
///
/// fn app(
///     keys: KeyRing,
///     clients: impl ClientAuthenticator,
///     customers: impl CustomerStore + CustomerLookup + Clone,
///     revocations: Revocations,
/// ) -> Result<Router, ConfigError> {
///     let week = Duration::from_secs(7 * 24 * 60 * 60);
///     let issuer = TokenIssuer::builder(keys, clients)
///         .password(PasswordGrant::new(customers.clone()))
///         .revocations(revocations)
///         .sessions(Sessions::new(customers).max_session(week))
///         .build()?;
///     Ok(Router::new()
///         .route_service("/v2/customers/tokens", issuer.clone())
///         .route_service("/v2/customers/{id}/tokens", issuer))
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Sessions {
    customers: Arc<dyn DynCustomerLookup>,
    max_session: Duration,
}

impl Sessions {
    /// Creates the settings of logout and refresh, for customers in this store.
    pub fn new(store: impl CustomerLookup) -> Self {
        Self { customers: Arc::new(store), max_session: DEFAULT_MAX_SESSION }
    }

    /// Sets the maximum time from a login to the end of its session. Default 30 days, 1 s to 366
    /// days.
    ///
    /// No refreshed token is valid for longer. The token of the login has its whole
    /// [`lifetime`](crate::TokenIssuerBuilder::lifetime), even if that is longer.
    ///
    /// A process that only verifies, with a list that follows a log, has to know this time too:
    /// [`DurableBuilder::max_session`](crate::revocation::DurableBuilder::max_session).
    pub fn max_session(mut self, max_session: Duration) -> Self {
        self.max_session = max_session;
        self
    }

    /// Creates the service behind these settings, for tokens of this signer.
    pub(super) fn manager(
        self,
        signer: &TokenSigner,
        revocations: Revocations,
    ) -> Result<SessionManager, ConfigError> {
        let bounds = MIN_SESSION..=MAX_SESSION;
        ConfigError::check_duration("max_session", self.max_session, bounds)?;
        SessionManager::new(self.customers, self.max_session, signer, revocations)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("max_session", &self.max_session).finish_non_exhaustive()
    }
}

const MIN_SESSION: Duration = Duration::from_secs(1);
