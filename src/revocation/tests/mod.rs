//! Tests of the replica from inside.

mod against_a_map;
#[cfg(feature = "revocation-log")]
mod follower;
mod replica;
mod reservation;
#[cfg(feature = "revocation-log")]
mod scripted_log;
mod spread;
mod threads;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use super::replica::Replica;
use crate::clock::Clock;
use crate::clock::from_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;

const DAY: u64 = 86_400;
const START: u64 = 100 * DAY;

#[derive(Debug)]
struct HandTurned(AtomicU64);

impl HandTurned {
    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for HandTurned {
    fn now(&self) -> SystemTime {
        from_epoch(self.0.load(Ordering::Relaxed))
    }
}

fn replica(capacity: usize) -> (Replica, Arc<HandTurned>) {
    let replica = Replica::new(capacity);
    let clock = Arc::new(HandTurned(AtomicU64::new(START)));
    let shared: Arc<dyn Clock> = clock.clone();
    replica.attach(&shared, Duration::from_secs(DAY));
    (replica, clock)
}

/// Whether a token is revoked that is a session of its own.
fn is_revoked(replica: &Replica, token: &TokenId, customer: &CustomerId, login_at: u64) -> bool {
    replica.is_revoked(token, token, customer, login_at)
}

/// Words without a pattern, the same in each run (SplitMix64).
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
