//! Configuration of a verifier.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::Verifier;
use super::cache::MAX_CAPACITY;
use super::cache::TokenCache;
use super::config::Config;
use super::config::DEFAULT_CLOCK_SKEW;
use super::config::DEFAULT_MAX_LIFETIME;
use crate::clock::Clock;
use crate::clock::CoarseClock;
use crate::error::ConfigError;
use crate::key::KeyRing;
use crate::revocation::MAX_LEEWAY;
use crate::revocation::Revocations;
use crate::token::TokenForm;

const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Builder of a [`Verifier`].
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

    /// Sets the leeway applied to `exp` and `nbf`, at most 60 s. Default: 0.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets how far ahead of this machine's clock `iat` may be, at most 5 minutes. Default: 5 s.
    pub const fn clock_skew(mut self, clock_skew: Duration) -> Self {
        self.clock_skew = clock_skew;
        self
    }

    /// Sets the longest lifetime of a token (`exp - iat`), at least 1 s. Default: 24 hours.
    ///
    /// A token with a longer lifetime is refused, from its first second on.
    pub const fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = max_lifetime;
        self
    }

    /// Sets the accepted token forms. Default: both.
    pub fn forms(mut self, forms: &[TokenForm]) -> Self {
        self.forms = forms.to_vec();
        self
    }

    /// Adds an accepted audience; tokens must then name one in `aud`. Default: none.
    ///
    /// Without one, a token that has an `aud` is refused, because it is meant for another service
    /// (RFC 7519 section 4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the accepted issuer; tokens must then have exactly this `iss`. Default: none.
    ///
    /// Without one, `iss` is ignored.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the revocation list. Default: a private one in memory, which you cannot write to.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = revocations;
        self
    }

    /// Sets how many verified tokens the cache has room for, at most 2^28. Default: no cache.
    ///
    /// Of a token only a fingerprint is kept, 24 bytes for each of `tokens`, which are allocated at
    /// once. Clones of the verifier share the cache.
    ///
    /// A hit saves the signature check and nothing else: form, claims, times and revocation are
    /// checked every time, and a rotated or retired key and the end of a grace period end what was
    /// remembered under the earlier keys.
    ///
    /// Only accepted tokens are remembered. A token that is used a second time is kept until it has
    /// not been used for about five minutes; those that are used once push out only one another. With
    /// more tokens in use than the cache has room for, some are verified anew each time.
    ///
    /// No thread waits for another one.
    ///
    /// # When it pays
    ///
    /// `docs/performance.md` has the figures, measured with tokens asked for in random order, each
    /// in memory that was just written, as a request's is.
    ///
    /// - HS256: a hit takes about half of the time of a verification without a cache while the
    ///   fingerprints fit into the processor's caches, and three quarters of it with a million tokens.
    /// - RS256, PS256, ES256, EdDSA: always, where tokens come more than once.
    /// - A token that is used only once takes about a third longer than without a cache, and so does
    ///   a forged one.
    ///
    /// `cargo bench --bench cache`, in a clone of the repository, measures it on your machine.
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
    ///
    /// # Security
    ///
    /// A fingerprint is a 120-bit hash of the key ring's version and the whole token, under a random
    /// key that never leaves the process. A forged token is compared with eight of them, so it is
    /// accepted with a probability of 2^-117.
    ///
    /// The time of a refusal depends, by nanoseconds, on whether a text ends as a token in the cache
    /// does: logs must not contain parts of tokens either.
    pub const fn cache(mut self, tokens: NonZeroUsize) -> Self {
        self.cache = Some(tokens);
        self
    }

    /// Sets the clock. Default: [`CoarseClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Creates the verifier.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DurationOutOfRange`] for a leeway, clock skew or lifetime out of bounds,
    /// - [`ConfigError::NumberOutOfRange`] for a cache of more than 2^28 tokens,
    /// - [`ConfigError::NoTokenForms`] for an empty list of forms,
    /// - [`ConfigError::Empty`] for an empty audience or issuer,
    /// - [`ConfigError::NoRandomness`] if the operating system gives no random key for the cache.
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

    /// Creates the verifier of a configuration that has been checked.
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
