//! The authorization codes that have been used: each is used once.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use sha2::Digest;
use sha2::Sha256;
use tokio::time::Instant;

/// Hashes of the codes sent to their provider in the last ten minutes.
///
/// RFC 6749 section 4.1.2 limits a code to ten minutes, so the provider rejects older ones. It
/// rejects any second use too, but treats it as theft, and may then revoke the session of the first
/// use.
pub(crate) struct SpentCodes {
    spent: Mutex<Spent>,
    capacity: usize,
}

#[derive(Default)]
struct Spent {
    codes: HashSet<CodeHash>,
    /// Oldest first.
    order: VecDeque<(Instant, CodeHash)>,
}

type CodeHash = [u8; 32];

impl SpentCodes {
    /// Creates a list of at most `capacity` codes. Beyond that the oldest is dropped: rejecting all
    /// logins would help an attacker more than a replay that the provider rejects.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { spent: Mutex::default(), capacity }
    }

    /// Returns whether a client's code was spent.
    pub(crate) fn contains(&self, client_id: &str, code: &str) -> bool {
        let hash = hash(client_id, code);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.forget_before(Instant::now());
        spent.codes.contains(&hash)
    }

    /// Spends a client's code. Returns `true` to exactly one of several callers.
    pub(crate) fn spend(&self, client_id: &str, code: &str) -> bool {
        let hash = hash(client_id, code);
        let now = Instant::now();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.forget_before(now);
        if !spent.codes.insert(hash) {
            return false;
        }
        spent.order.push_back((now, hash));
        if spent.order.len() > self.capacity {
            spent.forget_oldest();
        }
        true
    }
}

impl Spent {
    fn forget_before(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(at, _)| now.duration_since(*at) >= REMEMBERED) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, hash)) = self.order.pop_front() {
            self.codes.remove(&hash);
        }
    }
}

impl fmt::Debug for SpentCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpentCodes").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// Two providers may issue the same code, so the client is hashed too.
fn hash(client_id: &str, code: &str) -> CodeHash {
    let mut hash = Sha256::new();
    hash.update((client_id.len() as u64).to_be_bytes());
    hash.update(client_id);
    hash.update(code);
    hash.finalize().into()
}

const REMEMBERED: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_code_is_spent_once_in_ten_minutes() {
        let codes = SpentCodes::new(10);
        assert!(!codes.contains("client", "code"));
        assert!(codes.spend("client", "code"));
        assert!(codes.contains("client", "code"));
        assert!(!codes.spend("client", "code"));
        tokio::time::advance(REMEMBERED - Duration::from_millis(1)).await;
        assert!(!codes.spend("client", "code"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!codes.contains("client", "code"));
        assert!(codes.spend("client", "code"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_codes_of_two_clients_are_two_codes() {
        let codes = SpentCodes::new(10);
        assert!(codes.spend("ab", "c"));
        assert!(codes.spend("a", "bc"));
        assert!(!codes.spend("a", "bc"));
    }

    #[tokio::test(start_paused = true)]
    async fn remembers_as_many_as_it_may_and_forgets_the_oldest_first() {
        let codes = SpentCodes::new(2);
        assert!(codes.spend("client", "1") && codes.spend("client", "2"));
        assert!(codes.spend("client", "3"));
        assert!(!codes.spend("client", "2") && !codes.spend("client", "3"));
        assert!(codes.spend("client", "1"));
        let spent = codes.spent.lock().unwrap();
        assert_eq!((spent.codes.len(), spent.order.len()), (2, 2));
    }
}
