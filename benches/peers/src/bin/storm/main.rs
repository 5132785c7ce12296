//! Validation at a steady rate, while nothing else runs, while passwords are hashed elsewhere, and
//! while customers log in.
//!
//! `storm ORIGIN ROUNDS SECONDS` prints a line for each phase of each round: its name, p50, p90, p99
//! and p99.9 of the validations in microseconds, hashes or logins a second, and logins turned away.
//!
//! Its main thread does nothing but send and receive. Best run by `chrt --fifo --reset-on-fork 1`, so
//! that its own waits for a core don't count as the server's; the threads that hash are then ordinary
//! ones again.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod client;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use std::time::Instant;

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Block;
use argon2::Params;
use argon2::Version;
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio::time::interval_at;
use tokio::time::sleep;

use self::client::Client;
use self::client::Store;

const READERS: u32 = 8;

/// All readers together ask 500 times a second, some tenth of what one core could answer.
const PERIOD: Duration = Duration::from_millis(16);

/// Closed loops: each logs in again as soon as it has its token. There are more than cores.
const CLIENTS: usize = 16;

/// After an answer that there are too many.
const PATIENCE: Duration = Duration::from_millis(100);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, origin, rounds, seconds] = &arguments[..] else {
        eprintln!("storm ORIGIN ROUNDS SECONDS");
        std::process::exit(2);
    };
    let span = Duration::from_secs_f64(seconds.parse().unwrap());
    // One thread: the load must be cheap.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(origin, rounds.parse().unwrap(), span));
}

async fn run(origin: &str, rounds: u32, span: Duration) {
    let store = Arc::new(Store::enter(origin).await);
    // What is set up once is no part of it.
    validations(&store, span.min(Duration::from_secs(1))).await;
    for _ in 0..rounds {
        report("idle", &validations(&store, span).await, 0.0, 0);

        let hashing = tokio::task::spawn_blocking(move || hashes_a_second(span));
        let times = validations(&store, span).await;
        report("hashing", &times, hashing.await.unwrap(), 0);

        let logins = tokio::spawn(logins(Arc::clone(&store), span));
        let times = validations(&store, span).await;
        let (a_second, turned_away) = logins.await.unwrap();
        report("storm", &times, a_second, turned_away);
    }
}

fn report(phase: &str, times: &[f64], a_second: f64, turned_away: u32) {
    let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| {
        let at = (times.len() as f64 * share).ceil() as usize;
        times[at.max(1) - 1]
    });
    println!("{phase} {p50:.0} {p90:.0} {p99:.0} {p999:.0} {a_second:.2} {turned_away}");
}

/// How long each validation has taken, in microseconds, the shortest first.
async fn validations(store: &Arc<Store>, span: Duration) -> Vec<f64> {
    let mut readers = JoinSet::new();
    let begin = tokio::time::Instant::now();
    for reader in 0..READERS {
        let store = Arc::clone(store);
        readers.spawn(async move {
            let mut client = Client::connect(&store).await;
            let mut ticks = interval_at(begin + PERIOD * reader / READERS, PERIOD);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut times = Vec::new();
            let mut answered = begin;
            while begin.elapsed() < span {
                let due = ticks.tick().await;
                // A question that had to wait for the answer to the one before has waited for the
                // server; one that the timer was late with has not.
                let asked = if answered > due { due } else { tokio::time::Instant::now() };
                assert_eq!(client.validate(&store).await, StatusCode::OK);
                answered = tokio::time::Instant::now();
                times.push((answered - asked).as_secs_f64() * 1e6);
            }
            times
        });
    }
    let mut times: Vec<f64> = readers.join_all().await.into_iter().flatten().collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Logins a second, and how many were turned away.
async fn logins(store: Arc<Store>, span: Duration) -> (f64, u32) {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let store = Arc::clone(&store);
        clients.spawn(async move {
            let mut client = Client::connect(&store).await;
            let (mut logins, mut turned_away) = (0, 0);
            while begun.elapsed() < span {
                match client.log_in(&store).await {
                    StatusCode::OK => logins += 1,
                    StatusCode::SERVICE_UNAVAILABLE => {
                        turned_away += 1;
                        sleep(PATIENCE).await;
                    }
                    other => panic!("a login was answered by {other}"),
                }
            }
            (logins, turned_away)
        });
    }
    let (mut logins, mut turned_away) = (0_u32, 0);
    for (more, away) in clients.join_all().await {
        logins += more;
        turned_away += away;
    }
    (f64::from(logins) / begun.elapsed().as_secs_f64(), turned_away)
}

/// What hashing alone allows beside the same validations: argon2id with the parameters of the store,
/// on one thread a core.
fn hashes_a_second(span: Duration) -> f64 {
    let begun = Instant::now();
    let params = tower_customer_auth::password::PasswordParams::default();
    let params = Params::new(params.memory_kib(), params.passes(), params.lanes(), Some(32));
    let params = params.unwrap();
    let hash = || {
        let mut blocks = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let (mut output, mut hashes) = ([0; 32], 0);
        while begun.elapsed() < span {
            let (password, salt) = (b"mysecretpassword", b"a salt of 16 by.");
            argon2
                .hash_password_into_with_memory(password, salt, &mut output, &mut blocks)
                .unwrap();
            hashes += 1;
        }
        hashes
    };
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let hashes: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    f64::from(hashes) / begun.elapsed().as_secs_f64()
}
