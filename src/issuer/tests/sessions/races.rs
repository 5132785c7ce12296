//! Refreshes while their login is being ended, on several threads.

use tokio::task::JoinHandle;

use super::*;

const ROUNDS: usize = 25;
const REFRESHERS: usize = 3;

/// Tasks that refresh tokens of one login, each its latest one, until they are refused.
struct Refreshers {
    tasks: Vec<JoinHandle<()>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Refreshers {
    fn start(issuer: &TokenIssuer, login: &str) -> Self {
        let tokens = Arc::new(Mutex::new(vec![login.to_owned()]));
        let tasks = (0..REFRESHERS).map(|_| {
            let (issuer, tokens) = (issuer.clone(), Arc::clone(&tokens));
            let mut token = login.to_owned();
            tokio::spawn(async move {
                loop {
                    let request = with_tokens(refresh_request(), &[&token]);
                    let answer = Answer::of(&issuer, request).await;
                    if answer.status != 200 {
                        assert_eq!(answer, no_valid_token());
                        return;
                    }
                    token = token_of(&answer);
                    tokens.lock().unwrap().push(token.clone());
                }
            })
        });
        Self { tasks: tasks.collect(), tokens }
    }

    /// Waits until there are some tokens, so that the end comes amid refreshes.
    async fn are_busy(&self) {
        while self.tokens.lock().unwrap().len() < 5 * REFRESHERS {
            tokio::task::yield_now().await;
        }
    }

    fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// Checks that no token works when `end` has returned, and none that is handed out later.
    async fn have_ended(self, verifier: &Verifier) {
        let refused = |tokens: Vec<String>| {
            for token in tokens {
                let error = verifier.verify(token.as_bytes()).err();
                assert_eq!(error.map(|error| error.kind()), REVOKED);
            }
        };
        refused(self.tokens());
        for task in self.tasks {
            task.await.unwrap();
        }
        let tokens = Arc::try_unwrap(self.tokens).unwrap().into_inner().unwrap();
        assert!(tokens.len() >= 5 * REFRESHERS);
        refused(tokens);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_that_race_a_logout_or_one_everywhere_leave_no_token() {
    for round in 0..ROUNDS {
        let shop = Shop::open().await;
        let login = shop.log_in(&ron());
        shop.clock.advance(MS);
        let refreshers = Refreshers::start(&shop.issuer, &login);
        refreshers.are_busy().await;
        let answer = match round % 3 {
            0 => shop.log_out(&login).await,
            1 => shop.log_out_everywhere(&ron(), &refreshers.tokens()[3]).await,
            _ => shop.expel(RON).await,
        };
        assert_eq!(answer, ended());
        refreshers.have_ended(&shop.verifier).await;
        shop.clock.advance(Duration::from_secs(1));
        let later = shop.log_in(&ron());
        assert_eq!(shop.refresh(&later).await.status, 200);
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;
    use crate::store::SqliteCustomers;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn refreshes_that_race_a_change_of_the_customer_leave_no_token() {
        for round in 0..ROUNDS {
            let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
            let customers = SqliteCustomers::open(":memory:").await.unwrap().clock(clock.clone());
            let password = hash(b"mysecretpassword", FAST);
            customers.insert(&ron(), Some(&password)).await.unwrap();
            let list = Revocations::durable(customers.revocation_log()).clock(clock.clone());
            let list = list.start().unwrap();
            list.ready().await.unwrap();
            let customers = customers.revocations(list.clone());
            let issuer = TokenIssuer::builder(keys(), Clients)
                .password(PasswordGrant::new(customers.clone()).hasher(hasher()))
                .revocations(list.clone())
                .sessions(Sessions::new(customers.clone()))
                .clock(clock.clone())
                .build()
                .unwrap();
            let verifier = Verifier::builder(keys()).revocations(list).clock(clock.clone());
            let verifier = verifier.build().unwrap();

            let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
            let refreshers = Refreshers::start(&issuer, &token_of(&answer));
            refreshers.are_busy().await;
            clock.advance(MS);
            let id = ron().id().clone();
            let change = match round % 3 {
                0 => CustomerUpdate::new().password(hash(b"changed", FAST)),
                _ => CustomerUpdate::new().enabled(false),
            };
            if round % 3 == 1 {
                assert!(customers.delete(&id).await.unwrap());
            } else {
                customers.update(&id, &change).await.unwrap().unwrap();
            }
            refreshers.have_ended(&verifier).await;

            clock.advance(Duration::from_secs(1));
            for (password, works) in
                [("mysecretpassword", false), ("changed", round.is_multiple_of(3))]
            {
                let answer = Answer::of(&issuer, login("ron@swanson.com", password)).await;
                assert_eq!(answer.status, if works { 200 } else { 403 }, "{password}");
            }
        }
    }
}
