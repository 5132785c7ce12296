//! Logins in the second in which the customer's earlier tokens were revoked.

use std::future::Future;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::*;
use crate::customer::CustomerUpdate;
use crate::revocation::CutOff;
use crate::revocation::RevocationEntry;
use crate::verify::VerifyErrorKind;

/// A clock that advances with tokio's, which is paused in these tests until all tasks wait.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + self.0.elapsed()
    }
}

const OLD: &str = "mysecretpassword";

struct Shop {
    customers: MemoryCustomers,
    revocations: Revocations,
    clock: Arc<dyn Clock>,
    hasher: PasswordHasher,
    issuer: TokenIssuer,
    verifier: Verifier,
}

impl Shop {
    /// A shop with Ron as its customer, whose hasher has one thread and no queue.
    async fn open(clock: Arc<dyn Clock>) -> Self {
        let customers = customers().await;
        let revocations = Revocations::in_memory();
        let hasher = PasswordHasher::builder().params(FAST).threads(1).max_waiting(0);
        let hasher = hasher.build().unwrap();
        let issuer = builder(customers.clone(), hasher.clone())
            .revocations(revocations.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        // A token dated ahead of the clock is rejected.
        let verifier = Verifier::builder(keys())
            .revocations(revocations.clone())
            .clock(clock.clone())
            .clock_skew(Duration::ZERO)
            .build()
            .unwrap();
        Self { customers, revocations, clock, hasher, issuer, verifier }
    }

    async fn at_tokios_time() -> Self {
        Self::open(Arc::new(TokioClock(Instant::now()))).await
    }

    /// Changes the password as a shop does: the change, the moment, the revocation.
    async fn change(&self, password: &str) {
        let hash = hash(password.as_bytes(), FAST);
        self.customers.set_password(ron().id(), &hash).await.unwrap();
        self.revoke().await;
    }

    async fn revoke(&self) {
        self.revocations.revoke_customer(ron().id(), self.clock.now()).await.unwrap();
    }

    fn login(&self, password: &str) -> impl Future<Output = Answer> + Send + use<> {
        let (issuer, login) = (self.issuer.clone(), login("ron@swanson.com", password));
        async move { Answer::of(&issuer, login).await }
    }

    /// Starts a login, and returns when its password has been hashed and it only waits.
    async fn waiting(&self, password: &str) -> tokio::task::JoinHandle<Answer> {
        let login = tokio::spawn(self.login(password));
        // Its hash starts at its first poll, and no other job is accepted before it has ended. This
        // must not wait, because tokio's clock would advance.
        tokio::task::yield_now().await;
        let behind_it = async || self.hasher.pool().run(Flow::new(), |_| ()).await;
        loop {
            let mut job = std::pin::pin!(behind_it());
            let outcome = loop {
                match (&mut job).now_or_never() {
                    Some(outcome) => break outcome,
                    None => tokio::task::yield_now().await,
                }
            };
            if outcome.is_ok() {
                break;
            }
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert!(!login.is_finished());
        login
    }

    fn verdict(&self, answer: &Answer) -> Option<VerifyErrorKind> {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let json = answer.json();
        let token = json["data"]["token"].as_str().unwrap();
        self.verifier.verify(token.as_bytes()).err().map(|error| error.kind())
    }

    /// Milliseconds since the beginning of the test's first second.
    fn millis(&self) -> u128 {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        self.clock.now().duration_since(begun).unwrap().as_millis()
    }
}

async fn pass(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_logins_that_follow_a_change_each_within_one_second_only_the_last_gets_in() {
    let shop = Shop::at_tokios_time().await;
    pass(100).await;
    shop.change("the second").await;
    pass(100).await;
    let first = shop.waiting("the second").await;
    pass(100).await;
    shop.change("the third").await;
    pass(100).await;
    let second = shop.login("the third").await;
    assert_eq!(shop.verdict(&second), None);
    assert_eq!(shop.millis(), 1_000);
    assert_eq!(first.await.unwrap(), Answer::wrong_credentials());
    // The password from before the changes stays invalid.
    assert_eq!(shop.login(OLD).await, Answer::wrong_credentials());
}

#[tokio::test(start_paused = true)]
async fn a_customer_revoked_116_times_in_a_second_is_let_in_when_the_second_ends() {
    let shop = Shop::at_tokios_time().await;
    for _ in 0..116 {
        pass(8).await;
        shop.revoke().await;
    }
    assert_eq!(shop.millis(), 928);
    let answer = shop.login(OLD).await;
    assert_eq!(shop.verdict(&answer), None);
    assert_eq!(shop.millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn after_six_changes_in_340_ms_the_token_for_the_last_password_is_accepted() {
    let shop = Shop::at_tokios_time().await;
    for change in 0..6 {
        shop.change(&format!("password {change}")).await;
        pass(68).await;
    }
    let answer = shop.login("password 5").await;
    assert_eq!(shop.verdict(&answer), None);
    for change in 0..5 {
        let answer = shop.login(&format!("password {change}")).await;
        assert_eq!(answer, Answer::wrong_credentials());
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_waits_for_the_end_of_the_second_leaves_its_hash_place_to_others() {
    let shop = Shop::at_tokios_time().await;
    pass(1).await;
    shop.revoke().await;
    let waiting = shop.waiting(OLD).await;
    assert_eq!((shop.hasher.pool().waiting(), shop.hasher.pool().running()), (0, 0));
    assert_eq!(shop.login("wrong").await, Answer::wrong_credentials());
    assert_eq!(shop.verdict(&waiting.await.unwrap()), None);
    assert_eq!(shop.millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_waits_is_refused_when_its_customer_is_revoked_again() {
    let shop = Shop::at_tokios_time().await;
    pass(100).await;
    shop.revoke().await;
    let waiting = shop.waiting(OLD).await;
    pass(100).await;
    // The password is unchanged; logging out everywhere ends this login too.
    shop.revoke().await;
    assert_eq!(waiting.await.unwrap(), Answer::wrong_credentials());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_waits_is_refused_when_its_customer_has_been_disabled() {
    let shop = Shop::at_tokios_time().await;
    pass(100).await;
    shop.revoke().await;
    let waiting = shop.waiting(OLD).await;
    pass(100).await;
    let disable = CustomerUpdate::new().enabled(false);
    shop.customers.update(ron().id(), &disable).await.unwrap();
    assert_eq!(waiting.await.unwrap(), Answer::wrong_credentials());
    assert_eq!(shop.millis(), 1_000);
}

/// The time of the change is within the second, and reaches the list after it: a token of the next
/// second would outlive it.
#[tokio::test(start_paused = true)]
async fn a_login_that_waits_is_refused_when_its_password_has_changed_and_the_list_learns_of_it_late()
 {
    let shop = Shop::at_tokios_time().await;
    pass(100).await;
    shop.change("the second").await;
    pass(100).await;
    let waiting = shop.waiting("the second").await;
    pass(700).await;
    let hash = hash(b"the third", FAST);
    shop.customers.set_password(ron().id(), &hash).await.unwrap();
    let changed_at = shop.clock.now();
    assert_eq!(waiting.await.unwrap(), Answer::wrong_credentials());
    assert_eq!(shop.millis(), 1_000);
    shop.revocations.revoke_customer(ron().id(), changed_at).await.unwrap();
    let answer = shop.login("the third").await;
    assert_eq!(shop.verdict(&answer), None);
}

/// `SqliteCustomers` dates a cut-off ahead by the time that its commit may take.
#[tokio::test(start_paused = true)]
async fn a_login_waits_for_a_cut_off_that_is_dated_ahead_by_a_quarter_of_a_second() {
    let shop = Shop::at_tokios_time().await;
    pass(751).await;
    let now = shop.clock.now();
    let cut_off = CutOff::with_valid_from(now, now + Duration::from_millis(250));
    let entry = RevocationEntry::Customer { id: ron().id().clone(), cut_off };
    shop.revocations.apply(&entry).unwrap();
    let answer = shop.login(OLD).await;
    assert_eq!(shop.verdict(&answer), None);
    assert_eq!(shop.millis(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_login_is_unavailable_when_the_clock_does_not_reach_the_end_of_the_second() {
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let shop = Shop::open(clock.clone()).await;
    clock.advance(Duration::from_millis(400));
    shop.revoke().await;
    let begun = Instant::now();
    assert_eq!(shop.login(OLD).await, Answer::unavailable());
    assert_eq!(begun.elapsed(), Duration::from_millis(1_500));

    // Set back by more than a login waits: it does not wait at all.
    let waiting = shop.waiting(OLD).await;
    clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - 3_600));
    let begun = Instant::now();
    assert_eq!(waiting.await.unwrap(), Answer::unavailable());
    assert!(begun.elapsed() <= Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn a_customer_who_is_cut_off_until_later_is_refused_at_once_until_then() {
    let shop = Shop::at_tokios_time().await;
    let until = shop.clock.now() + Duration::from_millis(2_500);
    shop.revocations.revoke_customer(ron().id(), until).await.unwrap();
    for millis in [0, 2_499] {
        pass(millis).await;
        assert_eq!(shop.login(OLD).await, Answer::wrong_credentials());
        assert_eq!(shop.millis(), u128::from(millis));
    }
    pass(1).await;
    let answer = shop.login(OLD).await;
    assert_eq!(shop.verdict(&answer), None);
    assert_eq!(shop.millis(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_dropped_while_it_waits_leaves_nothing_behind() {
    let shop = Shop::at_tokios_time().await;
    pass(1).await;
    shop.revoke().await;
    let waiting = shop.waiting(OLD).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!((shop.hasher.pool().waiting(), shop.hasher.pool().running()), (0, 0));
    let answer = shop.login(OLD).await;
    assert_eq!(shop.verdict(&answer), None);
}
