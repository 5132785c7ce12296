//! An OpenID provider that does what it is told, right or wrong.
//!
//! It shares with the relying party that it tests nothing but [`SigningKey`]: it has PKCE, client
//! authentication and ID tokens of its own.

mod answer;
mod body;
mod consent;
mod fault;
mod id_token;
mod script;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod token_endpoint;
mod visit;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use serde_json::Value;

pub use self::body::ScriptedBody;
pub use self::consent::Consent;
pub use self::fault::Endpoint;
pub use self::fault::Fault;
pub use self::id_token::IdToken;
pub use self::token_endpoint::TokenRequest;
use crate::clock::Clock;
use crate::key::SigningKey;
use crate::testing::provider::state::Client;
use crate::testing::provider::state::Shared;

/// OpenID provider for tests: it plays discovery, keys, token endpoint and userinfo, and can be told
/// to do each of them wrong (features `test-util` and `oidc`).
///
/// It is a service: hand a clone to the HTTP client under test, or serve one on a loopback socket. A
/// clone is a handle to the same provider. Nothing in it is random, and it waits by tokio's timers
/// alone, so that a paused clock turns it.
///
/// To begin with it is right, and as strict as a provider has to be: a code is good for one exchange,
/// by the client, with the redirect URI and with the PKCE verifier (S256) that it was made for. An
/// exchange that is refused doesn't spend the code, so that whoever must not repeat one is seen doing
/// it. Codes hold characters that a form has to encode.
///
/// Then each [`Endpoint`] can be given a [`Fault`], its documents can be [rewritten](Self::rewrite),
/// and ID tokens [spoiled](Self::spoil_id_tokens) before they are signed, until [`mend`](Self::mend).
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http::StatusCode;
/// use http_body_util::Full;
/// use tower::ServiceExt;
/// use tower_customer_auth::SigningKey;
/// use tower_customer_auth::testing::Consent;
/// use tower_customer_auth::testing::Endpoint;
/// use tower_customer_auth::testing::Fault;
/// use tower_customer_auth::testing::ScriptedProvider;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let pem = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())?;
/// # let pem = base64_simd::STANDARD.encode_to_string(pem);
/// # let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
/// let key = SigningKey::from_pem(jsonwebtoken::Algorithm::EdDSA, pem)?.with_id("2026-11");
/// let provider = ScriptedProvider::new("https://id.example", key).public_client("storefront");
///
/// // What the front end's authorization request has led to; the challenge is RFC 7636's own.
/// let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// let consent = Consent::new("storefront", "https://shop.example/signed-in", challenge, "ron")
///     .claim("email", "ron@swanson.com")
///     .claim("email_verified", true);
/// let code = provider.authorize(consent);
/// # let _ = code;
///
/// // The keys are unavailable, and wrong from then on.
/// provider.fail_times(Endpoint::Jwks, 1, Fault::Status(StatusCode::BAD_GATEWAY));
/// provider.rewrite(Endpoint::Jwks, |set| set["keys"][0]["use"] = "enc".into());
/// // All ID tokens are somebody else's.
/// provider.spoil_id_tokens(|token| token.claim("aud", "another-shop"));
///
/// let keys = Request::get("https://id.example/jwks").body(Full::<Bytes>::default())?;
/// let answer = provider.clone().oneshot(keys).await?;
/// assert_eq!(answer.status(), 502);
/// assert_eq!(provider.requests(Endpoint::Jwks), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedProvider {
    shared: Arc<Shared>,
}

impl ScriptedProvider {
    /// Creates a provider that signs with this key and publishes it, and has no clients yet.
    ///
    /// Its endpoints are below `issuer`, such as `https://id.example` or `http://127.0.0.1:4321/realm`.
    /// An HMAC key signs and is not published.
    #[must_use]
    pub fn new(issuer: &str, key: SigningKey) -> Self {
        Self { shared: Arc::new(Shared::new(issuer.to_owned(), key)) }
    }

