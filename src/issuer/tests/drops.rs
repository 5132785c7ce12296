//! Logins whose clients leave at random moments.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use fastrand::Rng;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::task::yield_now;

use super::*;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Backoff;
use crate::throttle::Decision;
use crate::throttle::MemoryCounters;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;

/// Counters in memory that count what they are asked for. A clone is a handle.
#[derive(Clone)]
struct Counting {
    memory: Arc<MemoryCounters>,
    /// Whether they answer at once, as those in memory do.
    wait: bool,
    reserved: Arc<AtomicUsize>,
    settled: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Counting {
    fn new(wait: bool, clock: Arc<dyn Clock>) -> Self {
        let memory = Arc::new(MemoryCounters::new().clock(clock));
        Self { memory, wait, reserved: Arc::default(), settled: Arc::default() }
    }

    fn settled(&self) -> usize {
        self.settled.lock().unwrap().values().sum()
    }

    fn outcomes(&self, outcome: &str) -> usize {
        self.settled.lock().unwrap().get(outcome).copied().unwrap_or_default()
    }

    /// Asserts that nothing is in flight, and that each attempt was settled once, after those that
    /// are settled by a task have been.
    async fn finish(&self) {
        let reserved = self.reserved.load(Ordering::SeqCst);
        // A thread of the pool settles what it has hashed after it is free, and may be preempted.
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while self.settled() < reserved && std::time::Instant::now() < deadline {
            yield_now().await;
        }
        assert_eq!(self.settled(), reserved);
        assert_eq!(self.memory.in_flight(), 0);
    }
}

impl ThrottleCounters for Counting {
    async fn reserve(
        &self,
        attempt: Attempt,
        limits: &ThrottleLimits,
    ) -> Result<Decision, StoreError> {
        if self.wait {
            yield_now().await;
        }
        let decision = self.memory.reserve(attempt, limits).await;
        let is_reserved = matches!(decision, Ok(Decision::Reserved));
        self.reserved.fetch_add(usize::from(is_reserved), Ordering::SeqCst);
        decision
    }

    async fn settle(
        &self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &ThrottleLimits,
    ) -> Result<(), StoreError> {
        if self.wait {
            yield_now().await;
        }
        self.memory.settle(attempt, outcome, limits).await?;
        let outcome = match outcome {
            AttemptOutcome::Success => "success",
            AttemptOutcome::Failure => "failure",
            AttemptOutcome::Cancelled => "cancelled",
        };
        *self.settled.lock().unwrap().entry(outcome).or_default() += 1;
        Ok(())
    }

    async fn reset(&self, account: ThrottleKey, limits: &ThrottleLimits) -> Result<(), StoreError> {
        self.memory.reset(account, limits).await
    }
}

/// A store that has to wait.
#[derive(Clone)]
struct Waiting(MemoryCustomers);

impl CustomerStore for Waiting {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        yield_now().await;
        let found = self.0.find_by_email(email).await;
        yield_now().await;
        found
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        self.0.replace_password_hash(id, old, new).await
    }
}

/// Limits that refuse little: a source's 64, and one attempt at a time after 5 failures.
fn limits() -> ThrottleLimits {
    let milli = Duration::from_millis(1);
    ThrottleLimits::default()
        .source(64, milli)
        .pair(Backoff::new(5, milli, milli))
        .account(Backoff::new(20, milli, milli))
        .max_consecutive(65_535)
}

/// Makes logins in turn, and drops as many of them at random awaits. Returns how many were answered
/// with which status.
async fn drop_at_random(
    seed: u64,
    drops: usize,
    clock: &ManualClock,
    mut login: impl FnMut(&mut Rng) -> Login,
) -> BTreeMap<u16, usize> {
    let mut random = Rng::with_seed(seed);
    let (mut logins, mut dropped) = (Vec::new(), 0);
    let mut statuses = BTreeMap::new();
    while dropped < drops {
        logins.push(login(&mut random));
        for _ in 0..random.usize(..6) {
            let login = random.usize(..logins.len());
            if let Some(status) = (&mut logins[login]).now_or_never() {
                *statuses.entry(status).or_default() += 1;
                drop(logins.swap_remove(login));
                break;
            }
        }
        while logins.len() > random.usize(..24) {
            drop(logins.swap_remove(random.usize(..logins.len())));
            dropped += 1;
        }
        match random.u8(..8) {
            0 => yield_now().await,
            1 => clock.advance(Duration::from_millis(1)),
            _ => {}
        }
    }
    statuses
}

