//! Which ids expire together, and how many they are. For writers, who take turns.

use crate::revocation::tag::Tag;
use crate::revocation::tag::Tags;

/// Seconds of expiry that share a bucket.
pub(super) const BUCKET_SECONDS: u64 = 6 * 60 * 60;

/// The most buckets with live ids. There are about twice as many tags, so that some are free while the
/// ids of expired buckets are still being dropped.
pub(super) const MAX_BUCKETS: usize = 16;

/// Buckets of ids that expire together.
pub(super) struct Buckets {
    live: Vec<Bucket>,
    /// Tags of expired buckets, whose ids are still in the tables.
    doomed: Tags,
}

struct Bucket {
    tag: Tag,
    /// `exp / BUCKET_SECONDS` of the latest token inside.
    number: u64,
    ids: usize,
}

impl Buckets {
    pub(super) const fn new() -> Self {
        Self { live: Vec::new(), doomed: Tags::NONE }
    }

    /// The tags of ids that have expired.
    pub(super) const fn doomed(&self) -> Tags {
        self.doomed
    }

    /// How many ids have not expired.
    pub(super) fn ids(&self) -> usize {
        self.live.iter().map(|bucket| bucket.ids).sum()
    }

    /// The number of the bucket with this tag, unless it has expired.
    pub(super) fn number(&self, tag: Tag) -> Option<u64> {
        Some(self.live.iter().find(|bucket| bucket.tag == tag)?.number)
    }

    /// Moves an id from one bucket to another.
    pub(super) fn count(&mut self, from: Option<Tag>, to: Tag) {
        for bucket in &mut self.live {
            // An id of a doomed bucket was taken off when that bucket expired.
            bucket.ids -= usize::from(Some(bucket.tag) == from);
            bucket.ids += usize::from(bucket.tag == to);
        }
    }

    /// The tag for ids of this number: that of its bucket, or of a new one; when there are as many as
    /// there may be, that of the next later one, or else of the latest, which then lives longer.
    ///
    /// # Panics
    ///
    /// If it [`is_out_of_tags`](Self::is_out_of_tags).
    pub(super) fn tag(&mut self, number: u64) -> Tag {
        let is_at_most = self.live.len() >= MAX_BUCKETS;
        let later = self.live.iter().filter(|bucket| bucket.number >= number);
        match later.min_by_key(|bucket| bucket.number) {
            Some(bucket) if bucket.number == number || is_at_most => return bucket.tag,
            _ => {}
        }
        let latest = self.live.iter_mut().max_by_key(|bucket| bucket.number);
        if let Some(latest) = latest.filter(|_| is_at_most) {
            // Nothing is later than `number` here.
            latest.number = number;
            return latest.tag;
        }
        let used = self.used();
        let tag = Tag::all().find(|tag| !used.contains(*tag)).expect("a free tag");
        self.live.push(Bucket { tag, number, ids: 0 });
        tag
    }

    /// Whether so many buckets have expired, and not been [released](Self::release), that no tag may be
    /// left for a new one.
    pub(super) fn is_out_of_tags(&self) -> bool {
        let used = self.used();
        Tag::all().all(|tag| used.contains(tag))
    }

    /// Lets the buckets before this number expire.
    pub(super) fn expire(&mut self, current: u64) {
        let doomed = &mut self.doomed;
        self.live.retain(|bucket| {
            let is_live = bucket.number >= current;
            if !is_live {
                doomed.insert(bucket.tag);
            }
            is_live
        });
    }

    /// Takes back tags that no id has any more.
    pub(super) const fn release(&mut self, tags: Tags) {
        self.doomed.remove_all(tags);
    }

    fn used(&self) -> Tags {
        let mut used = self.doomed;
        self.live.iter().for_each(|bucket| used.insert(bucket.tag));
        used
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }
}
