//! The steps of verification, in the order of RFC 7519 section 7.2.

use std::borrow::Cow;
use std::time::Duration;

use crate::id::CustomerId;
use crate::id::TokenId;
use crate::key::LiveKeys;
use crate::revocation::RevocationStatus;
use crate::token::Claims;
use crate::token::HeaderRoom;
use crate::token::IssuedClaims;
use crate::token::Malformed;
use crate::token::Parts;
use crate::token::Room;
use crate::verify::VerifiedToken;
use crate::verify::VerifyError;
use crate::verify::VerifyErrorKind;
use crate::verify::cache::TokenCache;
use crate::verify::config::Config;
use crate::verify::times::Times;

/// The audiences and the issuer that a token names.
struct Parties<'a> {
    audiences: Option<&'a [Cow<'a, str>]>,
    issuer: Option<&'a str>,
}

/// What a revocation can name.
struct Subjects {
    token: TokenId,
    /// `None` for a token that is its own session.
    session: Option<TokenId>,
    customer: CustomerId,
}

impl Parties<'_> {
    const NONE: Self = Self { audiences: None, issuer: None };
}

impl Config {
    #[inline(always)]
    pub(super) fn verify(&self, text: &[u8]) -> Result<VerifiedToken, VerifyError> {
        if let Some(cache) = &self.cache {
            return self.verify_with(cache, text);
        }
        let now = self.clock.since_epoch();
        let keys = self.keys.live_at(now);
        self.verify_signed(self.split(text)?, &keys, now)
    }

    /// Verifies a token, with a cached fingerprint in place of the signature check.
    // A separate function, because its variables would slow down `verify`.
    #[inline(never)]
    fn verify_with(&self, cache: &TokenCache, text: &[u8]) -> Result<VerifiedToken, VerifyError> {
        // First, because the prefetched memory takes long to arrive.
        let Some(place) = cache.place(text) else {
            return Err(Malformed("the token does not have three parts").into());
        };
        let now = self.clock.since_epoch();
        let keys = self.keys.live_at(now);
        let parts = self.split(text)?;
        let mut room = Room::new();
        let claims = parts.decode_claims(&mut room)?;
        self.prefetch_revocation(claims);
        let fingerprint = place.fingerprint(keys.version(), text);
        // These keys have verified exactly these bytes.
        if place.contains(fingerprint, now) {
            return self.check_claims(claims, now);
        }
        let verified = self.verify_unknown(parts, &keys, now)?;
        // Only a token that passes every check is stored.
        place.insert(keys.version(), fingerprint, now);
        Ok(verified)
    }

    #[inline(never)]
    fn verify_unknown(
        &self,
        parts: Parts<'_>,
        keys: &LiveKeys,
        now: Duration,
    ) -> Result<VerifiedToken, VerifyError> {
        self.verify_signed(parts, keys, now)
    }

