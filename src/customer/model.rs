//! Customers, and changes of them.

use std::fmt;
use std::time::SystemTime;

use crate::id::CustomerId;
use crate::password::InvalidPasswordHash;
use crate::password::PasswordHash;

/// Customer: an identifier, a name, and an e-mail address as it was given.
///
/// `Debug` shows the identifier only; name and e-mail are personal data and must not reach logs.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
///
/// let id = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// let customer = Customer::new(id, "Ron Swanson", "ron@swanson.com");
/// assert_eq!(customer.name(), "Ron Swanson");
/// # Ok::<(), tower_customer_auth::id::InvalidId>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Customer {
    id: CustomerId,
    name: String,
    email: String,
    is_enabled: bool,
}

impl Customer {
    /// Creates a customer, who is enabled.
    #[must_use]
    pub fn new(id: CustomerId, name: impl Into<String>, email: impl Into<String>) -> Self {
        Self { id, name: name.into(), email: email.into(), is_enabled: true }
    }

    /// Sets whether the customer is enabled. A disabled customer gets no tokens.
    #[must_use]
    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    /// Returns the identifier: the `sub` of this customer's tokens.
    #[must_use]
    pub fn id(&self) -> &CustomerId {
        &self.id
    }

    /// Returns the name: the `name` of this customer's tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the e-mail address as given.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Returns whether the customer is enabled: may log in, and refresh tokens.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Customer with a password, as [`CustomerStore::find_by_email`] returns it.
///
/// [`CustomerStore::find_by_email`]: crate::CustomerStore::find_by_email
#[derive(Clone)]
pub struct StoredCustomer {
    customer: Customer,
    // An unreadable hash is not an error of the lookup: see `from_phc`.
    password: Result<PasswordHash, InvalidPasswordHash>,
}

impl StoredCustomer {
    /// Creates a stored customer from a parsed hash.
    #[must_use]
    pub fn new(customer: Customer, password: PasswordHash) -> Self {
        Self { customer, password: Ok(password) }
    }

    /// Creates a stored customer from the stored PHC string, even if it is unreadable.
    ///
    /// # Security
    ///
    /// Stores use this instead of returning an error for an unreadable hash. Such a customer cannot
    /// log in. A 503 for every login with that e-mail would reveal that the customer exists, and
    /// repeating the login would never help.
    #[must_use]
    pub fn from_phc(customer: Customer, phc: impl Into<String>) -> Self {
        Self { customer, password: PasswordHash::parse(phc) }
    }

    /// Returns the customer.
    #[must_use]
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// Returns the password hash.
    ///
    /// # Errors
    ///
    /// The stored text is not a password hash.
    pub fn password_hash(&self) -> Result<&PasswordHash, InvalidPasswordHash> {
        self.password.as_ref().map_err(|invalid| *invalid)
    }

    /// Returns the customer without the password.
    #[must_use]
    pub fn into_customer(self) -> Customer {
        self.customer
    }
}

impl fmt::Debug for StoredCustomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredCustomer")
            .field("customer", &self.customer)
            .field("password", &self.password)
            .finish()
    }
}

/// Customer as a store returns it: with whether a password is set, never the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRecord {
    pub(crate) customer: Customer,
    pub(crate) has_password: bool,
    pub(crate) created_at: SystemTime,
    pub(crate) updated_at: SystemTime,
}

impl CustomerRecord {
    /// Returns the customer.
    #[must_use]
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// Returns whether the customer has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// Returns when the customer was created, with millisecond precision.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// Returns when name, e-mail or password last changed, with millisecond precision.
    ///
    /// Rehashing an unchanged password does not count.
    #[must_use]
    pub fn updated_at(&self) -> SystemTime {
        self.updated_at
    }
}

/// Update of some of a customer's attributes, applied all together or not at all.
///
/// # Example
///
/// ```
/// use tower_customer_auth::customer::CustomerUpdate;
///
/// let rename = CustomerUpdate::new().name("Ron Ulysses Swanson");
/// # let _ = rename;
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct CustomerUpdate {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) password: Option<PasswordHash>,
    pub(crate) enabled: Option<bool>,
}

impl CustomerUpdate {
    /// Creates an update that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name. Default: unchanged.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the e-mail address. Default: unchanged.
    ///
    /// # Security
    ///
    /// The address is not validated. Reject look-alikes of other addresses first: see
    /// [`email_has_invisible_characters`](crate::customer::email_has_invisible_characters).
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Sets the password, regardless of the current one. Default: unchanged.
    ///
    /// # Security
    ///
    /// A password is often changed because it has leaked: `SqliteCustomers` revokes the customer's
    /// tokens in the same transaction. Another store revokes them as well
    /// ([`Revocations::revoke_customer`](crate::Revocations::revoke_customer)).
    pub fn password(mut self, password: PasswordHash) -> Self {
        self.password = Some(password);
        self
    }

    /// Sets whether the customer is enabled. Default: unchanged.
    ///
    /// Disabling revokes the customer's tokens, as a new [`password`](Self::password) does.
    pub fn enabled(mut self, is_enabled: bool) -> Self {
        self.enabled = Some(is_enabled);
        self
    }
}

impl fmt::Debug for CustomerUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerUpdate")
            .field("name", &self.name.is_some())
            .field("email", &self.email.is_some())
            .field("password", &self.password.is_some())
            .field("enabled", &self.enabled)
            .finish()
    }
}
