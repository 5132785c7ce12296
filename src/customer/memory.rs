//! Customers in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::customer::Admission;
use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerRecord;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::PasswordHash;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::customer::email_key;
use crate::id::CustomerId;

/// Customers in memory, for tests: what isn't written anywhere is gone with the process.
///
/// A clone is a handle to the same customers. Nothing here is indexed.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::MemoryCustomers;
/// use tower_customer_auth::PasswordHash;
/// use tower_customer_auth::PasswordParams;
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
    identities: BTreeMap<Identity, Link>,
}

#[derive(Clone)]
struct Row {
    customer: Customer,
    phc: Option<String>,
    created_at: SystemTime,
    updated_at: SystemTime,
}

/// Whose an identity is, and the address that the provider had verified when it was added.
struct Link {
    customer: CustomerId,
    verified_email: Option<String>,
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
    /// [`DuplicateId`](crate::ChangeErrorKind::DuplicateId), or
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail) where both have a password.
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
    /// None: other stores have some.
    pub async fn get(&self, id: &CustomerId) -> Result<Option<CustomerRecord>, StoreError> {
        Ok(self.lock().customers.get(id).map(record))
    }

    /// Changes some of a customer's attributes. `None` says that there is no such customer.
    ///
    /// # Errors
    ///
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail) where both have a password.
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
        row.customer = Customer::new(id.clone(), name, email);
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
    /// [`DuplicateEmail`](crate::ChangeErrorKind::DuplicateEmail): the customer had no password so
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
    /// None: other stores have some.
    ///
    /// # Security
    ///
    /// Tokens are verified without a look into the store: revoke the customer's, or they go on being
    /// good until they expire.
    pub async fn delete(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let mut tables = self.lock();
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

impl IdentityStore for MemoryCustomers {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let tables = self.lock();
        let link = tables.identities.get(identity);
        let row = link.and_then(|link| tables.customers.get(&link.customer));
        Ok(row.map(|row| row.customer.clone()))
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        Ok(self.lock().holder(email))
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let now = self.now();
        let mut tables = self.lock();
        let customer = newcomer.customer();
        let taken = email_must_be_free && tables.holder(customer.email()) != EmailHolder::Nobody;
        if taken || tables.identities.contains_key(newcomer.identity()) {
            return Ok(Admission::Stale);
        }
        if tables.customers.contains_key(customer.id()) {
            return Err(StoreError::new("another customer has the newcomer's identifier"));
        }
        let row = Row { customer: customer.clone(), phc: None, created_at: now, updated_at: now };
        tables.customers.insert(customer.id().clone(), row);
        tables.add(newcomer, customer.id());
        Ok(Admission::Admitted(customer.clone()))
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let now = self.now();
        let mut tables = self.lock();
        let linkable = EmailHolder::Linkable(id.clone());
        if !newcomer.has_verified_email()
            || tables.holder(newcomer.customer().email()) != linkable
            || tables.identities.contains_key(newcomer.identity())
        {
            return Ok(Admission::Stale);
        }
        // Invariant: the holder of the e-mail is there.
        let Some(row) = tables.customers.get_mut(id) else {
            return Ok(Admission::Stale);
        };
        if row.phc.take().is_some() {
            row.updated_at = now;
        }
        let customer = row.customer.clone();
        tables.add(newcomer, id);
        Ok(Admission::Admitted(customer))
    }
}

/// How good a customer's claim to an e-mail is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It must not be linked.
    None,
    /// The customer is there.
    Bare,
    /// Somebody has registered with it.
    Password,
    /// A provider has verified it.
    Proven,
}

impl Tables {
    fn holder(&self, email: &str) -> EmailHolder {
        let key = email_key(email);
        let holders = self
            .customers
            .values()
            .filter(|row| !key.is_empty() && email_key(row.customer.email()) == key);
        let mut claims: Vec<(Claim, &CustomerId)> =
            holders.map(|row| (self.claim(row, email), row.customer.id())).collect();
        claims.sort_unstable();
        match *claims {
            [] => EmailHolder::Nobody,
            [.., (Claim::None, _)] => EmailHolder::NotLinkable,
            // Of two that are equally good nobody can tell whose it is.
            [.., (next, _), (best, _)] if next == best => EmailHolder::NotLinkable,
            [.., (_, id)] => EmailHolder::Linkable(id.clone()),
        }
    }

    fn claim(&self, row: &Row, email: &str) -> Claim {
        let identities: Vec<&Link> =
            self.identities.values().filter(|link| link.customer == *row.customer.id()).collect();
        // Not by their keys: foreign letters that become ASCII ones are another person's.
        let same = |other: &str| other.eq_ignore_ascii_case(email);
        let proven = |link: &&Link| link.verified_email.as_deref().is_some_and(same);
        if !same(row.customer.email()) || !identities.iter().all(proven) {
            Claim::None
        } else if !identities.is_empty() {
            Claim::Proven
        } else if row.phc.is_some() {
            Claim::Password
        } else {
            Claim::Bare
        }
    }

    fn add(&mut self, newcomer: &Newcomer, id: &CustomerId) {
        let verified = newcomer.has_verified_email().then(|| newcomer.customer().email());
        let link = Link { customer: id.clone(), verified_email: verified.map(str::to_owned) };
        self.identities.insert(newcomer.identity().clone(), link);
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
