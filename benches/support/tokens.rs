//! Tokens to measure by, and the floor they are measured against.

use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;
use tower_customer_auth::Revocations;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::testing::sign_raw;

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const CUSTOMER: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
pub const TOKEN: &str = "36f05940-0d38-411a-8909-3aea58bc1f09";
pub const KEY_ID: &str = "2026-11";
pub const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub fn key() -> SigningKey {
    SigningKey::hs256(SECRET).unwrap()
}

/// Seconds since 1970 now.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Claims as the issuer writes them, of a token with a day to live.
pub fn claims(iat: u64) -> String {
    let exp = iat + 86_400;
    format!(
        r#"{{"sub":"{CUSTOMER}","name":"Ron Swanson","exp":{exp},"iat":{iat},"jti":"{TOKEN}"}}"#
    )
}

pub fn token(form: TokenForm, iat: u64) -> String {
    sign_raw(&key(), form, HEADER, claims(iat))
}

/// A token of the key with this id.
pub fn with_kid(iat: u64) -> String {
    let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{KEY_ID}"}}"#);
    sign_raw(&key(), TokenForm::Compact, &header, claims(iat))
}

/// The same claims as another issuer might write them.
pub fn in_another_order(iat: u64) -> String {
    let exp = iat + 86_400;
    let claims = format!(
        r#"{{"exp":{exp},"iat":{iat},"jti":"{TOKEN}","name":"Ron Swanson","sub":"{CUSTOMER}"}}"#
    );
    sign_raw(&key(), TokenForm::Compact, HEADER, claims)
}

/// A refreshed token, an hour after the login.
pub fn refreshed(iat: u64) -> String {
    let claims = claims(iat);
    let claims = claims.trim_end_matches('}');
    let claims = format!(r#"{claims},"auth_time":{},"sid":"{CUSTOMER}"}}"#, iat - 3_600);
    sign_raw(&key(), TokenForm::Compact, HEADER, claims)
}

/// A token whose signature is zeros.
pub fn forged(iat: u64) -> String {
    let token = token(TokenForm::Compact, iat);
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", "A".repeat(43))
}

pub fn revoked(token_id: &str) -> Revocations {
    let revocations = Revocations::in_memory();
    let token_id = token_id.parse().unwrap();
    let until = SystemTime::now() + Duration::from_secs(86_400);
    let revoked = revocations.revoke(&token_id, until).now_or_never();
    revoked.expect("a list in memory never waits").unwrap();
    revocations
}

/// What no verifier of HS256 can do without: one keyed HMAC check over the signing input.
pub struct BareMac {
    keyed: Hmac<Sha256>,
    signing_input: Vec<u8>,
    signature: [u8; 32],
}

impl BareMac {
    pub fn of(token: &str) -> Self {
        let (signing_input, _) = token.rsplit_once('.').unwrap();
        let keyed = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        let signature = keyed.clone().chain_update(signing_input).finalize().into_bytes().into();
        Self { keyed, signing_input: signing_input.as_bytes().to_vec(), signature }
    }

    pub fn check(&self) -> bool {
        self.keyed.clone().chain_update(&self.signing_input).verify_slice(&self.signature).is_ok()
    }
}
