//! What `VerifierBuilder::cache` gives, and costs: ratios to the HMAC alone, and beside them what the
//! same tokens cost without a cache.
//!
//! `cargo bench --bench cache`, and `cargo bench --features asymmetric --bench cache -- other_keys` for
//! RS256 and ES256.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::time::Duration;
use std::time::Instant;

use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind::InvalidSignature;
use tower_customer_auth::VerifyErrorKind::Malformed;
use tower_customer_auth::testing::sign_raw;

use self::support::race::Race;
use self::support::race::is_measuring;
use self::support::tokens;
use self::support::tokens::BareMac;

/// Tokens that are copied to one place before each batch, as those of requests that have just been
/// read: what is measured is the wait for the cache's memory, not for the question's.
const BATCH: usize = 64;

fn main() {
    #[cfg(feature = "asymmetric")]
    if std::env::args().any(|argument| argument == "other_keys") {
        return other_keys();
    }
    let small = if is_measuring() { 1 } else { 100 };
    hits("1 live token", 1, Draw::Evenly);
    hits("1 000 live tokens", 1_000 / small, Draw::Evenly);
    hits("100 000 live tokens", 100_000 / small, Draw::Evenly);
    hits("100 000 live tokens, some more than others", 100_000 / small, Draw::Unevenly);
    hits("1 000 000 live tokens", 1_000_000 / small, Draw::Evenly);
    misses(20_000 / small);
    attack(if is_measuring() { 10_000_000 } else { 1_000 });
    threads(10_000 / small);
}

#[derive(Clone, Copy)]
enum Draw {
    Evenly,
    /// By Zipf's law: the second half as often as the first, the third a third as often.
    Unevenly,
}

fn verifier(key: &SigningKey) -> Verifier {
    Verifier::new(KeyRing::new(key.clone()))
}

fn caching(key: &SigningKey, tokens: usize) -> Verifier {
    let tokens = NonZeroUsize::new(tokens).unwrap();
    Verifier::builder(KeyRing::new(key.clone())).cache(tokens).build().unwrap()
}

fn hits(name: &str, count: usize, draw: Draw) {
    let key = tokens::key();
    let texts = many(&key, 0..count);
    let (cold, cached) = (verifier(&key), caching(&key, count));
    for text in texts.iter().chain(&texts) {
        cached.verify(text).unwrap();
    }
    let mac = BareMac::of(std::str::from_utf8(&texts[0]).unwrap());
    let batch = Batch::new(&texts, draw);
    let mut race = Race::default();
    race.floor(format!("{name}: HMAC alone"), move || mac.check(), |fits| assert!(fits));
    for (row, verifier) in [("no cache", &cold), ("hit", &cached)] {
        let (draw, next) = (|| batch.draw(), || batch.next(|token| verifier.verify(token).is_ok()));
        race.prepared_row(format!("{name}: {row}"), BATCH, draw, next, |ok| assert!(ok));
    }
    race.run();
}

/// Beside a cache that is full of tokens in use.
fn misses(count: usize) {
    let key = tokens::key();
    let (cold, cached) = (verifier(&key), caching(&key, count));
    let in_use = many(&key, 0..count);
    for text in in_use.iter().chain(&in_use).chain(&in_use) {
        cached.verify(text).unwrap();
    }
    // So many that none is in the cache any more when its turn comes again.
    let once = many(&key, count..6 * count);
    let forged: Vec<_> = once.iter().map(|text| forge(text)).collect();
    let mac = BareMac::of(std::str::from_utf8(&once[0]).unwrap());
    let batches = [("used once", &once, true), ("forged", &forged, false)];
    let batches = batches.map(|(name, texts, good)| (name, Batch::new(texts, Draw::Evenly), good));
    let mut race = Race::default();
    race.floor("misses: HMAC alone", move || mac.check(), |fits| assert!(fits));
    for (name, batch, good) in &batches {
        for (row, verifier) in [("no cache", &cold), ("full cache", &cached)] {
            let next = || batch.next(|token| verifier.verify(token).is_ok());
            let is_expected = move |ok| assert_eq!(ok, *good);
            let draw = || batch.draw_in_turn();
            race.prepared_row(format!("{name}: {row}"), BATCH, draw, next, is_expected);
        }
    }
    race.run();
}

/// As many distinct forged tokens, beside which nothing changes in the cache.
fn attack(count: usize) {
    let key = tokens::key();
    let cached = caching(&key, 1_000);
    let good = many(&key, 0..1_000);
    for text in &good {
        cached.verify(text).unwrap();
    }
    let held = format!("{cached:?}");
    let mut forged = good[0].clone();
    let signature = forged.len() - 43;
    for number in 0..count {
        forged[signature..].copy_from_slice(format!("{number:043}").as_bytes());
        let refused = cached.verify(&forged).unwrap_err();
        assert!(matches!(refused.kind(), Malformed | InvalidSignature));
    }
    assert_eq!(format!("{cached:?}"), held);
    println!("{count} forged tokens left the cache as it was");
}

