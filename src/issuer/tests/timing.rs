//! Time of failed logins. Ignored by default: it measures, and needs an idle machine.

use std::time::Instant;

use super::*;

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
