//! What every store of customers with identities must do.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoredCustomer;
#[cfg(feature = "sqlite")]
use crate::store::sqlite::tests::TempFile;
use crate::testing::store_suite::Fixed;
use crate::testing::store_suite::INSERTED;
use crate::testing::store_suite::KEPT;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::clock;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;

pub(crate) const ISSUER: &str = "https://login.example";
const EMAIL: &str = "ron@swanson.com";

pub(crate) fn identity(subject: &str) -> Identity {
    Identity::new(ISSUER, subject).unwrap()
}

fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", EMAIL)
}

/// Signs in for the first time, with an e-mail that the provider has not verified.
pub(crate) fn unverified(subject: &str, customer_id: &str, email: &str) -> Newcomer {
    Newcomer::new(identity(subject), Customer::new(id(customer_id), "Newcomer", email))
}

pub(crate) fn verified(subject: &str, customer_id: &str, email: &str) -> Newcomer {
    unverified(subject, customer_id, email).email_verified(true)
}

fn linkable(customer_id: &str) -> EmailHolder {
    EmailHolder::Linkable(id(customer_id))
}

/// Creates a customer, whoever has the e-mail.
async fn create(store: &impl IdentityStore, newcomer: &Newcomer) {
    let created = store.create(newcomer, false).await.unwrap();
    assert_eq!(created, Admission::Admitted(newcomer.customer().clone()));
}

async fn found(store: &impl IdentityStore, subject: &str) -> Option<Customer> {
    store.find_by_identity(&identity(subject)).await.unwrap()
}

async fn holder(store: &impl IdentityStore, email: &str) -> EmailHolder {
    store.email_holder(email).await.unwrap()
}