type Login = std::pin::Pin<Box<dyn Future<Output = u16> + Send>>;

fn source(random: &mut Rng) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, random.u8(..4)).into()
}

fn limited_by(counters: &Counting) -> LoginThrottle {
    let builder = LoginThrottle::builder().counters(counters.clone()).limits(limits());
    builder.source(|extensions| extensions.get().copied()).build().unwrap()
}

fn small() -> PasswordHasher {
    PasswordHasher::builder().params(FAST).threads(2).max_waiting(6).build().unwrap()
}

/// Logins by these passwords, from several sources and to several accounts.
fn passwords(
    issuer: TokenIssuer,
    passwords: &'static [&'static str],
) -> impl FnMut(&mut Rng) -> Login + Send + 'static {
    let emails = ["ron@swanson.com", "nobody@example.com", "x@example.com"];
    let body = |email: &str, password: &str| {
        let data = json!({
            "type": "token",
            "authentication_mechanism": "password",
            "email": email,
            "password": password,
        });
        Bytes::from(json!({ "data": data }).to_string())
    };
    let bodies = emails.map(|email| passwords.iter().map(|password| body(email, password)));
    let bodies: Vec<_> = bodies.into_iter().flatten().collect();
    move |random| {
        let mut login = request(random.choice(&bodies).unwrap().clone());
        login.extensions_mut().insert(source(random));
        let issuer = issuer.clone();
        Box::pin(async move { Answer::of(&issuer, login).await.status })
    }
}

