//! A store with one fault.

use std::sync::Mutex;

use tokio::sync::Barrier;

#[cfg(feature = "oidc")]
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::CustomerUpdate;
#[cfg(feature = "oidc")]
use crate::customer::EmailHolder;
#[cfg(feature = "oidc")]
use crate::customer::Identity;
#[cfg(feature = "oidc")]
use crate::customer::IdentityStore;
#[cfg(feature = "oidc")]
use crate::customer::Newcomer;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::customer::email_key;
use crate::id::CustomerId;
use crate::password::PasswordHash;
use crate::testing::CustomerStoreFixture;
#[cfg(feature = "oidc")]
use crate::testing::IdentityStoreFixture;
use crate::testing::MemoryCustomers;
use crate::testing::store_suite::RIVALS;
use crate::testing::store_suite::hash;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    CaseSensitive,
    AsciiCaseAlone,
    ShowsTheEmailAsAsked,
    TrimsText,
    FindsWithoutPassword,
    NeverForgets,
    ReplacesBlindly,
    NeverReplaces,
    ReplacesByHashAlone,
    /// All compare before one writes.
    ReplacesInTwoSteps,
    #[cfg(feature = "oidc")]
    LosesIdentities,
    #[cfg(feature = "oidc")]
    IgnoresIssuers,
    #[cfg(feature = "oidc")]
    FoldsSubjects,
    #[cfg(feature = "oidc")]
    AdmitsStale,
    #[cfg(feature = "oidc")]
    TakenIdIsStale,
    #[cfg(feature = "oidc")]
    NeedsNoFreeEmail,
    #[cfg(feature = "oidc")]
    NeedsFreeEmail,
    /// All look before one writes.
    #[cfg(feature = "oidc")]
    CreatesInTwoSteps,
    #[cfg(feature = "oidc")]
    CreatesByHalves,
    #[cfg(feature = "oidc")]
    KeepsIdentitiesOfTheDeleted,
    #[cfg(feature = "oidc")]
    NoEmailIsAnEmail,
    #[cfg(feature = "oidc")]
    NeverLinkable,
    #[cfg(feature = "oidc")]
    AnybodyLinkable,
    #[cfg(feature = "oidc")]
    TrustsUnverified,
    #[cfg(feature = "oidc")]
    LinkKeepsPassword,
    #[cfg(feature = "oidc")]
    LinkRenames,
    #[cfg(feature = "oidc")]
    StaleLinkTakesThePassword,
}

/// Store in memory, which has one fault.
pub(super) struct Broken {
    store: MemoryCustomers,
    fault: Fault,
    /// All customers that were put or created, with the password if there was one.
    seen: Mutex<Vec<(Customer, Option<PasswordHash>)>>,
    #[cfg(feature = "oidc")]
    identities: Mutex<Vec<(Identity, CustomerId)>>,
    rivals: Barrier,
}

impl Broken {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            store: MemoryCustomers::new(),
            fault,
            seen: Mutex::default(),
            #[cfg(feature = "oidc")]
            identities: Mutex::default(),
            rivals: Barrier::new(RIVALS),
        }
    }

    fn seen(&self) -> Vec<(Customer, Option<PasswordHash>)> {
        self.seen.lock().unwrap().clone()
    }

    fn customer(&self, customer: &Customer) -> Customer {
        let trims = self.fault == Fault::TrimsText;
        let kept = |text: &str| if trims { text.trim() } else { text }.to_owned();
        Customer::new(customer.id().clone(), kept(customer.name()), kept(customer.email()))
    }
}

impl CustomerStoreFixture for Broken {
    async fn put(&self, customer: &Customer, password: Option<&PasswordHash>) {
        let customer = self.customer(customer);
        self.store.put(&customer, password).await;
        self.seen.lock().unwrap().push((customer, password.cloned()));
    }
}

impl CustomerStore for Broken {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        let found = self.store.find_by_email(email).await?;
        let key = email_key(email);
        let last_seen = self.seen().into_iter().rfind(|seen| email_key(seen.0.email()) == key);
        Ok(match self.fault {
            Fault::CaseSensitive => found.filter(|stored| stored.customer().email() == email),
            Fault::AsciiCaseAlone => {
                found.filter(|stored| stored.customer().email().eq_ignore_ascii_case(email))
            }
            Fault::ShowsTheEmailAsAsked => found.map(|stored| {
                let hash = stored.password_hash().unwrap().clone();
                let customer = stored.into_customer();
                let customer = Customer::new(customer.id().clone(), customer.name(), email);
                StoredCustomer::new(customer, hash)
            }),
            Fault::FindsWithoutPassword => {
                last_seen.map(|seen| StoredCustomer::new(seen.0, seen.1.unwrap_or(hash(""))))
            }
            Fault::NeverForgets => {
                found.or(last_seen.map(|seen| StoredCustomer::new(seen.0, seen.1.unwrap())))
            }
            _ => found,
        })
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let update = CustomerUpdate::new().password(new.clone());
        match self.fault {
            Fault::ReplacesBlindly => {
                self.store.update(id, &update).await.unwrap();
                Ok(true)
            }
            Fault::NeverReplaces => Ok(false),
            Fault::ReplacesByHashAlone => {
                let mut replaced = false;
                for (customer, _) in self.seen() {
                    replaced |= self.store.replace_password_hash(customer.id(), old, new).await?;
                }
                Ok(replaced)
            }
            Fault::ReplacesInTwoSteps => {
                let is_old = self.store.replace_password_hash(id, old, old).await?;
                self.rivals.wait().await;
                self.store.update(id, &update).await.unwrap();
                Ok(is_old)
            }
            _ => self.store.replace_password_hash(id, old, new).await,
        }
    }
}

