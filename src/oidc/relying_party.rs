//! The steps of a login at a provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::customer::Identity;
use crate::error::ConfigError;
use crate::fair_queue::Crowded;
use crate::fair_queue::FairPermit;
use crate::fair_queue::FairSemaphore;
use crate::fair_queue::Flow;
use crate::key::VerifyingKey;
use crate::oidc::CodeExchange;
use crate::oidc::HttpClient;
use crate::oidc::OidcError;
use crate::oidc::OidcErrorKind;
use crate::oidc::OidcProfile;
use crate::oidc::SpentCodes;
use crate::oidc::exchange::exchange;
use crate::oidc::id_token::Expectations;
use crate::oidc::id_token::IdTokenError;
use crate::oidc::id_token::Person;
use crate::oidc::provider::Provider;
use crate::oidc::user_info;

/// A client of a provider.
pub(crate) struct RelyingParty {
    profile: OidcProfile,
    /// The client secret, for ID tokens that are signed with it.
    client_key: Option<VerifyingKey>,
    provider: Arc<Provider>,
    http: HttpClient,
    in_flight: FairSemaphore,
    /// Issuer and client id, as one string.
    client: String,
}

/// A verified identity.
pub(crate) struct Proof {
    pub(crate) identity: Identity,
    person: Person,
    access_token: Zeroizing<String>,
    /// Released at the end of the login.
    _permit: FairPermit,
}

/// The user's profile at the provider.
pub(crate) struct Profiled {
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) name: String,
}

impl RelyingParty {
    pub(crate) fn new(profile: OidcProfile, http: HttpClient) -> Result<Self, ConfigError> {
        // A secret that is too weak for a key is used only at the token endpoint.
        let client_key =
            profile.secret().and_then(|secret| VerifyingKey::hs256(secret.expose()).ok());
        let provider = Provider::new(&profile, client_key.is_some(), http.clone())?;
        let limit = profile.in_flight_limit();
        let in_flight = FairSemaphore::new(limit, limit, MAX_WAIT);
        let client = format!("{} {}", profile.issuer(), profile.client_id());
        Ok(Self { profile, client_key, provider, http, in_flight, client })
    }

    pub(crate) fn profile(&self) -> &OidcProfile {
        &self.profile
    }

    /// Starts to fetch the provider's metadata and keys.
    pub(crate) fn prefetch(&self) {
        self.provider.prefetch();
    }

    /// Returns the URL to which front ends send the customer.
    pub(crate) async fn authorization_endpoint(&self) -> Result<String, OidcError> {
        let known = self.provider.known().await?;
        let endpoint = known.endpoints.authorization.as_ref().map(|url| url.as_str().to_owned());
        endpoint.ok_or_else(|| OidcError::unavailable("the provider has no authorization endpoint"))
    }

    /// Exchanges a code for the identity of its user, after a wait for its turn that ends at the
    /// deadline. `sending` is called before the code is sent.
    pub(crate) async fn redeem(
        &self,
        flow: Flow,
        deadline: Instant,
        login: &CodeExchange,
        spent: &SpentCodes,
        clock: &dyn Clock,
        sending: impl FnOnce() + Send,
    ) -> Result<Proof, OidcError> {
        let replayed = || OidcError::new(OidcErrorKind::CodeRefused, "the code was tried before");
        let crowded =
            |Crowded| OidcError::new(OidcErrorKind::Overloaded, "too many logins are waiting");

        // 1. A replay never reaches the provider. A login that cannot begin now waits for its turn,
        //    for a short time; its code is not spent meanwhile.
        if spent.contains(&self.client, &login.code) {
            return Err(replayed());
        }
        let permit = self.in_flight.acquire(flow, deadline).await.map_err(crowded)?;
        let mut known = self.provider.known().await?;

        // 2. The code, exactly once. It is spent from here on, even if the exchange fails: a
        //    provider that didn't answer may have consumed it, and one that sees it twice treats it
        //    as stolen.
        if !spent.spend(&self.client, &login.code) {
            return Err(replayed());
        }
        sending();
        let tokens = exchange(&self.http, &self.profile, &known.endpoints.token, login).await?;

        // 3. The ID token, with the cached keys or newer ones.
        let expectations = Expectations {
            profile: &self.profile,
            client_key: self.client_key.as_ref(),
            access_token: &tokens.access_token,
            code: &login.code,
            verifier: &login.verifier,
            now: clock.since_epoch(),
        };
        let (identity, person) = loop {
            match expectations.verify(&tokens.id_token, &known.keys) {
                Ok(proven) => break proven,
                Err(IdTokenError::Refused(error)) => return Err(error),
                Err(IdTokenError::UnknownKey) => {
                    let newer = self.provider.known_after(&known).await?;
                    known = newer.ok_or_else(|| {
                        OidcError::identity_refused("no key of the provider's fits the ID token")
                    })?;
                }
            }
        };
        Ok(Proof { identity, person, access_token: tokens.access_token, _permit: permit })
    }

    /// Returns the user's profile, with claims from userinfo that the ID token lacks.
    pub(crate) async fn describe(&self, proof: &mut Proof) -> Result<Profiled, OidcError> {
        let known = self.provider.known().await?;
        if let Some(endpoint) =
            known.endpoints.user_info.as_ref().filter(|_| proof.person.lacks_something())
        {
            let subject = proof.identity.subject();
            let more = user_info::fetch(&self.http, endpoint, &proof.access_token, subject).await?;
            proof.person = std::mem::take(&mut proof.person).or(more);
        }
        let person = &proof.person;
        Ok(Profiled {
            email: person.email.clone().unwrap_or_default(),
            email_verified: person.email.is_some() && person.email_verified,
            name: person.full_name().unwrap_or_default(),
        })
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// How long a login waits for one of the places at its provider.
const MAX_WAIT: Duration = Duration::from_secs(1);
