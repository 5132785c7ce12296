//! What several tests need.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "no test file uses all of it")]

use std::sync::Arc;

use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::TestToken;

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub const CUSTOMER: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
pub const TOKEN_HEADER: &str = "x-moltin-customer-token";
pub const NOW: u64 = 1_510_597_800;

pub fn key() -> SigningKey {
    SigningKey::hs256(SECRET).unwrap()
}

/// A verifier for which it is `NOW`.
pub fn verifier() -> Verifier {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    Verifier::builder(KeyRing::new(key())).clock(clock).build().unwrap()
}

/// A token of `CUSTOMER` that is good now.
pub fn good_token() -> String {
    TestToken::new(CUSTOMER, NOW).sign(&key(), TokenForm::Compact)
}

/// A token of `CUSTOMER` that was good until now.
pub fn expired_token() -> String {
    TestToken::new(CUSTOMER, NOW - 86_400).sign(&key(), TokenForm::Legacy)
}
