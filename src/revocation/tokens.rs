//! The set of revoked token ids, and their expiry.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::OnceLock;

use crate::id::TokenId;
use crate::revocation::buckets::Buckets;
use crate::revocation::scramble::Scramble;
use crate::revocation::shards::Cursor;
use crate::revocation::shards::Entry;
use crate::revocation::shards::Retired;
use crate::revocation::shards::Shards;
use crate::revocation::shards::Table;
use crate::revocation::tag::Tags;
use crate::revocation::texts::TextTable;
use crate::revocation::uuids::UuidTable;

/// Exact set of token ids.
///
/// # Memory
///
/// A UUID takes 19 to 22 bytes once there are 100 000, however many there are and whenever they
/// expire. Another id takes some 70, and its text.
///
/// # Time
///
/// A look-up takes the same few steps among 10 ids as among 10 million. What changes is where the
/// memory is that it looks at: one cache line of a filter for almost all ids that are not in the set,
/// and then one or two of ids.
///
/// An addition copies a 256th of the set at most, whatever has to grow.
pub(super) struct Tokens {
    scramble: OnceLock<Scramble>,
    uuids: Shards<UuidTable>,
    text_hash: RandomState,
    texts: Shards<TextTable>,
}

/// What the one who adds to the set has to know beside it.
pub(super) struct Books {
    buckets: Buckets,
    /// The walk that drops the ids of expired buckets, while there are any.
    sweep: Option<Sweep>,
    retired_uuids: Retired<UuidTable>,
    retired_texts: Retired<TextTable>,
}

struct Sweep {
    /// The tags that no id has any more when the walk is over.
    tags: Tags,
    uuids: Cursor,
    texts: Cursor,
}

/// The set has as many ids as it may.
#[derive(Debug)]
pub(super) struct Full;

impl Tokens {
    pub(super) fn new() -> Self {
        Self {
            scramble: OnceLock::new(),
            uuids: Shards::new(),
            text_hash: RandomState::new(),
            texts: Shards::new(),
        }
    }

    pub(super) fn contains(&self, token: &TokenId) -> bool {
        match (token.as_uuid_bytes(), self.scramble.get()) {
            (Some(uuid), Some(scramble)) => {
                let (hash, tail) = scramble.apply(*uuid);
                self.uuids.contains(hash, &tail)
            }
            // Nobody has added a UUID yet.
            (Some(_), None) => false,
            (None, _) => self.texts.contains(self.text_hash.hash_one(token), token),
        }
    }

    /// Brings near the memory that a question about this UUID will look at.
    pub(super) fn prefetch(&self, uuid: [u8; 16]) {
        if let Some(scramble) = self.scramble.get() {
            self.uuids.prefetch(scramble.apply(uuid).0);
        }
    }

    /// Makes room for so many UUIDs, if there are none yet.
    pub(super) fn reserve(&self, uuids: usize) {
        self.scramble.get_or_init(Scramble::random);
        self.uuids.reserve(uuids);
    }

    /// Adds an id to the bucket of this number, or moves it there from an earlier one. Returns
    /// whether it was not there, or in an earlier one.
    pub(super) fn add(
        &self,
        books: &mut Books,
        token: TokenId,
        number: u64,
        capacity: usize,
    ) -> Result<bool, Full> {
        if books.buckets.is_out_of_tags() {
            self.sweep(books, usize::MAX);
        }
        let buckets = &mut books.buckets;
        if let Some(uuid) = token.as_uuid_bytes() {
            let (hash, tail) = self.scramble.get_or_init(Scramble::random).apply(*uuid);
            let retired = &mut books.retired_uuids;
            add(&self.uuids, retired, buckets, (hash, tail), number, capacity)
        } else {
            let hash = self.text_hash.hash_one(&token);
            let retired = &mut books.retired_texts;
            add(&self.texts, retired, buckets, (hash, token), number, capacity)
        }
    }

    /// Drops ids of expired buckets, until about so many `places` have been seen, and one table more.
    pub(super) fn sweep(&self, books: &mut Books, mut places: usize) {
        books.retired_uuids.free_unread();
        books.retired_texts.free_unread();
        loop {
            let doomed = books.buckets.doomed();
            if doomed.is_empty() {
                return;
            }
            let sweep = books.sweep.get_or_insert_with(|| Sweep::of(doomed));
            // What has expired since the walk began is dropped too where it comes by, and for the rest
            // there is another walk.
            let is_over =
                self.uuids.sweep(&mut sweep.uuids, doomed, &mut places, &mut books.retired_uuids)
                    && self.texts.sweep(
                        &mut sweep.texts,
                        doomed,
                        &mut places,
                        &mut books.retired_texts,
                    );
            if !is_over {
                return;
            }
            books.buckets.release(sweep.tags);
            books.sweep = None;
        }
    }
}

fn add<T: Table>(
    set: &Shards<T>,
    retired: &mut Retired<T>,
    buckets: &mut Buckets,
    (hash, id): (u64, T::Id),
    number: u64,
    capacity: usize,
) -> Result<bool, Full> {
    let known = set.tag(hash, &id);
    let lives_until = known.and_then(|tag| buckets.number(tag));
    if lives_until >= Some(number) {
        return Ok(false);
    }
    if lives_until.is_none() && buckets.ids() >= capacity {
        return Err(Full);
    }
    let tag = buckets.tag(number);
    buckets.count(known, tag);
    if known.is_some() {
        set.retag(hash, &id, tag);
    } else {
        set.put(Entry { hash, id, tag }, buckets.doomed(), retired);
    }
    Ok(true)
}

impl Books {
    pub(super) const fn new() -> Self {
        Self {
            buckets: Buckets::new(),
            sweep: None,
            retired_uuids: Retired::new(),
            retired_texts: Retired::new(),
        }
    }

    /// How many ids have not expired.
    pub(super) fn ids(&self) -> usize {
        self.buckets.ids()
    }

    /// Whether the tables are empty.
    pub(super) fn is_empty(&self) -> bool {
        self.ids() == 0 && self.is_clean()
    }

    /// Whether the tables have no ids of expired buckets.
    pub(super) fn is_clean(&self) -> bool {
        self.buckets.doomed().is_empty()
    }

    /// Lets the buckets before this number expire.
    pub(super) fn expire(&mut self, current: u64) {
        self.buckets.expire(current);
    }

    #[cfg(test)]
    pub(super) fn buckets(&self) -> usize {
        self.buckets.len()
    }
}

impl Sweep {
    fn of(tags: Tags) -> Self {
        Self { tags, uuids: Cursor::default(), texts: Cursor::default() }
    }
}
