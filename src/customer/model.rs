//! What is known of a customer.

use std::fmt;
use std::time::SystemTime;

use crate::id::CustomerId;
use crate::password::InvalidPasswordHash;
use crate::password::PasswordHash;

/// A customer: an identifier, a name, and an e-mail address as it was given.
///
/// `Debug` shows the identifier alone; the rest is personal data, which logs must not collect.
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
}

impl Customer {
    /// Creates a customer.
    #[must_use]
    pub fn new(id: CustomerId, name: impl Into<String>, email: impl Into<String>) -> Self {
        Self { id, name: name.into(), email: email.into() }
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

    /// Returns the e-mail address as it was given.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Customer").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A customer with a password, as a look-up by e-mail finds it.
#[derive(Clone)]
pub struct StoredCustomer {
    customer: Customer,
    // An unreadable hash is kept as such, and not made an error of the look-up: see `from_phc`.
    password: Result<PasswordHash, InvalidPasswordHash>,
}

impl StoredCustomer {
    /// Creates a stored customer.
    #[must_use]
    pub fn new(customer: Customer, password: PasswordHash) -> Self {
        Self { customer, password: Ok(password) }
    }

    /// Creates a stored customer from the text a store has kept, readable or not.
    ///
    /// # Security
    ///
    /// A store uses this and doesn't report an unreadable hash as an error of its own. Such a
    /// customer can't log in; answering every login with one fixed e-mail by 503 would tell the
    /// world that this customer exists, and no repeat would ever heal it.
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
    /// The store has kept a text that is no password hash.
    pub fn password_hash(&self) -> Result<&PasswordHash, InvalidPasswordHash> {
        self.password.as_ref().map_err(|invalid| *invalid)
    }

    /// Returns the customer alone.
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

/// A customer as a store shows it: with whether there is a password, never the hash.
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

    /// Tells whether this customer can log in with a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// Returns when the customer was inserted, to the millisecond.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// Returns when name, e-mail or password last changed, to the millisecond. The replacement of a
    /// hash by another one of the same password doesn't count.
    #[must_use]
    pub fn updated_at(&self) -> SystemTime {
        self.updated_at
    }
}

/// A change of some of a customer's attributes, all at once or not at all.
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
}

impl CustomerUpdate {
    /// Creates a change of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets another name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets another e-mail address.
    ///
    /// # Security
    ///
    /// Any text is taken. Refuse an address that looks like another one first: see
    /// [`email_has_invisible_characters`](crate::customer::email_has_invisible_characters).
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Sets another password, whatever the present one is.
    ///
    /// # Security
    ///
    /// Revoke the customer's tokens too (`Revocations::revoke_customer`): whoever changes a password
    /// may do so because somebody else knows it.
    pub fn password(mut self, password: PasswordHash) -> Self {
        self.password = Some(password);
        self
    }
}

impl fmt::Debug for CustomerUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerUpdate")
            .field("name", &self.name.is_some())
            .field("email", &self.email.is_some())
            .field("password", &self.password.is_some())
            .finish()
    }
}
