//! From a login to a token: authenticate the customer, then date and sign the token.

#[cfg(feature = "oidc")]
mod oidc;
mod password;
pub(super) mod request;

use std::time::Duration;
use std::time::SystemTime;

use http::request::Parts;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::customer::Customer;
#[cfg(feature = "oidc")]
use crate::customer::Identity;
use crate::issuer::client::Caller;
use crate::issuer::endpoint::Logout;
use crate::issuer::login::request::Login;
use crate::issuer::login::request::Mechanisms;
use crate::issuer::login::request::PasswordLogin;
use crate::issuer::response::Refusal;
use crate::issuer::sessions::SessionManager;
use crate::issuer::signing;
use crate::issuer::signing::with_name_that_fits;
use crate::password::PasswordHash;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::sign::TokenSigner;
use crate::telemetry;
use crate::telemetry::TokenOutcome;
use crate::throttle::LoginThrottle;
use crate::throttle::ReservedAttempt;
use crate::throttle::ThrottleError;
use crate::throttle::ThrottleErrorKind;

#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrant;
#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrantBuilder;
pub use self::password::PasswordGrant;

/// A customer whom a login has authenticated.
struct Authenticated {
    customer: Customer,
    /// A time before the store was asked: a revocation from then on must reach the token.
    as_of: SystemTime,
    evidence: Evidence,
}

/// What has authenticated the login, to be checked again if the login has to wait.
enum Evidence {
    /// With the stored hash that the password matched.
    Password(PasswordLogin, PasswordHash),
    /// The identity that a code has authenticated. The code itself can be used only once.
    #[cfg(feature = "oidc")]
    Identity(Identity),
}

/// The grants, the sessions, and the signer of the tokens.
pub(super) struct Logins {
    pub(super) password: Option<PasswordGrant>,
    #[cfg(feature = "oidc")]
    pub(super) oidc: Option<OidcGrant>,
    pub(super) sessions: Option<SessionManager>,
    pub(super) throttle: LoginThrottle,
    pub(super) signer: TokenSigner,
    pub(super) store_timeout: Duration,
}

impl Logins {
    pub(super) fn mechanisms(&self) -> Mechanisms {
        Mechanisms {
            password: self.password.is_some(),
            #[cfg(feature = "oidc")]
            oidc: self.oidc.is_some(),
            #[cfg(not(feature = "oidc"))]
            oidc: false,
            refresh: self.sessions.is_some(),
        }
    }

    /// Authenticates a login and issues a token. `head` is that of the request.
    ///
    /// In the second in which the customer's earlier tokens were revoked, any new token would be
    /// revoked too. Such a login waits until tokens are valid again, and is authenticated again.
    /// Dating the first authentication later would not be safe: the token would outlive a change
    /// made while waiting, if its revocation, with a time within the second, reaches the list only
    /// afterwards.
    ///
    /// Only an authenticated login waits, so the delay reveals nothing about a customer to a client
    /// that does not know the password.
    pub(in crate::issuer) async fn log_in(
        &self,
        login: Login,
        head: &Parts,
    ) -> Result<IssuedToken, Refusal> {
        if let (Login::Refresh, Some(sessions)) = (&login, &self.sessions) {
            return sessions.refresh(&head.headers, &self.signer, self.store_timeout).await;
        }
        let first = self.authenticate(login, head).await?;
        let valid_from = match self.issue_at(&first.customer, first.as_of) {
            Err(SignError::NotYet { valid_from }) => valid_from,
            signed => return signed.map_err(refusal),
        };
        if !reached(&**self.signer.shared_clock(), valid_from).await {
            return Err(refusal(SignError::NotYet { valid_from }));
        }
        // The customer's tokens were revoked while this login waited.
        if self.signer.is_revoked_since(first.customer.id(), first.as_of) {
            return Err(Refusal::Credentials);
        }
        let (customer, as_of) = self.authenticate_again(first.evidence, head).await?;
        self.issue_at(&customer, as_of).map_err(refusal)
    }

    /// Ends tokens.
    pub(in crate::issuer) async fn log_out(
        &self,
        logout: Logout,
        caller: Caller,
        head: &Parts,
    ) -> Result<TokenOutcome, Refusal> {
        // Invariant: without sessions, no request is a logout.
        let sessions = self.sessions.as_ref().ok_or(Refusal::Fault)?;
        match logout {
            Logout::Session => {
                sessions.end_session(&head.headers).await?;
                Ok(TokenOutcome::LoggedOut)
            }
            Logout::Customer(id) => {
                sessions.end_customer(id, caller, &head.headers, self.store_timeout).await?;
                Ok(TokenOutcome::LoggedOutEverywhere)
            }
        }
    }

