//! Configuration of a verifier.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::clock::CoarseClock;
use crate::error::ConfigError;
use crate::key::KeyRing;
use crate::revocation::MAX_LEEWAY;
use crate::revocation::Revocations;
use crate::token::TokenForm;
use crate::verify::Verifier;
use crate::verify::cache::MAX_CAPACITY;
use crate::verify::cache::TokenCache;
use crate::verify::config::Config;
use crate::verify::config::DEFAULT_CLOCK_SKEW;
use crate::verify::config::DEFAULT_MAX_LIFETIME;

const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Builder for a [`Verifier`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifierBuilder {
    keys: KeyRing,
    leeway: Duration,
    clock_skew: Duration,
    max_lifetime: Duration,
    forms: Vec<TokenForm>,
    audiences: Vec<String>,
    issuer: Option<String>,
    revocations: Revocations,
    cache: Option<NonZeroUsize>,
    clock: Arc<dyn Clock>,
}

impl VerifierBuilder {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            leeway: Duration::ZERO,
            clock_skew: DEFAULT_CLOCK_SKEW,
            max_lifetime: DEFAULT_MAX_LIFETIME,
            forms: vec![TokenForm::Compact, TokenForm::Legacy],
            audiences: Vec::new(),
            issuer: None,
            revocations: Revocations::in_memory(),
            cache: None,
            clock: CoarseClock::shared(),
        }
    }

    /// Sets the leeway applied to `exp` and `nbf`. Default 0 s, at most 60 s.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets how far `iat` may be ahead of the clock. Default 5 s, at most 5 minutes.
    pub const fn clock_skew(mut self, clock_skew: Duration) -> Self {
        self.clock_skew = clock_skew;
        self
    }

    /// Sets the maximum lifetime of a token, from `iat` to `exp`. Default 24 hours, at least 1 s.
    ///
    /// A token with a longer lifetime is rejected from the start.
    pub const fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = max_lifetime;
        self
    }

    /// Sets the accepted token forms. Default: both.
    pub fn forms(mut self, forms: &[TokenForm]) -> Self {
        self.forms = forms.to_vec();
        self
    }

    /// Adds an accepted audience. Default: none.
    ///
    /// With an audience, a token must have an accepted one in `aud`. Without, a token that has any
    /// `aud` is rejected, because it is intended for another recipient (RFC 7519 section 4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the accepted issuer. Default: none.
    ///
    /// With an issuer, a token must have exactly this `iss`. Without, `iss` is ignored.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the list of revoked tokens. Default: a private list in memory, which stays empty.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = revocations;
        self
    }

    /// Sets how many tokens the signature cache holds. Default: no cache; at most 2^28 tokens.
    ///
    /// The cache keeps a fingerprint of each token, not the token itself. Its memory, 24 bytes for
    /// each of `tokens`, is allocated by [`build`](Self::build). Clones of the verifier share the
    /// cache.
    ///
    /// A hit skips the signature check and nothing else: form, claims, times and revocation are
    /// checked every time. Rotating or retiring a key, and the end of a grace period, invalidate
    /// the fingerprints stored under the earlier keys.
    ///
    /// Only accepted tokens are stored. A token that has been used twice is kept until it has not
    /// been used for about five minutes; tokens that are used once evict only each other. If more
    /// tokens are in use than the cache holds, some are verified in full each time.
    ///
    /// The cache never blocks a thread.
    ///
    /// # When it pays
    ///
    /// `docs/performance.md` has the figures, measured with tokens in random order, each in memory
    /// that was just written, as the memory of a request is.
    ///
    /// - HS256: a hit takes about half the time of a verification without a cache while the
    ///   fingerprints fit into the CPU caches, and three quarters with a million tokens.
    /// - RS256, PS256, ES256, EdDSA: always, if tokens are used more than once.
    /// - A token that is used only once takes about two fifths longer than without a cache, and so
    ///   does a forged one; one of 8 KB takes up to four fifths longer.
    ///
    /// `cargo bench --bench cache`, in a clone of the repository, measures it on your machine.
    ///
    /// # Security
    ///
    /// A fingerprint is a 120-bit hash of the key ring's version and the whole token, under a
    /// random key that never leaves the process. A lookup compares a token with eight
    /// fingerprints, so a forged token is accepted with a probability of 2^-117.
    ///
    /// A customer with many tokens can fill the cache by using each twice within five minutes; the
    /// tokens of others are then verified in full until those have not been used for as long.
    ///
    /// The time of a rejection depends, by nanoseconds, on whether the text ends like a cached
    /// token: logs must not contain parts of tokens either.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::num::NonZeroUsize;
    /// # use tower_customer_auth::{ConfigError, KeyRing, Verifier};
    /// # fn verifier(keys: KeyRing) -> Result<Verifier, ConfigError> {
    /// let tokens = NonZeroUsize::new(100_000).expect("not zero");
    /// Verifier::builder(keys).cache(tokens).build()
    /// # }
    /// ```
    pub const fn cache(mut self, tokens: NonZeroUsize) -> Self {
        self.cache = Some(tokens);
        self
    }

    /// Sets the clock. Default: [`CoarseClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the verifier.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DurationOutOfRange`] for a leeway, clock skew or lifetime out of range,
    /// - [`ConfigError::NumberOutOfRange`] for a cache of more than 2^28 tokens,
    /// - [`ConfigError::NoTokenForms`] for an empty list of token forms,
    /// - [`ConfigError::Empty`] for an empty audience or issuer,
    /// - [`ConfigError::NoRandomness`] if the operating system provides no random key for the
    ///   cache.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let check = ConfigError::check_duration;
        check("leeway", self.leeway, Duration::ZERO..=MAX_LEEWAY)?;
        check("clock_skew", self.clock_skew, Duration::ZERO..=MAX_CLOCK_SKEW)?;
        check("max_lifetime", self.max_lifetime, Duration::from_secs(1)..=Duration::MAX)?;
        let tokens = self.cache.map_or(1, |tokens| tokens.get() as u64);
        ConfigError::check_number("cache", tokens, 1..=MAX_CAPACITY as u64)?;
        if self.forms.is_empty() {
            return Err(ConfigError::NoTokenForms);
        }
        for audience in &self.audiences {
            ConfigError::check_not_empty("audience", audience)?;
        }
        if let Some(issuer) = &self.issuer {
            ConfigError::check_not_empty("issuer", issuer)?;
        }
        let cache = self.cache.map(TokenCache::new).transpose();
        let cache = cache.map_err(|_| ConfigError::NoRandomness)?;
        Ok(self.verifier(cache))
    }

    /// Creates a verifier from a checked configuration.
    pub(super) fn verifier(self, cache: Option<TokenCache>) -> Verifier {
        let lifetime = self.max_lifetime.saturating_add(self.leeway);
        self.revocations.attach(&self.clock, lifetime);
        Verifier::of(Config {
            keys: self.keys,
            leeway: self.leeway,
            clock_skew: self.clock_skew,
            max_lifetime: self.max_lifetime,
            forms: self.forms,
            audiences: self.audiences,
            issuer: self.issuer,
            revocations: self.revocations,
            clock: self.clock,
            cache,
        })
    }
}
