//! A shop, its provider, and what they say to each other.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use serde_json::json;
use tower::ServiceExt;
use tower_customer_auth::Customer;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::SigningKey;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::TokenIssuerBuilder;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::issuer::OidcGrantBuilder;
use tower_customer_auth::oidc::HttpClient;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::IdToken;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::MemoryCustomers;
use tower_customer_auth::testing::ScriptedProvider;
use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;
use crate::fixtures::clock;
use crate::fixtures::keys;
use crate::support::accounts::password;
use crate::support::capture::subscribe;
use crate::support::pem::RSA;
use crate::support::pem::ed25519;
use crate::support::pem::p256;

pub(crate) const ISSUER: &str = "https://id.example/realm";
pub(crate) const CLIENT: &str = "storefront";
pub(crate) const REDIRECT: &str = "https://shop.example/signed-in?from=provider";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A new key of this algorithm. Of RSA there are only two: `k1`, and one for all other ids.
pub(crate) fn key(algorithm: Algorithm, id: &str) -> SigningKey {
    let pem = match algorithm {
        Algorithm::ES256 => p256(),
        Algorithm::EdDSA => ed25519(),
        _ => RSA[usize::from(id != "k1")].clone(),
    };
    SigningKey::from_pem(algorithm, pem).unwrap().with_id(id)
}

pub(crate) fn es256(id: &str) -> SigningKey {
    key(Algorithm::ES256, id)
}

/// A provider with an ES256 key `k1` and the shop as its public client, for which it is `NOW`.
pub(crate) fn provider() -> ScriptedProvider {
    provider_with(es256("k1")).public_client(CLIENT)
}

/// A provider without clients.
pub(crate) fn provider_with(key: SigningKey) -> ScriptedProvider {
    ScriptedProvider::new(ISSUER, key).clock(clock())
}

/// Somebody's consent, with whatever the provider knows of them in the ID token.
pub(crate) fn consent_of(subject: &str) -> Consent {
    Consent::new(CLIENT, REDIRECT, CHALLENGE, subject)
        .claim("name", "Ron Swanson")
        .claim("email", EMAIL)
        .claim("email_verified", true)
}

/// Registers Ron by his e-mail and a password, under a name that no provider gives him.
pub(crate) async fn register(customers: &MemoryCustomers) -> Customer {
    let ron = Customer::new(CUSTOMER.parse().unwrap(), "Ron", EMAIL);
    customers.insert(&ron, Some(&password())).await.unwrap();
    ron
}

pub(crate) fn consent() -> Consent {
    consent_of("ron")
}

pub(crate) fn profile() -> OidcProfile {
    OidcProfile::new(ISSUER, CLIENT).redirect_uri(REDIRECT)
}

/// What the issuer answers, with everything that must be so of such an answer checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A token that verifies, of this customer.
    SignedIn { customer: String, name: Option<String> },
    /// 403, in the words of a wrong password.
    Refused,
    /// 503, with `Retry-After`.
    Unavailable,
    /// 400 because of these fields.
    Invalid(Vec<String>),
}

impl Answer {
    pub(crate) fn customer(&self) -> &str {
        match self {
            Self::SignedIn { customer, .. } => customer,
            other => panic!("nobody signed in: {other:?}"),
        }
    }
}

pub(crate) struct Shop {
    pub(crate) provider: ScriptedProvider,
    pub(crate) customers: MemoryCustomers,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) issuer: TokenIssuer,
    pub(crate) grant: OidcGrant,
    verifier: Verifier,
    reasons: Arc<Mutex<Vec<String>>>,
    _listening: DefaultGuard,
}

impl Shop {
    /// A shop that is a public client of this provider.
    pub(crate) fn of(provider: &ScriptedProvider) -> Self {
        Self::with(provider, profile(), |grant, _| grant)
    }

    pub(crate) fn with_profile(provider: &ScriptedProvider, profile: OidcProfile) -> Self {
        Self::with(provider, profile, |grant, _| grant)
    }

    pub(crate) fn with(
        provider: &ScriptedProvider,
        profile: OidcProfile,
        configure: impl FnOnce(OidcGrantBuilder, &Revocations) -> OidcGrantBuilder,
    ) -> Self {
        Self::whole(
            provider,
            |grant, revocations| {
                let grant = grant.profile(profile);
                configure(grant.http_client(HttpClient::new(provider.clone())), revocations)
            },
            |issuer| issuer,
        )
    }

    pub(crate) fn whole(
        provider: &ScriptedProvider,
        configure: impl FnOnce(OidcGrantBuilder, &Revocations) -> OidcGrantBuilder,
        issuer: impl FnOnce(TokenIssuerBuilder) -> TokenIssuerBuilder,
    ) -> Self {
        Self::with_revocations(Revocations::in_memory(), provider, configure, issuer)
    }

    pub(crate) fn with_revocations(
        revocations: Revocations,
        provider: &ScriptedProvider,
        configure: impl FnOnce(OidcGrantBuilder, &Revocations) -> OidcGrantBuilder,
        issuer: impl FnOnce(TokenIssuerBuilder) -> TokenIssuerBuilder,
    ) -> Self {
        let customers = MemoryCustomers::new();
        let (clock, keys) = (clock(), keys());
        let verifier = Verifier::builder(keys.clone())
            .revocations(revocations.clone())
            .clock(clock.clone())
            // A token that is dated ahead is refused.
            .clock_skew(Duration::ZERO)
            .build()
            .unwrap();
        let grant = OidcGrant::builder(customers.clone());
        let grant = configure(grant, &revocations).build().unwrap();
        let builder = TokenIssuer::builder(keys, StaticBearer::new(["XXXX"]))
            .oidc(grant.clone())
            .revocations(revocations)
            .clock(clock.clone());
        let reasons = Arc::new(Mutex::new(Vec::new()));
        let listener = tracing_subscriber::registry().with(Listener(reasons.clone()));
        Self {
            provider: provider.clone(),
            customers,
            clock,
            issuer: issuer(builder).build().unwrap(),
            grant,
            verifier,
            reasons,
            _listening: subscribe(listener),
        }
    }

