//! What a login at a provider asks of a store.

use std::future::Future;
use std::sync::Arc;

use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::id::CustomerId;

/// A store of customers, as a login by OpenID Connect needs it.
///
/// It stands beside [`CustomerStore`](crate::CustomerStore): a store may be one of them or both.
///
/// # Contract
///
/// 1. An [`Identity`] belongs to one customer at most, who is found by it alone: issuer and subject,
///    byte by byte, never the e-mail. An address changes hands, and a provider tells whatever its
///    users type unless it says that it has verified it.
/// 2. [`create`](Self::create) and [`link`](Self::link) look and write in *one step* (a transaction,
///    a lock), and write all or nothing. Between the caller's look and its write anything may have
///    happened: of two first logins of one person, at two nodes in one moment, one creates the
///    customer and the other is told [`Stale`](Admission::Stale), looks again, and finds it. What is
///    acknowledged is kept.
/// 3. E-mail addresses are compared by [`email_key`](crate::customer::email_key), and kept as given, for
///    whether somebody *has* one. `""` is the address of those who have none, and so nobody's.
/// 4. With each identity the store keeps the address that the provider had verified when the identity
///    was added, if it had. [`email_holder`](Self::email_holder) says
///    [`Linkable`](EmailHolder::Linkable) only of a customer
///    - whose present address is the one asked for, but for the case of ASCII letters, *and*
///    - *all* of whose identities, if there are any, came with that same address verified.
///
///    Of several such customers it is the one with identities; without any such, the one with a
///    password; without any such, the only one there is. Where two are alike it is none of them, and the answer is
///    [`NotLinkable`](EmailHolder::NotLinkable), as it is where only others have the address.
/// 5. A customer's identities go when the customer goes.
/// 6. `Err` says that the store could not tell. A login is then answered with 503 and `Retry-After`.
/// 7. Futures may be dropped at any await, because clients hang up. A write goes on or is undone, but
///    never is half done; it belongs into a task of its own.
///
/// # Security
///
/// Rule 4 is about *pre-hijacking*. Somebody who knows a victim's address makes an account that has it,
/// keeps a way in, and waits for the victim to sign in and be handed that very account. The ways in:
///
/// - **A password.** So [`link`](Self::link) takes it away, in the same step; and who calls it revokes
///   the customer's tokens.
/// - **An identity of a provider that verifies nothing**, or one with which the attacker's own address
///   was verified, before the customer took the victim's. Which identity is an attacker's can't be
///   told, so such a customer is never linked to.
/// - **Another spelling.** A few foreign letters have an ASCII lower case (the Kelvin sign becomes
///   `k`), and are another person's mailbox. They count as the same address where a duplicate is to
///   be avoided, and as another one where an account is to be handed over.
///
/// # Example
///
/// What a login does, shortened:
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
/// /// `None`: refused, or what was decided on changed three times.
/// async fn admit(
///     store: &impl IdentityStore,
///     policy: DuplicateEmail,
///     newcomer: &Newcomer,
/// ) -> Result<Option<Customer>, StoreError> {
///     for _ in 0..3 {
///         let known = store.find_by_identity(newcomer.identity()).await?;
///         let holder = store.email_holder(newcomer.customer().email()).await?;
///         let id = known.as_ref().map(Customer::id);
///         let admission = match LinkDecision::of(policy, id, newcomer.has_verified_email(), &holder) {
///             LinkDecision::Known(_) => return Ok(known),
///             LinkDecision::Create => {
///                 store.create(newcomer, policy == DuplicateEmail::Disallowed).await?
///             }
///             // And now the customer's tokens are to be revoked.
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
    /// Finds the customer an identity belongs to.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    fn find_by_identity(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// Tells who has an e-mail address, and whether they may be handed to its owner.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    fn email_holder(
        &self,
        email: &str,
    ) -> impl Future<Output = Result<EmailHolder, StoreError>> + Send;

    /// Creates the newcomer's customer, without a password, and with the newcomer's identity.
    ///
    /// [`Stale`](Admission::Stale), and nothing is written, if the identity is somebody's; and, with
    /// `email_must_be_free`, if somebody has the e-mail.
    ///
    /// # Errors
    ///
    /// The store could not tell, or another customer has the newcomer's identifier.
    fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Adds the newcomer's identity to a customer, and takes the customer's password away. Name and
    /// e-mail stay the customer's own.
    ///
    /// [`Stale`](Admission::Stale), and nothing is written, if the identity is somebody's; if the
    /// newcomer's e-mail is not verified; and unless [`email_holder`](Self::email_holder) of it is
    /// still `Linkable(id)`.
    ///
    /// # Errors
    ///
    /// The store could not tell.
    ///
    /// # Security
    ///
    /// Whoever had the password may hold tokens: revoke them (`Revocations::revoke_customer`).
    fn link(
        &self,
        newcomer: &Newcomer,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;
}

/// What became of a newcomer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Admission {
    /// The customer, as the store has it now.
    Admitted(Customer),
    /// What was decided on is no longer so: the identity has appeared, the e-mail was taken, the
    /// customer has changed or is gone. Nothing was written; the caller looks again.
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
