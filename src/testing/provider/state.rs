//! The state shared by all handles of a provider.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::key::KeyRing;
use crate::key::SigningKey;
use crate::testing::provider::Consent;
use crate::testing::provider::Endpoint;
use crate::testing::provider::IdToken;
use crate::testing::provider::TokenRequest;
use crate::testing::provider::script::Script;

pub(super) struct Shared {
    pub(super) issuer: String,
    state: Mutex<State>,
    /// Notified when a request begins or ends.
    pub(super) arrivals: Notify,
}

pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clients: BTreeMap<String, Client>,
    /// The signing key.
    pub(super) key: SigningKey,
    /// The keys of the set, oldest first.
    pub(super) published: Vec<SigningKey>,
    /// The value of `key` from the next ID token on.
    pub(super) key_of_next_signing: Option<SigningKey>,
    pub(super) jwks_cache_control: Option<String>,
    pub(super) codes: BTreeMap<String, Consent>,
    pub(super) access_tokens: BTreeMap<String, Consent>,
    pub(super) id_token: Option<Arc<dyn Fn(IdToken) -> IdToken + Send + Sync>>,
    pub(super) last_token_request: Option<TokenRequest>,
    pub(super) codes_made: usize,
    pub(super) access_tokens_made: usize,
    scripts: [Script; Endpoint::ALL.len()],
}

/// Client authentication (OpenID Connect Core section 9).
#[derive(Clone)]
pub(super) enum Client {
    Basic { secret: String },
    Post { secret: String },
    Public,
}

impl Shared {
    pub(super) fn new(issuer: String, key: SigningKey) -> Self {
        let state = State {
            clock: SystemClock::shared(),
            clients: BTreeMap::new(),
            published: vec![key.clone()],
            key,
            key_of_next_signing: None,
            jwks_cache_control: None,
            codes: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            id_token: None,
            last_token_request: None,
            codes_made: 0,
            access_tokens_made: 0,
            scripts: Default::default(),
        };
        Self { issuer, state: Mutex::new(state), arrivals: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer.trim_end_matches('/'), endpoint.path())
    }

    pub(super) fn discovery(&self) -> Value {
        let state = self.lock();
        let methods = state.clients.values().map(|client| match client {
            Client::Basic { .. } => "client_secret_basic",
            Client::Post { .. } => "client_secret_post",
            Client::Public => "none",
        });
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": format!("{}/authorize", self.issuer.trim_end_matches('/')),
            "token_endpoint": self.url(Endpoint::Token),
            "userinfo_endpoint": self.url(Endpoint::Userinfo),
            "jwks_uri": self.url(Endpoint::Jwks),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [state.key.alg()],
            "token_endpoint_auth_methods_supported": methods.collect::<Vec<_>>(),
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email"],
        })
    }

    pub(super) fn jwk_set(&self) -> Value {
        let state = self.lock();
        let keys = state.published.iter().flat_map(|key| {
            let set = KeyRing::new(key.clone()).to_jwk_set(state.clock.now());
            // Invariant: a ring writes an object with the array `keys`.
            let mut set: Value = serde_json::from_str(&set).expect("a JWK Set");
            set["keys"].as_array_mut().map(std::mem::take).unwrap_or_default()
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

impl State {
    /// Returns the time in seconds since 1970-01-01.
    pub(super) fn now(&self) -> u64 {
        self.clock.since_epoch().as_secs()
    }

    pub(super) fn script(&mut self, endpoint: Endpoint) -> &mut Script {
        // Invariant: `ALL` has every endpoint, in this order.
        &mut self.scripts[endpoint as usize]
    }

    /// Makes a key the signing key, and publishes it.
    pub(super) fn rotate(&mut self, key: SigningKey) {
        self.published.push(key.clone());
        self.key = key;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
