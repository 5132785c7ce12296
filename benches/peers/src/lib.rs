//! The crate beside its peers: who verifies, whose layers stand around a service, and how both are
//! measured by time and by allocations.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

pub mod course;
pub mod layers;
pub mod providers;
#[path = "../../support/mod.rs"]
pub mod support;
pub mod verifiers;

use serde::Deserialize;

use self::support::tokens;

/// The claims that we read too, in the types that a user of the peers would give them.
#[derive(Clone, Debug, Deserialize)]
#[allow(dead_code, reason = "a peer has to read them all the same")]
pub struct Claims {
    pub sub: String,
    pub name: String,
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
}

impl Claims {
    pub fn is_right(&self) -> bool {
        self.sub == tokens::CUSTOMER
    }
}

/// The same token under another signature.
pub fn forge(token: &str) -> String {
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    // Not the last letter, of which two bits belong to no byte.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signing_input}.{first}{}", &signature[1..])
}
