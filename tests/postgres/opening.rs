//! Servers and schemas that are refused, and migrations.

use std::error::Error;
use std::time::Duration;
use std::time::Instant;

use futures_util::future::join_all;
use sqlx::AssertSqlSafe;
use sqlx::Connection;
use sqlx::PgConnection;
use tower_customer_auth::Customer;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::database::PostgresDatabase;
use tower_customer_auth::store::PostgresCustomers;

use crate::server::Server;
use crate::support::builder;
use crate::support::schema;
use crate::support::url;

async fn run(sql: String) {
    let mut connection = PgConnection::connect(&url()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

fn cause(error: &StoreError) -> String {
    error.source().unwrap().to_string()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_server_with_fsync_off_is_refused() {
    let server = Server::start(&["fsync=off"]).await;
    let refused = PostgresCustomers::open(&server.url()).await.unwrap_err();
    let reason = "the server has fsync = off, and would lose what it acknowledged";
    assert_eq!(cause(&refused), format!("error with configuration: {reason}"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_standby_is_refused_and_a_primary_that_became_one_too() {
    let mut server = Server::start(&["restore_command=false"]).await;
    let customers = PostgresCustomers::open(&server.url()).await.unwrap();
    server.shut_down();
    server.touch("standby.signal");
    server.restart().await;
    let refused = PostgresCustomers::open(&server.url()).await.unwrap_err();
    let reason = "error with configuration: the server is a standby, which can't write";
    assert_eq!(cause(&refused), reason);
    // Nothing is read from it either: it may be behind.
    assert_eq!(cause(&customers.count().await.unwrap_err()), reason);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn names_that_are_no_schema_and_deadlines_out_of_range_are_refused() {
    let longest = "x".repeat(40);
    for (name, is_valid) in [
        ("_a9", true),
        (&*longest, true),
        (&"x".repeat(41), false),
        ("", false),
        ("A", false),
        ("9a", false),
        ("a-b", false),
        ("a\"b", false),
        ("pg_a", false),
        ("ä", false),
    ] {
        let opened = builder(&url(), name).open().await;
        let error = opened.err().map(|error| error.to_string());
        let refused = "error with configuration: the name of the schema is not valid";
        assert_eq!(error.as_deref(), (!is_valid).then_some(refused), "{name}");
    }
    for deadline in [Duration::from_millis(9), Duration::from_secs(61)] {
        let opened = builder(&url(), "a").deadline(deadline).open().await;
        let refused = "error with configuration: the deadline is not between 10 ms and 60 s";
        assert_eq!(opened.unwrap_err().to_string(), refused);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_schema_of_a_later_version_is_refused_and_both_versions_are_named() {
    let schema = schema();
    let open = async || {
        let database = builder(&url(), &schema).open().await.unwrap();
        PostgresCustomers::new(database).await
    };
    open().await.unwrap();
    run(format!(
        "INSERT INTO {schema}.customer_auth_migrations \
         (version, description, success, checksum, execution_time) VALUES (2, '', true, '', 0)"
    ))
    .await;
    let versions =
        "customer_auth_migrations is at version 2, and this program supports up to version 1";
    let refused = open().await.unwrap_err();
    assert_eq!(cause(&refused), format!("error with configuration: {versions}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn nodes_that_start_at_once_migrate_once() {
    let schema = schema();
    let opened = (0..12).map(|_| {
        let schema = schema.clone();
        tokio::spawn(async move {
            let database = builder(&url(), &schema).open().await.unwrap();
            PostgresCustomers::new(database).await.unwrap()
        })
    });
    for store in join_all(opened).await {
        assert_eq!(store.unwrap().count().await.unwrap(), 0);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_migrated_schema_needs_no_rights_but_those_on_its_rows() {
    let schema = schema();
    let database = builder(&url(), &schema).open().await.unwrap();
    PostgresCustomers::new(database).await.unwrap();
    run(format!(
        "CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema}"
    ))
    .await;
    let url = url().replace("postgres@", &format!("{schema}@"));
    let database = builder(&url, &schema).open().await.unwrap();
    let store = PostgresCustomers::new(database).await.unwrap();
    let ron = Customer::new("ron".parse().unwrap(), "Ron", "ron@swanson.com");
    store.insert(&ron, None).await.unwrap();
    assert!(store.delete(ron.id()).await.unwrap());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn a_server_that_is_not_there_is_an_error_after_the_deadline_that_names_the_cause() {
    let started = Instant::now();
    let refused = PostgresDatabase::builder("postgres://a@127.0.0.1:1/a".parse().unwrap())
        .deadline(Duration::from_millis(300))
        .open()
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(2));
}