    /// Issues a token for a customer who has been authenticated as of this time.
    pub(super) fn issue_at(
        &self,
        customer: &Customer,
        as_of: SystemTime,
    ) -> Result<IssuedToken, SignError> {
        with_name_that_fits(customer.name(), |name| self.signer.sign_at(customer.id(), name, as_of))
    }

    async fn authenticate(&self, login: Login, head: &Parts) -> Result<Authenticated, Refusal> {
        match (login, &self.password) {
            (Login::Password(login), Some(grant)) => {
                let reservation = self.reserve(grant, head, &login).await?;
                // Before the lookup: if the password is changed from now on, the revocation of that
                // change must reach this login's token.
                let as_of = self.signer.now();
                let (customer, hash) = grant.login(&login, reservation, self.store_timeout).await?;
                Ok(Authenticated { customer, as_of, evidence: Evidence::Password(login, hash) })
            }
            #[cfg(feature = "oidc")]
            (Login::Oidc(login), _) => {
                let grant = self.oidc.as_ref().ok_or(Refusal::Fault)?;
                let reservation =
                    self.throttle.reserve(head).await.map_err(|error| throttled(&error))?;
                let clock = self.signer.shared_clock();
                let (identity, (customer, as_of)) =
                    grant.login(login, reservation, clock, self.store_timeout).await?;
                Ok(Authenticated { customer, as_of, evidence: Evidence::Identity(identity) })
            }
            // Invariant: the request was parsed for the configured mechanisms.
            (Login::Password(_), None) | (Login::Refresh, _) => Err(Refusal::Fault),
        }
    }

    /// Reserves a login. One that is refused counts as asked for in the queue of the hashes.
    async fn reserve(
        &self,
        grant: &PasswordGrant,
        head: &Parts,
        login: &PasswordLogin,
    ) -> Result<ReservedAttempt, Refusal> {
        let reserved = self.throttle.reserve_login(head, &login.email).await;
        reserved.map_err(|error| {
            grant.count_refused(error.flow());
            throttled(&error)
        })
    }

    /// Checks the evidence of a login again after it has waited.
    async fn authenticate_again(
        &self,
        evidence: Evidence,
        head: &Parts,
    ) -> Result<(Customer, SystemTime), Refusal> {
        match (evidence, &self.password) {
            (Evidence::Password(login, hash), Some(grant)) => {
                let reservation = self.reserve(grant, head, &login).await?;
                let as_of = self.signer.now();
                let again = grant.login_again(&login, &hash, reservation, self.store_timeout);
                Ok((again.await?, as_of))
            }
            #[cfg(feature = "oidc")]
            (Evidence::Identity(identity), _) => {
                let grant = self.oidc.as_ref().ok_or(Refusal::Fault)?;
                let clock = self.signer.shared_clock();
                let found = grant.find(&identity, &**clock, self.store_timeout).await?;
                found.ok_or(Refusal::Credentials)
            }
            (Evidence::Password(..), None) => Err(Refusal::Fault),
        }
    }
}

/// Waits until the clock has reached a time, for at most [`MAX_WAIT`]. Returns whether it has.
async fn reached(clock: &dyn Clock, time: SystemTime) -> bool {
    let deadline = Instant::now() + MAX_WAIT;
    loop {
        let left = time.duration_since(clock.now()).unwrap_or_default();
        if left.is_zero() {
            return true;
        }
        let now = Instant::now();
        if left > MAX_WAIT || now >= deadline {
            return false;
        }
        sleep_until(deadline.min(now + left)).await;
    }
}

fn throttled(error: &ThrottleError) -> Refusal {
    match error.kind() {
        ThrottleErrorKind::Limited => Refusal::Throttled(error.retry_after()),
        ThrottleErrorKind::Overloaded => Refusal::Overloaded,
        ThrottleErrorKind::Failed => {
            telemetry::fault("the counters of the throttle failed", error);
            Refusal::Fault
        }
    }
}

fn refusal(error: SignError) -> Refusal {
    signing::refusal(error, Refusal::Credentials)
}

/// The furthest a cut-off can be ahead, and a quarter of a second for a clock that is being slewed.
///
/// A cut-off is rounded up to a whole second. One that `SqliteCustomers` writes bounds its commit,
/// a quarter of a second later, and is rounded up from there.
const MAX_WAIT: Duration = Duration::from_millis(1_500);
