//! What a `Verifier` with a cache accepts and refuses: at every moment what one without would.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tower_customer_auth::ConfigError;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifierBuilder;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::VerifyErrorKind::Expired;
use tower_customer_auth::VerifyErrorKind::InvalidSignature;
use tower_customer_auth::VerifyErrorKind::IssuedInFuture;
use tower_customer_auth::VerifyErrorKind::NotYetValid;
use tower_customer_auth::VerifyErrorKind::Revoked;
use tower_customer_auth::VerifyErrorKind::WrongAudience;
use tower_customer_auth::testing::ManualClock;
use tower_customer_auth::testing::TestToken;

use crate::fixtures::CUSTOMER;
use crate::fixtures::DAY;
use crate::fixtures::NOW;
use crate::fixtures::SECRET;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::at;
use crate::fixtures::clock;
use crate::fixtures::good;
use crate::fixtures::refusal;

/// A verifier that remembers, with all that it depends on.
struct Cached {
    keys: KeyRing,
    clock: Arc<ManualClock>,
    revocations: Revocations,
    verifier: Verifier,
}

impl Cached {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Self {
        let keys = KeyRing::new(key(0));
        let clock = clock();
        let revocations = Revocations::in_memory();
        let builder = Verifier::builder(keys.clone()).clock(clock.clone()).cache(tokens(100));
        let verifier = configure(builder.revocations(revocations.clone())).build().unwrap();
        Self { keys, clock, revocations, verifier }
    }

    fn refusal(&self, token: &str) -> Option<VerifyErrorKind> {
        refusal(&self.verifier, token)
    }

    fn at(&self, seconds: u64) -> &Self {
        self.clock.set(at(seconds));
        self
    }
}

