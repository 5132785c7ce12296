//! What this process knows of revocations, in a shape that readers never wait for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use papaya::HashMap;
use papaya::HashSet;

use super::RevokeError;
use crate::clock::Clock;
use crate::clock::ceil_seconds;
use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;

/// Seconds of expiry that share a bucket. Tokens of a day are spread over five at most, and every
/// look-up asks each of them.
const BUCKET_SECONDS: u64 = 6 * 60 * 60;

/// The most buckets, so that far and scattered expiries can't make each look-up long.
const MAX_BUCKETS: usize = 16;

/// Seconds that an entry outlives its token's `exp`: the most leeway a verifier can have.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(60);

pub(super) struct Replica {
    buckets: ArcSwap<Vec<Arc<Bucket>>>,
    cut_offs: HashMap<CustomerId, CutOff>,
    capacity: usize,
    clock: OnceLock<Arc<dyn Clock>>,
    /// Seconds from a token's `iat` to the moment no attached verifier takes it any more.
    lifetime: AtomicU64,
    /// Writers take turns, so that counting against the capacity is exact. Holds the bucket number
    /// at which expired entries were last dropped.
    writer: Mutex<u64>,
}

/// Where a customer's tokens begin to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutOff {
    /// The moment since 1970 of the latest revocation, as it was given.
    pub(crate) at: Duration,
    /// The first `iat` that is good: `at` rounded up, because `iat` counts whole seconds.
    pub(crate) valid_from: u64,
}

impl CutOff {
    const fn new(at: Duration) -> Self {
        Self { at, valid_from: ceil_seconds(at) }
    }

    /// The cut-off after one more revocation.
    fn and(self, at: Duration) -> Self {
        if at <= self.at {
            return self;
        }
        // A later one within the same second: tokens of between the two have the first one's end of
        // the second as their `iat`, and must be refused now.
        let valid_from = ceil_seconds(at).max(self.valid_from.saturating_add(1));
        Self { at, valid_from }
    }
}

struct Bucket {
    /// `exp / BUCKET_SECONDS` of the latest token inside.
    number: AtomicU64,
    ids: HashSet<TokenId>,
}

impl Bucket {
    fn number(&self) -> u64 {
        // Relaxed: only writers read it, and they take turns.
        self.number.load(Ordering::Relaxed)
    }
}

