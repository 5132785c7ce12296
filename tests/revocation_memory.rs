//! What a long list weighs, by a counting allocator: a program of its own, because it counts all.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::alloc::System;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;
use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::Region;
use stats_alloc::StatsAlloc;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenId;
use tower_customer_auth::testing::is_revoked;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn uuid(at: u128) -> TokenId {
    TokenId::from_uuid_bytes(at.to_be_bytes())
}

// One test, because others beside it would be counted too.
#[test]
fn an_id_takes_24_bytes_at_most_at_any_size_and_a_look_up_allocates_nothing_m1() {
    let customer = CustomerId::from_uuid_bytes([0; 16]);
    let list = Revocations::in_memory();
    let exp = SystemTime::now() + Duration::from_secs(86_400);
    let region = Region::new(ALLOCATOR);
    let mut next_look = 50_000;
    for at in 0..250_000 {
        list.revoke(&uuid(at), exp).now_or_never().expect("memory never waits").unwrap();
        if at + 1 == next_look {
            let change = region.change();
            let bytes = change.bytes_allocated - change.bytes_deallocated;
            assert!(bytes as u128 <= 24 * next_look, "{bytes} bytes for {next_look} ids");
            next_look += next_look / 20;
        }
    }

    let text: TokenId = "text".parse().unwrap();
    assert!(!is_revoked(&list, &text, &customer, exp));
    let region = Region::new(ALLOCATOR);
    for at in 0..1000 {
        assert!(is_revoked(&list, &uuid(at), &customer, exp), "{at}");
        assert!(!is_revoked(&list, &uuid(250_000 + at), &customer, exp), "{at}");
        assert!(!is_revoked(&list, &text, &customer, exp));
    }
    assert_eq!(region.change().allocations, 0);
}