macro_rules! identity_store_suite {
    ($name:ident, $open:expr) => {
        mod $name {
            use super::*;
            use crate::customer::CustomerStore;
            use crate::customer::CustomerUpdate;

            async fn logs_in(store: &impl CustomerStore, email: &str) -> Option<Customer> {
                let stored = store.find_by_email(email).await.unwrap();
                stored.map(StoredCustomer::into_customer)
            }

            #[tokio::test]
            async fn creates_a_customer_without_a_password_whom_the_identity_finds() {
                let (store, _guard) = $open.await;
                assert_eq!(found(&store, "ron").await, None);
                let newcomer = verified("ron", RON, "Ron@Swanson.com");
                create(&store, &newcomer).await;
                assert_eq!(found(&store, "ron").await.as_ref(), Some(newcomer.customer()));
                let record = store.get(&id(RON)).await.unwrap().unwrap();
                assert_eq!(record.customer(), newcomer.customer());
                assert!(!record.has_password());
                let at = SystemTime::UNIX_EPOCH + KEPT;
                assert_eq!((record.created_at(), record.updated_at()), (at, at));
                assert_eq!(logs_in(&store, EMAIL).await, None);
            }

            #[tokio::test]
            async fn two_issuers_with_one_subject_are_two_identities() {
                let (store, _guard) = $open.await;
                let mut customers = Vec::new();
                for issuer in
                    [ISSUER, "https://login.example/", "https://LOGIN.example", "https://other"]
                {
                    let identity = Identity::new(issuer, "ron").unwrap();
                    assert_eq!(store.find_by_identity(&identity).await.unwrap(), None, "{issuer}");
                    let customer = Customer::new(id(issuer), "", EMAIL);
                    create(&store, &Newcomer::new(identity.clone(), customer.clone())).await;
                    customers.push((identity, customer));
                }
                for (identity, customer) in customers {
                    assert_eq!(store.find_by_identity(&identity).await.unwrap(), Some(customer));
                }
            }

            #[tokio::test]
            async fn compares_subjects_byte_by_byte() {
                let (store, _guard) = $open.await;
                create(&store, &unverified("aB", RON, EMAIL)).await;
                for subject in ["ab", "AB", "aB ", " aB", "aB\0", "a", "%", "a_"] {
                    assert_eq!(found(&store, subject).await, None, "{subject:?}");
                }
                create(&store, &unverified("ab", LESLIE, EMAIL)).await;
                assert_eq!(found(&store, "aB").await.unwrap().id(), &id(RON));
                assert_eq!(found(&store, "ab").await.unwrap().id(), &id(LESLIE));
            }

            #[tokio::test]
            async fn keeps_any_text_as_it_is() {
                let (store, _guard) = $open.await;
                let text = "a'\"\0\n%_\\;--\u{202e}🦀";
                let identity = Identity::new(text, "a'\"\0\n%_\\;--\x7f").unwrap();
                let customer = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
                let newcomer = Newcomer::new(identity.clone(), customer.clone());
                create(&store, &newcomer.email_verified(true)).await;
                let found = store.find_by_identity(&identity).await.unwrap();
                assert_eq!(found.as_ref(), Some(&customer));
                let holder = holder(&store, text).await;
                assert_eq!(holder, EmailHolder::Linkable(customer.id().clone()));
            }

            #[tokio::test]
            async fn an_identity_that_is_somebodys_creates_nobody() {
                let (store, _guard) = $open.await;
                let first = unverified("ron", RON, EMAIL);
                create(&store, &first).await;
                let second = unverified("ron", LESLIE, "other@example.com");
                // The very same one too: the answer to its success may have been lost.
                for again in [&second, &first] {
                    for free in [false, true] {
                        let stale = store.create(again, free).await.unwrap();
                        assert_eq!(stale, Admission::Stale);
                    }
                }
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
                assert_eq!(found(&store, "ron").await.as_ref(), Some(first.customer()));
            }

            #[tokio::test]
            async fn an_identifier_that_is_taken_is_a_fault_and_adds_no_identity() {
                let (store, _guard) = $open.await;
                let before = store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let fault = store.create(&unverified("ron", RON, "x@y"), false).await.unwrap_err();
                assert_eq!(fault.to_string(), "the store is unavailable");
                assert_eq!(found(&store, "ron").await, None);
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(before));
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn of_fifty_first_logins_at_once_one_creates_and_all_find_its_customer() {
                let (store, _guard) = $open.await;
                let logins = (0..50).map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let newcomer = verified("ron", &number.to_string(), EMAIL);
                        let admission = store.create(&newcomer, false).await.unwrap();
                        (admission, found(&store, "ron").await.unwrap())
                    })
                });
                let mut created = Vec::new();
                let mut seen = Vec::new();
                for login in join_all(logins).await {
                    let (admission, customer) = login.unwrap();
                    if let Admission::Admitted(customer) = admission {
                        created.push(customer);
                    }
                    seen.push(customer);
                }
                assert_eq!(created.len(), 1);
                assert_eq!(seen, vec![created[0].clone(); 50]);
                for number in 0..50 {
                    let number = id(&number.to_string());
                    let there = store.get(&number).await.unwrap().is_some();
                    assert_eq!(there, number == *created[0].id());
                }
            }

            #[tokio::test]
            async fn an_email_that_must_be_free_is_taken_by_any_customer_in_any_spelling() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                create(&store, &unverified("tom", "tom", "Kelly@Pawnee.gov")).await;
                for email in ["RON@swanson.com", "kelly@pawnee.gov", "\u{212a}elly@pawnee.gov"] {
                    let newcomer = verified("leslie", LESLIE, email);
                    let refused = store.create(&newcomer, true).await.unwrap();
                    assert_eq!(refused, Admission::Stale, "{email}");
                    assert_eq!(found(&store, "leslie").await, None);
                    assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
                }
                let newcomer = verified("leslie", LESLIE, "leslie@pawnee.gov");
                let created = store.create(&newcomer, true).await.unwrap();
                assert_eq!(created, Admission::Admitted(newcomer.customer().clone()));
            }

            #[tokio::test]
            async fn several_share_an_email_that_need_not_be_free() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                for subject in ["a", "b", "c"] {
                    create(&store, &verified(subject, subject, EMAIL)).await;
                }
                assert_eq!(logs_in(&store, EMAIL).await, Some(ron()));
            }

            #[tokio::test]
            async fn no_email_is_nobodys() {
                let (store, _guard) = $open.await;
                store.insert(&Customer::new(id(RON), "", ""), Some(&hash("p"))).await.unwrap();
                for subject in ["a", "b"] {
                    let newcomer = verified(subject, subject, "");
                    let created = store.create(&newcomer, true).await.unwrap();
                    assert_eq!(created, Admission::Admitted(newcomer.customer().clone()));
                }
                assert_eq!(holder(&store, "").await, EmailHolder::Free);
                let refused = store.link(&verified("c", "c", ""), &id(RON)).await.unwrap();
                assert_eq!(refused, Admission::Stale);
            }

            #[tokio::test]
            async fn a_customer_with_a_password_is_linkable_in_any_ascii_case() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                for email in ["ron@swanson.com", "RON@Swanson.com"] {
                    assert_eq!(holder(&store, email).await, linkable(RON));
                }
                for email in ["", "ron", "ron@swanson.com ", "ron@swanson.com\0", "%"] {
                    assert_eq!(holder(&store, email).await, EmailHolder::Free, "{email:?}");
                }
            }

            #[tokio::test]
            async fn a_foreign_spelling_of_an_email_has_a_holder_but_links_to_nobody() {
                let (store, _guard) = $open.await;
                let kelvin = "\u{212a}elly@pawnee.gov";
                let kelly = Customer::new(id(RON), "Kelly", "kelly@pawnee.gov");
                store.insert(&kelly, Some(&hash("p"))).await.unwrap();
                assert_eq!(holder(&store, kelvin).await, EmailHolder::NotLinkable);
                let attacker = verified("attacker", LESLIE, kelvin);
                let refused = store.link(&attacker, &id(RON)).await.unwrap();
                assert_eq!(refused, Admission::Stale);
                assert_eq!(logs_in(&store, "kelly@pawnee.gov").await, Some(kelly));
                // Nor the other way round: prepared with a foreign address, then renamed.
                create(&store, &attacker).await;
                let update = CustomerUpdate::new().email("kelly@pawnee.gov");
                assert!(store.delete(&id(RON)).await.unwrap());
                store.update(&id(LESLIE), &update).await.unwrap().unwrap();
                assert_eq!(holder(&store, "kelly@pawnee.gov").await, EmailHolder::NotLinkable);
            }

            #[tokio::test]
            async fn a_customer_without_password_or_identity_is_linkable_if_the_only_one() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), None).await.unwrap();
                assert_eq!(holder(&store, EMAIL).await, linkable(RON));
                store.insert(&Customer::new(id(LESLIE), "", EMAIL), None).await.unwrap();
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
            }

            #[tokio::test]
            async fn a_customer_who_came_with_a_verified_email_is_linkable_by_it() {
                let (store, _guard) = $open.await;
                create(&store, &verified("ron", RON, "Ron@Swanson.com")).await;
                assert_eq!(holder(&store, EMAIL).await, linkable(RON));
                create(&store, &verified("leslie", LESLIE, EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
            }

            #[tokio::test]
            async fn a_customer_who_came_with_an_unverified_email_is_never_linkable() {
                let (store, _guard) = $open.await;
                create(&store, &unverified("attacker", RON, EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
                // A password makes it no better.
                assert!(store.set_password(&id(RON), &hash("p")).await.unwrap());
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
                let refused = store.link(&verified("ron", LESLIE, EMAIL), &id(RON)).await.unwrap();
                assert_eq!(refused, Admission::Stale);
                assert_eq!(found(&store, "ron").await, None);
            }

            #[tokio::test]
            async fn a_customer_who_changed_the_email_is_linkable_by_the_verified_one_alone() {
                let (store, _guard) = $open.await;
                create(&store, &verified("attacker", RON, "attacker@example.com")).await;
                let update = CustomerUpdate::new().email(EMAIL);
                store.update(&id(RON), &update).await.unwrap().unwrap();
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
                assert_eq!(holder(&store, "attacker@example.com").await, EmailHolder::Free);
                let update = CustomerUpdate::new().email("ATTACKER@example.com");
                store.update(&id(RON), &update).await.unwrap().unwrap();
                assert_eq!(holder(&store, "attacker@example.com").await, linkable(RON));
            }

            #[tokio::test]
            async fn one_identity_with_another_email_among_several_is_enough_against_linking() {
                let (store, _guard) = $open.await;
                create(&store, &verified("first", RON, "first@example.com")).await;
                let second = verified("second", LESLIE, "first@example.com");
                let linked = store.link(&second, &id(RON)).await.unwrap();
                let first = Customer::new(id(RON), "Newcomer", "first@example.com");
                assert_eq!(linked, Admission::Admitted(first));
                let update = CustomerUpdate::new().email(EMAIL);
                store.update(&id(RON), &update).await.unwrap().unwrap();
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
            }

            #[tokio::test]
            async fn of_several_the_one_with_a_proven_claim_comes_before_the_one_with_a_password() {
                let (store, _guard) = $open.await;
                // Not the order of the ids. A password is what anybody may have registered with since.
                let bare = Customer::new(id("a"), "Bare", EMAIL);
                store.insert(&bare, None).await.unwrap();
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                create(&store, &unverified("b", "b", EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, linkable(RON));
                create(&store, &verified("z", "z", EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, linkable("z"));
            }

            #[tokio::test]
            async fn of_two_with_an_equal_claim_none_is_linkable() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                create(&store, &verified("a", "a", EMAIL)).await;
                create(&store, &verified("z", "z", EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
            }

            #[tokio::test]
            async fn those_who_may_not_be_linked_do_not_count_among_several() {
                let (store, _guard) = $open.await;
                create(&store, &unverified("attacker", "attacker", EMAIL)).await;
                assert!(store.set_password(&id("attacker"), &hash("p")).await.unwrap());
                create(&store, &verified("ron", RON, EMAIL)).await;
                create(&store, &unverified("another", "z", EMAIL)).await;
                assert_eq!(holder(&store, EMAIL).await, linkable(RON));
            }

            #[tokio::test]
            async fn linking_adds_the_identity_and_takes_the_password_away() {
                let (store, _guard) = $open.await;
                let (old, new) = (hash("mysecretpassword"), hash("mysecretpassword"));
                let before = store.insert(&ron(), Some(&old)).await.unwrap();
                let later = store.clone().clock(Arc::new(Fixed(INSERTED + Duration::from_secs(7))));
                let newcomer = verified("ron", LESLIE, "RON@swanson.com");
                let linked = later.link(&newcomer, &id(RON)).await.unwrap();
                // As the customer was, not as the provider calls them.
                assert_eq!(linked, Admission::Admitted(ron()));
                assert_eq!(found(&store, "ron").await, Some(ron()));
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
                assert_eq!(logs_in(&store, EMAIL).await, None);
                // A login that had begun gives none back.
                assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
                let after = store.get(&id(RON)).await.unwrap().unwrap();
                assert!(!after.has_password());
                assert_eq!(after.created_at(), before.created_at());
                let at = SystemTime::UNIX_EPOCH + KEPT + Duration::from_secs(7);
                assert_eq!(after.updated_at(), at);
            }

            #[tokio::test]
            async fn linking_changes_nothing_of_a_customer_without_a_password() {
                let (store, _guard) = $open.await;
                create(&store, &verified("first", RON, EMAIL)).await;
                let before = store.get(&id(RON)).await.unwrap();
                let later = store.clone().clock(Arc::new(Fixed(INSERTED + Duration::from_secs(7))));
                let second = verified("second", LESLIE, EMAIL);
                let linked = later.link(&second, &id(RON)).await.unwrap();
                assert_eq!(linked, Admission::Admitted(before.clone().unwrap().customer().clone()));
                assert_eq!(store.get(&id(RON)).await.unwrap(), before);
                assert_eq!(found(&store, "second").await, found(&store, "first").await);
            }

            #[tokio::test]
            async fn linking_looks_again_at_the_customer_and_writes_nothing_if_that_has_changed() {
                let (store, _guard) = $open.await;
                let newcomer = verified("ron", LESLIE, EMAIL);
                let password = hash("p");
                let refused = async || {
                    assert_eq!(store.link(&newcomer, &id(RON)).await.unwrap(), Admission::Stale);
                    assert_eq!(found(&store, "ron").await, None);
                };
                // Not there yet.
                refused().await;
                // Has changed the e-mail.
                store.insert(&ron(), Some(&password)).await.unwrap();
                let update = CustomerUpdate::new().email("duke@silver.com");
                store.update(&id(RON), &update).await.unwrap().unwrap();
                refused().await;
                assert_eq!(logs_in(&store, "duke@silver.com").await.unwrap().id(), &id(RON));
                // Is gone.
                assert!(store.delete(&id(RON)).await.unwrap());
                refused().await;
                // Has come back by an unverified identity, and with a password.
                create(&store, &unverified("attacker", RON, EMAIL)).await;
                assert!(store.set_password(&id(RON), &password).await.unwrap());
                refused().await;
                assert_eq!(logs_in(&store, EMAIL).await.unwrap().id(), &id(RON));
            }

            #[tokio::test]
            async fn linking_refuses_a_customer_before_whom_another_comes() {
                let (store, _guard) = $open.await;
                create(&store, &verified("first", RON, EMAIL)).await;
                let leslie = Customer::new(id(LESLIE), "", EMAIL);
                store.insert(&leslie, Some(&hash("p"))).await.unwrap();
                let newcomer = verified("new", "new", EMAIL);
                let stale = store.link(&newcomer, &id(LESLIE)).await.unwrap();
                assert_eq!(stale, Admission::Stale);
                assert_eq!(logs_in(&store, EMAIL).await, Some(leslie));
                let linked = store.link(&newcomer, &id(RON)).await.unwrap();
                let first = Customer::new(id(RON), "Newcomer", EMAIL);
                assert_eq!(linked, Admission::Admitted(first));
            }

            #[tokio::test]
            async fn linking_refuses_an_unverified_email_and_an_identity_that_is_somebodys() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                create(&store, &verified("leslie", LESLIE, "leslie@pawnee.gov")).await;
                for newcomer in [unverified("ron", "new", EMAIL), verified("leslie", "new", EMAIL)]
                {
                    let refused = store.link(&newcomer, &id(RON)).await.unwrap();
                    assert_eq!(refused, Admission::Stale);
                }
                assert_eq!(found(&store, "ron").await, None);
                assert_eq!(found(&store, "leslie").await.unwrap().id(), &id(LESLIE));
                assert_eq!(logs_in(&store, EMAIL).await, Some(ron()));
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn of_many_links_of_one_identity_at_once_one_wins() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let links = (0..20).map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let newcomer = verified("ron", &number.to_string(), EMAIL);
                        store.link(&newcomer, &id(RON)).await.unwrap()
                    })
                });
                let mut linked = 0;
                for admission in join_all(links).await {
                    match admission.unwrap() {
                        Admission::Admitted(customer) => {
                            assert_eq!(customer, ron());
                            linked += 1;
                        }
                        Admission::Stale => {}
                    }
                }
                assert_eq!(linked, 1);
                assert_eq!(found(&store, "ron").await, Some(ron()));
            }

            #[tokio::test]
            async fn a_customers_identities_go_with_the_customer() {
                let (store, _guard) = $open.await;
                create(&store, &verified("first", RON, EMAIL)).await;
                let second = verified("second", LESLIE, EMAIL);
                let linked = store.link(&second, &id(RON)).await.unwrap();
                assert!(matches!(linked, Admission::Admitted(_)));
                create(&store, &verified("other", "other", EMAIL)).await;
                assert!(store.delete(&id(RON)).await.unwrap());
                assert!(!store.delete(&id(RON)).await.unwrap());
                // Nobody inherits them, and they are free.
                store.insert(&ron(), None).await.unwrap();
                for subject in ["first", "second"] {
                    assert_eq!(found(&store, subject).await, None);
                    create(&store, &verified(subject, subject, EMAIL)).await;
                    assert_eq!(found(&store, subject).await.unwrap().id(), &id(subject));
                }
                assert_eq!(found(&store, "other").await.unwrap().id(), &id("other"));
            }

            #[tokio::test]
            async fn what_a_caller_gave_up_is_done_whole_or_not_at_all() {
                let (store, _guard) = $open.await;
                for number in 0..40_u32 {
                    let name = number.to_string();
                    let newcomer = verified(&name, &name, &name);
                    // Dropped before its first poll, at its first await, its second, and so on.
                    let mut future = Box::pin(store.create(&newcomer, true));
                    for _ in 0..number % 5 {
                        if (&mut future).now_or_never().is_some() {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    drop(future);
                    // After whatever it does.
                    let after = format!("after-{name}");
                    create(&store, &verified(&after, &after, &after)).await;
                    let begun = number % 5 > 0;
                    assert_eq!(found(&store, &name).await.is_some(), begun, "{number}");
                    assert_eq!(store.get(&id(&name)).await.unwrap().is_some(), begun, "{number}");
                }
            }

            #[tokio::test]
            async fn debug_shows_neither_subject_nor_email() {
                let (store, _guard) = $open.await;
                let newcomer = verified("hidden", RON, "hidden@swanson.com");
                let created = store.create(&newcomer, true).await.unwrap();
                let holder = holder(&store, newcomer.customer().email()).await;
                let fault = store.create(&verified("another", RON, "hidden"), false).await;
                let shown = format!("{store:?} {newcomer:?} {created:?} {holder:?} {fault:?}");
                for secret in ["hidden", "swanson", "Newcomer\""] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }

            #[tokio::test]
            async fn a_shared_store_is_a_store() {
                let (store, _guard) = $open.await;
                let store = Arc::new(store);
                store.insert(&ron(), None).await.unwrap();
                create(&store, &verified("leslie", LESLIE, "leslie@pawnee.gov")).await;
                assert_eq!(holder(&store, EMAIL).await, linkable(RON));
                let newcomer = verified("ron", "new", EMAIL);
                let linked = IdentityStore::link(&store, &newcomer, &id(RON)).await.unwrap();
                assert_eq!(linked, Admission::Admitted(ron()));
                assert_eq!(found(&store, "ron").await, Some(ron()));
            }
        }
    };
}

identity_store_suite!(memory, async {
    (crate::testing::MemoryCustomers::new().clock(clock()), ())
});

#[cfg(feature = "sqlite")]
identity_store_suite!(sqlite_file, async {
    let file = TempFile::new();
    let store = crate::store::SqliteCustomers::open(&file.0).await.unwrap();
    (store.clock(clock()), file)
});

#[cfg(feature = "sqlite")]
identity_store_suite!(sqlite_memory, async {
    let store = crate::store::SqliteCustomers::open(":memory:").await.unwrap();
    (store.clock(clock()), ())
});
