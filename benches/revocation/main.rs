//! What a long list of revoked tokens costs: memory, look-ups, insertion, and the worst a reader meets.
//!
//! `cargo bench --bench revocation`, under two minutes; `-- --test` checks everything on short lists.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

#[path = "../support/mod.rs"]
mod support;

mod latency;
mod lists;

use std::alloc::System;
use std::hint::black_box;
use std::time::SystemTime;

use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::StatsAlloc;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenId;
use tower_customer_auth::Verifier;
use tower_customer_auth::testing::is_revoked;
use tower_customer_auth::testing::sign_raw;

use self::support::race::Race;
use self::support::tokens;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let sizes: &[usize] =
        if is_smoke() { &[10, 5_000] } else { &[10, 10_000, 1_000_000, 10_000_000] };
    let lists: Vec<_> = sizes.iter().map(|size| (*size, lists::build(*size))).collect();
    look_up(&lists);
    verify(&lists);
    drop(lists);
    latency::measure(*sizes.last().unwrap());
}

/// Whether results are to be checked and nothing is to be measured.
fn is_smoke() -> bool {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    has("--test") || !has("--bench")
}

/// So many ids that what they touch is not in a cache when they come by again.
fn queries() -> usize {
    if is_smoke() { 100 } else { 600_000 }
}

fn look_up(lists: &[(usize, Revocations)]) {
    let customer: CustomerId = tokens::CUSTOMER.parse().unwrap();
    let unknown: Vec<TokenId> = (0..queries()).map(|at| lists::unknown(at as u64)).collect();
    let mut race = Race::default();
    for (at, (size, list)) in lists.iter().enumerate() {
        // In an order that has nothing to do with that of insertion, nor with the memory's.
        let known: Vec<TokenId> =
            (0..queries() as u64).map(|at| lists::known(lists::word(at) % *size as u64)).collect();
        let (customer, unknown) = (&customer, &unknown);
        let ask =
            move |id: &TokenId| is_revoked(list, black_box(id), customer, SystemTime::UNIX_EPOCH);
        let mut next = unknown.iter().cycle();
        let ask_unknown = move || ask(next.next().unwrap());
        let name = format!("an unknown id among {size}");
        if at == 0 {
            race.floor(name, ask_unknown, |found| assert!(!found));
        } else {
            race.row(name, ask_unknown, |found| assert!(!found));
        }
        let mut next = 0;
        let ask_known = move || {
            next = (next + 1) % known.len();
            ask(&known[next])
        };
        race.row(format!("a known id among {size}"), ask_known, |found| assert!(found));
    }
    race.run();
}

/// The whole verification of good tokens, each with an id of its own.
fn verify(lists: &[(usize, Revocations)]) {
    let iat = tokens::now();
    let key = tokens::key();
    let good: Vec<String> = (0..queries() as u64)
        .map(|at| {
            let claims =
                tokens::claims(iat).replace(tokens::TOKEN, &lists::unknown(at).to_string());
            sign_raw(&key, TokenForm::Compact, tokens::HEADER, claims)
        })
        .collect();
    let empty = (0, Revocations::in_memory());
    let verifiers: Vec<_> = lists
        .iter()
        .chain([&empty])
        .map(|(size, list)| {
            let builder = Verifier::builder(KeyRing::new(tokens::key()));
            (*size, builder.revocations(list.clone()).build().unwrap())
        })
        .collect();
    let mut race = Race::default();
    for (at, (size, verifier)) in verifiers.iter().enumerate() {
        let mut next = good.iter().cycle();
        let verify = move || verifier.verify(next.next().unwrap().as_bytes()).unwrap();
        let name = format!("verify beside {size} revoked");
        if at == 0 {
            race.floor(name, verify, |token| assert_eq!(*token.customer_id(), tokens::CUSTOMER));
        } else {
            race.row(name, verify, |token| assert_eq!(*token.customer_id(), tokens::CUSTOMER));
        }
    }
    race.run();
}
