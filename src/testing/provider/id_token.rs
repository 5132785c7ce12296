//! An ID token that tests can modify.
//!
//! It is serialized here and not by `token`: the code under test must not write its own input.

use std::fmt;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use jsonwebtoken::Algorithm;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use sha2::Sha512;

use crate::key::SigningKey;

/// ID token before it is signed, valid until it is modified.
///
/// `Debug` shows only the header.
#[derive(Clone)]
pub struct IdToken {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    payload: Option<Vec<u8>>,
    issued_at: u64,
    protection: Protection,
}

#[derive(Clone)]
enum Protection {
    Key(SigningKey),
    Hs256(Vec<u8>),
    Nothing,
    Forged(SigningKey),
    Encryption,
}

impl IdToken {
    pub(super) fn new(key: SigningKey, claims: Map<String, Value>, issued_at: u64) -> Self {
        let mut header = Map::new();
        header.insert("alg".to_owned(), key.alg().into());
        header.insert("typ".to_owned(), "JWT".into());
        if let Some(id) = key.id() {
            header.insert("kid".to_owned(), id.into());
        }
        Self { header, claims, payload: None, issued_at, protection: Protection::Key(key) }
    }

    /// Returns the provider's time in seconds since 1970-01-01, the default `iat`.
    #[must_use]
    pub fn issued_at(&self) -> u64 {
        self.issued_at
    }

    /// Sets a claim to any JSON value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header member to any JSON value.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a header member.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Replaces the claims with any bytes.
    ///
    /// [`claims`](Self::claims) returns the claims.
    #[must_use]
    pub fn payload(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(bytes.into());
        self
    }

    /// Returns the claims as JSON.
    #[must_use]
    pub fn claims(&self) -> String {
        Value::from(self.claims.clone()).to_string()
    }

    /// Signs with this key, without changing the header.
    #[must_use]
    pub fn signed_by(mut self, key: SigningKey) -> Self {
        self.protection = Protection::Key(key);
        self
    }

    /// Sets `alg` to `HS256` and signs with this secret, of any length.
    #[must_use]
    pub fn signed_by_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.protection = Protection::Hs256(secret.as_ref().to_vec());
        self.header("alg", "HS256")
    }

    /// Sets `alg` to `none` and leaves the signature empty.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.protection = Protection::Nothing;
        self.header("alg", "none")
    }

    /// Flips one bit of the signature.
    #[must_use]
    pub fn forged(mut self) -> Self {
        if let Protection::Key(key) = self.protection {
            self.protection = Protection::Forged(key);
        }
        self
    }

    /// Splits the token into five parts, like an encrypted one (RFC 7516 section 7.1).
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.protection = Protection::Encryption;
        self.header("alg", "RSA-OAEP").header("enc", "A256GCM")
    }

    pub(super) fn write(&self) -> String {
        let payload = self.payload.clone().unwrap_or_else(|| self.claims().into_bytes());
        let header = base64url(Value::from(self.header.clone()).to_string());
        let signing_input = format!("{header}.{}", base64url(payload));
        let signature = match &self.protection {
            Protection::Encryption => return format!("{signing_input}.aXY.Y2lwaGVydGV4dA.dGFn"),
            Protection::Nothing => Vec::new(),
            Protection::Hs256(secret) => {
                // Invariant: HMAC takes a key of any length.
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
                mac.update(signing_input.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
            Protection::Key(key) => sign(key, &signing_input),
            Protection::Forged(key) => {
                let mut signature = sign(key, &signing_input);
                signature[0] ^= 1;
                signature
            }
        };
        format!("{signing_input}.{}", base64url(signature))
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Returns the left half of the access token's hash, by the hash of the signature algorithm (OpenID
/// Connect Core section 3.1.3.6); for Ed25519 that is SHA-512.
pub(super) fn at_hash(key: &SigningKey, access_token: &str) -> Value {
    if key.algorithm() == Algorithm::EdDSA {
        json!(base64url(&Sha512::digest(access_token)[..32]))
    } else {
        json!(base64url(&Sha256::digest(access_token)[..16]))
    }
}

pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn sign(key: &SigningKey, signing_input: &str) -> Vec<u8> {
    key.sign(signing_input.as_bytes()).expect("randomness to sign with")
}