/// Drops logins by passwords on two threads. Returns the jobs of the pool, the counters, and the
/// answers.
async fn drop_passwords(
    drops: usize,
    counters_wait: bool,
    choice: &'static [&'static str],
) -> (u64, Counting, BTreeMap<u16, usize>) {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let counters = Counting::new(counters_wait, clock.clone());
    let hasher = small();
    let issuer = builder(Waiting(customers().await), hasher.clone());
    let issuer = issuer.throttle(limited_by(&counters)).build().unwrap();
    let tasks = (0..2).map(|seed| {
        let (issuer, clock) = (issuer.clone(), clock.clone());
        tokio::spawn(async move {
            drop_at_random(seed, drops / 2, &clock, passwords(issuer, choice)).await
        })
    });
    let mut statuses = BTreeMap::new();
    for task in join_all(tasks).await {
        for (status, count) in task.unwrap() {
            *statuses.entry(status).or_default() += count;
        }
    }
    let pool = hasher.pool();
    // Those that were about to begin were dropped; those that have begun end by themselves.
    assert_eq!(pool.waiting(), 0);
    while pool.running() > 0 {
        yield_now().await;
    }
    let begun = pool.begun();
    counters.finish().await;
    // The permits are whole: these occupy every thread.
    let _busy = (occupy(&hasher).await, occupy(&hasher).await);
    assert_eq!((pool.waiting(), pool.running(), pool.threads()), (0, 2, 2));
    (begun, counters, statuses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_dropped_guesses_are_counted_as_often_as_they_were_hashed() {
    for (drops, counters_wait) in [(70_000, false), (10_000, true)] {
        let (begun, counters, statuses) = drop_passwords(drops, counters_wait, &["wrong"]).await;
        assert_eq!(counters.outcomes("failure") as u64, begun);
        assert_eq!(counters.outcomes("success"), 0);
        // Whether a login finds the queue full depends on the machine.
        let others = statuses.keys().filter(|status| ![403, 429, 503].contains(status));
        assert_eq!(others.count(), 0, "{statuses:?}");
        assert!(statuses.contains_key(&429), "{statuses:?}");
        let answered = statuses[&403] as u64;
        // Most clients leave before the hash, and some during it or after it.
        assert!(begun >= answered && answered > 50, "{begun} of {statuses:?}");
        assert!(counters.outcomes("cancelled") > 100, "{statuses:?}");
    }
    for (drops, counters_wait) in [(15_000, false), (5_000, true)] {
        let choice = &["mysecretpassword", "wrong"];
        let (begun, counters, statuses) = drop_passwords(drops, counters_wait, choice).await;
        assert!((counters.outcomes("failure") + counters.outcomes("success")) as u64 <= begun);
        assert_eq!(counters.outcomes("success"), statuses[&200], "{statuses:?}");
        assert!(statuses[&200] > 20, "{statuses:?}");
    }
}

#[cfg(feature = "oidc")]
mod by_code {
    use std::convert::Infallible;
    use std::task::Context;
    use std::task::Poll;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    use aws_lc_rs::signature::EcdsaKeyPair;
    use jsonwebtoken::Algorithm;
    use tower_service::Service;

    use super::*;
    use crate::issuer::OidcGrant;
    use crate::key::SigningKey;
    use crate::oidc::HttpClient;
    use crate::oidc::OidcProfile;
    use crate::testing::Consent;
    use crate::testing::Endpoint;
    use crate::testing::ScriptedProvider;

    const ISSUER: &str = "https://id.example/realm";
    const REDIRECT: &str = "https://shop.example/signed-in";
    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    /// Logins at the provider at a time.
    const PERMITS: usize = 4;

    /// A provider whose answers have to be waited for.
    #[derive(Clone)]
    struct Slow(ScriptedProvider);

    impl Service<Request<Full<Bytes>>> for Slow {
        type Response = <ScriptedProvider as Service<Request<Full<Bytes>>>>::Response;
        type Error = <ScriptedProvider as Service<Request<Full<Bytes>>>>::Error;
        type Future =
            std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
            let answer = self.0.call(request);
            Box::pin(async {
                for _ in 0..2 {
                    yield_now().await;
                }
                answer.await
            })
        }
    }

    fn key() -> SigningKey {
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
        let base64 = base64_simd::STANDARD.encode_to_string(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
        SigningKey::from_pem(Algorithm::ES256, pem).unwrap().with_id("k1")
    }

    fn by_code(code: &str) -> Request<Full<Bytes>> {
        let data = json!({
            "type": "token",
            "authentication_mechanism": "oidc",
            "oauth_authorization_code": code,
            "oauth_redirect_uri": REDIRECT,
            "oauth_code_verifier": VERIFIER,
        });
        request(json!({ "data": data }).to_string())
    }

    #[tokio::test]
    async fn five_thousand_dropped_codes_are_counted_as_often_as_they_were_sent() {
        let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
        let counters = Counting::new(false, clock.clone());
        let provider =
            ScriptedProvider::new(ISSUER, key()).clock(clock.clone()).public_client("page");
        let profile = OidcProfile::new(ISSUER, "page").redirect_uri(REDIRECT);
        let grant = OidcGrant::builder(customers().await)
            .profile(profile.max_in_flight(PERMITS))
            .http_client(HttpClient::new(Slow(provider.clone())));
        let issuer = TokenIssuer::builder(keys(), StaticBearer::new(["XXXX"]))
            .oidc(grant.build().unwrap())
            .throttle(limited_by(&counters))
            .clock(clock.clone())
            .build()
            .unwrap();
        let mut number = 0;
        let bogus = {
            let issuer = issuer.clone();
            move |random: &mut Rng| -> Login {
                number += 1;
                let mut login = by_code(&format!("bogus-{number}"));
                login.extensions_mut().insert(source(random));
                let issuer = issuer.clone();
                Box::pin(async move { Answer::of(&issuer, login).await.status })
            }
        };
        let statuses = drop_at_random(3, 5_000, &clock, bogus).await;
        counters.finish().await;
        assert_eq!(provider.in_flight(Endpoint::Token), 0);
        assert_eq!(counters.outcomes("failure"), provider.requests(Endpoint::Token));
        assert!(statuses[&403] > 50 && counters.outcomes("failure") > statuses[&403] + 50);
        assert!(counters.outcomes("cancelled") > 500);
        // The permits are whole: so many logins are at the provider at once.
        let logins = (0..PERMITS + 1).map(|number| {
            let consent = Consent::new("page", REDIRECT, CHALLENGE, &format!("customer{number}"));
            let mut login = by_code(&provider.authorize(consent));
            let address: IpAddr = Ipv4Addr::new(198, 51, 100, 7).into();
            login.extensions_mut().insert(address);
            let issuer = issuer.clone();
            async move { Ok::<_, Infallible>(Answer::of(&issuer, login).await.status) }
        });
        let answers = join_all(logins).await;
        assert_eq!(answers, [Ok(200); PERMITS + 1]);
        assert_eq!(provider.peak_in_flight(Endpoint::Token), PERMITS);
        assert_eq!(counters.outcomes("success"), PERMITS + 1);
        counters.finish().await;
    }
}
