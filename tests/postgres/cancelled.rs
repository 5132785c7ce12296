//! Callers that go away.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::join_all;
use sqlx::Connection;
use sqlx::PgConnection;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerStore;
use tower_customer_auth::customer::CustomerUpdate;
use tower_customer_auth::revocation::RevocationLog;
use tower_customer_auth::store::PostgresCustomers;

use crate::faults::assert_idle;
use crate::log::token;
use crate::server::Server;

/// Polls a future some times, each time when it has something to do, and drops it. Returns whether it
/// was complete.
async fn give_up(future: impl Future<Output = ()>, mut polls: u32) -> bool {
    let mut future = pin!(future);
    let polled = std::future::poll_fn(|context| match polls.checked_sub(1) {
        None => Poll::Ready(false),
        Some(left) => {
            polls = left;
            future.as_mut().poll(context).map(|()| true)
        }
    });
    polled.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_call_after_one_that_was_cancelled_gets_its_own_answer_and_the_pool_stays_whole() {
    const CUSTOMERS: u64 = 50;
    const TASKS: u64 = 16;
    const CALLS: u64 = 700;
    let server = Server::start(&[]).await;
    let store = PostgresCustomers::open(&server.url()).await.unwrap();
    let customer = |number: u64| {
        let name = number.to_string();
        Customer::new(name.parse().unwrap(), &*name, format!("{name}@example.com"))
    };
    for number in 0..CUSTOMERS {
        store.insert(&customer(number), None).await.unwrap();
    }
    let tasks = (0..TASKS).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(task);
            let log = store.revocation_log();
            let (mut complete, mut given_up) = (0, 0);
            for call in 0..CALLS {
                let expected = customer(random.u64(..CUSTOMERS));
                let id = expected.id();
                let polls = random.u32(..16);
                let kind = random.u32(..8);
                let future = async {
                    match kind {
                        0..=3 => {
                            let found = store.get(id).await.unwrap().unwrap();
                            assert_eq!(found.customer(), &expected);
                        }
                        4 => {
                            // Of another customer, with as many columns.
                            let page = store.list(1, 0).await.unwrap();
                            assert_eq!(page[0].customer(), &customer(0));
                            assert!(store.find_by_email("x").await.unwrap().is_none());
                        }
                        5 => {
                            let update = CustomerUpdate::new().name(expected.name());
                            let shown = store.update(id, &update).await.unwrap().unwrap();
                            assert_eq!(shown.customer(), &expected);
                        }
                        6 => {
                            let mut transaction = store.begin().await.unwrap();
                            let update = CustomerUpdate::new().name("never");
                            let shown = transaction.update(id, &update).await.unwrap().unwrap();
                            assert_eq!(shown.customer().id(), id);
                            transaction.rollback().await.unwrap();
                        }
                        _ => {
                            log.append(&token(&format!("{task}-{call}"))).await.unwrap();
                        }
                    }
                };
                if give_up(future, polls).await {
                    complete += 1;
                } else {
                    given_up += 1;
                }
            }
            (complete, given_up)
        })
    });
    let (mut complete, mut given_up) = (0, 0);
    for task in join_all(tasks).await {
        let task = task.unwrap();
        complete += task.0;
        given_up += task.1;
    }
    println!("{complete} calls complete, {given_up} given up");
    assert_eq!(complete + given_up, TASKS * CALLS);
    // Writes that had begun go on, and take connections.
    while store.database().connections().0 != store.database().connections().1 {
        tokio::task::yield_now().await;
    }
    assert_idle(&store, &server).await;
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
    let sessions: i64 = sqlx::query_scalar(sessions).fetch_one(&mut other).await.unwrap();
    // Those of the pool, and this one.
    assert!(sessions <= 11, "{sessions}");
    for number in 0..CUSTOMERS {
        let found = store.get(customer(number).id()).await.unwrap().unwrap();
        assert_eq!(found.customer(), &customer(number));
    }
}
