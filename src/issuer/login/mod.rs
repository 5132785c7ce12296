//! A login on its way to a token: who it is, since when that is known, and how the token is dated.

#[cfg(feature = "oidc")]
mod oidc;
mod password;
pub(super) mod request;
mod store_answer;

use std::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::customer::Customer;
#[cfg(feature = "oidc")]
use crate::customer::Identity;
use crate::issuer::login::request::Login;
use crate::issuer::login::request::Mechanisms;
use crate::issuer::login::request::PasswordLogin;
use crate::issuer::response::Refusal;
use crate::password::PasswordHash;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::sign::TokenSigner;
use crate::telemetry;

#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrant;
#[cfg(feature = "oidc")]
pub use self::oidc::OidcGrantBuilder;
pub use self::password::PasswordGrant;

/// What a login has proved.
struct Proven {
    customer: Customer,
    /// A moment at which it was still to be looked at whether this holds.
    proved_at: SystemTime,
    evidence: Evidence,
}

/// By what it is looked at once more.
enum Evidence {
    /// With the stored hash that the password is known to match.
    Password(PasswordLogin, PasswordHash),
    /// What a code has proved, which is tried once.
    #[cfg(feature = "oidc")]
    Identity(Identity),
}

/// What logins need: who answers them, and what signs the tokens.
pub(super) struct Logins {
    pub(super) password: Option<PasswordGrant>,
    #[cfg(feature = "oidc")]
    pub(super) oidc: Option<OidcGrant>,
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
        }
    }

    /// Finds out who logs in, and issues their token.
    ///
    /// In the second in which the customer's earlier tokens were revoked there can be no token that
    /// isn't one of those. Such a login waits until the second has ended, and is looked at again: with
    /// the new date, a token for the first proof would outlive a change that was made meanwhile and
    /// whose time lies within the second, if it reaches the list of revocations only after this.
    ///
    /// Only a login that has proved something waits, so that waiting tells nothing about a customer to
    /// a client that doesn't know the password.
    pub(in crate::issuer) async fn log_in(&self, login: Login) -> Result<IssuedToken, Refusal> {
        let first = self.prove(login).await?;
        let valid_from = match self.issue_at(&first.customer, first.proved_at) {
            Err(SignError::NotYet { valid_from }) => valid_from,
            signed => return signed.map_err(refusal),
        };
        if !reached(&**self.signer.shared_clock(), valid_from).await {
            return Err(refusal(SignError::NotYet { valid_from }));
        }
        // All of the customer's logins were ended meanwhile, and this one had begun before.
        if self.signer.is_revoked_since(first.customer.id(), first.proved_at) {
            return Err(Refusal::Credentials);
        }
        let (customer, proved_at) = self.prove_again(first.evidence).await?;
        self.issue_at(&customer, proved_at).map_err(refusal)
    }

    /// Issues a token for a customer whose proof was looked at from `proved_at` on.
    pub(super) fn issue_at(
        &self,
        customer: &Customer,
        proved_at: SystemTime,
    ) -> Result<IssuedToken, SignError> {
        let signer = &self.signer;
        match signer.sign_at(customer.id(), Some(customer.name()), proved_at) {
            Err(SignError::TooLong { .. }) => signer.sign_at(customer.id(), None, proved_at),
            signed => signed,
        }
    }

    async fn prove(&self, login: Login) -> Result<Proven, Refusal> {
        match (login, &self.password) {
            (Login::Password(login), Some(grant)) => {
                // Before the store is asked: a password that is changed from now on is not the one
                // that is checked here, and the change's revocation must reach this login's token.
                let proved_at = self.signer.now();
                let (customer, hash) = grant.login(&login, self.store_timeout).await?;
                Ok(Proven { customer, proved_at, evidence: Evidence::Password(login, hash) })
            }
            #[cfg(feature = "oidc")]
            (Login::Oidc(login), _) => {
                let grant = self.oidc.as_ref().ok_or(Refusal::Fault)?;
                let clock = self.signer.shared_clock();
                let (identity, (customer, proved_at)) =
                    grant.login(login, clock, self.store_timeout).await?;
                Ok(Proven { customer, proved_at, evidence: Evidence::Identity(identity) })
            }
            // Invariant: the request was read for the mechanisms that there are.
            (Login::Password(_), None) => Err(Refusal::Fault),
        }
    }

    /// Finds out who logs in by what was proved a moment ago, if it still holds.
    async fn prove_again(&self, evidence: Evidence) -> Result<(Customer, SystemTime), Refusal> {
        match (evidence, &self.password) {
            (Evidence::Password(login, hash), Some(grant)) => {
                let proved_at = self.signer.now();
                Ok((grant.login_again(&login, &hash, self.store_timeout).await?, proved_at))
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

/// Waits until the clock shows this time, for [`MAX_WAIT`] at most. Returns whether it does.
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

fn refusal(error: SignError) -> Refusal {
    match error {
        SignError::Revoked => Refusal::Credentials,
        error => {
            telemetry::fault("no token could be signed", &error);
            Refusal::Fault
        }
    }
}

/// A second, which no cut-off is further ahead than, and a quarter for a clock that is being slowed.
const MAX_WAIT: Duration = Duration::from_millis(1_250);
