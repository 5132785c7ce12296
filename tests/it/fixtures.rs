//! What several tests need.

use std::sync::Arc;

use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::TestToken;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const CUSTOMER: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
pub(crate) const TOKEN_HEADER: &str = "x-moltin-customer-token";
pub(crate) const NOW: u64 = 1_510_597_800;

pub(crate) fn key() -> SigningKey {
    SigningKey::hs256(SECRET).unwrap()
}

/// A verifier for which it is `NOW`.
pub(crate) fn verifier() -> Verifier {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    Verifier::builder(KeyRing::new(key())).clock(clock).build().unwrap()
}

/// A token of `CUSTOMER` that is good now.
pub(crate) fn good_token() -> String {
    TestToken::new(CUSTOMER, NOW).sign(&key(), TokenForm::Compact)
}

/// A token of `CUSTOMER` that was good until now.
pub(crate) fn expired_token() -> String {
    TestToken::new(CUSTOMER, NOW - 86_400).sign(&key(), TokenForm::Legacy)
}
