//! How much more two threads verify than one, alone and beside a thread that revokes 10 000 tokens a
//! second.
//!
//! The same is told of the HMAC alone, which shares nothing: it is what the machine itself allows.
//!
//! `cargo bench --bench scaling`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use futures_util::FutureExt;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenId;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::testing::sign_raw;

use self::support::race::is_measuring;
use self::support::tokens;
use self::support::tokens::BareMac;

const REVOCATIONS_A_SECOND: f64 = 10_000.0;

/// Long enough for the threads to meet, short enough for a round to see one moment of the machine.
const SPAN: Duration = Duration::from_millis(20);

const ROUNDS: usize = 100;

fn main() {
    let token = tokens::token(TokenForm::Compact, tokens::now());
    let revocations = Revocations::in_memory();
    let builder = Verifier::builder(KeyRing::new(tokens::key()));
    let verifier = builder.revocations(revocations.clone()).build().unwrap();
    let mac = BareMac::of(&token);
    let check = || mac.check();
    let verify = || verifier.verify(black_box(token.as_bytes())).is_ok();
    assert!(check());
    assert!(verify());

    let (rounds, span) = match (is_measuring(), std::env::var_os("BENCH_QUICK")) {
        (true, None) => (ROUNDS, SPAN),
        (true, Some(_)) => (10, SPAN),
        (false, _) => (1, Duration::from_millis(5)),
    };
    let mut hmac = Vec::new();
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    let mut writer = Writer { revocations, written: 0, due: 0.0 };
    // In turn, and none done before another begins: see `support::race`.
    for _ in 0..rounds {
        hmac.push(Scale::of(span, &check));
        alone.push(Scale::of(span, &verify));
        beside.push(writer.beside(|| Scale::of(span, &verify)));
    }
    // What was written is what the verifier reads.
    assert!(writer.written > 0);
    let revoked = tokens::claims(tokens::now()).replace(tokens::TOKEN, &id(0).to_string());
    let revoked = sign_raw(&tokens::key(), TokenForm::Compact, tokens::HEADER, revoked);
    let refused = verifier.verify(revoked.as_bytes()).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(VerifyErrorKind::Revoked));

    println!("{:<52} {:>8}  two threads over one", "", "ns");
    for (name, scales) in [
        ("HMAC alone", &hmac),
        ("verify", &alone),
        ("verify beside 10 000 revocations a second", &beside),
    ] {
        let one = median(scales.iter().map(|scale| scale.one));
        let ratio = median(scales.iter().map(|scale| scale.two / scale.one));
        println!("{name:<52} {:>8.1}  {ratio:>7.3}", 1e9 / one);
    }
}

/// Runs a second, by one thread and by two.
struct Scale {
    one: f64,
    two: f64,
}

impl Scale {
    fn of(span: Duration, work: &(impl Fn() -> bool + Sync)) -> Self {
        Self { one: rate(1, span, work), two: rate(2, span, work) }
    }
}

fn rate(threads: usize, span: Duration, work: &(impl Fn() -> bool + Sync)) -> f64 {
    let begin = Barrier::new(threads);
    let run = || {
        begin.wait();
        let begun = Instant::now();
        let mut runs = 0_u32;
        while begun.elapsed() < span {
            // So many that reading the clock does not show.
            for _ in 0..64 {
                assert!(work());
            }
            runs += 64;
        }
        f64::from(runs) / begun.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

/// Revokes tokens at a steady rate, as long as something else runs.
struct Writer {
    revocations: Revocations,
    written: u64,
    /// How many should have been written.
    due: f64,
}

impl Writer {
    fn beside<R>(&mut self, run: impl FnOnce() -> R) -> R {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = Instant::now();
                while !over.load(Relaxed) {
                    let now = Instant::now();
                    self.due += (now - last).as_secs_f64() * REVOCATIONS_A_SECOND;
                    last = now;
                    while (self.written as f64) < self.due {
                        self.revoke_next();
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let result = run();
            over.store(true, Relaxed);
            result
        })
    }

    fn revoke_next(&mut self) {
        let exp = SystemTime::now() + Duration::from_secs(86_400);
        let revoked = self.revocations.revoke(&id(self.written), exp).now_or_never();
        revoked.expect("a list in memory never waits").unwrap();
        self.written += 1;
    }
}

/// Ids without an order, as random ones are.
fn id(at: u64) -> TokenId {
    let mixed = at.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let text = format!("{:08x}-{:04x}-4000-8000-{at:012x}", mixed >> 32, mixed >> 16 & 0xFFFF);
    text.parse().unwrap()
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
