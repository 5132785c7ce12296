//! Customers in memory as logins by OpenID Connect see them.

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::customer::email_key;
use crate::id::CustomerId;
use crate::testing::memory_customers::MemoryCustomers;
use crate::testing::memory_customers::Row;
use crate::testing::memory_customers::Tables;

/// Whose an identity is, and the address that the provider had verified when it was added.
pub(super) struct Link {
    pub(super) customer: CustomerId,
    verified_email: Option<String>,
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
        let taken = email_must_be_free && tables.holder(customer.email()) != EmailHolder::Free;
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
    /// A customer has registered with it.
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
            [] => EmailHolder::Free,
            [.., (Claim::None, _)] => EmailHolder::NotLinkable,
            // Of two that are equally good, neither is known to be the owner.
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
        if !row.customer.is_enabled()
            || !same(row.customer.email())
            || !identities.iter().all(proven)
        {
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
