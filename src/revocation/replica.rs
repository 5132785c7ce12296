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

use arc_swap::ArcSwapOption;
use papaya::HashMap;

use crate::clock::Clock;
use crate::clock::ceil_seconds;
use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::CutOff;
#[cfg(feature = "revocation-log")]
use crate::revocation::LogSize;
use crate::revocation::RevocationEntry;
use crate::revocation::RevokeError;
use crate::revocation::buckets::BUCKET_SECONDS;
use crate::revocation::freshness::Freshness;
use crate::revocation::tokens::Books;
use crate::revocation::tokens::Tokens;

/// Seconds that an entry outlives its token's `exp`: the most leeway a verifier can have.
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Places in tables that a revocation looks through for what has expired, while something has, and no
/// more than one table beyond: a short list is clean after one, and 10 million ids after 256, of some
/// hundreds of microseconds each.
const SWEEP_PLACES: usize = 8192;

/// Revoked tokens, sessions and customers.
pub(super) struct Replica {
    /// Bit set of what there is. While it is zero, a verification looks no further.
    known: AtomicU8,
    tokens: Tokens,
    sessions: Tokens,
    cut_offs: HashMap<CustomerId, CutOff>,
    everyone: ArcSwapOption<CutOff>,
    /// Of a list that follows a log.
    freshness: Option<Freshness>,
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
    session_books: Books,
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
const SESSIONS: u8 = 8;
const EVERYONE: u8 = 16;
/// The list follows a log, so that a question may have no answer.
const FOLLOWS: u8 = 32;

/// Token ids of which the filter alone no longer fits into a processor's nearest caches.
const LARGE_TOKENS: usize = 100_000;

impl Replica {
    pub(super) fn new(capacity: usize) -> Self {
        Self::with_freshness(capacity, None)
    }

    /// Creates the list of a follower.
    #[cfg(feature = "revocation-log")]
    pub(super) fn following(capacity: usize, freshness: Freshness) -> Self {
        Self::with_freshness(capacity, Some(freshness))
    }

    fn with_freshness(capacity: usize, freshness: Option<Freshness>) -> Self {
        let writer = Writer {
            books: Books::new(),
            session_books: Books::new(),
            dropped_at: 0,
            reserved: BTreeMap::new(),
        };
        Self {
            known: AtomicU8::new(if freshness.is_some() { FOLLOWS } else { 0 }),
            tokens: Tokens::new(),
            sessions: Tokens::new(),
            cut_offs: HashMap::new(),
            everyone: ArcSwapOption::empty(),
            freshness,
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

    /// Whether the list knows all revocations of the log, as far as a verifier may demand it.
    #[inline]
    pub(super) fn is_complete(&self, now: Duration) -> bool {
        self.known() & FOLLOWS == 0
            || self.freshness.as_ref().is_none_or(|freshness| freshness.is_fresh(now))
    }

    #[cfg(feature = "revocation-log")]
    pub(super) fn freshness(&self) -> Option<&Freshness> {
        self.freshness.as_ref()
    }

    pub(super) fn is_revoked(
        &self,
        token: &TokenId,
        session: &TokenId,
        customer: &CustomerId,
        login_at: u64,
    ) -> bool {
        let known = self.known();
        let is_known = |what: u8| known & what != 0;
        let is_before = |cut_off: CutOff| login_at < cut_off.valid_from;
        is_known(TOKENS) && self.tokens.contains(token)
            || is_known(SESSIONS) && self.sessions.contains(session)
            || is_known(CUT_OFFS) && self.customer_cut_off(customer).is_some_and(is_before)
            || is_known(EVERYONE) && self.everyone().is_some_and(is_before)
    }

    /// The cut-off of a customer, their own or everyone's.
    #[cfg(any(test, feature = "issuer"))]
    pub(super) fn cut_off(&self, customer: &CustomerId) -> Option<CutOff> {
        match (self.customer_cut_off(customer), self.everyone()) {
            (Some(own), Some(everyone)) => Some(own.and(everyone)),
            (own, everyone) => own.or(everyone),
        }
    }

    fn customer_cut_off(&self, customer: &CustomerId) -> Option<CutOff> {
        self.cut_offs.pin().get(customer).copied()
    }

    fn everyone(&self) -> Option<CutOff> {
        self.everyone.load().as_deref().copied()
    }

    /// Makes room for what a log is about to add, if there is nothing yet.
    #[cfg(feature = "revocation-log")]
    pub(super) fn reserve(&self, size: LogSize) {
        let _turn = self.turn();
        let parts = [(&self.tokens, size.tokens), (&self.sessions, size.sessions)];
        for (ids, count) in parts.into_iter().filter(|(_, count)| *count >= LARGE_TOKENS) {
            ids.reserve(count.min(self.capacity));
        }
    }

    /// Applies an entry. Returns whether the list has changed.
    pub(super) fn apply(&self, entry: &RevocationEntry) -> Result<bool, RevokeError> {
        match entry {
            RevocationEntry::Token { id, expires_at } => {
                self.revoke(id.clone(), ceil_seconds(since_epoch(*expires_at)))
            }
            RevocationEntry::Session { id, ends_at } => {
                self.revoke_session(id.clone(), ceil_seconds(since_epoch(*ends_at)))
            }
            RevocationEntry::Customer { id, cut_off } => self.revoke_customer(id.clone(), *cut_off),
            RevocationEntry::Everyone { cut_off } => Ok(self.revoke_everyone(*cut_off)),
        }
    }

    pub(super) fn revoke(&self, token: TokenId, exp: u64) -> Result<bool, RevokeError> {
        let mut writer = self.turn();
        let books = &mut writer.books;
        let added = self.tokens.add(books, token, exp / BUCKET_SECONDS, self.capacity);
        self.writing.ids.store(books.ids(), Ordering::Relaxed);
        self.know(if books.ids() < LARGE_TOKENS { TOKENS } else { TOKENS | LARGE });
        added.map_err(|_| RevokeError::full(self.capacity))
    }

    pub(super) fn revoke_session(&self, session: TokenId, end: u64) -> Result<bool, RevokeError> {
        let mut writer = self.turn();
        let books = &mut writer.session_books;
        let added = self.sessions.add(books, session, end / BUCKET_SECONDS, self.capacity);
        self.know(SESSIONS);
        added.map_err(|_| RevokeError::full(self.capacity))
    }

    pub(super) fn revoke_customer(
        &self,
        customer: CustomerId,
        cut_off: CutOff,
    ) -> Result<bool, RevokeError> {
        let _turn = self.turn();
        self.check_room(&customer)?;
        let known = self.customer_cut_off(&customer);
        let merged = known.unwrap_or(CutOff::NONE).and(cut_off);
        if known == Some(merged) {
            return Ok(false);
        }
        self.cut_offs.pin().insert(customer, merged);
        self.know(CUT_OFFS);
        Ok(true)
    }

    pub(super) fn revoke_everyone(&self, cut_off: CutOff) -> bool {
        let _turn = self.turn();
        let known = self.everyone();
        let merged = known.unwrap_or(CutOff::NONE).and(cut_off);
        if known == Some(merged) {
            return false;
        }
        self.everyone.store(Some(Arc::new(merged)));
        self.know(EVERYONE);
        true
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
        self.sessions.sweep(&mut writer.session_books, SWEEP_PLACES);
        self.writing.ids.store(writer.books.ids(), Ordering::Relaxed);
        if writer.books.is_empty() {
            self.forget(TOKENS | LARGE);
        }
        if writer.session_books.is_empty() {
            self.forget(SESSIONS);
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
        writer.session_books.expire(current);
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
