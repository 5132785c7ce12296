//! Configuration shared by all clones of a verifier.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::key::KeyRing;
use crate::revocation::Revocations;
use crate::token::TokenForm;
use crate::verify::cache::TokenCache;

/// 24 hours, as the vendor documents: "24 hours from the moment the token is generated".
pub(crate) const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Config {
    pub(super) keys: KeyRing,
    pub(super) leeway: Duration,
    pub(super) clock_skew: Duration,
    pub(super) max_lifetime: Duration,
    pub(super) forms: Vec<TokenForm>,
    pub(super) audiences: Vec<String>,
    pub(super) issuer: Option<String>,
    pub(super) revocations: Revocations,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cache: Option<TokenCache>,
}
