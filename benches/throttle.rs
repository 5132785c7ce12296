//! What the login throttle adds to a login, and what its tables weigh after ten million e-mails and
//! addresses.
//!
//! `cargo bench --features issuer --bench throttle`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use futures_util::FutureExt;
use http::Request;
use http::request::Parts;
use tokio::runtime::Runtime;
use tower_customer_auth::Secret;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::throttle::LoginThrottle;
use tower_customer_auth::throttle::MemoryCounters;
use tower_customer_auth::throttle::Reservation;
use tower_customer_auth::throttle::ThrottleLimits;

use self::support::race::is_measuring;

/// What the tables may take.
const MAX_BYTES: u64 = 64_000_000;

/// Of the time of a hash.
const MAX_COST: f64 = 0.01;

fn main() {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let distinct = if is_measuring() { 10_000_000 } else { 10_000 };
    let throttle = throttle();
    let empty = cost(&throttle, 0);

    let mut granted = 0;
    let weighed = allocation_counter::measure(|| {
        for number in 0..distinct {
            granted += u64::from(fail(&throttle, number));
        }
    });
    println!("{distinct} wrong guesses, each for an e-mail and from an address of its own:");
    println!("  {granted:>10} granted");
    println!("  {:>10} bytes at the end", weighed.bytes_current);
    println!("  {:>10} bytes at most (goal: {MAX_BYTES})", weighed.bytes_max);
    assert!(weighed.bytes_max <= MAX_BYTES, "{weighed:?}");

    // These e-mails and addresses have counters, and those do not.
    let full = [cost(&throttle, 1), cost(&throttle, distinct + 1)];
    let hash = hash(&runtime);
    println!("one login, reserved and settled:");
    for (tables, nanoseconds) in
        [("empty", empty), ("full, counters of its own", full[0]), ("full, shared", full[1])]
    {
        let share = nanoseconds / hash;
        println!("  {nanoseconds:7.0} ns, {:.4} % of a hash, tables {tables}", share * 100.0);
        if is_measuring() {
            assert!(share <= MAX_COST, "{share}");
        }
    }
    println!("  {hash:7.0} ns, a hash with the default parameters");
}

fn throttle() -> LoginThrottle {
    // Nothing lapses while the tables are filled.
    let clock = Arc::new(ManualClock::at_epoch_seconds(1_510_597_800));
    LoginThrottle::builder()
        .counters(MemoryCounters::new().clock(clock))
        // Shared counters refuse most attempts otherwise, at less cost.
        .limits(ThrottleLimits::default().max_consecutive(65_535))
        .source(|extensions| extensions.get().copied())
        .build()
        .unwrap()
}

fn head(number: u64) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    let address = Ipv4Addr::from_bits(u32::try_from(number).unwrap());
    head.extensions.insert(IpAddr::from(address));
    head
}

fn email(number: u64) -> String {
    format!("customer{number}@example.com")
}

/// Makes a wrong guess, and returns whether it was granted.
fn fail(throttle: &LoginThrottle, number: u64) -> bool {
    let head = head(number);
    let email = email(number);
    let reserved = throttle.reserve_login(&head, &email).now_or_never();
    let reserved = reserved.expect("nothing is in flight");
    reserved.map(Reservation::failure).is_ok()
}

/// Returns the nanoseconds of a login that is given back: the median of many batches.
fn cost(throttle: &LoginThrottle, first: u64) -> f64 {
    let (batches, logins) = if is_measuring() { (200, 1_000) } else { (1, 10) };
    let prepared: Vec<_> = (first..first + logins).map(|n| (head(n), email(n))).collect();
    let mut times: Vec<_> = (0..batches)
        .map(|_| {
            let begun = Instant::now();
            for (head, email) in &prepared {
                drop(black_box(throttle.reserve_login(head, email).now_or_never()));
            }
            nanoseconds(begun.elapsed()) / logins as f64
        })
        .collect();
    median(&mut times)
}

/// Returns the nanoseconds of a verification with the default parameters.
fn hash(runtime: &Runtime) -> f64 {
    let hasher = PasswordHasher::builder().threads(1).build().unwrap();
    let password = || Secret::from("mysecretpassword");
    let hash: PasswordHash = runtime.block_on(hasher.hash(password())).unwrap();
    let mut times: Vec<_> = (0..if is_measuring() { 50 } else { 1 })
        .map(|_| {
            let begun = Instant::now();
            assert!(runtime.block_on(hasher.verify(password(), hash.clone())).unwrap());
            nanoseconds(begun.elapsed())
        })
        .collect();
    median(&mut times)
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
