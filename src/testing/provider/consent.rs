//! The authorization request and the user's consent.

use std::fmt;

use serde_json::Map;
use serde_json::Value;

/// User's consent at the authorization endpoint, from which a code is issued.
///
/// `Debug` shows only the client and the redirect URI.
#[derive(Clone)]
pub struct Consent {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) id_token_claims: Map<String, Value>,
    pub(super) userinfo_claims: Map<String, Value>,
}

impl Consent {
    /// Creates the consent of the user `subject` to an authorization request.
    ///
    /// `code_challenge` uses the method S256: base64url of the verifier's SHA-256 (RFC 7636 section
    /// 4.2).
    #[must_use]
    pub fn new(client_id: &str, redirect_uri: &str, code_challenge: &str, subject: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            code_challenge: code_challenge.to_owned(),
            nonce: None,
            id_token_claims: Map::new(),
            userinfo_claims: Map::new(),
        }
        .claim("sub", subject)
    }

    /// Sets the `nonce` of the authorization request and ID token. Default: none.
    #[must_use]
    pub fn nonce(mut self, nonce: &str) -> Self {
        self.nonce = Some(nonce.to_owned());
        self
    }

    /// Sets a claim about the user in the ID token and userinfo. Default: none.
    #[must_use]
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.id_token_claim(name, value.clone()).userinfo_claim(name, value)
    }

    /// Sets a claim about the user in the ID token only. Default: none.
    #[must_use]
    pub fn id_token_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.id_token_claims.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a claim about the user in userinfo only. Default: none.
    #[must_use]
    pub fn userinfo_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.userinfo_claims.insert(name.to_owned(), value.into());
        self
    }
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
