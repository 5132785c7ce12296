//! The worst a reader meets: alone, beside a writer at full speed, and while buckets expire.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::Verifier;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::is_revoked;

use crate::lists;
use crate::support::tokens;

const BUCKET: Duration = Duration::from_secs(6 * 60 * 60);

/// Buckets of the list, each of which expires once.
const BUCKETS: u64 = 4;

/// What the writer does meanwhile.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Insertions,
    Expiry,
}

/// Measures look-ups one by one, in turns of each kind, so that all see the same moods of the machine.
/// The clock that measures is in each figure.
pub(crate) fn measure(size: usize) {
    let start = SystemTime::UNIX_EPOCH + 1_000 * BUCKET;
    let clock = Arc::new(ManualClock::at(start));
    let list = Revocations::in_memory_with_capacity(2 * size);
    let builder = Verifier::builder(KeyRing::new(tokens::key())).clock(clock.clone());
    // The verifier is what gives the list its clock.
    let _verifier = builder.revocations(list.clone()).build().unwrap();
    let long = start + (BUCKETS as u32 + 1) * BUCKET;
    for at in 0..size as u64 {
        // Half of the list lives longer than the measurement.
        let exp = if at % 2 == 0 { long } else { start + (at / 2 % BUCKETS) as u32 * BUCKET };
        lists::revoke(&list, &lists::known(at), exp);
    }
    let kinds = [
        ("alone", Beside::Nothing),
        ("beside insertions at full speed", Beside::Insertions),
        ("while a bucket expires", Beside::Expiry),
    ];
    let mut times: [Vec<u32>; 3] = Default::default();
    let mut additions = [(0, Duration::ZERO); 3];
    let fresh = AtomicU64::new(1 << 30);
    for bucket in 1..=BUCKETS as u32 {
        for (at, (_, beside)) in kinds.iter().enumerate() {
            let write = |stop: &AtomicBool| {
                let mut longest = Duration::ZERO;
                let mut count = 0;
                if let Beside::Expiry = beside {
                    clock.set(start + bucket * BUCKET + Duration::from_secs(61));
                }
                while !stop.load(Ordering::Relaxed) {
                    if let Beside::Nothing = beside {
                        thread::park_timeout(Duration::from_millis(1));
                        continue;
                    }
                    let id = lists::known(fresh.fetch_add(1, Ordering::Relaxed));
                    let begun = Instant::now();
                    lists::revoke(&list, &id, long);
                    longest = longest.max(begun.elapsed());
                    count += 1;
                }
                (count, longest)
            };
            let stop = AtomicBool::new(false);
            let (count, longest) = thread::scope(|scope| {
                let writer = scope.spawn(|| write(&stop));
                read(&list, &mut times[at], size as u64);
                stop.store(true, Ordering::Relaxed);
                writer.join().unwrap()
            });
            additions[at].0 += count;
            additions[at].1 = additions[at].1.max(longest);
        }
    }
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>10}  (ns)",
        "a look-up", "median", "p99", "p99.9", "longest"
    );
    for (at, (name, _)) in kinds.iter().enumerate() {
        let times = &mut times[at];
        times.sort_unstable();
        let quantile = |of_1000: usize| times[(times.len() - 1) * of_1000 / 1000];
        println!(
            "{name:<44} {:>8} {:>8} {:>8} {:>10}  {} additions, the longest {:?}",
            quantile(500),
            quantile(990),
            quantile(999),
            quantile(1000),
            additions[at].0,
            additions[at].1,
        );
    }
}

fn read(list: &Revocations, times: &mut Vec<u32>, size: u64) {
    let customer: CustomerId = tokens::CUSTOMER.parse().unwrap();
    let turn = Duration::from_millis(if crate::is_smoke() { 5 } else { 1000 });
    let begun = Instant::now();
    let mut at = times.len() as u64;
    while begun.elapsed() < turn {
        // One of two is known; those with an even place don't expire.
        let id = if at % 2 == 0 {
            lists::known(lists::word(at) % size / 2 * 2)
        } else {
            lists::unknown(at)
        };
        let asked = Instant::now();
        let found = is_revoked(list, black_box(&id), &customer, SystemTime::UNIX_EPOCH);
        times.push(asked.elapsed().as_nanos() as u32);
        assert_eq!(found, at % 2 == 0);
        at += 1;
    }
}
