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
    let list = Revocations::in_memory_with_capacity(usize::MAX);
    let builder = Verifier::builder(KeyRing::new(tokens::key())).clock(clock.clone());
    // The verifier is what gives the list its clock.
    let _verifier = builder.revocations(list.clone()).build().unwrap();
    let long = start + (BUCKETS as u32 + 1) * BUCKET;
    for at in 0..size as u64 {
        // Half of the list lives longer than the measurement.
        let exp =
            if at.is_multiple_of(2) { long } else { start + (at / 2 % BUCKETS) as u32 * BUCKET };
        lists::revoke(&list, &lists::known(at), exp);
    }
    let kinds = [
        ("alone", Beside::Nothing),
        ("beside insertions at full speed", Beside::Insertions),
        ("while a bucket expires", Beside::Expiry),
    ];
    let mut times: [Vec<u32>; 3] = Default::default();
    let mut additions: [Vec<u32>; 3] = Default::default();
    let fresh = AtomicU64::new(1 << 30);
    for bucket in 1..=BUCKETS as u32 {
        for (at, (_, beside)) in kinds.iter().enumerate() {
            let write = |stop: &AtomicBool| {
                let mut times = Vec::new();
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
                    times.push(begun.elapsed().as_nanos() as u32);
                }
                times
            };
            let stop = AtomicBool::new(false);
            let written = thread::scope(|scope| {
                let writer = scope.spawn(|| write(&stop));
                read(&list, &mut times[at], size as u64);
                stop.store(true, Ordering::Relaxed);
                writer.join().unwrap()
            });
            additions[at].extend(written);
        }
    }
    println!("{:<44} {:>8} {:>8} {:>8} {:>10}  (ns)", "", "median", "p99", "p99.9", "longest");
    for (at, (name, _)) in kinds.iter().enumerate() {
        print(&format!("a look-up {name}"), &mut times[at]);
        print(&format!("    of {} additions", additions[at].len()), &mut additions[at]);
    }
}

fn print(name: &str, times: &mut [u32]) {
    if times.is_empty() {
        return;
    }
    times.sort_unstable();
    let [median, p99, p999, longest] =
        [500, 990, 999, 1000].map(|of_1000| times[(times.len() - 1) * of_1000 / 1000]);
    println!("{name:<44} {median:>8} {p99:>8} {p999:>8} {longest:>10}");
}

fn read(list: &Revocations, times: &mut Vec<u32>, size: u64) {
    let customer: CustomerId = tokens::CUSTOMER.parse().unwrap();
    let turn = Duration::from_millis(if crate::is_smoke() { 5 } else { 1000 });
    let begun = Instant::now();
    let mut at = times.len() as u64;
    while begun.elapsed() < turn {
        // One of two is known; those with an even place don't expire.
        let id = if at.is_multiple_of(2) {
            lists::known(lists::word(at) % size / 2 * 2)
        } else {
            lists::unknown(at)
        };
        let asked = Instant::now();
        let found = is_revoked(list, black_box(&id), &customer, SystemTime::UNIX_EPOCH);
        times.push(asked.elapsed().as_nanos() as u32);
        assert_eq!(found, at.is_multiple_of(2));
        at += 1;
    }
}
