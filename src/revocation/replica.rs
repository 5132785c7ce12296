//! What this process knows of revocations, in a shape that readers never wait for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use papaya::HashMap;

use super::RevokeError;
use super::buckets::BUCKET_SECONDS;
use super::cut_off::CutOff;
use super::tokens::Books;
use super::tokens::Tokens;
use crate::clock::Clock;
use crate::id::CustomerId;
use crate::id::TokenId;

/// Seconds that an entry outlives its token's `exp`: the most leeway a verifier can have.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Places in tables that a revocation looks through for what has expired, while something has, and no
/// more than one table beyond: a short list is clean after one, and 10 million ids after 256, of some
/// hundreds of microseconds each.
const SWEEP_PLACES: usize = 8192;

/// Revoked tokens and customers.
pub(super) struct Replica {
    /// Bit set of what there is. While it is zero, a verification looks no further.
    known: AtomicU8,
    tokens: Tokens,
    cut_offs: HashMap<CustomerId, CutOff>,
    capacity: usize,
    clock: OnceLock<Arc<dyn Clock>>,
    /// Seconds from a token's `iat` to the moment no attached verifier takes it any more.
    lifetime: AtomicU64,
    writing: Writing,
}

/// What only writers use, on cache lines of its own, so that readers don't feel them.
#[repr(align(128))]
struct Writing {
    /// Writers take turns, so that counting against the capacity is exact.
    turn: Mutex<Writer>,
    /// Ids that have not expired, for those who ask out of turn.
    ids: AtomicUsize,
}

struct Writer {
    books: Books,
    /// The bucket number at which expired entries were last dropped.
    dropped_at: u64,
}

/// Bits of what there is.
const TOKENS: u8 = 1;
const CUT_OFFS: u8 = 2;
const LARGE: u8 = 4;

/// Token ids of which the filter alone no longer fits into a processor's nearest caches.
const LARGE_TOKENS: usize = 100_000;

impl Replica {
    pub(super) fn new(capacity: usize) -> Self {
        let writer = Writer { books: Books::new(), dropped_at: 0 };
        Self {
            known: AtomicU8::new(0),
            tokens: Tokens::new(),
            cut_offs: HashMap::new(),
            capacity,
            clock: OnceLock::new(),
            lifetime: AtomicU64::new(0),
            writing: Writing { turn: Mutex::new(writer), ids: AtomicUsize::new(0) },
        }
    }

    pub(super) fn attach(&self, clock: &Arc<dyn Clock>, lifetime: Duration) {
        let seconds = lifetime.as_secs().saturating_add(1);
        self.lifetime.fetch_max(seconds, Ordering::Relaxed);
        self.clock.get_or_init(|| Arc::clone(clock));
    }

    #[inline]
    pub(super) fn has_any(&self) -> bool {
        self.known() != 0
    }

    #[inline]
    fn known(&self) -> u8 {
        // Relaxed: what it leads to has orderings of its own, and whoever learned that a revocation
        // has returned learned of this bit too.
        self.known.load(Ordering::Relaxed)
    }

    /// Whether a question waits for memory, unless the memory was asked for before.
    #[inline]
    pub(super) fn is_large(&self) -> bool {
        self.known() & LARGE != 0
    }

    pub(super) fn prefetch(&self, uuid: [u8; 16]) {
        self.tokens.prefetch(uuid);
    }

    pub(super) fn is_revoked(&self, token: &TokenId, customer: &CustomerId, iat: u64) -> bool {
        let known = self.known();
        let is_known = |what: u8| known & what != 0;
        is_known(TOKENS) && self.tokens.contains(token)
            || is_known(CUT_OFFS)
                && self.cut_off(customer).is_some_and(|cut_off| iat < cut_off.valid_from)
    }

    pub(super) fn cut_off(&self, customer: &CustomerId) -> Option<CutOff> {
        self.cut_offs.pin().get(customer).copied()
    }

    pub(super) fn revoke(&self, token: TokenId, exp: u64) -> Result<(), RevokeError> {
        let mut writer = self.turn();
        let books = &mut writer.books;
        let added = self.tokens.add(books, token, exp / BUCKET_SECONDS, self.capacity);
        self.writing.ids.store(books.ids(), Ordering::Relaxed);
        self.know(if books.ids() < LARGE_TOKENS { TOKENS } else { TOKENS | LARGE });
        added.map_err(|_| RevokeError::full(self.capacity))
    }

    pub(super) fn revoke_customer(
        &self,
        customer: CustomerId,
        issued_before: Duration,
    ) -> Result<(), RevokeError> {
        let _turn = self.turn();
        let customers = self.cut_offs.pin();
        if customers.len() >= self.capacity && !customers.contains_key(&customer) {
            return Err(RevokeError::full(self.capacity));
        }
        customers.update_or_insert(
            customer,
            |known| known.and(issued_before),
            CutOff::new(issued_before),
        );
        self.know(CUT_OFFS);
        Ok(())
    }

    pub(super) fn token_count(&self) -> usize {
        self.writing.ids.load(Ordering::Relaxed)
    }

    pub(super) fn customer_count(&self) -> usize {
        self.cut_offs.len()
    }

    /// Waits for other writers, and tidies up.
    fn turn(&self) -> MutexGuard<'_, Writer> {
        // A writer that panicked left at most an entry more or less, and each of those is whole.
        let mut writer = self.writing.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_expired(&mut writer);
        self.tokens.sweep(&mut writer.books, SWEEP_PLACES);
        self.writing.ids.store(writer.books.ids(), Ordering::Relaxed);
        if writer.books.is_empty() {
            self.forget(TOKENS | LARGE);
        }
        writer
    }

    /// Gives up what no verifier would accept anyhow, once a bucket's width.
    fn drop_expired(&self, writer: &mut Writer) {
        let Some(clock) = self.clock.get() else {
            return;
        };
        let now = clock.since_epoch();
        let current = now.saturating_sub(MAX_LEEWAY).as_secs() / BUCKET_SECONDS;
        if current <= writer.dropped_at {
            return;
        }
        writer.dropped_at = current;
        writer.books.expire(current);
        let lifetime = self.lifetime.load(Ordering::Relaxed);
        let is_live =
            |cut_off: &CutOff| cut_off.valid_from.saturating_add(lifetime) > now.as_secs();
        self.cut_offs.pin().retain(|_, cut_off| is_live(cut_off));
        if self.cut_offs.is_empty() {
            self.forget(CUT_OFFS);
        }
    }

    /// Tells readers that there is something to look up. Writers only, in turn.
    fn know(&self, what: u8) {
        self.tell(self.known.load(Ordering::Relaxed) | what);
    }

    /// Tells readers that there is nothing to look up any more. Writers only, in turn.
    fn forget(&self, what: u8) {
        self.tell(self.known.load(Ordering::Relaxed) & !what);
    }

    fn tell(&self, known: u8) {
        // Stored only when it changes: a store takes the cache line from the readers.
        if known != self.known.load(Ordering::Relaxed) {
            self.known.store(known, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(super) fn bucket_count(&self) -> usize {
        self.turn().books.buckets()
    }
}