    /// 1. Splits the token, and rejects a form that is not accepted.
    ///
    /// Splitting and decoding accept exactly one spelling of each form (RFC 7515 section 5.2, steps
    /// 1 to 6).
    #[inline(always)]
    fn split<'t>(&self, text: &'t [u8]) -> Result<Parts<'t>, VerifyError> {
        let parts = Parts::split(text)?;
        if !self.forms.contains(&parts.form()) {
            return Err(Malformed("the token's form is not accepted here").into());
        }
        Ok(parts)
    }

    /// 2. Verifies the signature (steps 7 and 8), and then the claims. NB: nothing in the token is
    ///    trusted before that.
    #[inline(always)]
    fn verify_signed(
        &self,
        parts: Parts<'_>,
        keys: &LiveKeys,
        now: Duration,
    ) -> Result<VerifiedToken, VerifyError> {
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let token = parts.read_header(&mut header)?;
        // `alg` and `kid` only select among the keys that the key ring allows.
        let decoded = keys.verify(&token, || {
            let decoded = token.decode(&mut room)?;
            self.prefetch_revocation(decoded.unverified_claims);
            Ok::<_, VerifyError>(decoded)
        })?;
        self.check_claims(decoded.unverified_claims, now)
    }

    /// Prefetches the memory that step 5 reads, while the signature is checked. NB: the token is
    /// not trusted yet. Its id only selects an address to prefetch; nothing is read there.
    #[inline(always)]
    fn prefetch_revocation(&self, unverified_claims: &[u8]) {
        if self.revocations.is_large()
            && let Some(id) = IssuedClaims::unverified_token_id(unverified_claims)
        {
            self.revocations.prefetch(id);
        }
    }

    /// Checks the claims. The caller has verified the signature.
    #[inline(always)]
    fn check_claims(&self, json: &[u8], now: Duration) -> Result<VerifiedToken, VerifyError> {
        match IssuedClaims::parse(json) {
            Some(claims) => self.check_issued_claims(&claims, now),
            None if IssuedClaims::may_be_refreshed(json) => self.check_refreshed_claims(json, now),
            // Other claims occur if one key serves several purposes, which `aud` and `iss` tell
            // apart.
            None => self.check_any_claims(json, now),
        }
    }

    /// Checks the claims of a refreshed token.
    // A separate function, because its variables would slow down `check_claims`.
    #[inline(never)]
    fn check_refreshed_claims(
        &self,
        json: &[u8],
        now: Duration,
    ) -> Result<VerifiedToken, VerifyError> {
        match IssuedClaims::parse_refreshed(json) {
            Some(claims) => self.check_issued_claims(&claims, now),
            None => self.check_any_claims(json, now),
        }
    }

    /// Checks claims of our own issuer: the fast path.
    #[inline(always)]
    fn check_issued_claims(
        &self,
        claims: &IssuedClaims<'_>,
        now: Duration,
    ) -> Result<VerifiedToken, VerifyError> {
        let auth_time = claims.authenticated_at();
        let times = Times { exp: claims.exp, iat: claims.iat, nbf: 0, auth_time };
        self.check(&Parties::NONE, times, now, || Subjects {
            token: TokenId::from_uuid_bytes(claims.token_id),
            session: claims.session.map(|session| TokenId::from_uuid_bytes(session.id)),
            customer: CustomerId::from_uuid_bytes(claims.customer_id),
        })?;
        Ok(VerifiedToken::of_issued(claims))
    }

    /// Checks claims of any shape.
    #[inline(never)]
    fn check_any_claims(&self, json: &[u8], now: Duration) -> Result<VerifiedToken, VerifyError> {
        let claims = Claims::parse_any(json)?;
        let parties =
            Parties { audiences: claims.audiences.as_deref(), issuer: claims.issuer.as_deref() };
        let times = Times::of(&claims);
        let subjects = || Subjects {
            token: claims.token_id.clone(),
            session: claims.session_id.clone(),
            customer: claims.customer_id.clone(),
        };
        self.check(&parties, times, now, subjects)?;
        Ok(VerifiedToken::new(claims))
    }

    #[inline(always)]
    fn check(
        &self,
        parties: &Parties<'_>,
        times: Times,
        now: Duration,
        subjects: impl FnOnce() -> Subjects,
    ) -> Result<(), VerifyError> {
        // 3. Audience and issuer (RFC 7519 section 7.2, step 10).
        self.check_parties(parties)?;

        // 4. The times (RFC 7519 sections 4.1.4 to 4.1.6).
        self.check_times(times, now)?;

        // 5. Revocation comes last: only a token that passes the other checks is worth the lookup,
        //    and only ids with a verified signature reach the list.
        if self.revocations.has_any() {
            self.check_not_revoked(&subjects(), times.auth_time, now)?;
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

    /// Compares 128-bit nanoseconds: neither the clock nor a claim can overflow.
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
        // A cut-off is compared with `auth_time`: a later one than `iat` would make the login younger
        // than its token.
        if times.auth_time > times.iat {
            return Err(Malformed("`auth_time` is after `iat`").into());
        }
        Ok(())
    }

    #[inline(always)]
    fn check_not_revoked(
        &self,
        subjects: &Subjects,
        login_at: u64,
        now: Duration,
    ) -> Result<(), VerifyErrorKind> {
        let Subjects { token, session, customer } = subjects;
        // A login is a session of one token.
        let session = session.as_ref().unwrap_or(token);
        match self.revocations.status(token, session, customer, login_at, now) {
            RevocationStatus::Live => Ok(()),
            RevocationStatus::Revoked => Err(VerifyErrorKind::Revoked),
            RevocationStatus::Unknown => Err(VerifyErrorKind::UnknownRevocationStatus),
        }
    }
}

#[inline(always)]
fn nanos(seconds: u64) -> u128 {
    u128::from(seconds) * 1_000_000_000
}
