//! The suites of every store.

use crate::customer::Customer;
#[cfg(feature = "oidc")]
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::testing::CustomerStoreFixture;
#[cfg(feature = "oidc")]
use crate::testing::IdentityStoreFixture;
use crate::testing::MemoryCustomers;
use crate::testing::customer_store_suite;
#[cfg(feature = "oidc")]
use crate::testing::identity_store_suite;
use crate::testing::store_suite::tests::own_customers::clock;
use crate::testing::store_suite::tests::own_customers::own_customer_store_suite;
use crate::testing::store_suite::tests::own_customers::update_to;
#[cfg(feature = "oidc")]
use crate::testing::store_suite::tests::own_identities::own_identity_store_suite;

impl CustomerStoreFixture for MemoryCustomers {
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
impl IdentityStoreFixture for MemoryCustomers {
    async fn delete(&self, id: &CustomerId) {
        assert!(self.delete(id).await.unwrap());
    }
}

customer_store_suite!(customers, async { (MemoryCustomers::new(), ()) });
own_customer_store_suite!(own_customers, async { (MemoryCustomers::new().clock(clock(0)), ()) });

#[cfg(feature = "oidc")]
identity_store_suite!(identities, async { (MemoryCustomers::new(), ()) });
#[cfg(feature = "oidc")]
own_identity_store_suite!(own_identities, async { (MemoryCustomers::new().clock(clock(0)), ()) });
