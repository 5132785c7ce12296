//! Test kit (feature `test-util`): a clock that is turned by hand, tokens of every kind, and
//! identities without tokens.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tower_customer_auth::KeyRing;
//! use tower_customer_auth::SigningKey;
//! use tower_customer_auth::TokenForm;
//! use tower_customer_auth::Verifier;
//! use tower_customer_auth::VerifyErrorKind;
//! use tower_customer_auth::testing::ManualClock;
//! use tower_customer_auth::testing::TestToken;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(ManualClock::at_epoch_seconds(1_510_597_800));
//! let key = SigningKey::hs256("0123456789abcdef0123456789abcdef")?;
//! let verifier = Verifier::builder(KeyRing::new(key.clone())).clock(clock.clone()).build()?;
//!
//! let token = TestToken::new("79cc0486-bbdf-491b-a0a2-722383b6288b", 1_510_597_800);
//! let token = token.sign(&key, TokenForm::Legacy);
//! assert_eq!(verifier.verify(token.as_bytes())?.name(), Some("Ron Swanson"));
//!
//! clock.advance(Duration::from_secs(86_400));
//! let refused = verifier.verify(token.as_bytes()).unwrap_err();
//! assert_eq!(refused.kind(), VerifyErrorKind::Expired);
//! # Ok(())
//! # }
//! ```

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use http::Request;
use serde_json::Map;
use serde_json::Value;

use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::key::SigningKey;
use crate::token;
use crate::token::Claims;
use crate::token::TokenForm;
use crate::verify::VerifiedToken;

/// Clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(Mutex<SystemTime>);

impl ManualClock {
    /// Creates a clock that shows this time.
    #[must_use]
    pub const fn at(time: SystemTime) -> Self {
        Self(Mutex::new(time))
    }

    /// Creates a clock that shows this many seconds since 1970, the unit of `exp` and `iat`.
    #[must_use]
    pub fn at_epoch_seconds(seconds: u64) -> Self {
        Self::at(from_epoch(seconds))
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Moves the time forward.
    ///
    /// # Panics
    ///
    /// If the time is then more than a `SystemTime` holds.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Token with any claims and any header, good ones to begin with.
#[derive(Clone, Debug)]
pub struct TestToken {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TestToken {
    /// Creates a token as the issuer would make it: the name (Ron Swanson) and token id of the vendor's documented sample, a day to
    /// live from `iat` (seconds since 1970) on.
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

    /// Takes a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the header to any JSON value. The legacy form has only its one header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Writes and signs the token. The key's id, where it has one, is not put in: see
    /// [`header`](Self::header).
    #[must_use]
    pub fn sign(&self, key: &SigningKey, form: TokenForm) -> String {
        let header = Value::from(self.header.clone()).to_string();
        sign_raw(key, form, &header, Value::from(self.claims.clone()).to_string())
    }
}

/// Writes and signs a token of any text. The legacy form has only its one header, whatever
/// `header` says.
///
/// # Panics
///
/// If the machine has no randomness that the key's algorithm needs.
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

/// Puts the identity of a customer into a request, as the layer does for a good token: for tests of
/// what stands behind the layer.
///
/// The token it seems to come from has the id of the vendor's documented sample, no name, and lives for a day from
/// 1970-01-01 on.
pub fn sign_in<B>(request: &mut Request<B>, customer_id: &CustomerId) {
    let claims = Claims {
        customer_id: customer_id.clone(),
        token_id: "36f05940-0d38-411a-8909-3aea58bc1f09".parse().expect("a token id"),
        name: None,
        exp: 86_400,
        iat: 0,
        nbf: None,
        audiences: None,
        issuer: None,
    };
    let extensions = request.extensions_mut();
    extensions.insert(customer_id.clone());
    extensions.insert(VerifiedToken::new(claims));
}
