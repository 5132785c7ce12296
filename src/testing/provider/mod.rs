//! A scriptable OpenID provider for tests.
//!
//! It shares only [`SigningKey`] with the relying party under test. PKCE, client authentication and
//! ID tokens are implemented separately.

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

/// OpenID provider for tests, with scriptable faults (features `test-util` and `oidc`).
///
/// It serves discovery, keys, the token endpoint and userinfo.
///
/// It is a tower service: pass a clone to the HTTP client under test, or serve one on a loopback
/// socket. A clone is a handle to the same provider. It is deterministic, and waits only with tokio
/// timers, so that it works with a paused clock.
///
/// By default it is correct and strict: a code is valid for one exchange, by its client, with its
/// redirect URI and its PKCE verifier (S256). A rejected exchange doesn't spend the code, so that
/// tests can detect a client that repeats it. Codes contain characters that a form must encode.
///
/// Each [`Endpoint`] can have a [`Fault`], its documents can be [rewritten](Self::rewrite), and ID
/// tokens [modified](Self::spoil_id_tokens) before they are signed, until [`mend`](Self::mend).
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
/// # let random = aws_lc_rs::rand::SystemRandom::new();
/// # let pem = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&random)?;
/// # let pem = base64_simd::STANDARD.encode_to_string(pem);
/// # let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
/// let key = SigningKey::from_pem(jsonwebtoken::Algorithm::EdDSA, pem)?.with_id("2026-11");
/// let provider = ScriptedProvider::new("https://id.example", key).public_client("storefront");
///
/// // The result of the front end's authorization request; the challenge is that of RFC 7636.
/// let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// let consent = Consent::new("storefront", "https://shop.example/signed-in", challenge, "ron")
///     .claim("email", "ron@swanson.com")
///     .claim("email_verified", true);
/// let code = provider.authorize(consent);
/// # let _ = code;
///
/// // The keys are unavailable once, and wrong from then on.
/// provider.fail_times(Endpoint::Jwks, 1, Fault::Status(StatusCode::BAD_GATEWAY));
/// provider.rewrite(Endpoint::Jwks, |set| set["keys"][0]["use"] = "enc".into());
/// // All ID tokens are for another audience.
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
    /// Creates a provider without clients, which signs with `key` and publishes it.
    ///
    /// Its endpoints are below `issuer`, such as `https://id.example` or
    /// `http://127.0.0.1:4321/realm`. An HMAC key is not published.
    #[must_use]
    pub fn new(issuer: &str, key: SigningKey) -> Self {
        Self { shared: Arc::new(Shared::new(issuer.to_owned(), key)) }
    }

    /// Sets the clock of ID tokens. Default: [`SystemClock`](crate::clock::SystemClock).
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.shared.lock().clock = clock;
        self
    }

    /// Registers a client that authenticates only with `client_secret_basic`.
    #[must_use]
    pub fn basic_client(self, id: &str, secret: &str) -> Self {
        self.client(id, Client::Basic { secret: secret.to_owned() })
    }

    /// Registers a client that authenticates only with `client_secret_post`.
    #[must_use]
    pub fn post_client(self, id: &str, secret: &str) -> Self {
        self.client(id, Client::Post { secret: secret.to_owned() })
    }

    /// Registers a public client, which must not send a secret.
    #[must_use]
    pub fn public_client(self, id: &str) -> Self {
        self.client(id, Client::Public)
    }

    fn client(self, id: &str, client: Client) -> Self {
        self.shared.lock().clients.insert(id.to_owned(), client);
        self
    }

    /// Returns the issuer URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Issues a code, as the authorization endpoint does after this consent.
    #[must_use]
    pub fn authorize(&self, consent: Consent) -> String {
        let mut state = self.shared.lock();
        state.codes_made += 1;
        let code = format!("code-{}/+&=% ~", state.codes_made);
        state.codes.insert(code.clone(), consent);
        code
    }

    /// Publishes a key without signing with it.
    pub fn publish(&self, key: SigningKey) {
        self.shared.lock().published.push(key);
    }

    /// Makes a key the signing key, and publishes it beside the others.
    pub fn rotate(&self, key: SigningKey) {
        self.shared.lock().rotate(key);
    }

    /// Makes a key the signing key at the next ID token.
    ///
    /// Until that token is signed, the set has the current keys, and from then on only the new one.
    pub fn rotate_just_before_signing(&self, key: SigningKey) {
        self.shared.lock().key_of_next_signing = Some(key);
    }

    /// Removes every key but the signing key from the set.
    pub fn drop_old_keys(&self) {
        let mut state = self.shared.lock();
        state.published = vec![state.key.clone()];
    }

    /// Sets the `Cache-Control` of the JWK Set. Default: none.
    ///
    /// # Panics
    ///
    /// The request for the set panics if the value is not a valid header value.
    pub fn cache_keys(&self, cache_control: &str) {
        self.shared.lock().jwks_cache_control = Some(cache_control.to_owned());
    }

    /// Sets a script that modifies every ID token before it is signed. Default: none.
    ///
    /// It replaces an earlier script.
    pub fn spoil_id_tokens(&self, script: impl Fn(IdToken) -> IdToken + Send + Sync + 'static) {
        self.shared.lock().id_token = Some(Arc::new(script));
    }

    /// Sets a script that modifies every 200 response of an endpoint. Default: none.
    ///
    /// It replaces an earlier script of the endpoint.
    pub fn rewrite(&self, endpoint: Endpoint, script: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.shared.lock().script(endpoint).rewrite = Some(Arc::new(script));
    }

    /// Sets the fault of an endpoint until [`mend`](Self::mend). Default: none.
    ///
    /// It replaces an earlier fault.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.lock().script(endpoint).fail(fault, None);
    }

    /// Sets the fault of an endpoint for a number of requests.
    ///
    /// It replaces an earlier fault.
    pub fn fail_times(&self, endpoint: Endpoint, times: usize, fault: Fault) {
        self.shared.lock().script(endpoint).fail(fault, Some(times));
    }

    /// Sets the fault of every endpoint until [`mend`](Self::mend).
    pub fn fail_everywhere(&self, fault: &Fault) {
        for endpoint in Endpoint::ALL {
            self.fail(endpoint, fault.clone());
        }
    }

    /// Removes every fault and script. Requests that hang keep hanging.
    pub fn mend(&self) {
        let mut state = self.shared.lock();
        state.id_token = None;
        for endpoint in Endpoint::ALL {
            state.script(endpoint).mend();
        }
    }

    /// Returns the number of requests to an endpoint, including those with a fault.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).requests
    }

    /// Returns the number of requests whose response was not fully read or dropped.
    #[must_use]
    pub fn in_flight(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).in_flight
    }

    /// Returns the maximum number of requests [in flight](Self::in_flight) at once.
    #[must_use]
    pub fn peak_in_flight(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().script(endpoint).peak
    }

    /// Returns the number of body bytes read from an endpoint.
    #[must_use]
    pub fn bytes_sent(&self, endpoint: Endpoint) -> u64 {
        self.shared.lock().script(endpoint).bytes_sent
    }

    /// Waits until an endpoint has received a number of requests.
    pub async fn reached(&self, endpoint: Endpoint, requests: usize) {
        self.until(|| self.requests(endpoint) >= requests).await;
    }

    /// Waits until an endpoint has no requests in flight.
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