#[cfg(feature = "oidc")]
impl Broken {
    fn identity(&self, identity: &Identity) -> Identity {
        match self.fault {
            Fault::IgnoresIssuers => Identity::new("issuer", identity.subject()),
            Fault::FoldsSubjects => {
                Identity::new(identity.issuer(), identity.subject().to_lowercase())
            }
            _ => return identity.clone(),
        }
        .unwrap()
    }

    fn newcomer(&self, newcomer: &Newcomer) -> Newcomer {
        let verified = newcomer.has_verified_email() || self.fault == Fault::TrustsUnverified;
        let identity = self.identity(newcomer.identity());
        Newcomer::new(identity, self.customer(newcomer.customer())).email_verified(verified)
    }

    fn admitted(&self, newcomer: &Newcomer, customer: &Customer) {
        self.identities.lock().unwrap().push((newcomer.identity().clone(), customer.id().clone()));
        self.seen.lock().unwrap().push((customer.clone(), None));
    }
}

#[cfg(feature = "oidc")]
impl IdentityStoreFixture for Broken {
    async fn delete(&self, id: &CustomerId) {
        IdentityStoreFixture::delete(&self.store, id).await;
    }
}

#[cfg(feature = "oidc")]
impl IdentityStore for Broken {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        let identity = self.identity(identity);
        let found = self.store.find_by_identity(&identity).await?;
        match self.fault {
            Fault::LosesIdentities => Ok(None),
            Fault::KeepsIdentitiesOfTheDeleted if found.is_none() => {
                let identities = self.identities.lock().unwrap().clone();
                let Some((_, id)) = identities.into_iter().find(|kept| kept.0 == identity) else {
                    return Ok(None);
                };
                Ok(self.store.get(&id).await?.map(|record| record.customer().clone()))
            }
            _ => Ok(found),
        }
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        let holder = self.store.email_holder(email).await?;
        let seen = self.seen();
        Ok(match (self.fault, &holder) {
            (Fault::NeverLinkable, EmailHolder::Linkable(_)) => EmailHolder::NotLinkable,
            (Fault::AnybodyLinkable, EmailHolder::NotLinkable | EmailHolder::Linkable(_)) => {
                // The first who came, wherever the customer is now.
                EmailHolder::Linkable(seen[0].0.id().clone())
            }
            (Fault::CaseSensitive, _) if seen.iter().all(|seen| seen.0.email() != email) => {
                EmailHolder::Free
            }
            (Fault::NoEmailIsAnEmail, _) if email.is_empty() => EmailHolder::NotLinkable,
            _ => holder,
        })
    }

    async fn create(
        &self,
        newcomer: &Newcomer,
        email_must_be_free: bool,
    ) -> Result<Admission, StoreError> {
        let newcomer = &self.newcomer(newcomer);
        let customer = newcomer.customer();
        let free = match self.fault {
            Fault::NeedsNoFreeEmail => false,
            Fault::NeedsFreeEmail => true,
            Fault::NoEmailIsAnEmail if customer.email().is_empty() && email_must_be_free => {
                return Ok(Admission::Stale);
            }
            Fault::CreatesInTwoSteps => {
                let holder = self.store.email_holder(customer.email()).await?;
                self.rivals.wait().await;
                if email_must_be_free && holder != EmailHolder::Free {
                    return Ok(Admission::Stale);
                }
                false
            }
            Fault::CreatesByHalves => {
                if self.store.insert(customer, None).await.is_err() {
                    return Ok(Admission::Stale);
                }
                tokio::task::yield_now().await;
                IdentityStoreFixture::delete(&self.store, customer.id()).await;
                email_must_be_free
            }
            _ => email_must_be_free,
        };
        let created = match self.store.create(newcomer, free).await {
            Err(_) if self.fault == Fault::TakenIdIsStale => Admission::Stale,
            created => created?,
        };
        if created != Admission::Stale || self.fault == Fault::AdmitsStale {
            self.admitted(newcomer, customer);
            return Ok(Admission::Admitted(customer.clone()));
        }
        Ok(created)
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let newcomer = &self.newcomer(newcomer);
        let password = self.store.find_by_email(newcomer.customer().email()).await?;
        let linked = self.store.link(newcomer, id).await?;
        let Admission::Admitted(customer) = linked else {
            if self.fault == Fault::StaleLinkTakesThePassword {
                // Deletes the customer, because `MemoryCustomers` can't delete a password alone.
                let _deleted = self.store.delete(id).await?;
            }
            return Ok(match self.fault {
                Fault::AdmitsStale => Admission::Admitted(newcomer.customer().clone()),
                _ => Admission::Stale,
            });
        };
        self.admitted(newcomer, &customer);
        match (self.fault, password) {
            (Fault::LinkKeepsPassword, Some(stored)) => {
                let hash = stored.password_hash().unwrap();
                assert!(self.store.set_password(id, hash).await.unwrap());
            }
            (Fault::LinkRenames, _) => {
                let update = CustomerUpdate::new().name(newcomer.customer().name());
                let renamed = self.store.update(id, &update).await.unwrap().unwrap();
                return Ok(Admission::Admitted(renamed.customer().clone()));
            }
            _ => {}
        }
        Ok(Admission::Admitted(customer))
    }
}