#[cfg(feature = "asymmetric")]
fn other_keys() {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    use aws_lc_rs::signature::EcdsaKeyPair;
    use aws_lc_rs::signature::RsaKeyPair;
    use jsonwebtoken::Algorithm;

    let key = |algorithm, der: &[u8]| {
        let der = base64_simd::STANDARD.encode_to_string(der);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        SigningKey::from_pem(algorithm, pem).unwrap()
    };
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa = key(Algorithm::RS256, rsa.as_der().unwrap().as_ref());
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let ec = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
    let ec = key(Algorithm::ES256, ec.as_ref());
    for (name, key) in [("RS256", rsa), ("ES256", ec)] {
        let texts = many_with(&key, &format!(r#"{{"alg":"{name}","typ":"JWT"}}"#), 0..200);
        let (cold, cached) = (verifier(&key), caching(&key, 1_000));
        let batch = Batch::new(&texts, Draw::Evenly);
        for text in &texts {
            cached.verify(text).unwrap();
        }
        let mut race = Race::default();
        let draw = || batch.draw();
        let next = || batch.next(|token| cold.verify(token).is_ok());
        race.prepared_floor(format!("{name}: no cache"), BATCH, draw, next, |ok| assert!(ok));
        let next = || batch.next(|token| cached.verify(token).is_ok());
        race.prepared_row(format!("{name}: hit"), BATCH, draw, next, |ok| assert!(ok));
        race.run();
    }
}

/// Two threads over one, each with its own questions, all of them hits in one cache.
fn threads(count: usize) {
    const ROUNDS: usize = 40;
    let key = tokens::key();
    let cached = caching(&key, 2 * count);
    let texts = many(&key, 0..count);
    for text in &texts {
        cached.verify(text).unwrap();
    }
    let rounds = if is_measuring() { ROUNDS } else { 1 };
    let span = Duration::from_millis(if is_measuring() { 20 } else { 1 });
    let hits_of = |threads: usize| -> usize {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let (batch, cached) = (Batch::new(&texts, Draw::Evenly), cached.clone());
                    scope.spawn(move || {
                        let begun = Instant::now();
                        let mut hits = 0;
                        while begun.elapsed() < span {
                            batch.draw();
                            for _ in 0..BATCH {
                                assert!(batch.next(|token| cached.verify(token).is_ok()));
                            }
                            hits += BATCH;
                        }
                        hits
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        })
    };
    let mut ratios: Vec<_> = (0..rounds).map(|_| hits_of(2) as f64 / hits_of(1) as f64).collect();
    ratios.sort_by(f64::total_cmp);
    println!("hits by 2 threads over 1: {:.2}", ratios[rounds / 2]);
}

fn many(key: &SigningKey, ids: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    many_with(key, tokens::HEADER, ids)
}

/// Tokens that differ in their `jti`, in no order that memory would know.
fn many_with(key: &SigningKey, header: &str, ids: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let claims = tokens::claims(tokens::now());
    let sign = |id: usize| {
        let claims = claims.replace(tokens::TOKEN, &format!("00000000-0000-4000-8000-{id:012x}"));
        sign_raw(key, TokenForm::Compact, header, claims).into_bytes()
    };
    let mut texts: Vec<_> = ids.map(sign).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut texts);
    texts
}

/// The same token under another signature.
fn forge(token: &[u8]) -> Vec<u8> {
    let mut forged = token.to_vec();
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    forged
}

/// Questions, drawn from all tokens and copied to one place.
struct Batch<'a> {
    texts: &'a [Vec<u8>],
    draw: Draw,
    drawn: RefCell<Drawn>,
}

struct Drawn {
    random: fastrand::Rng,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    at: usize,
    turn: usize,
}

impl<'a> Batch<'a> {
    fn new(texts: &'a [Vec<u8>], draw: Draw) -> Self {
        let random = fastrand::Rng::with_seed(9);
        let drawn = Drawn { random, bytes: Vec::new(), ends: Vec::new(), at: 0, turn: 0 };
        let batch = Self { texts, draw, drawn: RefCell::new(drawn) };
        batch.draw();
        batch
    }

    fn draw(&self) {
        let count = self.texts.len();
        self.fill(|drawn| match self.draw {
            Draw::Evenly => drawn.random.usize(..count),
            Draw::Unevenly => (count as f64).powf(drawn.random.f64()) as usize - 1,
        });
    }

    fn draw_in_turn(&self) {
        self.fill(|drawn| {
            drawn.turn += 1;
            drawn.turn % self.texts.len()
        });
    }

    fn fill(&self, mut choose: impl FnMut(&mut Drawn) -> usize) {
        let drawn = &mut *self.drawn.borrow_mut();
        drawn.bytes.clear();
        drawn.ends.clear();
        drawn.at = 0;
        for _ in 0..BATCH {
            let text = &self.texts[choose(drawn)];
            drawn.bytes.extend_from_slice(text);
            drawn.ends.push(drawn.bytes.len());
        }
    }

    fn next(&self, ask: impl FnOnce(&[u8]) -> bool) -> bool {
        let drawn = &mut *self.drawn.borrow_mut();
        let at = drawn.at;
        drawn.at = (at + 1) % BATCH;
        let begin = if at == 0 { 0 } else { drawn.ends[at - 1] };
        ask(std::hint::black_box(&drawn.bytes[begin..drawn.ends[at]]))
    }
}
