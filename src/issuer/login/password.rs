//! Password logins.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::fair_queue::Flow;
use crate::id::CustomerId;
use crate::issuer::BoxFuture;
use crate::issuer::login::request::PasswordLogin;
use crate::issuer::response::Refusal;
use crate::issuer::store_answer::store_answer;
use crate::password::HashErrorKind;
use crate::password::PasswordHash;
use crate::password::PasswordHasher;
use crate::secret::Secret;
use crate::telemetry;
use crate::throttle::Reservation;

/// Maximum length of a valid password, in bytes.
const MAX_PASSWORD_LEN: usize = 1024;

/// Grant for logins by e-mail and password, for a [`TokenIssuer`](crate::TokenIssuer).
///
/// # Example
///
/// ```
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::PasswordGrant;
/// use tower_customer_auth::password::PasswordHasher;
///
/// fn grant(customers: impl CustomerStore, hasher: PasswordHasher) -> PasswordGrant {
///     // Share the hasher with registration, so that it bounds both together.
///     PasswordGrant::new(customers).hasher(hasher)
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PasswordGrant {
    store: Arc<dyn DynCustomerStore>,
    pub(super) hasher: PasswordHasher,
}

impl PasswordGrant {
    /// Creates a grant for a store, with a default [`PasswordHasher`].
    pub fn new(store: impl CustomerStore) -> Self {
        Self { store: Arc::new(store), hasher: PasswordHasher::new() }
    }

    /// Sets the password hasher. Default: a separate one with default settings.
    ///
    /// A stored hash with other parameters than the hasher's is replaced after a successful login.
    pub fn hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = hasher;
        self
    }

    /// Authenticates a password login, and settles its reservation. Returns the customer and the
    /// hash that matched.
    ///
    /// In every case there is one lookup and then exactly one hash, so that no branch responds
    /// sooner than another.
    pub(in crate::issuer) async fn login(
        &self,
        login: &PasswordLogin,
        reservation: Reservation,
        store_timeout: Duration,
    ) -> Result<(Customer, PasswordHash), Refusal> {
        let PasswordLogin { email, password } = login;
        let flow = reservation.flow();
        let turn = self.hasher.turn_to_look_up(flow).await.map_err(|_| Refusal::Overloaded)?;
        let found = store_answer(store_timeout, self.store.find_by_email(email)).await?;
        drop(turn);
        let stored = found.as_ref().and_then(|stored| match stored.password_hash() {
            Ok(hash) => Some(hash.clone()),
            Err(unusable) => {
                // A server fault, but answered with 403 after one hash. A 503 would reveal that a
                // customer with this e-mail exists, and would cause retries that cannot succeed.
                // The operator is informed here.
                telemetry::fault("a stored password hash is invalid", &unusable);
                None
            }
        });
        // Over-long passwords are hashed too, so that they take the same path. The body limits
        // their length, so the cost is small.
        let can_be_right = stored.is_some() && password.expose().len() <= MAX_PASSWORD_LEN;
        let outdated = stored
            .clone()
            .filter(|hash| hash.needs_rehash(self.hasher.params()))
            .map(|old| (old, password.clone()));
        let hash = stored.unwrap_or_else(|| self.hasher.decoy());
        let (matches, reservation) =
            self.check(password.clone(), hash.clone(), reservation).await?;
        match found.map(StoredCustomer::into_customer) {
            // A disabled customer is refused only here, after the same work.
            Some(customer) if matches && can_be_right && customer.is_enabled() => {
                reservation.success();
                if let Some((old, password)) = outdated {
                    self.replace_later(flow, customer.id().clone(), old, password, store_timeout);
                }
                Ok((customer, hash))
            }
            _ => {
                reservation.failure();
                Err(Refusal::Credentials)
            }
        }
    }

    /// Hashes a password and compares it. If the client leaves, the outcome still counts.
    async fn check(
        &self,
        password: Secret,
        hash: PasswordHash,
        mut reservation: Reservation,
    ) -> Result<(bool, Reservation), Refusal> {
        let checking = self.hasher.verify_in(reservation.flow(), password, hash, move |verify| {
            // From here on, a client that leaves has made its guess.
            reservation.begin();
            let matches = verify();
            // It was no guess, or it was not checked.
            if !matches!(matches, Ok(false)) {
                reservation.cancel();
            }
            Ok((matches?, reservation))
        });
        match checking.await.and_then(|checked| checked) {
            Ok(checked) => Ok(checked),
            Err(error) if error.kind() == HashErrorKind::Overloaded => Err(Refusal::Overloaded),
            Err(error) => {
                telemetry::fault("a password could not be hashed", &error);
                Err(Refusal::Fault)
            }
        }
    }

    /// Authenticates again a password that has just matched this hash.
    ///
    /// Nothing is hashed unless the stored hash has changed, because the password or its parameters
    /// have, or the customer has been disabled.
    pub(in crate::issuer) async fn login_again(
        &self,
        login: &PasswordLogin,
        matched: &PasswordHash,
        reservation: Reservation,
        store_timeout: Duration,
    ) -> Result<Customer, Refusal> {
        let found = store_answer(store_timeout, self.store.find_by_email(&login.email)).await?;
        let is_same = |found: &StoredCustomer| {
            found.password_hash().is_ok_and(|hash| hash.expose() == matched.expose())
                && found.customer().is_enabled()
        };
        match found {
            Some(found) if is_same(&found) => Ok(found.into_customer()),
            _ => Ok(self.login(login, reservation, store_timeout).await?.0),
        }
    }

    /// Replaces a hash by one with current parameters, in a background task.
    ///
    /// The response does not wait for it, and a failure does not affect the login. Under load the
    /// replacement is dropped; the next login tries again.
    fn replace_later(
        &self,
        flow: Flow,
        id: CustomerId,
        old: PasswordHash,
        password: Secret,
        store_timeout: Duration,
    ) {
        let Self { store, hasher } = self.clone();
        tokio::spawn(async move {
            let Ok(new) = hasher.hash_for(flow, password).await else {
                return;
            };
            let replaced = store.replace_password_hash(&id, &old, &new);
            if let Ok(Err(error)) = timeout(store_timeout, replaced).await {
                telemetry::fault("a password hash could not be replaced", &error);
            }
        });
    }
}

impl fmt::Debug for PasswordGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordGrant").field("hasher", &self.hasher).finish_non_exhaustive()
    }
}

/// Object-safe twin of [`CustomerStore`].
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
