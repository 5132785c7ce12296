//! The steps of verification, and what can be set about them.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::VerifiedToken;
use super::VerifyError;
use super::VerifyErrorKind;
use super::cache::MAX_CAPACITY;
use super::cache::TokenCache;
use super::times::Times;
use crate::clock::Clock;
use crate::clock::CoarseClock;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::KeyRing;
use crate::key::Vouch;
use crate::revocation::MAX_LEEWAY;
use crate::revocation::Revocations;
use crate::token::Claims;
use crate::token::Decoded;
use crate::token::HeaderRoom;
use crate::token::IssuedClaims;
use crate::token::Malformed;
use crate::token::Room;
use crate::token::TokenForm;
use crate::token::UnverifiedToken;

/// A day, as the vendor's documentation says: "24 hours from the moment the token is generated".
const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

const DEFAULT_CLOCK_SKEW: Duration = Duration::from_secs(5);

const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Judge of customer tokens.
///
/// [`verify`](Self::verify) is synchronous: it never waits for the network, nor for a lock but the
/// allocator's. Cloning is
/// cheap, and clones share everything.
///
/// # Example
///
/// ```
/// # use tower_customer_auth::{ConfigError, KeyRing, Verifier, VerifyErrorKind};
/// # fn main() -> Result<(), ConfigError> {
/// let verifier = Verifier::new(KeyRing::hs256("0123456789abcdef0123456789abcdef")?);
/// let refused = verifier.verify(b"not.a.token").unwrap_err();
/// assert_eq!(refused.kind(), VerifyErrorKind::Malformed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    config: Arc<VerifierBuilder>,
    cache: Option<Arc<TokenCache>>,
}

/// Configuration of a [`Verifier`].
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

impl Verifier {
    /// Creates a verifier with all defaults, and a private list of revocations.
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self::of(Self::builder(keys))
    }

    /// Starts a configuration from the defaults.
    pub fn builder(keys: KeyRing) -> VerifierBuilder {
        VerifierBuilder {
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

    fn of(config: VerifierBuilder) -> Self {
        let lifetime = config.max_lifetime.saturating_add(config.leeway);
        config.revocations.attach(&config.clock, lifetime);
        let cache = config.cache.map(|capacity| Arc::new(TokenCache::new(capacity)));
        Self { config: Arc::new(config), cache }
    }

    /// Verifies a token: the value of the header, byte for byte, nothing trimmed.
    ///
    /// # Errors
    ///
    /// The [`VerifyErrorKind`] of the first that fails of: form and encoding, algorithm, key, signature, the
    /// claims' JSON, `aud`, `iss`, `exp`, `nbf`, `iat`, lifetime, revocation.
    pub fn verify(&self, token: &[u8]) -> Result<VerifiedToken, VerifyError> {
        let config = &*self.config;
        let now = config.clock.since_epoch();
        let Some(cache) = &self.cache else {
            return config.verify(token, now, |_, _, _| ());
        };
        // What a cache can know of a token is what steps 1 to 3 would find: they depend on its bytes
        // and the keys alone. Steps 4 and 5 depend on the moment and are taken every time (a cached
        // verdict on `exp` let expired tokens in: Envoy issue 23278).
        if let Some(hit) = cache.get(token, |vouch| config.keys.still_vouches(vouch, now)) {
            config.check_times(hit.times, now)?;
            let (id, customer) = (hit.verified.token_id(), hit.verified.customer_id());
            config.check_not_revoked(id, customer, hit.times.iat)?;
            return Ok(hit.verified.clone());
        }
        config.verify(token, now, |verified, times, vouch| {
            cache.insert(token, verified, times, vouch);
        })
    }
}

/// Whom a token is for and from.
struct Parties<'a> {
    audiences: Option<&'a [Cow<'a, str>]>,
    issuer: Option<&'a str>,
}

impl Parties<'_> {
    const NONE: Self = Self { audiences: None, issuer: None };
}

impl VerifierBuilder {
    /// Sets how long after `exp` and before `nbf` a token is taken nevertheless. Default 0, at most
    /// 60 seconds.
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets how far ahead of this machine's clock `iat` may be. Default 5 seconds, at most 5
    /// minutes.
    pub const fn clock_skew(mut self, clock_skew: Duration) -> Self {
        self.clock_skew = clock_skew;
        self
    }

