//! What the browser and the user have done before there is a code.

use std::fmt;

use serde_json::Map;
use serde_json::Value;

/// User's consent at the authorization endpoint: who asked for it, bound to what, and who gave it.
///
/// `Debug` shows client and redirect URI alone.
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
    /// Creates the consent of `subject`, for what a front end has put into its authorization request.
    ///
    /// `code_challenge` is of the method S256: base64url of the verifier's SHA-256 (RFC 7636 section
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

    /// Sets the `nonce` of the authorization request, which the ID token repeats. Default none.
    #[must_use]
    pub fn nonce(mut self, nonce: &str) -> Self {
        self.nonce = Some(nonce.to_owned());
        self
    }

    /// Sets what the provider says of the user, in the ID token and as userinfo.
    #[must_use]
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.id_token_claim(name, value.clone()).userinfo_claim(name, value)
    }

    /// Sets what the provider says of the user in the ID token alone.
    #[must_use]
    pub fn id_token_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.id_token_claims.insert(name.to_owned(), value.into());
        self
    }

    /// Sets what the provider says of the user as userinfo alone.
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
