//! The suites of every store, over a file and in memory.

use crate::customer::Customer;
#[cfg(feature = "oidc")]
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::store::SqliteCustomers;
use crate::store::sqlite::tests::TempFile;
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

impl CustomerStoreFixture for SqliteCustomers {
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
impl IdentityStoreFixture for SqliteCustomers {
    async fn delete(&self, id: &CustomerId) {
        assert!(self.delete(id).await.unwrap());
    }
}

async fn in_file() -> (SqliteCustomers, TempFile) {
    let file = TempFile::new();
    let store = SqliteCustomers::open(&file.0).await.unwrap();
    (store.clock(clock(0)), file)
}

async fn in_memory() -> (SqliteCustomers, ()) {
    (SqliteCustomers::open(":memory:").await.unwrap().clock(clock(0)), ())
}

customer_store_suite!(customers_in_a_file, in_file());
customer_store_suite!(customers_in_memory, in_memory());
own_customer_store_suite!(own_customers_in_a_file, in_file());
own_customer_store_suite!(own_customers_in_memory, in_memory());

#[cfg(feature = "oidc")]
identity_store_suite!(identities_in_a_file, in_file());
#[cfg(feature = "oidc")]
identity_store_suite!(identities_in_memory, in_memory());
#[cfg(feature = "oidc")]
own_identity_store_suite!(own_identities_in_a_file, in_file());
#[cfg(feature = "oidc")]
own_identity_store_suite!(own_identities_in_memory, in_memory());