    /// Sets how long after its `iat` a token may expire. Default 24 hours, at least a second. A
    /// token made to live longer is refused from its first second on.
    pub const fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.max_lifetime = max_lifetime;
        self
    }

    /// Sets the forms that are accepted. Default both.
    pub fn forms(mut self, forms: &[TokenForm]) -> Self {
        self.forms = forms.to_vec();
        self
    }

    /// Adds an accepted audience; tokens must then name one in `aud`. Default none, and then a token
    /// that has an `aud` at all is refused, because it is for somebody else (RFC 7519 section 4.1.3).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the accepted issuer; tokens must then have exactly this `iss`. Default none, and then
    /// `iss` is ignored.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the list of revoked tokens. Default a private one in memory.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.revocations = revocations;
        self
    }

    /// Remembers this many verified tokens, so that their signature need not be checked again.
    /// Default none; at most 2^28.
    ///
    /// A token of up to 512 bytes counts as one, a longer one as one for each 512 bytes begun: so
    /// the texts never take more than 512 bytes times `tokens`, and each has some 200 bytes beside it.
    /// 16 bytes for each of `tokens` are allocated at once. Clones of the verifier share the cache.
    /// Before it is full, about one token in fifty thousand finds no place in it and is not remembered.
    ///
    /// A hit is answered as the token would be without a cache at that moment: its times, whether it
    /// is revoked, and whether its key is still in the ring are looked at every time. Only tokens that
    /// were accepted are remembered, by all of their bytes. Those that are used once do not push
    /// out those in use.
    ///
    /// Neither a hit nor a miss waits for another thread, but for the allocator's lock where a token
    /// that was pushed out is freed. A new token that finds another thread writing is not remembered
    /// this time.
    ///
    /// # When it pays
    ///
    /// - RS256, PS256, ES256, EdDSA: always, where tokens come more than once. A hit took a
    ///   seventieth of an RS256 verification, and less than a hundredth of an ES256 one.
    /// - HS256: only while the tokens in use at one time fit into the processor's nearer caches, at some
    ///   500 bytes each. A thousand do; ten thousand did not where `docs/performance.md` was measured.
    ///   Beyond, a hit waits for memory longer than an HMAC takes, and a cache is a loss.
    /// - A token that comes only once costs some four fifths more than without a cache, a forged one a
    ///   fourteenth.
    ///
    /// `cargo bench --all-features --bench cache`, in a clone of the repository, measures it on your machine.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::num::NonZeroUsize;
    /// # use tower_customer_auth::{ConfigError, KeyRing, Verifier};
    /// # fn verifier(keys: KeyRing) -> Result<Verifier, ConfigError> {
    /// let tokens = NonZeroUsize::new(1_000).expect("not zero");
    /// Verifier::builder(keys).cache(tokens).build()
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// The texts of good tokens stay in memory until others take their place, which may be long after
    /// they have expired. How long a miss takes depends, by nanoseconds, on whether a text ends as a token in
    /// the cache does: a part of a token belongs into logs as little as the whole.
    pub const fn cache(mut self, tokens: NonZeroUsize) -> Self {
        self.cache = Some(tokens);
        self
    }

    /// Sets the clock. Default [`CoarseClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::DurationOutOfRange`] for a leeway, clock skew or lifetime out of bounds,
    /// - [`ConfigError::NoTokenForms`] for an empty list of forms,
    /// - [`ConfigError::Empty`] for an empty audience or issuer.
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
        Ok(Verifier::of(self))
    }

    #[inline(always)]
    fn verify(
        &self,
        token: &[u8],
        now: Duration,
        keep: impl Fn(&VerifiedToken, Times, Vouch),
    ) -> Result<VerifiedToken, VerifyError> {
        // 1. Split and decode, in the one spelling of one form (RFC 7515 section 5.2, steps 1 to 6).
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let token = UnverifiedToken::parse(token, &mut header)?;
        if !self.forms.contains(&token.form()) {
            return Err(Malformed("the token's form is not accepted here").into());
        }

        // 2. The signature (steps 7 and 8). NB: until here nothing the token says may be believed;
        //    `alg` and `kid` only choose among what the key ring allows.
        let (decoded, vouch) = self.keys.verify(&token, now, || {
            let decoded = token.decode(&mut room)?;
            if self.revocations.is_large() {
                self.prefetch_revocation(&decoded);
            }
            Ok::<_, VerifyError>(decoded)
        })?;

        // The claims. They are ours from here on, unless one key serves several purposes, which is
        // what `aud` and `iss` are for.
        let json = decoded.unverified_claims;
        let Some(claims) = IssuedClaims::parse(json) else {
            return self.judge_any(json, now, &|verified, times| keep(verified, times, vouch));
        };
        let times = Times { exp: claims.exp, iat: claims.iat, nbf: 0 };
        self.judge(&Parties::NONE, times, now, || {
            let id = TokenId::from_uuid_bytes(claims.token_id);
            (id, CustomerId::from_uuid_bytes(claims.customer_id))
        })?;
        let verified = VerifiedToken::of_issued(&claims);
        keep(&verified, times, vouch);
        Ok(verified)
    }

    /// Has the memory that step 5 will ask brought near while the MAC is being made. NB: the token is not
    /// believed. Its id chooses an address to fetch from, and nothing is read there.
    #[inline(never)]
    fn prefetch_revocation(&self, decoded: &Decoded<'_>) {
        if let Some(id) = IssuedClaims::unverified_token_id(decoded.unverified_claims) {
            self.revocations.prefetch(id);
        }
    }

    /// Judges claims of any shape.
    #[inline(never)]
    fn judge_any(
        &self,
        json: &[u8],
        now: Duration,
        keep: &dyn Fn(&VerifiedToken, Times),
    ) -> Result<VerifiedToken, VerifyError> {
        let claims = Claims::parse_any(json)?;
        let parties =
            Parties { audiences: claims.audiences.as_deref(), issuer: claims.issuer.as_deref() };
        let times = Times::of(&claims);
        let ids = || (claims.token_id.clone(), claims.customer_id.clone());
        self.judge(&parties, times, now, ids)?;
        let verified = VerifiedToken::new(claims);
        keep(&verified, times);
        Ok(verified)
    }

    #[inline(always)]
    fn judge(
        &self,
        parties: &Parties<'_>,
        times: Times,
        now: Duration,
        ids: impl FnOnce() -> (TokenId, CustomerId),
    ) -> Result<(), VerifyError> {
        // 3. For whom the token is (RFC 7519 section 7.2, step 10).
        self.check_parties(parties)?;

        // 4. The times (RFC 7519 sections 4.1.4 to 4.1.6).
        self.check_times(times, now)?;

        // 5. Revocation comes last: only a token that is otherwise good is worth the look-up, and
        //    only ids that a key vouched for ever reach the list.
        if self.revocations.has_any() {
            let (id, customer) = ids();
            self.check_not_revoked(&id, &customer, times.iat)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn check_parties(&self, parties: &Parties<'_>) -> Result<(), VerifyErrorKind> {
        let for_us = match parties.audiences {
            None => self.audiences.is_empty(),
            Some(named) => named.iter().any(|name| self.audiences.iter().any(|ours| ours == name)),
        };
        if !for_us {
            return Err(VerifyErrorKind::WrongAudience);
        }
        // Compared whole, never as one of several (GHSA-75c5-xw7c-p5pm).
        if self.issuer.is_some() && self.issuer.as_deref() != parties.issuer {
            return Err(VerifyErrorKind::WrongIssuer);
        }
        Ok(())
    }

    /// Compares nanoseconds of 128 bits: no clock and no claim can overflow.
    #[inline(always)]
    fn check_times(&self, times: Times, now: Duration) -> Result<(), VerifyError> {
        let now = now.as_nanos();
        let [exp, iat] = [times.exp, times.iat].map(nanos);
        // "On or after which the JWT MUST NOT be accepted": `exp` itself is too late.
        if now >= exp + self.leeway.as_nanos() {
            return Err(VerifyErrorKind::Expired.into());
        }
        if now + self.leeway.as_nanos() < nanos(times.nbf) {
            return Err(VerifyErrorKind::NotYetValid.into());
        }
        if now + self.clock_skew.as_nanos() < iat {
            return Err(VerifyErrorKind::IssuedInFuture.into());
        }
        let lifetime = exp.checked_sub(iat).ok_or(Malformed("`exp` is before `iat`"))?;
        if lifetime > self.max_lifetime.as_nanos() {
            return Err(VerifyErrorKind::LifetimeTooLong.into());
        }
        Ok(())
    }

    #[inline(always)]
    fn check_not_revoked(
        &self,
        id: &TokenId,
        customer: &CustomerId,
        iat: u64,
    ) -> Result<(), VerifyErrorKind> {
        if self.revocations.is_revoked(id, customer, iat) {
            return Err(VerifyErrorKind::Revoked);
        }
        Ok(())
    }
}

#[inline(always)]
fn nanos(seconds: u64) -> u128 {
    u128::from(seconds) * 1_000_000_000
}
