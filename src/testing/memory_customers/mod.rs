//! Customers in memory.

#[cfg(feature = "oidc")]
mod identities;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

#[cfg(feature = "oidc")]
use self::identities::Link;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerLookup;
use crate::customer::CustomerRecord;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
#[cfg(feature = "oidc")]
use crate::customer::Identity;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::customer::email_key;
use crate::id::CustomerId;
use crate::password::PasswordHash;

/// Store of customers in memory, for tests.
///
/// A clone is a handle to the same customers. Nothing here is indexed.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::testing::MemoryCustomers;
/// use tower_customer_auth::password::PasswordHash;
/// use tower_customer_auth::password::PasswordParams;
/// use tower_customer_auth::Secret;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let customers = MemoryCustomers::new();
/// let id = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// let ron = Customer::new(id, "Ron Swanson", "ron@swanson.com");
/// let params = PasswordParams::worthless_but_fast();
/// let password = PasswordHash::compute(&Secret::from("mysecretpassword"), params)?;
/// customers.insert(&ron, Some(&password)).await?;
/// assert!(customers.find_by_email("RON@swanson.com").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryCustomers {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Tables {
    customers: BTreeMap<CustomerId, Row>,
    #[cfg(feature = "oidc")]
    identities: BTreeMap<Identity, Link>,
}

#[derive(Clone)]
struct Row {
    customer: Customer,
    phc: Option<String>,
    created_at: SystemTime,
    updated_at: SystemTime,
}

impl MemoryCustomers {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { tables: Arc::default(), clock: SystemClock::shared() }
    }

    /// Sets the clock that tells when a customer was inserted and changed.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Inserts a customer, with a password or without.
    ///
    /// # Errors
    ///
    /// [`DuplicateId`](crate::customer::ChangeErrorKind::DuplicateId), or
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) where both have a password.
    pub async fn insert(
        &self,
        customer: &Customer,
        password: Option<&PasswordHash>,
    ) -> Result<CustomerRecord, ChangeError> {
        let now = self.now();
        let rows = &mut self.lock().customers;
        if rows.contains_key(customer.id()) {
            return Err(ChangeError::DUPLICATE_ID);
        }
        let row = Row {
            customer: customer.clone(),
            phc: password.map(|hash| hash.expose().to_owned()),
            created_at: now,
            updated_at: now,
        };
        put(rows, row)
    }

    /// Returns a customer.
    ///
    /// # Errors
    ///
    /// Never fails; returns `Result` to match the other stores.
    pub async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        Ok(self.lock().customers.get(id).map(record))
    }

    /// Changes some of a customer's attributes. `None` says that there is no such customer.
    ///
    /// Neither a new password nor disabling revokes tokens here: revoke the customer's.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail) where both have a password.
    pub async fn update(
        &self,
        id: &CustomerId,
        update: &CustomerUpdate,
    ) -> Result<Option<CustomerRecord>, ChangeError> {
        let now = self.now();
        let rows = &mut self.lock().customers;
        let Some(mut row) = rows.get(id).cloned() else {
            return Ok(None);
        };
        let name = update.name.clone().unwrap_or_else(|| row.customer.name().to_owned());
        let email = update.email.clone().unwrap_or_else(|| row.customer.email().to_owned());
        let is_enabled = update.enabled.unwrap_or(row.customer.is_enabled());
        row.customer = Customer::new(id.clone(), name, email).enabled(is_enabled);
        if let Some(password) = &update.password {
            row.phc = Some(password.expose().to_owned());
        }
        row.updated_at = now;
        put(rows, row).map(Some)
    }

    /// Sets a customer's password, whatever the present one is. Tells whether there is such a
    /// customer.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::customer::ChangeErrorKind::DuplicateEmail): the customer had no password so
    /// far, and another one who has shares the e-mail.
    pub async fn set_password(
        &self,
        id: &CustomerId,
        password: &PasswordHash,
    ) -> Result<bool, ChangeError> {
        let update = CustomerUpdate::new().password(password.clone());
        Ok(self.update(id, &update).await?.is_some())
    }

    /// Deletes a customer and the customer's identities. Tells whether there was one.
    ///
    /// # Errors
    ///
    /// Never fails; returns `Result` to match the other stores.
    ///
    /// # Security
    ///
    /// Tokens are verified without a look into the store: revoke the customer's, or they go on being
    /// good until they expire.
    pub async fn delete(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        #[cfg(feature = "oidc")]
        tables.identities.retain(|_, link| link.customer != *id);
        Ok(tables.customers.remove(id).is_some())
    }

    /// Puts text where a hash belongs, as a careless import does.
    #[cfg(test)]
    pub(crate) async fn spoil_password(&self, id: &CustomerId) {
        if let Some(row) = self.lock().customers.get_mut(id) {
            row.phc = Some("spoiled".to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> SystemTime {
        // To the millisecond, as the databases keep it.
        let elapsed = self.clock.since_epoch();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}

impl CustomerStore for MemoryCustomers {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let key = email_key(email);
        Ok(self.lock().customers.values().find_map(|row| {
            let phc = row.phc.clone()?;
            (email_key(row.customer.email()) == key)
                .then(|| StoredCustomer::from_phc(row.customer.clone(), phc))
        }))
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let rows = &mut self.lock().customers;
        let Some(row) = rows.get_mut(id) else {
            return Ok(false);
        };
        let is_old = row.phc.as_deref() == Some(old.expose());
        if is_old {
            row.phc = Some(new.expose().to_owned());
        }
        Ok(is_old)
    }
}

impl CustomerLookup for MemoryCustomers {
    async fn find_by_id(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        Ok(self.lock().customers.get(id).map(|row| row.customer.clone()))
    }
}

impl Default for MemoryCustomers {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCustomers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCustomers")
            .field("customers", &self.lock().customers.len())
            .finish_non_exhaustive()
    }
}

fn put(rows: &mut BTreeMap<CustomerId, Row>, row: Row) -> Result<CustomerRecord, ChangeError> {
    let key = email_key(row.customer.email());
    let taken = rows.values().any(|other| {
        other.phc.is_some()
            && other.customer.id() != row.customer.id()
            && email_key(other.customer.email()) == key
    });
    if row.phc.is_some() && taken {
        return Err(ChangeError::DUPLICATE_EMAIL);
    }
    let shown = record(&row);
    rows.insert(row.customer.id().clone(), row);
    Ok(shown)
}

fn record(row: &Row) -> CustomerRecord {
    CustomerRecord {
        customer: row.customer.clone(),
        has_password: row.phc.is_some(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
