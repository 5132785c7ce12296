//! The customer store of OpenID Connect logins.

use std::future::Future;
use std::sync::Arc;

use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;

/// Customer store for OpenID Connect logins.
///
/// It is independent of [`CustomerStore`](crate::CustomerStore): a store may implement one of them
/// or both.
///
/// # Contract
///
/// 1. An [`Identity`] belongs to at most one customer, and is looked up by issuer and subject, byte
///    by byte, never by e-mail. An e-mail address can change owners, and providers pass on whatever
///    their users type unless they state that they have verified it.
/// 2. [`create`](Self::create) and [`link`](Self::link) check and write in *one step* (a
///    transaction, a lock), and write everything or nothing. Anything may have changed between the
///    caller's lookup and its write: of two concurrent first logins of one user on two nodes, one
///    creates the customer; the other gets [`Stale`](Admission::Stale), looks up again, and finds
///    that customer. Acknowledged writes are durable.
/// 3. Whether an e-mail is taken is decided by [`email_key`](crate::customer::email_key); addresses
///    are stored as given. The empty address `""` means that a customer has no e-mail, and is never
///    taken.
/// 4. With each identity the store keeps the e-mail that the provider had verified when the
///    identity was added, if any. [`email_holder`](Self::email_holder) returns
///    [`Linkable`](EmailHolder::Linkable) only for a customer
///    - who is enabled, *and*
///    - whose current e-mail is the requested one, ignoring the case of ASCII letters, *and*
///    - *all* of whose identities, if there are any, were added with that same e-mail verified.
///
///    Of several such customers it picks the one with identities; if none has any, the one with a
///    password; if none has one, the only one there is. If two customers tie, or if the address
///    belongs only to other customers, it returns [`NotLinkable`](EmailHolder::NotLinkable).
/// 5. Deleting a customer deletes the customer's identities.
/// 6. `Err` means that the store failed. The login is answered with 503 and `Retry-After`.
/// 7. Futures may be dropped at any await point, because clients disconnect. A write then completes
///    or is rolled back, but is never left half done; run it in its own task.
///
/// # Security
///
/// Rule 4 prevents *pre-hijacking*: an attacker who knows a victim's address creates an account
/// with it, keeps a way to log in, and waits until the victim signs in and is given that account.
/// The ways to log in are:
///
/// - **A password.** [`link`](Self::link) removes it in the same step, and its caller revokes the
///   customer's tokens.
/// - **An identity of a provider that verifies nothing**, or one that was added with the attacker's
///   own verified address before the customer changed to the victim's. Attackers' identities cannot
///   be recognized, so such a customer is never linked.
/// - **A different spelling.** A few non-ASCII letters have an ASCII lower case (the Kelvin sign
///   becomes `k`) but name another mailbox. They count as the same address when duplicates are
///   avoided, and as a different address when an account is linked.
///
/// # Example
///
/// The core of an OpenID Connect login:
///
/// ```
/// use tower_customer_auth::customer::Admission;
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::customer::DuplicateEmail;
/// use tower_customer_auth::customer::IdentityStore;
/// use tower_customer_auth::customer::LinkDecision;
/// use tower_customer_auth::customer::Newcomer;
/// use tower_customer_auth::customer::StoreError;
///
/// /// Returns `None` if the login is rejected, or if the store changed three times meanwhile.
/// async fn admit(
///     store: &impl IdentityStore,
///     policy: DuplicateEmail,
///     newcomer: &Newcomer,
/// ) -> Result<Option<Customer>, StoreError> {
///     for _ in 0..3 {
///         let known = store.find_by_identity(newcomer.identity()).await?;
///         let holder = store.email_holder(newcomer.customer().email()).await?;
///         let id = known.as_ref().map(Customer::id);
///         let verified = newcomer.has_verified_email();
///         let admission = match LinkDecision::of(policy, id, verified, &holder) {
///             LinkDecision::Known(_) => return Ok(known),
///             LinkDecision::Create => {
///                 store.create(newcomer, policy == DuplicateEmail::Disallowed).await?
///             }
///             // The caller now revokes the customer's tokens.
///             LinkDecision::Link(id) => store.link(newcomer, &id).await?,
///             _ => return Ok(None),
///         };
///         if let Admission::Admitted(customer) = admission {
///             return Ok(Some(customer));
///         }
///     }
///     Ok(None)
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use tower_customer_auth::customer::Identity;
/// # use tower_customer_auth::testing::MemoryCustomers;
/// # let store = MemoryCustomers::new();
/// # let newcomer = |id: &str| {
/// #     let identity = Identity::new("https://login.example", "248289761001")?;
/// #     let customer = Customer::new(id.parse()?, "Ron Swanson", "ron@swanson.com");
/// #     Ok::<_, Box<dyn std::error::Error>>(Newcomer::new(identity, customer))
/// # };
/// # let first = admit(&store, DuplicateEmail::Disallowed, &newcomer("1")?).await?;
/// # let second = admit(&store, DuplicateEmail::Disallowed, &newcomer("2")?).await?;
/// # assert_eq!(first, Some(Customer::new("1".parse()?, "Ron Swanson", "ron@swanson.com")));
/// # assert_eq!(second, first);
/// # Ok(())
/// # }
/// ```
pub trait IdentityStore: Send + Sync + 'static {
    /// Finds the customer that an identity belongs to.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn find_by_identity(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// Returns which customer has an e-mail address, and whether an identity may be linked to them.
    ///
    /// # Errors
    ///
    /// The store failed.
    fn email_holder(
        &self,
        email: &str,
    ) -> impl Future<Output = Result<EmailHolder, StoreError>> + Send;

    /// Creates the newcomer's customer with the newcomer's identity and without a password.
    ///
    /// Returns [`Stale`](Admission::Stale) and writes nothing if the identity already belongs to a
    /// customer or, with `email_must_be_free`, if a customer has the e-mail.
    ///
    /// # Errors
    ///
    /// The store failed, or another customer has the newcomer's identifier.
    fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Adds the newcomer's identity to a customer and removes the customer's password.
    ///
    /// The customer keeps their name and e-mail. Returns [`Stale`](Admission::Stale) and writes
    /// nothing if the identity already belongs to a customer, if the newcomer's e-mail is not
    /// verified, or if [`email_holder`](Self::email_holder) no longer returns `Linkable(id)` for
    /// it.
    ///
    /// # Errors
    ///
    /// The store failed.
    ///
    /// # Security
    ///
    /// Tokens may have been issued for the removed password: revoke them
    /// ([`Revocations::revoke_customer`](crate::Revocations::revoke_customer)).
    fn link(
        &self,
        newcomer: &Newcomer,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;
}

/// Outcome of [`IdentityStore::create`] and [`IdentityStore::link`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Admission {
    /// The write succeeded; this is the customer as stored.
    Admitted(Customer),
    /// The decision is outdated, and nothing was written.
    ///
    /// The identity has been added, the e-mail taken, or the customer changed or deleted meanwhile.
    /// The caller looks up again.
    Stale,
}

impl<S: IdentityStore> IdentityStore for Arc<S> {
    fn find_by_identity(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send {
        (**self).find_by_identity(identity)
    }

    fn email_holder(
        &self,
        email: &str,
    ) -> impl Future<Output = Result<EmailHolder, StoreError>> + Send {
        (**self).email_holder(email)
    }

    fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send {
        (**self).create(newcomer, email_must_be_free)
    }

    fn link(
        &self,
        newcomer: &Newcomer,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send {
        (**self).link(newcomer, id)
    }
}
