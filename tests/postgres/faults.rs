//! Servers that are killed, stopped, full, and cut off.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use futures_util::future::join_all;
use sqlx::Connection;
use sqlx::PgConnection;
use tokio::time::timeout;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerStore;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenId;
use tower_customer_auth::database::PostgresDatabase;
use tower_customer_auth::revocation::RevocationLog;
use tower_customer_auth::store::PostgresCustomers;
use tower_customer_auth::testing::is_revoked;

use crate::log::snapshot;
use crate::log::token;
use crate::proxy::Proxy;
use crate::server::Server;

const DEADLINE: Duration = Duration::from_secs(2);

fn root(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), root)
}

/// Repeats a call until it succeeds, and returns how long that took.
async fn recovered(store: &PostgresCustomers) -> Duration {
    let started = Instant::now();
    while store.count().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "no recovery");
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged_and_calls_succeed_again() {
    const ROUNDS: usize = 5;
    const WRITERS: usize = 8;
    let mut server = Server::start(&[]).await;
    let store = PostgresCustomers::open(&server.url()).await.unwrap();
    let log = store.revocation_log();
    // Another node, which follows.
    let other = PostgresCustomers::open(&server.url()).await.unwrap().revocation_log();
    let list = Revocations::durable(other).start().unwrap();
    list.ready().await.unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let writers = (0..WRITERS).map(|writer| {
        let (log, store, ends) = (log.clone(), store.clone(), Arc::clone(&ends));
        tokio::spawn(async move {
            let (mut tokens, mut customers, mut refused) = (Vec::new(), Vec::new(), 0);
            for number in 0.. {
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("{writer}-{number}");
                if number % 4 > 0 {
                    match log.append(&token(&name)).await {
                        Ok(()) => tokens.push(name),
                        Err(_) => refused += 1,
                    }
                    continue;
                }
                let customer = Customer::new(name.parse().unwrap(), &*name, "");
                // A duplicate would be one that was inserted by an attempt without an answer.
                match store.insert(&customer, None).await {
                    Ok(_) => customers.push(customer),
                    Err(error) => {
                        assert_eq!(error.to_string(), "the store is unavailable");
                        refused += 1;
                    }
                }
            }
            (tokens, customers, refused)
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.kill();
        server.restart().await;
        let recovered = recovered(&store).await;
        assert!(recovered < Duration::from_secs(2), "{recovered:?}");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    ends.store(true, Ordering::Relaxed);
    let (mut tokens, mut customers, mut refused) = (BTreeSet::new(), Vec::new(), 0);
    for writer in join_all(writers).await {
        let writer = writer.unwrap();
        tokens.extend(writer.0);
        customers.extend(writer.1);
        refused += writer.2;
    }
    let (kept, _) = snapshot(&log).await;
    let forgotten = tokens.difference(&kept).count();
    println!(
        "{ROUNDS} kills: {} revocations and {} customers acknowledged, {refused} refused, \
         {forgotten} forgotten",
        tokens.len(),
        customers.len()
    );
    assert_eq!(forgotten, 0);
    for customer in &customers {
        let found = store.get(customer.id()).await.unwrap().unwrap();
        assert_eq!(found.customer(), customer);
    }
    let follow = async {
        for id in &tokens {
            let id: TokenId = id.parse().unwrap();
            while !is_revoked(&list, &id, &"c".parse().unwrap(), SystemTime::now()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    timeout(Duration::from_secs(10), follow).await.unwrap();
    assert_idle(&store, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn calls_to_a_server_that_is_stopped_fail_at_the_deadline_and_succeed_when_it_goes_on() {
    let server = Server::start(&[]).await;
    let store = PostgresCustomers::open(&server.url()).await.unwrap();
    let log = store.revocation_log();
    join_all((0..10).map(|_| store.count())).await;
    server.pause();
    // More than there are connections.
    let calls = (0..30).map(|number| {
        let (store, log) = (&store, &log);
        async move {
            let started = Instant::now();
            let missed = match number % 3 {
                0 => root(&store.find_by_email("a@b").await.unwrap_err()),
                1 => root(&log.append(&token(&number.to_string())).await.unwrap_err()),
                _ => {
                    let id = number.to_string().parse().unwrap();
                    root(&store.insert(&Customer::new(id, "", ""), None).await.unwrap_err())
                }
            };
            assert_eq!(missed, "PostgreSQL did not answer within 2s");
            started.elapsed()
        }
    });
    for took in join_all(calls).await {
        assert!(took >= DEADLINE && took < DEADLINE * 2, "{took:?}");
    }
    server.resume();
    let recovered = recovered(&store).await;
    assert!(recovered < Duration::from_secs(2), "{recovered:?}");
    log.append(&token("after")).await.unwrap();
    assert!(snapshot(&log).await.0.contains("after"));
    assert_idle(&store, &server).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_server_without_a_free_connection_is_an_error_that_says_so_until_there_is_one() {
    let server = Server::start(&["max_connections=6", "superuser_reserved_connections=0"]).await;
    let mut others = Vec::new();
    let error = loop {
        match PgConnection::connect(&server.url()).await {
            Ok(connection) => others.push(connection),
            Err(error) => break error,
        }
    };
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("53300"));
    let refused = PostgresDatabase::open(&server.url()).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("53300"));
    let opened = tokio::spawn({
        let url = server.url();
        async move { PostgresCustomers::open(&url).await }
    });
    others.pop().unwrap().close().await.unwrap();
    others.pop().unwrap().close().await.unwrap();
    let store = opened.await.unwrap().unwrap();
    // Calls share the connections that there are.
    for counted in join_all((0..20).map(|_| store.count())).await {
        assert_eq!(counted.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_network_that_drops_packets_costs_one_deadline_and_no_place_in_the_pool() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port()).await;
    let store = PostgresCustomers::open(&proxy.url()).await.unwrap();
    let log = store.revocation_log();
    log.changed().await;
    for counted in join_all((0..10).map(|_| store.count())).await {
        assert_eq!(counted.unwrap(), 0);
    }
    proxy.drop_packets();
    for missed in join_all((0..20).map(|_| store.count())).await {
        assert_eq!(root(&missed.unwrap_err()), "PostgreSQL did not answer within 2s");
    }
    // New connections pass. The old ones never answer, and never end.
    proxy.accept_again();
    for counted in join_all((0..20).map(|_| store.count())).await {
        assert_eq!(counted.unwrap(), 0);
    }
    let (open, idle) = store.database().connections();
    assert_eq!((open, open <= 10), (idle, true));
    // The listener asks after 10 s, waits for 5 s, and connects again.
    let other = PostgresCustomers::open(&server.url()).await.unwrap().revocation_log();
    timeout(Duration::from_secs(30), log.changed()).await.unwrap();
    other.append(&token("a")).await.unwrap();
    timeout(Duration::from_secs(10), log.changed()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_commit_whose_answer_is_lost_is_an_error_and_never_done_twice() {
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port()).await;
    let store = PostgresCustomers::open(&proxy.url()).await.unwrap();
    for number in 0..10 {
        let ron = Customer::new(number.to_string().parse().unwrap(), "Ron", "");
        // The end of a statement: "READ COMMITTED" is none.
        proxy.cut_after("COMMIT\0");
        // If it were repeated, its identifier would be taken.
        let in_doubt = store.insert(&ron, None).await.unwrap_err();
        assert_eq!(in_doubt.to_string(), "the store is unavailable");
    }
    assert_eq!(store.count().await.unwrap(), 10);
    assert_eq!(proxy.cuts(), 10);
}

/// No session is in a transaction, and all connections of the pool are idle.
pub(crate) async fn assert_idle(store: &PostgresCustomers, server: &Server) {
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    assert_no_transaction(&mut connection).await;
    let (open, idle) = store.database().connections();
    assert_eq!((open, open <= 10), (idle, true));
}

pub(crate) async fn assert_no_transaction(connection: &mut PgConnection) {
    // The server notices closed connections soon.
    let mut busy = 1;
    for _ in 0..200 {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                     AND state LIKE 'idle in transaction%'";
        busy = sqlx::query_scalar(count).fetch_one(&mut *connection).await.unwrap();
        if busy == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(busy, 0_i64);
}
