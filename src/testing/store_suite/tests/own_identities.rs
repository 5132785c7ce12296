//! What our stores have in common beside the traits: their records,
//! and that a write which has begun goes on.

macro_rules! own_identity_store_suite {
    ($name:ident, $open:expr) => {
        own_identity_store_suite! { $name, $open, "\0" }
    };
    // `nul` is empty for a database that keeps no NUL.
    ($(#[$attribute:meta])* $name:ident, $open:expr, $nul:literal) => {
        mod $name {
            use std::sync::Arc;
            use std::time::Duration;
            use std::time::SystemTime;

            use futures_util::FutureExt;
            use futures_util::future::join_all;

            use super::*;
            use crate::customer::Admission;
            use crate::customer::Customer;
            use crate::customer::CustomerStore;
            use crate::customer::EmailHolder;
            use crate::customer::Identity;
            use crate::customer::IdentityStore;
            use crate::customer::Newcomer;
            use crate::testing::store_suite::LESLIE;
            use crate::testing::store_suite::RON;
            use crate::testing::store_suite::hash;
            use crate::testing::store_suite::id;
            use crate::testing::store_suite::identities::EMAIL;
            use crate::testing::store_suite::identities::create;
            use crate::testing::store_suite::identities::found;
            use crate::testing::store_suite::identities::holder;
            use crate::testing::store_suite::identities::linkable;
            use crate::testing::store_suite::identities::logs_in;
            use crate::testing::store_suite::identities::ron;
            use crate::testing::store_suite::identities::unverified;
            use crate::testing::store_suite::identities::verified;
            use crate::testing::store_suite::tests::own_customers::KEPT;
            use crate::testing::store_suite::tests::own_customers::clock;

            $(#[$attribute])*
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

            $(#[$attribute])*
            #[tokio::test]
            async fn keeps_any_text_as_it_is() {
                let (store, _guard) = $open.await;
                let text = concat!("a'\"", $nul, "\n%_\\;--\u{202e}🦀");
                let identity = Identity::new(text, concat!("a'\"", $nul, "\n%_\\;--\x7f")).unwrap();
                let customer = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
                let newcomer = Newcomer::new(identity.clone(), customer.clone());
                create(&store, &newcomer.email_verified(true)).await;
                let found = store.find_by_identity(&identity).await.unwrap();
                assert_eq!(found.as_ref(), Some(&customer));
                let holder = holder(&store, text).await;
                assert_eq!(holder, EmailHolder::Linkable(customer.id().clone()));
            }

            $(#[$attribute])*
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

            $(#[$attribute])*
            #[tokio::test]
            async fn an_identifier_that_is_taken_is_a_fault_and_adds_no_identity() {
                let (store, _guard) = $open.await;
                let before = store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let fault = store.create(&unverified("ron", RON, "x@y"), false).await.unwrap_err();
                assert_eq!(fault.to_string(), "the store is unavailable");
                assert_eq!(found(&store, "ron").await, None);
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(before));
            }

            $(#[$attribute])*
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

            $(#[$attribute])*
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

            $(#[$attribute])*
            #[tokio::test]
            async fn linking_adds_the_identity_and_takes_the_password_away() {
                let (store, _guard) = $open.await;
                let (old, new) = (hash("mysecretpassword"), hash("mysecretpassword"));
                let before = store.insert(&ron(), Some(&old)).await.unwrap();
                let later = store.clone().clock(clock(7));
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

            $(#[$attribute])*
            #[tokio::test]
            async fn linking_changes_nothing_of_a_customer_without_a_password() {
                let (store, _guard) = $open.await;
                create(&store, &verified("first", RON, EMAIL)).await;
                let before = store.get(&id(RON)).await.unwrap();
                let later = store.clone().clock(clock(7));
                let second = verified("second", LESLIE, EMAIL);
                let linked = later.link(&second, &id(RON)).await.unwrap();
                assert_eq!(linked, Admission::Admitted(before.clone().unwrap().customer().clone()));
                assert_eq!(store.get(&id(RON)).await.unwrap(), before);
                assert_eq!(found(&store, "second").await, found(&store, "first").await);
            }

            $(#[$attribute])*
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
                // No customer inherits them, and they are free.
                store.insert(&ron(), None).await.unwrap();
                for subject in ["first", "second"] {
                    assert_eq!(found(&store, subject).await, None);
                    create(&store, &verified(subject, subject, EMAIL)).await;
                    assert_eq!(found(&store, subject).await.unwrap().id(), &id(subject));
                }
                assert_eq!(found(&store, "other").await.unwrap().id(), &id("other"));
            }

            $(#[$attribute])*
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
                    // A store whose writers don't wait for each other may still be at it.
                    let mut looks = 0;
                    while found(&store, &name).await.is_some() != begun && looks < 1_000 {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        looks += 1;
                    }
                    assert_eq!(found(&store, &name).await.is_some(), begun, "{number}");
                    assert_eq!(store.get(&id(&name)).await.unwrap().is_some(), begun, "{number}");
                }
            }

            $(#[$attribute])*
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

            $(#[$attribute])*
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
pub(crate) use own_identity_store_suite;
