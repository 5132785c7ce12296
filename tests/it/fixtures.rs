//! The customer, the time, the secret and the tokens that the tests have in common.
#![allow(dead_code, reason = "not every set of features, and not `allocations`, uses all of it")]

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::TestToken;

/// The HS256 secret of 32 bytes.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The id of the customer, Ron Swanson.
pub(crate) const CUSTOMER: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
/// The e-mail address of the customer.
pub(crate) const EMAIL: &str = "ron@swanson.com";
/// The `jti` of each `TestToken`.
pub(crate) const TOKEN_ID: &str = "36f05940-0d38-411a-8909-3aea58bc1f09";
/// The header that carries customer tokens, in lower case.
pub(crate) const TOKEN_HEADER: &str = "x-moltin-customer-token";
/// The time at which the clocks stand, in seconds since the Unix epoch.
pub(crate) const NOW: u64 = 1_510_597_800;
/// The lifetime of a token, in seconds.
pub(crate) const DAY: u64 = 86_400;

/// The HS256 key of `SECRET`.
pub(crate) fn key() -> SigningKey {
    SigningKey::hs256(SECRET).unwrap()
}

/// The key ring of `key()` alone.
pub(crate) fn keys() -> KeyRing {
    KeyRing::new(key())
}

/// This many seconds after the Unix epoch.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A clock that stands at `NOW`.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_epoch_seconds(NOW))
}

/// A verifier of `keys()` for which it is `NOW`.
pub(crate) fn verifier() -> Verifier {
    verifier_of(keys())
}

/// A verifier of these keys for which it is `NOW`.
pub(crate) fn verifier_of(keys: KeyRing) -> Verifier {
    Verifier::builder(keys).clock(clock()).build().unwrap()
}

/// The refusal of a token; `None` for an accepted one.
pub(crate) fn refusal(verifier: &Verifier, token: impl AsRef<[u8]>) -> Option<VerifyErrorKind> {
    verifier.verify(token.as_ref()).err().map(|error| error.kind())
}

/// A token of `CUSTOMER` that was issued `NOW`, to be changed and signed.
pub(crate) fn good() -> TestToken {
    TestToken::new(CUSTOMER, NOW)
}

/// The token in the compact form, signed with `key()`.
pub(crate) fn compact(token: &TestToken) -> String {
    token.sign(&key(), TokenForm::Compact)
}

/// A token of `CUSTOMER` that is good now.
pub(crate) fn good_token() -> String {
    compact(&good())
}

/// A token of `CUSTOMER` that was good until now.
pub(crate) fn expired_token() -> String {
    TestToken::new(CUSTOMER, NOW - DAY).sign(&key(), TokenForm::Legacy)
}