fn tokens(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn key(number: u64) -> SigningKey {
    SigningKey::hs256(format!("{SECRET}{number}")).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn compact(token: &TestToken) -> String {
    token.sign(&key(0), TokenForm::Compact)
}

fn revoke(revocations: &Revocations, token: &str) {
    let revoked = revocations.revoke(&token.parse().unwrap(), at(NOW + DAY)).now_or_never();
    revoked.expect("a list in memory never waits").unwrap();
}

fn revoke_customer(revocations: &Revocations, customer: &str, issued_before: u64) {
    let customer = customer.parse().unwrap();
    let revoked = revocations.revoke_customer(&customer, at(issued_before)).now_or_never();
    revoked.expect("a list in memory never waits").unwrap();
}

#[test]
fn a_token_says_the_same_from_the_cache_in_both_forms() {
    for form in [TokenForm::Compact, TokenForm::Legacy] {
        for token in [good(), good().without("name"), good().claim("name", "")] {
            let token = token.sign(&key(0), form);
            let cached = Cached::new();
            let first = cached.verifier.verify(token.as_bytes()).unwrap();
            let second = cached.verifier.clone().verify(token.as_bytes()).unwrap();
            assert_eq!(first, second);
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            assert_eq!(second.name(), first.name());
            assert_eq!(*second.customer_id(), CUSTOMER);
            assert_eq!(*second.token_id(), TOKEN_ID);
            assert_eq!(second.issued_at(), at(NOW));
            assert_eq!(second.expires_at(), at(NOW + DAY));
        }
    }
}

#[test]
fn refuses_a_cached_token_as_soon_as_it_is_revoked_t26() {
    let cached = Cached::new();
    let token = compact(&good());
    assert_eq!(cached.refusal(&token), None);
    revoke(&cached.revocations, TOKEN_ID);
    assert_eq!(cached.refusal(&token), Some(Revoked));
    assert_eq!(cached.refusal(&token), Some(Revoked));
}

#[test]
fn refuses_a_cached_token_as_soon_as_all_of_its_customer_s_are_revoked_t26() {
    let cached = Cached::new();
    let token = compact(&good());
    assert_eq!(cached.refusal(&token), None);
    revoke_customer(&cached.revocations, CUSTOMER, NOW + 1);
    assert_eq!(cached.refusal(&token), Some(Revoked));
}

#[test]
fn refuses_a_cached_token_at_its_exp_second_and_not_before_t21_t26() {
    for leeway in [0, 60] {
        let cached = Cached::with(|builder| builder.leeway(seconds(leeway)));
        let token = compact(&good());
        assert_eq!(cached.refusal(&token), None);
        assert_eq!(cached.at(NOW + DAY + leeway - 1).refusal(&token), None);
        assert_eq!(cached.at(NOW + DAY + leeway).refusal(&token), Some(Expired));
        // The clock is corrected: what is true of the token is true again.
        assert_eq!(cached.at(NOW).refusal(&token), None);
    }
}

#[test]
fn refuses_a_cached_token_when_the_clock_goes_back_to_before_it_was_good_t23() {
    let cached = Cached::new();
    let token = compact(&good());
    let later = compact(&good().claim("nbf", NOW + 100));
    assert_eq!(cached.at(NOW + 100).refusal(&token), None);
    assert_eq!(cached.refusal(&later), None);
    assert_eq!(cached.at(NOW + 99).refusal(&later), Some(NotYetValid));
    assert_eq!(cached.at(NOW - 5).refusal(&token), None);
    assert_eq!(cached.at(NOW - 6).refusal(&token), Some(IssuedInFuture));
    assert_eq!(cached.at(NOW + 100).refusal(&token), None);
    assert_eq!(cached.refusal(&later), None);
}

#[test]
fn refuses_the_cached_tokens_of_a_key_that_was_rotated_without_grace_or_retired_t26() {
    let token = compact(&good());
    let cached = Cached::new();
    assert_eq!(cached.refusal(&token), None);
    cached.keys.rotate_at(key(1), Duration::ZERO, at(NOW));
    assert_eq!(cached.refusal(&token), Some(InvalidSignature));

    let cached = Cached::new();
    assert_eq!(cached.refusal(&token), None);
    cached.keys.rotate_at(key(1), seconds(DAY), at(NOW));
    assert_eq!(cached.refusal(&token), None);
    assert_eq!(cached.keys.retire(&key(0).verifying_key()), Ok(true));
    assert_eq!(cached.refusal(&token), Some(InvalidSignature));
}

#[test]
fn refuses_the_cached_tokens_of_a_rotated_key_from_the_moment_its_grace_is_over_t26() {
    let cached = Cached::new();
    let token = compact(&good());
    cached.keys.rotate_at(key(1), seconds(100), at(NOW));
    assert_eq!(cached.refusal(&token), None);
    assert_eq!(cached.at(NOW + 99).refusal(&token), None);
    assert_eq!(cached.at(NOW + 100).refusal(&token), Some(InvalidSignature));
    // As without a cache: the key is in the ring until the next rotation, and was good at that time.
    assert_eq!(cached.at(NOW + 99).refusal(&token), None);
}

#[test]
fn verifiers_from_one_configuration_share_no_cache() {
    let builder = Verifier::builder(KeyRing::new(key(0))).cache(tokens(100));
    let builder = builder.clock(clock());
    let other = builder.clone().audience("others").build().unwrap();
    let ours = builder.audience("ours").build().unwrap();
    let token = compact(&good().claim("aud", "ours"));
    assert_eq!(refusal(&ours, &token), None);
    assert_eq!(refusal(&ours, &token), None);
    assert_eq!(refusal(&other, &token), Some(WrongAudience));
}

#[test]
fn a_cache_too_large_for_any_machine_is_refused() {
    let builder = Verifier::builder(KeyRing::new(key(0))).cache(tokens((1 << 28) + 1));
    let expected = ConfigError::NumberOutOfRange {
        setting: "cache",
        value: (1 << 28) + 1,
        min: 1,
        max: 1 << 28,
    };
    assert_eq!(builder.build().unwrap_err(), expected);
}

/// Keys under which tokens of the model are signed, each with and without an id.
const KEYS: u64 = 4;

fn model_key(number: u64) -> SigningKey {
    let key = key(number);
    if number.is_multiple_of(2) { key } else { key.with_id(format!("k{number}")) }
}

/// A token of many kinds, half of them good at some time.
fn model_token(random: &mut fastrand::Rng) -> String {
    let number = random.u64(..KEYS);
    let mut token = TestToken::new(&format!("c{}", random.u8(..5)), NOW + random.u64(..2_000));
    token = token.claim("jti", format!("t{}", random.u8(..20)));
    token = token.claim("exp", NOW + random.u64(..6_000));
    if random.bool() {
        token = token.claim("nbf", NOW + random.u64(..3_000));
    }
    if random.u8(..8) == 0 {
        // More than one token's worth of room.
        token = token.claim("name", "x".repeat(700));
    }
    let id = if random.u8(..8) == 0 { random.u64(..KEYS) } else { number };
    if !id.is_multiple_of(2) {
        token = token.header("kid", format!("k{id}"));
    }
    let form = if random.u8(..4) == 0 { TokenForm::Legacy } else { TokenForm::Compact };
    token.sign(&model_key(number), form)
}

/// Whatever happens, in whatever order: with a cache and without, of any size, the same answer.
#[test]
fn answers_as_a_verifier_without_a_cache_does_through_everything_that_can_happen() {
    let mut accepted = 0;
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let keys = KeyRing::new(model_key(0));
        let clock = clock();
        let revocations = Revocations::in_memory();
        let builder = Verifier::builder(keys.clone()).clock(clock.clone());
        let builder = builder.revocations(revocations.clone()).leeway(seconds(random.u64(..60)));
        let plain = builder.clone().build().unwrap();
        let cached = [1, 5, 1_000].map(|size| builder.clone().cache(tokens(size)).build().unwrap());
        let texts: Vec<_> = (0..60).map(|_| model_token(&mut random)).collect();
        let mut now = NOW;
        for step in 0..1_500 {
            match random.u8(..100) {
                0 => revoke(&revocations, &format!("t{}", random.u8(..20))),
                1 => {
                    let customer = format!("c{}", random.u8(..5));
                    revoke_customer(&revocations, &customer, NOW + random.u64(..500));
                }
                2 => {
                    let grace = seconds(random.u64(..1_500));
                    keys.rotate_at(model_key(random.u64(..KEYS)), grace, at(now));
                }
                3 => {
                    let _ = keys.retire(&model_key(random.u64(..KEYS)).verifying_key());
                }
                4..8 => now += random.u64(..300),
                8 => now = NOW - 10 + random.u64(..4_000),
                _ => {
                    let token = &texts[random.usize(..texts.len())];
                    let expected = plain.verify(token.as_bytes());
                    accepted += usize::from(expected.is_ok());
                    let expected = expected.map_err(|error| error.kind());
                    for cached in &cached {
                        let answer = cached.verify(token.as_bytes());
                        let answer = answer.map_err(|error| error.kind());
                        assert_eq!(answer, expected, "seed {seed}, step {step}");
                    }
                }
            }
            clock.set(at(now));
        }
    }
    assert!(accepted > 4_000, "only {accepted} were accepted, which tells little");
}

#[test]
fn no_thread_is_let_in_by_the_cache_once_a_revocation_or_a_retirement_has_returned_t26() {
    for round in 0..20 {
        let cached = Arc::new(Cached::new());
        cached.keys.rotate_at(key(1), seconds(DAY), at(NOW));
        let done = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (cached, done) = (Arc::clone(&cached), Arc::clone(&done));
                thread::spawn(move || {
                    let token = compact(&good());
                    for _ in 0..500 {
                        let too_late = done.load(Ordering::SeqCst);
                        let answer = cached.refusal(&token);
                        assert!(!too_late || answer.is_some(), "accepted too late");
                    }
                })
            })
            .collect();
        if round % 2 == 0 {
            revoke(&cached.revocations, TOKEN_ID);
        } else {
            assert_eq!(cached.keys.retire(&key(0).verifying_key()), Ok(true));
        }
        done.store(true, Ordering::SeqCst);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_ne!(cached.refusal(&compact(&good())), None);
    }
}

/// Invalid tokens cost what they cost without a cache: they are not even remembered as invalid.
#[test]
fn invalid_tokens_leave_what_is_cached_where_it_is_m3() {
    let cached = Cached::new();
    let token = compact(&good());
    let kept = cached.verifier.verify(token.as_bytes()).unwrap();
    let held = format!("{:?}", cached.verifier);
    assert!(held.contains("TokenCache { tokens: 1, .. }"), "{held}");
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    for number in 0..20_000 {
        let forged = format!("{signing_input}.{number:043}");
        assert_ne!(cached.refusal(&forged), None);
    }
    assert_eq!(format!("{:?}", cached.verifier), held);
    assert_eq!(cached.verifier.verify(token.as_bytes()).unwrap(), kept);
}
