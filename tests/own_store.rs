//! Customers in memory, outside of the crate: the example of `identity_store_suite!`.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::CustomerStore;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::EmailHolder;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::customer::StoredCustomer;
use tower_customer_auth::customer::email_key;
use tower_customer_auth::password::PasswordHash;

/// Customer store in memory. Each method locks it once, so that a look and its write are one step.
#[derive(Default)]
struct Shop(Mutex<Vec<Row>>);

struct Row {
    customer: Customer,
    password: Option<PasswordHash>,
    /// Each with the e-mail that the provider had verified, if it had.
    identities: Vec<(Identity, Option<String>)>,
}

impl Row {
    fn has(&self, identity: &Identity) -> bool {
        self.identities.iter().any(|(own, _)| own == identity)
    }

    fn add(&mut self, newcomer: &Newcomer) {
        let verified =
            newcomer.has_verified_email().then(|| newcomer.customer().email().to_owned());
        self.identities.push((newcomer.identity().clone(), verified));
    }

    /// Returns how good the claim to an e-mail is. `None` means that the customer must not be
    /// linked.
    fn claim(&self, email: &str) -> Option<u8> {
        let mut verified = self.identities.iter().map(|(_, verified)| verified.as_deref());
        let proven = verified.all(|own| own.is_some_and(|own| own.eq_ignore_ascii_case(email)));
        if !proven || !self.customer.email().eq_ignore_ascii_case(email) {
            return None;
        }
        Some(match (self.identities.is_empty(), &self.password) {
            (false, _) => 2,
            (true, Some(_)) => 1,
            (true, None) => 0,
        })
    }
}

fn holder(rows: &[Row], email: &str) -> EmailHolder {
    let key = email_key(email);
    let same = |row: &&Row| !key.is_empty() && email_key(row.customer.email()) == key;
    let mut claims: Vec<_> =
        rows.iter().filter(same).map(|row| (row.claim(email), row.customer.id())).collect();
    claims.sort();
    match claims[..] {
        [] => EmailHolder::Free,
        [.., (None, _)] => EmailHolder::NotLinkable,
        [.., (next, _), (best, _)] if next == best => EmailHolder::NotLinkable,
        [.., (_, id)] => EmailHolder::Linkable(id.clone()),
    }
}

impl Shop {
    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CustomerStore for Shop {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let key = email_key(email);
        Ok(self.rows().iter().find_map(|row| {
            let password = row.password.clone()?;
            let found = email_key(row.customer.email()) == key;
            found.then(|| StoredCustomer::new(row.customer.clone(), password))
        }))
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let row = rows.iter_mut().find(|row| row.customer.id() == id);
        let password = row.and_then(|row| row.password.as_mut());
        let password = password.filter(|password| password.expose() == old.expose());
        Ok(password.map(|password| *password = new.clone()).is_some())
    }
}

impl IdentityStore for Shop {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let rows = self.rows();
        Ok(rows.iter().find(|row| row.has(identity)).map(|row| row.customer.clone()))
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        Ok(holder(&self.rows(), email))
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let mut rows = self.rows();
        let customer = newcomer.customer();
        let taken = email_must_be_free && holder(&rows, customer.email()) != EmailHolder::Free;
        if taken || rows.iter().any(|row| row.has(newcomer.identity())) {
            return Ok(Admission::Stale);
        }
        if rows.iter().any(|row| row.customer.id() == customer.id()) {
            return Err(StoreError::new("another customer has this identifier"));
        }
        let mut row = Row { customer: customer.clone(), password: None, identities: Vec::new() };
        row.add(newcomer);
        rows.push(row);
        Ok(Admission::Admitted(customer.clone()))
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let mut rows = self.rows();
        let linkable =
            holder(&rows, newcomer.customer().email()) == EmailHolder::Linkable(id.clone());
        let known = rows.iter().any(|row| row.has(newcomer.identity()));
        let row = rows.iter_mut().find(|row| row.customer.id() == id);
        match row {
            Some(row) if linkable && !known && newcomer.has_verified_email() => {
                row.password = None;
                row.add(newcomer);
                Ok(Admission::Admitted(row.customer.clone()))
            }
            _ => Ok(Admission::Stale),
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_customer_auth::testing::CustomerStoreFixture;
    use tower_customer_auth::testing::IdentityStoreFixture;
    use tower_customer_auth::testing::customer_store_suite;
    use tower_customer_auth::testing::identity_store_suite;

    use super::*;

    impl CustomerStoreFixture for Shop {
        async fn put(&self, customer: &Customer, password: Option<&PasswordHash>) {
            let (customer, password) = (customer.clone(), password.cloned());
            let mut rows = self.rows();
            match rows.iter_mut().find(|row| row.customer.id() == customer.id()) {
                Some(row) => (row.customer, row.password) = (customer, password),
                None => rows.push(Row { customer, password, identities: Vec::new() }),
            }
        }
    }

    impl IdentityStoreFixture for Shop {
        async fn delete(&self, id: &CustomerId) {
            self.rows().retain(|row| row.customer.id() != id);
        }
    }

    customer_store_suite!(customers, async { (Shop::default(), ()) });
    identity_store_suite!(identities, async { (Shop::default(), ()) });
}
