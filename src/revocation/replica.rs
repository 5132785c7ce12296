//! What this process knows of revocations, in a shape that readers never wait for.

use std::collections::BTreeMap;
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

use crate::clock::Clock;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::RevokeError;
use crate::revocation::buckets::BUCKET_SECONDS;
use crate::revocation::cut_off::CutOff;
use crate::revocation::tokens::Books;
use crate::revocation::tokens::Tokens;

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
    /// How many reservations there are for a customer. Each of these has an entry among the cut-offs,
    /// which is not dropped: the room that is reserved is the entry.
    reserved: BTreeMap<CustomerId, usize>,
}

/// Bits of what there is.
const TOKENS: u8 = 1;
const CUT_OFFS: u8 = 2;
const LARGE: u8 = 4;

/// Token ids of which the filter alone no longer fits into a processor's nearest caches.
const LARGE_TOKENS: usize = 100_000;

impl Replica {
    pub(super) fn new(capacity: usize) -> Self {
        let writer = Writer { books: Books::new(), dropped_at: 0, reserved: BTreeMap::new() };
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
        self.check_room(&customer)?;
        self.cut_offs.pin().update_or_insert(
            customer,
            |known| known.and(issued_before),
            CutOff::new(issued_before),
        );
        self.know(CUT_OFFS);
        Ok(())
    }

    /// Sets room aside for a customer's cut-off, until it is [released](Self::release_customer) as
    /// often as it was reserved.
    pub(super) fn reserve_customer(&self, customer: &CustomerId) -> Result<(), RevokeError> {
        let mut writer = self.turn();
        self.check_room(customer)?;
        self.cut_offs.pin().get_or_insert(customer.clone(), CutOff::NONE);
        *writer.reserved.entry(customer.clone()).or_default() += 1;
        Ok(())
    }

    pub(super) fn release_customer(&self, customer: &CustomerId) {
        let mut writer = self.turn();
        let Some(reservations) = writer.reserved.get_mut(customer) else {
            return;
        };
        *reservations -= 1;
        if *reservations > 0 {
            return;
        }
        writer.reserved.remove(customer);
        let cut_offs = self.cut_offs.pin();
        if cut_offs.get(customer) == Some(&CutOff::NONE) {
            cut_offs.remove(customer);
        }
    }

    /// Tells whether there is room for this customer's cut-off. Writers only, in turn.
    fn check_room(&self, customer: &CustomerId) -> Result<(), RevokeError> {
        let cut_offs = self.cut_offs.pin();
        if cut_offs.len() >= self.capacity && !cut_offs.contains_key(customer) {
            return Err(RevokeError::full(self.capacity));
        }
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
        let reserved = &writer.reserved;
        self.cut_offs
            .pin()
            .retain(|customer, cut_off| is_live(cut_off) || reserved.contains_key(customer));
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
