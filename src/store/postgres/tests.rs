//! The suites of every store, and what PostgreSQL plans.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use crate::customer::Customer;
#[cfg(feature = "oidc")]
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::store::PostgresCustomers;
use crate::store::statements;
use crate::testing::CustomerStoreFixture;
#[cfg(feature = "oidc")]
use crate::testing::IdentityStoreFixture;
use crate::testing::customer_store_suite;
#[cfg(feature = "oidc")]
use crate::testing::identity_store_suite;
use crate::testing::store_suite::tests::own_customers::clock;
use crate::testing::store_suite::tests::own_customers::own_customer_store_suite;
use crate::testing::store_suite::tests::own_customers::update_to;
#[cfg(feature = "oidc")]
use crate::testing::store_suite::tests::own_identities::own_identity_store_suite;
use crate::testing::store_suite::tests::postgres::database;

impl CustomerStoreFixture for PostgresCustomers {
    async fn put(&self, customer: &Customer, password: Option<&PasswordHash>) {
        if self.get(customer.id()).await.unwrap().is_none() {
            self.insert(customer, password).await.unwrap();
            return;
        }
        let update = update_to(customer, password);
        let record = self.update(customer.id(), &update).await.unwrap().unwrap();
        assert_eq!((record.customer(), record.has_password()), (customer, password.is_some()));
    }
}

#[cfg(feature = "oidc")]
impl IdentityStoreFixture for PostgresCustomers {
    async fn delete(&self, id: &CustomerId) {
        assert!(self.delete(id).await.unwrap());
    }
}

async fn open() -> (PostgresCustomers, ()) {
    let store = PostgresCustomers::new(database().await).await.unwrap();
    (store.clock(clock(0)), ())
}

customer_store_suite!(
    #[ignore = "needs PostgreSQL: scripts/test runs it"]
    customers,
    open()
);
#[cfg(feature = "oidc")]
identity_store_suite!(
    #[ignore = "needs PostgreSQL: scripts/test runs it"]
    identities,
    open()
);
own_customer_store_suite!(
    #[ignore = "needs PostgreSQL: scripts/test runs it"]
    own_customers,
    open(),
    ""
);
#[cfg(feature = "oidc")]
own_identity_store_suite!(
    #[ignore = "needs PostgreSQL: scripts/test runs it"]
    own_identities,
    open(),
    ""
);

/// Returns the indexes that a statement goes by, in a table that is too large to read as a whole.
async fn indexes(store: &PostgresCustomers, statement: &str) -> Vec<String> {
    let mut transaction = store.begin().await.unwrap();
    let connection = transaction.connection();
    sqlx::raw_sql("SET LOCAL enable_seqscan = off").execute(&mut *connection).await.unwrap();
    let prepare = format!("PREPARE asked AS {}", store.database.sql(statement).0);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
    let arguments = if statement.contains("$2") { "('a', 'b')" } else { "('a')" };
    let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE asked{arguments}"));
    let rows = sqlx::raw_sql(explain).fetch_all(&mut *connection).await.unwrap();
    let lines = rows.iter().map(|row| row.get::<String, _>(0));
    let using = lines.filter_map(|line| Some(line.split_once("using ")?.1.to_owned()));
    using.map(|index| index.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: scripts/test runs it"]
async fn look_ups_go_by_indexes() {
    let (store, ()) = open().await;
    for (statement, expected) in [
        (statements::FIND, &["customer_auth_customers_login"][..]),
        (statements::GET, &["customer_auth_customers_pkey"]),
        #[cfg(feature = "oidc")]
        (
            statements::FIND_BY_IDENTITY,
            &["customer_auth_identities_pkey", "customer_auth_customers_pkey"],
        ),
    ] {
        assert_eq!(indexes(&store, statement).await, expected, "{statement}");
    }
}
