//! A table of ids that are no UUIDs.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::id::TokenId;
use crate::revocation::shards::Entry;
use crate::revocation::shards::Table;
use crate::revocation::shards::place;
use crate::revocation::tag::Tag;

/// Table of ids of any form, compared whole.
pub(super) struct TextTable {
    places: Box<[OnceLock<Text>]>,
    /// Ids in the table. Only writers read it, and they take turns: relaxed is enough.
    ids: AtomicUsize,
}

struct Text {
    hash: u64,
    id: TokenId,
    /// Relaxed wherever it is used: readers ask only whether there is a text.
    tag: AtomicU64,
}

/// Of four places three are taken at most, so that a search is over after a few.
const fn room(places: usize) -> usize {
    places / 4 * 3
}

impl Table for TextTable {
    type Id = TokenId;

    fn with_room_for(ids: usize) -> Self {
        let places = ids.div_ceil(3) * 4;
        Self { places: (0..places).map(|_| OnceLock::new()).collect(), ids: AtomicUsize::new(0) }
    }

    /// Such ids are few.
    fn prefetch(&self, _hash: u64) {}

    fn has_room(&self) -> bool {
        self.ids.load(Ordering::Relaxed) < room(self.places.len())
    }

    fn places(&self) -> usize {
        self.places.len()
    }

    fn tag(&self, hash: u64, id: &TokenId) -> Option<Tag> {
        Tag::in_word(self.find(hash, id)?.tag.load(Ordering::Relaxed))
    }

    fn put(&self, entry: Entry<TokenId>) {
        let free = self.places_from(entry.hash).find(|place| place.get().is_none());
        // Invariant: whoever puts has asked for room, and `room` is less than there are places.
        let free = free.expect("a table with room has a free place");
        let tag = AtomicU64::new(entry.tag.bits());
        free.get_or_init(|| Text { hash: entry.hash, id: entry.id, tag });
        self.ids.fetch_add(1, Ordering::Relaxed);
    }

    fn retag(&self, hash: u64, id: &TokenId, tag: Tag) {
        if let Some(text) = self.find(hash, id) {
            text.tag.store(tag.bits(), Ordering::Relaxed);
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry<TokenId>> {
        self.places.iter().filter_map(OnceLock::get).filter_map(|text| {
            let tag = Tag::in_word(text.tag.load(Ordering::Relaxed))?;
            Some(Entry { hash: text.hash, id: text.id.clone(), tag })
        })
    }
}

impl TextTable {
    fn find(&self, hash: u64, id: &TokenId) -> Option<&Text> {
        self.places_from(hash)
            .map_while(OnceLock::get)
            .find(|text| text.hash == hash && text.id == *id)
    }

    /// Every place once, beginning with the hash's own.
    fn places_from(&self, hash: u64) -> impl Iterator<Item = &OnceLock<Text>> {
        let (before, from) = self.places.split_at(place(hash, self.places.len()));
        from.iter().chain(before)
    }
}
