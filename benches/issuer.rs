//! What the issuer adds to the hash of a password: reading a request, signing a token, and both
//! around hashes on every core.
//!
//! `cargo bench --features issuer --bench issuer`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::thread;
use std::thread::available_parallelism;
use std::time::Duration;
use std::time::Instant;

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Block;
use argon2::Params;
use argon2::Version;
use futures_util::FutureExt;
use http::Request;
use http::Response;
use http::StatusCode;
use tokio::runtime::Runtime;
use tower::Service;
use tower_customer_auth::Customer;
use tower_customer_auth::IssuedToken;
use tower_customer_auth::IssuerBody;
use tower_customer_auth::KeyRing;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::Secret;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::password::PasswordParams;
use tower_customer_auth::sign::SignError;
use tower_customer_auth::sign::TokenSigner;
use tower_customer_auth::testing::MemoryCustomers;

use self::support::race::Race;
use self::support::race::is_measuring;
use self::support::tokens;
use self::support::tokens::BareMac;

const BEARER: &str = "b7UrM0Kp2dZf4QhW";
const EMAIL: &str = "ron@swanson.com";
const PASSWORD: &str = "mysecretpassword";

/// More than are hashed at once on any machine that this runs on in a hurry, and no more than may wait.
const CLIENTS: usize = 16;

fn main() {
    let runtime = Runtime::new().unwrap();
    race(&runtime);
    throughput(&runtime);
}

fn race(runtime: &Runtime) {
    let _inside = runtime.enter();
    let mac = BareMac::of(&tokens::token(TokenForm::Compact, tokens::now()));
    let mut race = Race::default();
    race.floor("HMAC alone", move || mac.check(), |fits| assert!(fits));
    for (name, form) in
        [("signed, compact", TokenForm::Compact), ("signed, legacy", TokenForm::Legacy)]
    {
        let signer = TokenSigner::builder(KeyRing::new(tokens::key())).form(form).build().unwrap();
        let customer = tokens::CUSTOMER.parse().unwrap();
        race.row(name, move || signer.sign(&customer, Some("Ron Swanson")), is_good);
    }

    let body = body(PASSWORD);
    race.row(
        "serde_json reads the same body",
        move || serde_json::from_str::<serde_json::Value>(black_box(&body)).unwrap(),
        |value| assert_eq!(value["data"]["email"], EMAIL),
    );
    let issuer = issuer(runtime, PasswordParams::worthless_but_fast());
    let refused = |body: String, status| {
        let mut issuer = issuer.clone();
        let request = request(&body);
        let run = move || answer(issuer.call(request.clone()).now_or_never());
        (run, move |found| assert_eq!(found, status))
    };
    // Everything is read before an empty password is found.
    let (run, check) = refused(self::body(""), StatusCode::BAD_REQUEST);
    race.row("read, and refused: no password", run, check);
    let (run, check) = refused("{".to_owned(), StatusCode::BAD_REQUEST);
    race.row("read, and refused: no JSON", run, check);

    // All that is not the hash: reading, the store, two changes of thread, signing.
    let mut caller = issuer.clone();
    let login = request(&self::body(PASSWORD));
    race.row(
        "a login with a worthless hash",
        move || answer(Some(runtime.block_on(caller.call(login.clone())))),
        |status| assert_eq!(status, StatusCode::OK),
    );
    race.run();
}

fn is_good(issued: Result<IssuedToken, SignError>) {
    let verifier = Verifier::new(KeyRing::new(tokens::key()));
    let verified = verifier.verify(issued.unwrap().token().as_bytes()).unwrap();
    assert_eq!(*verified.customer_id(), tokens::CUSTOMER);
}

fn answer(response: Option<Result<Response<IssuerBody>, std::convert::Infallible>>) -> StatusCode {
    let Ok(response) = response.expect("nothing here waits");
    response.status()
}

fn issuer(runtime: &Runtime, params: PasswordParams) -> TokenIssuer {
    let customers = MemoryCustomers::new();
    let ron = Customer::new(tokens::CUSTOMER.parse().unwrap(), "Ron Swanson", EMAIL);
    let password = PasswordHash::compute(&Secret::from(PASSWORD), params).unwrap();
    runtime.block_on(customers.insert(&ron, Some(&password))).unwrap();
    let hasher = PasswordHasher::builder().params(params).build().unwrap();
    TokenIssuer::builder(KeyRing::new(tokens::key()), StaticBearer::new([BEARER]))
        .password(PasswordGrant::new(customers).hasher(hasher))
        .build()
        .unwrap()
}

fn body(password: &str) -> String {
    format!(
        r#"{{"data":{{"type":"token","email":"{EMAIL}","password":"{password}","authentication_mechanism":"password"}}}}"#
    )
}

fn request(body: &str) -> Request<String> {
    Request::post("/v2/customers/tokens")
        .header("host", "api.example.com")
        .header("authorization", format!("Bearer {BEARER}"))
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(body.to_owned())
        .unwrap()
}

/// Logins a second of more clients than there are cores, over hashes a second of one thread a core.
fn throughput(runtime: &Runtime) {
    let (rounds, span, params) = if is_measuring() {
        let rounds = if std::env::var_os("BENCH_QUICK").is_some() { 2 } else { 10 };
        (rounds, Duration::from_millis(600), PasswordParams::default())
    } else {
        (1, Duration::from_millis(5), PasswordParams::worthless_but_fast())
    };
    let issuer = issuer(runtime, params);
    let mut pure = Vec::new();
    let mut ratios = Vec::new();
    // In turn: see `support::race`.
    for _ in 0..rounds {
        let hashes = hashes_a_second(params, span);
        pure.push(hashes);
        ratios.push(runtime.block_on(logins_a_second(&issuer, span)) / hashes);
    }
    println!("{:<52} {:>8.1}", "argon2id alone, a second", median(pure));
    println!("{:<52} {:>8.3}", "logins over argon2id alone", median(ratios));
}

fn hashes_a_second(params: PasswordParams, span: Duration) -> f64 {
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let (memory, passes, lanes) = (params.memory_kib(), params.passes(), params.lanes());
    let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
    let hash = |until: Instant| {
        let mut blocks = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut output = [0; 32];
        let mut hashes = 0;
        while Instant::now() < until {
            let salt = b"a salt of 16 by.";
            let password = black_box(PASSWORD.as_bytes());
            argon2
                .hash_password_into_with_memory(password, salt, &mut output, &mut blocks)
                .unwrap();
            hashes += 1;
        }
        assert_ne!(output, [0; 32]);
        hashes
    };
    let begun = Instant::now();
    let hashes: u32 = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| hash(begun + span))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    f64::from(hashes) / begun.elapsed().as_secs_f64()
}

async fn logins_a_second(issuer: &TokenIssuer, span: Duration) -> f64 {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (mut issuer, request) = (issuer.clone(), request(&body(PASSWORD)));
            tokio::spawn(async move {
                let mut logins = 0;
                while begun.elapsed() < span {
                    let response = issuer.call(request.clone()).await;
                    assert_eq!(answer(Some(response)), StatusCode::OK);
                    logins += 1;
                }
                logins
            })
        })
        .collect();
    let mut logins = 0;
    for client in clients {
        logins += client.await.unwrap();
    }
    f64::from(logins) / begun.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
