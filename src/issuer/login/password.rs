//! Logins by e-mail and password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::id::CustomerId;
use crate::issuer::BoxFuture;
use crate::issuer::login::request::PasswordLogin;
use crate::issuer::login::store_answer::store_answer;
use crate::issuer::response::Refusal;
use crate::password::HashErrorKind;
use crate::password::PasswordHash;
use crate::password::PasswordHasher;
use crate::secret::Secret;
use crate::telemetry;

/// The longest password that can be right, in bytes.
const MAX_PASSWORD_LEN: usize = 1024;

/// Logins by e-mail and password, for a [`TokenIssuer`](crate::TokenIssuer).
///
/// # Example
///
/// ```
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::PasswordGrant;
/// use tower_customer_auth::password::PasswordHasher;
///
/// fn grant(customers: impl CustomerStore, hasher: PasswordHasher) -> PasswordGrant {
///     // The same hasher that registrations go through: it bounds both together.
///     PasswordGrant::new(customers).hasher(hasher)
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PasswordGrant {
    store: Arc<dyn DynCustomerStore>,
    hasher: PasswordHasher,
}

impl PasswordGrant {
    /// Creates a grant over a store, with a [`PasswordHasher`] of its own.
    pub fn new(store: impl CustomerStore) -> Self {
        Self { store: Arc::new(store), hasher: PasswordHasher::new() }
    }

    /// Sets the hasher: its parameters are today's. Default: one of its own with all defaults.
    pub fn hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = hasher;
        self
    }

    /// Finds out who logs in. Whatever comes, the store is asked once, and then exactly one password
    /// is hashed: no branch answers sooner than another. The hash that matched comes with the customer.
    pub(in crate::issuer) async fn login(
        &self,
        login: &PasswordLogin,
        store_timeout: Duration,
    ) -> Result<(Customer, PasswordHash), Refusal> {
        let PasswordLogin { email, password } = login;
        let found = store_answer(store_timeout, self.store.find_by_email(email)).await?;
        let stored = found.as_ref().and_then(|stored| match stored.password_hash() {
            Ok(hash) => Some(hash.clone()),
            Err(unusable) => {
                // Our own fault, and yet a 403 at the price of one hash. A 503 would tell that this
                // e-mail belongs to somebody, would invite repeats that can't help, and would say so
                // only to the one person who can't mend it. The operator hears of it here.
                telemetry::fault("a stored password hash is unusable", &unusable);
                None
            }
        });
        // Hashed all the same, so that over-long ones take the same path. Length costs nothing much:
        // the body has bounded it.
        let can_be_right = stored.is_some() && password.expose().len() <= MAX_PASSWORD_LEN;
        let outdated = stored
            .clone()
            .filter(|hash| hash.needs_rehash(self.hasher.params()))
            .map(|old| (old, password.clone()));
        let hash = stored.unwrap_or_else(|| self.hasher.decoy());
        let matches = match self.hasher.verify(password.clone(), hash.clone()).await {
            Ok(matches) => matches,
            Err(error) if error.kind() == HashErrorKind::Overloaded => {
                return Err(Refusal::Overloaded);
            }
            Err(error) => {
                telemetry::fault("a password could not be hashed", &error);
                return Err(Refusal::Fault);
            }
        };
        match found {
            Some(found) if matches && can_be_right => {
                let customer = found.into_customer();
                if let Some((old, password)) = outdated {
                    self.replace_later(customer.id().clone(), old, password, store_timeout);
                }
                Ok((customer, hash))
            }
            _ => Err(Refusal::Credentials),
        }
    }

    /// Finds out who logs in by a password that has just matched this hash. Nothing is hashed, unless the
    /// hash is no longer the customer's: the password is another then, or its parameters are.
    pub(in crate::issuer) async fn login_again(
        &self,
        login: &PasswordLogin,
        matched: &PasswordHash,
        store_timeout: Duration,
    ) -> Result<Customer, Refusal> {
        let found = store_answer(store_timeout, self.store.find_by_email(&login.email)).await?;
        let is_same = |found: &StoredCustomer| {
            found.password_hash().is_ok_and(|hash| hash.expose() == matched.expose())
        };
        match found {
            Some(found) if is_same(&found) => Ok(found.into_customer()),
            _ => Ok(self.login(login, store_timeout).await?.0),
        }
    }

    /// Replaces a hash by one with today's parameters, in a task of its own: the answer doesn't wait
    /// for it, and its failure is nobody's. Under load it is dropped; the next login tries again.
    fn replace_later(
        &self,
        id: CustomerId,
        old: PasswordHash,
        password: Secret,
        store_timeout: Duration,
    ) {
        let Self { store, hasher } = self.clone();
        tokio::spawn(async move {
            let Ok(new) = hasher.hash(password).await else {
                return;
            };
            let replaced = store.replace_password_hash(&id, &old, &new);
            if let Ok(Err(error)) = timeout(store_timeout, replaced).await {
                telemetry::fault("a password hash was not replaced", &error);
            }
        });
    }
}

impl fmt::Debug for PasswordGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordGrant").field("hasher", &self.hasher).finish_non_exhaustive()
    }
}

/// A [`CustomerStore`] whose type is forgotten, so that only bodies are generic.
trait DynCustomerStore: Send + Sync {
    fn find_by_email<'a>(
        &'a self,
        email: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredCustomer>, StoreError>>;

    fn replace_password_hash<'a>(
        &'a self,
        id: &'a CustomerId,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

impl<S: CustomerStore> DynCustomerStore for S {
    fn find_by_email<'a>(
        &'a self,
        email: &'a str,
    ) -> BoxFuture<'a, Result<Option<StoredCustomer>, StoreError>> {
        Box::pin(CustomerStore::find_by_email(self, email))
    }

    fn replace_password_hash<'a>(
        &'a self,
        id: &'a CustomerId,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(CustomerStore::replace_password_hash(self, id, old, new))
    }
}
