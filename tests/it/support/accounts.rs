//! Accounts with passwords, whose hashes take no time.

use tower_customer_auth::Customer;
use tower_customer_auth::Secret;
use tower_customer_auth::password::PasswordHash;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::password::PasswordParams;
use tower_customer_auth::testing::MemoryCustomers;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;

/// The customer's password.
pub(crate) const PASSWORD: &str = "mysecretpassword";

/// `CUSTOMER` with the address `EMAIL`.
pub(crate) fn ron() -> Customer {
    Customer::new(CUSTOMER.parse().unwrap(), "Ron Swanson", EMAIL)
}

/// The hash of `PASSWORD`.
pub(crate) fn password() -> PasswordHash {
    let params = PasswordParams::worthless_but_fast();
    PasswordHash::compute(&Secret::from(PASSWORD), params).unwrap()
}

/// A hasher whose parameters are those of `password()`.
pub(crate) fn hasher() -> PasswordHasher {
    PasswordHasher::builder().params(PasswordParams::worthless_but_fast()).build().unwrap()
}

/// A store with `ron()` and his `PASSWORD` in it.
pub(crate) async fn customers() -> MemoryCustomers {
    let customers = MemoryCustomers::new();
    customers.insert(&ron(), Some(&password())).await.unwrap();
    customers
}
