//! Tokens with any content.

use serde_json::Map;
use serde_json::Value;

use crate::key::SigningKey;
use crate::token;
use crate::token::TokenForm;

/// Builder for tokens with any claims and header, valid by default.
#[derive(Clone, Debug)]
pub struct TestToken {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TestToken {
    /// Creates a valid token, issued at `iat` (seconds since 1970-01-01) for a day.
    ///
    /// Name (Ron Swanson) and token id are those of the vendor's documented sample.
    #[must_use]
    pub fn new(customer_id: &str, iat: u64) -> Self {
        let mut header = Map::new();
        header.insert("alg".into(), "HS256".into());
        header.insert("typ".into(), "JWT".into());
        let mut claims = Map::new();
        claims.insert("sub".into(), customer_id.into());
        claims.insert("name".into(), "Ron Swanson".into());
        claims.insert("exp".into(), (iat + 86_400).into());
        claims.insert("iat".into(), iat.into());
        claims.insert("jti".into(), "36f05940-0d38-411a-8909-3aea58bc1f09".into());
        Self { header, claims }
    }

    /// Sets a claim to any JSON value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Makes it a refreshed token: sets `sid`, and `auth_time` (seconds since 1970-01-01).
    #[must_use]
    pub fn session(self, session_id: &str, auth_time: u64) -> Self {
        self.claim("sid", session_id).claim("auth_time", auth_time)
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header member to any JSON value.
    ///
    /// The legacy form has a fixed header and ignores it.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Serializes and signs the token.
    ///
    /// The key's id is not written as `kid`: set it with [`header`](Self::header).
    #[must_use]
    pub fn sign(&self, key: &SigningKey, form: TokenForm) -> String {
        let header = Value::from(self.header.clone()).to_string();
        sign_raw(key, form, &header, Value::from(self.claims.clone()).to_string())
    }
}

/// Signs a token of any header and claims text.
///
/// The legacy form has a fixed header and ignores `header`.
///
/// # Panics
///
/// If the operating system gives no random bytes that the key's algorithm needs.
#[must_use]
pub fn sign_raw(
    key: &SigningKey,
    form: TokenForm,
    header: &str,
    claims: impl AsRef<[u8]>,
) -> String {
    token::encode(form, header.as_bytes(), claims.as_ref(), |signing_input| key.sign(signing_input))
        .expect("randomness to sign with")
}