    /// Waits for something while the clock goes on with tokio's, a millisecond at a time.
    pub(crate) async fn as_time_passes<T>(&self, what: impl Future<Output = T>) -> T {
        let mut what = std::pin::pin!(what);
        let tick = Duration::from_millis(1);
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                () = pass(tick) => self.clock.advance(tick),
            }
        }
    }

    /// Ron consents at the provider and comes back with his code.
    pub(crate) async fn sign_in(&self) -> Answer {
        self.sign_in_by(consent()).await
    }

    pub(crate) async fn sign_in_by(&self, consent: Consent) -> Answer {
        let code = self.provider.authorize(consent);
        self.login(&code).await
    }

    /// Signs in with an ID token that is changed so.
    pub(crate) async fn sign_in_with(
        &self,
        change: impl Fn(IdToken) -> IdToken + Send + Sync + 'static,
    ) -> Answer {
        self.provider.spoil_id_tokens(change);
        self.sign_in().await
    }

    pub(crate) async fn login(&self, code: &str) -> Answer {
        self.post(login(code)).await
    }

    pub(crate) async fn post(&self, data: Value) -> Answer {
        self.answer(send(self.issuer.clone(), data).await)
    }

    /// A token of Ron's, as the answer has it.
    pub(crate) async fn token(&self, consent: Consent) -> String {
        let code = self.provider.authorize(consent);
        let answer = send(self.issuer.clone(), login(&code)).await;
        answer.json["data"]["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn verify(&self, token: &str) -> Result<VerifiedToken, VerifyErrorKind> {
        self.verifier.verify(token.as_bytes()).map_err(|error| error.kind())
    }

    pub(crate) fn answer(&self, answer: Received) -> Answer {
        let Received { status, retry_after, cache_control, json } = answer;
        assert_eq!(cache_control.as_deref(), Some("no-store"));
        assert_eq!(retry_after.is_some(), status == 503, "Retry-After of {status}");
        match status {
            200 => {
                let token = json["data"]["token"].as_str().unwrap();
                let verified = self.verify(token).unwrap();
                let customer = verified.customer_id().to_string();
                assert_eq!(json["data"]["customer_id"], customer);
                Answer::SignedIn { customer, name: verified.name().map(str::to_owned) }
            }
            403 => {
                let detail = "The credentials are not valid";
                let error = json!({ "status": 403, "title": "Forbidden", "detail": detail });
                assert_eq!(json, json!({ "errors": [error] }));
                Answer::Refused
            }
            503 => {
                let detail = "No token can be generated at the moment";
                let error =
                    json!({ "status": 503, "title": "Service Unavailable", "detail": detail });
                assert_eq!(json, json!({ "errors": [error] }));
                Answer::Unavailable
            }
            400 => {
                let errors = json["errors"].as_array().unwrap().iter();
                let source = |error: &Value| error["source"].as_str().unwrap().to_owned();
                Answer::Invalid(errors.map(source).collect())
            }
            other => panic!("{other}: {json}"),
        }
    }

    /// Asserts that the latest login failed for this reason, as the program is told (and nobody else).
    pub(crate) fn assert_reason(&self, expected: &str, what: &str) {
        let reasons = std::mem::take(&mut *self.reasons.lock().unwrap());
        if cfg!(feature = "tracing") {
            assert_eq!(reasons.last().map(String::as_str), Some(expected), "{what}");
        }
    }

    pub(crate) async fn email_of(&self, customer: &str) -> String {
        let record = self.customers.get(&customer.parse().unwrap()).await.unwrap().unwrap();
        record.customer().email().to_owned()
    }
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").finish_non_exhaustive()
    }
}

/// The answer, as far as it matters.
pub(crate) struct Received {
    pub(crate) status: u16,
    retry_after: Option<String>,
    cache_control: Option<String>,
    pub(crate) json: Value,
}

/// The `data` of a login by this code.
pub(crate) fn login(code: &str) -> Value {
    json!({
        "type": "token",
        "authentication_mechanism": "oidc",
        "oauth_authorization_code": code,
        "oauth_redirect_uri": REDIRECT,
        "oauth_code_verifier": VERIFIER,
    })
}

pub(crate) async fn send(issuer: TokenIssuer, data: Value) -> Received {
    let request = Request::post("/v2/customers/tokens")
        .header("authorization", "Bearer XXXX")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(json!({ "data": data }).to_string()))
        .unwrap();
    let response = issuer.oneshot(request).await.unwrap();
    let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
    let (retry_after, cache_control) = (header("retry-after"), header("cache-control"));
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Received { status, retry_after, cache_control, json: serde_json::from_slice(&body).unwrap() }
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Lets paused time pass, and whatever is due in it happen.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Hears the errors that the crate tells its program.
struct Listener(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Errors<'a>(&'a Mutex<Vec<String>>);

        impl Visit for Errors<'_> {
            fn record_error(&mut self, _: &Field, error: &(dyn std::error::Error + 'static)) {
                self.0.lock().unwrap().push(error.to_string());
            }

            fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
        }

        if event.metadata().target() == "tower_customer_auth" {
            event.record(&mut Errors(&self.0));
        }
    }
}
