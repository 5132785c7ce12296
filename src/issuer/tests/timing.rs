//! Time of failed logins. What measures is ignored by default, and needs an idle machine.

use std::net::IpAddr;
use std::time::Instant;

use super::*;
use crate::throttle::Backoff;
use crate::throttle::ThrottleLimits;

#[tokio::test]
#[ignore = "measures for half a minute; run it alone"]
async fn a_failed_login_takes_the_same_time_whatever_is_wrong() {
    let customers = MemoryCustomers::new();
    let params = PasswordParams::default();
    customers.insert(&ron(), Some(&hash(b"mysecretpassword", params))).await.unwrap();
    let no_password = Customer::new("no-password".parse().unwrap(), "", "sso@example.com");
    customers.insert(&no_password, None).await.unwrap();
    let issuer = builder(customers, PasswordHasher::new()).build().unwrap();
    let long = "x".repeat(2000);
    let classes = [
        ("wrong password", "ron@swanson.com", "wrong"),
        ("unknown e-mail", "nobody@example.com", "wrong"),
        ("no password", "sso@example.com", "wrong"),
        ("over-long", "ron@swanson.com", &long),
    ];
    let mut times = classes.map(|_| Vec::new());
    for _ in 0..200 {
        for ((_, email, password), times) in classes.iter().zip(&mut times) {
            let begun = Instant::now();
            let answer = Answer::of(&issuer, login(email, password)).await;
            times.push(begun.elapsed().as_secs_f64());
            assert_eq!(answer, Answer::wrong_credentials());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    for ((class, _, _), median) in classes.iter().zip(medians) {
        let ratio = median / medians[0];
        println!("{class:>16}: {:8.3} ms, {ratio:.4} of the first", median * 1e3);
        assert!((0.98..=1.02).contains(&ratio), "{class}: {ratio}");
    }
}

/// Issuer, and whether the answers of a customer's e-mail and of an unknown one are to be 429.
async fn issuers(params: PasswordParams) -> [(&'static str, TokenIssuer, Answer); 2] {
    let throttle = |limits| {
        let builder = LoginThrottle::builder().limits(limits);
        builder.source(|extensions| extensions.get().copied()).build().unwrap()
    };
    let generous = Backoff::new(65_535, Duration::from_secs(1), Duration::from_secs(1));
    let hashes = ThrottleLimits::default()
        .source(65_535, Duration::from_millis(1))
        .pair(generous)
        .account(generous)
        .max_consecutive(65_535);
    // The first guess begins a wait that does not end meanwhile.
    let day = Duration::from_secs(86_400);
    let refuses = hashes.clone().pair(Backoff::new(1, day, day));
    let customers = MemoryCustomers::new();
    customers.insert(&ron(), Some(&hash(b"mysecretpassword", params))).await.unwrap();
    let issuer = |limits| {
        let hasher = PasswordHasher::builder().params(params).threads(1).build().unwrap();
        builder(customers.clone(), hasher).throttle(throttle(limits)).build().unwrap()
    };
    let throttled = Answer::refusal(
        429,
        Some(("retry-after", "86400")),
        r#"{"status":429,"title":"Too Many Requests","detail":"Too many attempts, try again later"}"#,
    );
    [
        ("hashed", issuer(hashes), Answer::wrong_credentials()),
        ("throttled", issuer(refuses), throttled),
    ]
}

/// Times answers for a customer's e-mail and for an unknown one, interleaved in random order.
async fn pairs(issuer: &TokenIssuer, expected: &Answer, pairs: usize) -> [Vec<f64>; 2] {
    let source: IpAddr = [192, 0, 2, 1].into();
    // Of the same length.
    let emails = ["ron@swanson.com", "tom@swanson.com"];
    let guess = |email| {
        let mut guess = login(email, "wrong");
        guess.extensions_mut().insert(source);
        Answer::of(issuer, guess)
    };
    for email in emails {
        assert_eq!(guess(email).await, Answer::wrong_credentials());
    }
    let mut times = [Vec::new(), Vec::new()];
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..pairs {
        let first = random.usize(..2);
        for class in [first, 1 - first] {
            let begun = Instant::now();
            let answer = guess(emails[class]).await;
            times[class].push(begun.elapsed().as_secs_f64());
            // A wait of a day has lost a second meanwhile.
            assert_eq!((answer.status, &answer.body), (expected.status, &expected.body));
        }
    }
    times
}

/// Returns the difference of the means of two samples, and Welch's t, without the slowest twentieth of both together: moments in which
/// another program had the processor.
fn welch(samples: &[Vec<f64>; 2]) -> (f64, f64) {
    let mut all: Vec<f64> = samples.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() * 19 / 20];
    let [one, other] = samples.each_ref().map(|sample| {
        let kept: Vec<_> = sample.iter().copied().filter(|time| *time <= limit).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (one.0 - other.0, (one.0 - other.0) / (one.1 + other.1).sqrt())
}

#[tokio::test]
#[ignore = "measures for two minutes; run it alone"]
async fn neither_a_hashed_nor_a_throttled_answer_tells_by_its_time_who_is_a_customer() {
    for (what, issuer, expected) in issuers(PasswordParams::default()).await {
        let times = pairs(&issuer, &expected, 2_000).await;
        let (difference, t) = welch(&times);
        println!("{what:>10}: {:.0} ns, t = {t:.2}", difference * 1e9);
        assert!(t.abs() < 4.5, "{what}: {t}");
    }
}

#[tokio::test]
async fn neither_a_hashed_nor_a_throttled_answer_tells_who_is_a_customer() {
    for (_, issuer, expected) in issuers(FAST).await {
        pairs(&issuer, &expected, 20).await;
    }
}