impl Replica {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            buckets: ArcSwap::default(),
            cut_offs: HashMap::new(),
            capacity,
            clock: OnceLock::new(),
            lifetime: AtomicU64::new(0),
            writer: Mutex::new(0),
        }
    }

    pub(super) fn attach(&self, clock: &Arc<dyn Clock>, lifetime: Duration) {
        let seconds = lifetime.as_secs().saturating_add(1);
        self.lifetime.fetch_max(seconds, Ordering::Relaxed);
        self.clock.get_or_init(|| Arc::clone(clock));
    }

    pub(super) fn is_revoked(&self, token: &TokenId, customer: &CustomerId, iat: u64) -> bool {
        self.buckets.load().iter().any(|bucket| bucket.ids.pin().contains(token))
            || self.cut_off(customer).is_some_and(|cut_off| iat < cut_off.valid_from)
    }

    pub(super) fn cut_off(&self, customer: &CustomerId) -> Option<CutOff> {
        self.cut_offs.pin().get(customer).copied()
    }

    pub(super) fn revoke(&self, token: TokenId, exp: u64) -> Result<(), RevokeError> {
        // A writer that panicked left at most an entry more or less, and each of those is whole.
        let mut dropped_at = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_expired(&mut dropped_at);
        if self.is_known(&token, exp) {
            return Ok(());
        }
        if self.token_count() >= self.capacity {
            return Err(RevokeError::full(self.capacity));
        }
        self.bucket(exp / BUCKET_SECONDS).ids.pin().insert(token);
        Ok(())
    }

    pub(super) fn revoke_customer(
        &self,
        customer: CustomerId,
        issued_before: Duration,
    ) -> Result<(), RevokeError> {
        let mut dropped_at = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_expired(&mut dropped_at);
        let customers = self.cut_offs.pin();
        if customers.len() >= self.capacity && !customers.contains_key(&customer) {
            return Err(RevokeError::full(self.capacity));
        }
        customers.update_or_insert(
            customer,
            |known| known.and(issued_before),
            CutOff::new(issued_before),
        );
        Ok(())
    }

    pub(super) fn token_count(&self) -> usize {
        self.buckets.load().iter().map(|bucket| bucket.ids.len()).sum()
    }

    pub(super) fn customer_count(&self) -> usize {
        self.cut_offs.len()
    }

    /// Whether the token already is in a bucket that lives long enough.
    fn is_known(&self, token: &TokenId, exp: u64) -> bool {
        let wanted = exp / BUCKET_SECONDS;
        let buckets = self.buckets.load();
        let mut long_enough = buckets.iter().filter(|bucket| bucket.number() >= wanted);
        long_enough.any(|bucket| bucket.ids.pin().contains(token))
    }

    /// The bucket of this number; when there are as many as there may be, the next later one, or
    /// else the latest, which then lives longer.
    fn bucket(&self, number: u64) -> Arc<Bucket> {
        let buckets = self.buckets.load_full();
        let later = buckets.iter().filter(|bucket| bucket.number() >= number);
        match later.min_by_key(|bucket| bucket.number()) {
            Some(bucket) if bucket.number() == number || buckets.len() >= MAX_BUCKETS => {
                Arc::clone(bucket)
            }
            None if buckets.len() >= MAX_BUCKETS => {
                // Invariant: MAX_BUCKETS is not zero, so there is one.
                let latest = buckets.iter().max_by_key(|bucket| bucket.number());
                let latest = latest.expect("there are buckets");
                latest.number.store(number, Ordering::Relaxed);
                Arc::clone(latest)
            }
            _ => {
                let bucket =
                    Arc::new(Bucket { number: AtomicU64::new(number), ids: HashSet::new() });
                let mut more = Vec::clone(&buckets);
                more.push(Arc::clone(&bucket));
                self.buckets.store(Arc::new(more));
                bucket
            }
        }
    }

    /// Drops what no verifier would accept anyhow, once a bucket's width.
    fn drop_expired(&self, dropped_at: &mut u64) {
        let Some(clock) = self.clock.get() else {
            return;
        };
        let now = since_epoch(clock.now());
        let current = now.saturating_sub(MAX_LEEWAY).as_secs() / BUCKET_SECONDS;
        if current <= *dropped_at {
            return;
        }
        *dropped_at = current;
        let buckets = self.buckets.load();
        let live = buckets.iter().filter(|bucket| bucket.number() >= current);
        self.buckets.store(Arc::new(live.cloned().collect()));
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        let is_live =
            |cut_off: &CutOff| cut_off.valid_from.saturating_add(lifetime) > now.as_secs();
        self.cut_offs.pin().retain(|_, cut_off| is_live(cut_off));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_epoch;
    use crate::revocation::RevokeErrorKind;
    use std::time::SystemTime;

    #[derive(Debug)]
    struct HandTurned(AtomicU64);

    impl Clock for HandTurned {
        fn now(&self) -> SystemTime {
            from_epoch(self.0.load(Ordering::Relaxed))
        }
    }

    const DAY: u64 = 86_400;
    const START: u64 = 100 * DAY;

    fn replica(capacity: usize) -> (Replica, Arc<HandTurned>) {
        let replica = Replica::new(capacity);
        let clock = Arc::new(HandTurned(AtomicU64::new(START)));
        let shared: Arc<dyn Clock> = clock.clone();
        replica.attach(&shared, Duration::from_secs(DAY));
        (replica, clock)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn token(text: &str) -> TokenId {
        text.parse().unwrap()
    }

    fn customer(text: &str) -> CustomerId {
        text.parse().unwrap()
    }

    #[test]
    fn a_revoked_token_is_refused_and_no_other() {
        let (replica, _) = replica(10);
        replica.revoke(token("t"), START + DAY).unwrap();
        assert!(replica.is_revoked(&token("t"), &customer("c"), START));
        for other in ["T", "t ", "tt", "s"].into_iter().filter_map(|text| text.parse().ok()) {
            assert!(!replica.is_revoked(&other, &customer("c"), START), "{other}");
        }
    }

    #[test]
    fn a_customers_tokens_are_refused_by_their_iat_and_the_cut_off_never_moves_back() {
        let (replica, _) = replica(10);
        replica.revoke_customer(customer("c"), seconds(START)).unwrap();
        replica.revoke_customer(customer("c"), seconds(START - 9)).unwrap();
        assert!(replica.is_revoked(&token("t"), &customer("c"), START - 1));
        assert!(!replica.is_revoked(&token("t"), &customer("c"), START));
        assert!(!replica.is_revoked(&token("t"), &customer("d"), START - 1));
    }

    #[test]
    fn a_cut_off_within_a_second_reaches_to_its_end() {
        let (replica, _) = replica(10);
        let within = seconds(START) + Duration::from_nanos(1);
        replica.revoke_customer(customer("c"), within).unwrap();
        assert!(replica.is_revoked(&token("t"), &customer("c"), START));
        assert!(!replica.is_revoked(&token("t"), &customer("c"), START + 1));
        let cut_off = CutOff { at: within, valid_from: START + 1 };
        assert_eq!(replica.cut_off(&customer("c")), Some(cut_off));
    }

    #[test]
    fn a_second_cut_off_in_the_same_second_reaches_what_was_issued_after_the_first() {
        let (replica, _) = replica(10);
        let at = |millis| Duration::from_millis(START * 1_000 + millis);
        for (millis, valid_from) in
            [(200, 1), (600, 2), (600, 2), (100, 2), (999, 3), (1_000, 4), (3_500, 5), (9_001, 10)]
        {
            replica.revoke_customer(customer("c"), at(millis)).unwrap();
            let cut_off = replica.cut_off(&customer("c")).unwrap();
            assert_eq!(cut_off.valid_from, START + valid_from, "after {millis} ms");
        }
    }

    #[test]
    fn expired_buckets_are_dropped_whole_and_none_before_its_last_token_has_expired() {
        let (replica, clock) = replica(10);
        let exp = START + DAY;
        replica.revoke(token("first"), exp).unwrap();
        replica.revoke_customer(customer("c"), seconds(START + 100)).unwrap();

        clock.0.store(exp + MAX_LEEWAY.as_secs(), Ordering::Relaxed);
        replica.revoke(token("second"), exp + DAY).unwrap();
        assert!(replica.is_revoked(&token("first"), &customer("d"), START));
        assert!(replica.is_revoked(&token("t"), &customer("c"), START));

        clock.0.store(exp + BUCKET_SECONDS + MAX_LEEWAY.as_secs(), Ordering::Relaxed);
        replica.revoke(token("third"), exp + DAY).unwrap();
        assert!(!replica.is_revoked(&token("first"), &customer("d"), START));
        assert!(!replica.is_revoked(&token("t"), &customer("c"), START));
        assert!(replica.is_revoked(&token("second"), &customer("d"), START));
        assert_eq!((replica.token_count(), replica.customer_count()), (2, 0));
    }

    #[test]
    fn a_full_list_refuses_more_and_keeps_what_it_has() {
        let (replica, clock) = replica(2);
        for text in ["a", "b", "a"] {
            replica.revoke(token(text), START + DAY).unwrap();
            replica.revoke_customer(customer(text), seconds(START)).unwrap();
        }
        let full = |result: Result<(), RevokeError>| result.unwrap_err().kind();
        assert_eq!(full(replica.revoke(token("c"), START + DAY)), RevokeErrorKind::Full);
        assert_eq!(
            full(replica.revoke_customer(customer("c"), seconds(START))),
            RevokeErrorKind::Full
        );
        assert!(replica.is_revoked(&token("a"), &customer("x"), START));
        assert!(!replica.is_revoked(&token("c"), &customer("c"), 0));

        clock.0.store(START + 3 * DAY, Ordering::Relaxed);
        replica.revoke(token("c"), START + 4 * DAY).unwrap();
        replica.revoke_customer(customer("c"), seconds(START + 3 * DAY)).unwrap();
        assert_eq!((replica.token_count(), replica.customer_count()), (1, 1));
    }

    #[test]
    fn scattered_expiries_share_buckets_and_none_is_dropped_early() {
        let (replica, clock) = replica(1000);
        let exp = |at: u64| START + at * 10 * DAY;
        for at in (1..=40).rev() {
            replica.revoke(token(&at.to_string()), exp(at)).unwrap();
        }
        assert_eq!(replica.buckets.load().len(), MAX_BUCKETS);
        for at in 1..=40 {
            clock.0.store(exp(at) - 1, Ordering::Relaxed);
            replica.revoke(token("now"), exp(at)).unwrap();
            for live in at..=40 {
                assert!(replica.is_revoked(&token(&live.to_string()), &customer("c"), 0));
            }
        }
    }

    #[test]
    fn revoking_again_with_a_later_expiry_lasts_until_the_later_one() {
        let (replica, clock) = replica(10);
        replica.revoke(token("t"), START + DAY).unwrap();
        replica.revoke(token("t"), START + 3 * DAY).unwrap();
        clock.0.store(START + 2 * DAY, Ordering::Relaxed);
        replica.revoke(token("other"), START + 3 * DAY).unwrap();
        assert!(replica.is_revoked(&token("t"), &customer("c"), 0));
    }
}