    /// Sets the clock that dates ID tokens. Default [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.shared.lock().clock = clock;
        self
    }

    /// Registers a client that authenticates by `client_secret_basic`, and in no other way.
    #[must_use]
    pub fn basic_client(self, id: &str, secret: &str) -> Self {
        self.client(id, Client::Basic { secret: secret.to_owned() })
    }

    /// Registers a client that authenticates by `client_secret_post`, and in no other way.
    #[must_use]
    pub fn post_client(self, id: &str, secret: &str) -> Self {
        self.client(id, Client::Post { secret: secret.to_owned() })
    }

    /// Registers a client that has no secret, and must not send one.
    #[must_use]
    pub fn public_client(self, id: &str) -> Self {
        self.client(id, Client::Public)
    }

    fn client(self, id: &str, client: Client) -> Self {
        self.shared.lock().clients.insert(id.to_owned(), client);
        self
    }

    /// Returns the issuer, as it was given.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Makes a code, as if a browser had come with this consent.
    #[must_use]
    pub fn authorize(&self, consent: Consent) -> String {
        let mut state = self.shared.lock();
        state.codes_made += 1;
        let code = format!("code-{}/+&=% ~", state.codes_made);
        state.codes.insert(code.clone(), consent);
        code
    }

    /// Publishes a key that doesn't sign yet.
    pub fn publish(&self, key: SigningKey) {
        self.shared.lock().published.push(key);
    }

    /// Makes a key sign from now on, and publishes it beside the others.
    pub fn rotate(&self, key: SigningKey) {
        self.shared.lock().rotate(key);
    }

    /// Makes a key sign from the next ID token on, at the last moment: until that token is signed the
    /// set has the present keys, and from then on the new one alone.
    pub fn rotate_just_before_signing(&self, key: SigningKey) {
        self.shared.lock().key_of_next_signing = Some(key);
    }

    /// Takes every key but the one that signs out of the set.
    pub fn drop_old_keys(&self) {
        let mut state = self.shared.lock();
        state.published = vec![state.key.clone()];
    }

    /// Sets the `Cache-Control` of the JWK Set. Default none.
    ///
    /// # Panics
    ///
    /// The request for the set, if no header can hold it.
    pub fn cache_keys(&self, cache_control: &str) {
        self.shared.lock().jwks_cache_control = Some(cache_control.to_owned());
    }

    /// Changes every ID token before it is signed. A later script takes the place of an earlier one.
    pub fn spoil_id_tokens(&self, script: impl Fn(IdToken) -> IdToken + Send + Sync + 'static) {
        self.shared.lock().id_token = Some(Arc::new(script));
    }

    /// Changes every document that an endpoint answers with 200, before it is sent. A later script
    /// takes the place of an earlier one.
    pub fn rewrite(&self, endpoint: Endpoint, script: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.shared.lock().script(endpoint).rewrite = Some(Arc::new(script));
    }

    /// Gives an endpoint a fault until it is mended, in the place of one that it has.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.lock().script(endpoint).fail(fault, None);
    }

    /// Gives an endpoint a fault for that many requests, in the place of one that it has.
    pub fn fail_times(&self, endpoint: Endpoint, times: usize, fault: Fault) {
        self.shared.lock().script(endpoint).fail(fault, Some(times));
    }

    /// Gives every endpoint a fault until it is mended: the whole provider is down.
    pub fn fail_everywhere(&self, fault: &Fault) {
        for endpoint in Endpoint::ALL {
            self.fail(endpoint, fault.clone());
        }
    }

    /// Takes every fault and every script back. Requests that hang go on hanging.
    pub fn mend(&self) {
        let mut state = self.shared.lock();
        state.id_token = None;
        for endpoint in Endpoint::ALL {
            state.script(endpoint).mend();
        }
    }

    /// Counts the requests that have come to an endpoint, those that met a fault among them.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).requests
    }

    /// Counts the requests of an endpoint whose answer has not been read to its end or dropped.
    #[must_use]
    pub fn in_flight(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).in_flight
    }

    /// Returns the most requests that have been [in flight](Self::in_flight) at once.
    #[must_use]
    pub fn peak_in_flight(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).peak
    }

    /// Counts the bytes of bodies that have been read from an endpoint.
    #[must_use]
    pub fn bytes_sent(&self, endpoint: Endpoint) -> u64 {
        self.shared.lock().script(endpoint).bytes_sent
    }

    /// Waits until that many requests have come to an endpoint.
    pub async fn reached(&self, endpoint: Endpoint, requests: usize) {
        self.until(|| self.requests(endpoint) >= requests).await;
    }

    /// Waits until no request of an endpoint is in flight.
    pub async fn idle(&self, endpoint: Endpoint) {
        self.until(|| self.in_flight(endpoint) == 0).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut change = pin!(self.shared.arrivals.notified());
            // Before looking, so that a change in between is not missed.
            change.as_mut().enable();
            if holds() {
                return;
            }
            change.await;
        }
    }

    /// Returns the last request to the token endpoint whose body has arrived.
    #[must_use]
    pub fn last_token_request(&self) -> Option<TokenRequest> {
        self.shared.lock().last_token_request.clone()
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = Endpoint::ALL.map(|endpoint| (endpoint, self.requests(endpoint)));
        f.debug_struct("ScriptedProvider")
            .field("issuer", &self.shared.issuer)
            .field("requests", &requests)
            .finish_non_exhaustive()
    }
}
