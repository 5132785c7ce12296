//! The token endpoint (RFC 6749 section 4.1.3, RFC 7636, OpenID Connect Core section 3.1.3).

use std::collections::BTreeSet;
use std::fmt;

use http::HeaderMap;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use url::form_urlencoded;

use crate::testing::provider::Consent;
use crate::testing::provider::IdToken;
use crate::testing::provider::answer::Answer;
use crate::testing::provider::id_token::at_hash;
use crate::testing::provider::id_token::base64url;
use crate::testing::provider::state::Client;
use crate::testing::provider::state::Shared;
use crate::testing::provider::state::State;

/// Request received by the token endpoint.
///
/// `Debug` shows no values, because they are secrets and codes.
#[derive(Clone)]
pub struct TokenRequest {
    authorization: Option<String>,
    content_type: Option<String>,
    form: Vec<(String, String)>,
}

impl TokenRequest {
    pub(super) fn new(headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            authorization: text(AUTHORIZATION),
            content_type: text(CONTENT_TYPE),
            form: form_urlencoded::parse(body).into_owned().collect(),
        }
    }

    /// Returns the `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// Returns the form parameters in order.
    #[must_use]
    pub fn form(&self) -> &[(String, String)] {
        &self.form
    }

    /// Returns the value of a form parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.form.iter().map(|(name, _)| name).collect();
        f.debug_struct("TokenRequest")
            .field("authorization", &self.authorization.is_some())
            .field("form", &names)
            .finish_non_exhaustive()
    }
}

/// The grant for a correct request.
struct Granted {
    access_token: String,
    id_token: IdToken,
}

pub(super) fn answer(shared: &Shared, request: &TokenRequest) -> Answer {
    // The lock is released before the script runs, which may use the provider.
    let granted = exchange(&mut shared.lock(), &shared.issuer, request);
    let Granted { access_token, id_token } = match granted {
        Ok(granted) => granted,
        Err(refused) => return refused,
    };
    let script = shared.lock().id_token.clone();
    let id_token = match script {
        Some(script) => script(id_token),
        None => id_token,
    };
    Answer::ok(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": 3600,
        "id_token": id_token.write(),
    }))
    .header("cache-control", "no-store")
}

fn exchange(state: &mut State, issuer: &str, request: &TokenRequest) -> Result<Granted, Answer> {
    let form = request.content_type.as_deref().is_some_and(|content_type| {
        content_type.split(';').next() == Some("application/x-www-form-urlencoded")
    });
    let mut names = BTreeSet::new();
    if !form || !request.form.iter().all(|(name, _)| names.insert(name)) {
        return Err(error("invalid_request"));
    }
    let client_id = authenticate(state, request)?;
    if request.parameter("grant_type") != Some("authorization_code") {
        return Err(error("unsupported_grant_type"));
    }
    let code = request.parameter("code").ok_or_else(|| error("invalid_request"))?;
    let consent = state.codes.get(code).cloned().ok_or_else(|| error("invalid_grant"))?;
    let bound = consent.client_id == client_id
        && request.parameter("redirect_uri") == Some(&consent.redirect_uri)
        && proves(request.parameter("code_verifier"), &consent.code_challenge);
    if !bound {
        return Err(error("invalid_grant"));
    }
    state.codes.remove(code);

    if let Some(key) = state.key_of_next_signing.take() {
        state.published.clear();
        state.rotate(key);
    }
    state.access_tokens_made += 1;
    let access_token = format!("access-{}", state.access_tokens_made);
    let id_token = id_token(state, issuer, &consent, &access_token);
    state.access_tokens.insert(access_token.clone(), consent);
    Ok(Granted { access_token, id_token })
}

fn id_token(state: &State, issuer: &str, consent: &Consent, access_token: &str) -> IdToken {
    let now = state.now();
    let mut claims = consent.id_token_claims.clone();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", issuer.into());
    set("aud", consent.client_id.as_str().into());
    set("iat", now.into());
    set("exp", (now + ID_TOKEN_LIFETIME).into());
    set("at_hash", at_hash(&state.key, access_token));
    if let Some(nonce) = &consent.nonce {
        set("nonce", nonce.as_str().into());
    }
    IdToken::new(state.key.clone(), claims, now)
}

/// Returns the authenticated client, which must use its one method (RFC 6749 section 2.3).
fn authenticate(state: &State, request: &TokenRequest) -> Result<String, Answer> {
    let in_form = (request.parameter("client_id"), request.parameter("client_secret"));
    let (id, secret) = match (request.authorization(), in_form) {
        (Some(_), (_, Some(_))) => return Err(error("invalid_request")),
        (Some(header), (in_form, None)) => {
            let (id, secret) = basic(header).ok_or_else(invalid_client)?;
            if in_form.is_some_and(|other| other != id) {
                return Err(error("invalid_request"));
            }
            (id, secret)
        }
        (None, (Some(id), secret)) => (id.to_owned(), secret.unwrap_or_default().to_owned()),
        (None, (None, _)) => return Err(invalid_client()),
    };
    let by_header = request.authorization().is_some();
    let by_form = in_form.1.is_some();
    let proved = match state.clients.get(&id) {
        Some(Client::Basic { secret: right }) => by_header && secret == *right,
        Some(Client::Post { secret: right }) => by_form && secret == *right,
        Some(Client::Public) => !by_header && !by_form,
        None => false,
    };
    if proved { Ok(id) } else { Err(invalid_client()) }
}

/// Returns id and secret, each form-encoded before they were joined (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = base64_simd::STANDARD.decode_to_vec(credentials).ok()?;
    let credentials = String::from_utf8(credentials).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    // Form separators must be encoded in a value.
    if text.contains(['&', '=']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    Some(pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default())
}

/// Returns whether a verifier is well formed and matches the challenge (RFC 7636 sections 4.1 and
/// 4.6).
fn proves(verifier: Option<&str>, challenge: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    verifier.is_some_and(|verifier| {
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && base64url(Sha256::digest(verifier)) == challenge
    })
}

fn error(code: &str) -> Answer {
    Answer::new(StatusCode::BAD_REQUEST, json!({ "error": code }))
}

fn invalid_client() -> Answer {
    Answer::new(StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }))
        .header("www-authenticate", "Basic realm=\"provider\"")
}

/// Seconds.
const ID_TOKEN_LIFETIME: u64 = 300;
