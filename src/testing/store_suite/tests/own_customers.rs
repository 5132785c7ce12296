//! What our stores have in common beside the trait: `insert`, `get`,
//! `update`, `set_password`, and the times of a record.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::customer::Customer;
use crate::customer::CustomerUpdate;
use crate::password::PasswordHash;
use crate::testing::ManualClock;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::id;

/// A time with a fraction that stores don't keep.
pub(crate) const INSERTED: Duration = Duration::from_nanos(1_510_597_800_123_456_789);
pub(crate) const KEPT: Duration = Duration::from_millis(1_510_597_800_123);

/// Returns a clock that stands still at `INSERTED` plus some seconds.
pub(crate) fn clock(later: u64) -> Arc<ManualClock> {
    let time = SystemTime::UNIX_EPOCH + INSERTED + Duration::from_secs(later);
    Arc::new(ManualClock::at(time))
}

pub(crate) fn leslie(email: &str) -> Customer {
    Customer::new(id(LESLIE), "Leslie Knope", email)
}

/// Returns the update after which a customer has this name, this e-mail and this password.
pub(crate) fn update_to(customer: &Customer, password: Option<&PasswordHash>) -> CustomerUpdate {
    let update = CustomerUpdate::new().name(customer.name()).email(customer.email());
    match password {
        Some(password) => update.password(password.clone()),
        None => update,
    }
}

macro_rules! own_customer_store_suite {
    ($name:ident, $open:expr) => {
        own_customer_store_suite! { $name, $open, "\0" }
    };
    // `nul` is empty for a database that keeps no NUL.
    ($(#[$attribute:meta])* $name:ident, $open:expr, $nul:literal) => {
        mod $name {
            use std::time::SystemTime;

            use futures_util::future::join_all;

            use super::*;
            use crate::customer::ChangeErrorKind;
            use crate::customer::Customer;
            use crate::customer::CustomerLookup;
            use crate::customer::CustomerStore;
            use crate::customer::CustomerUpdate;
            use crate::testing::store_suite::LESLIE;
            use crate::testing::store_suite::RON;
            use crate::testing::store_suite::customers::found;
            use crate::testing::store_suite::customers::ron;
            use crate::testing::store_suite::hash;
            use crate::testing::store_suite::id;
            use crate::testing::store_suite::tests::own_customers::KEPT;
            use crate::testing::store_suite::tests::own_customers::leslie;

            $(#[$attribute])*
            #[tokio::test]
            async fn keeps_any_text_as_it_is() {
                let (store, _guard) = $open.await;
                let text = concat!("a'\"", $nul, "\n%_\\;--\u{202e}🦀");
                let odd = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
                let shown = store.insert(&odd, Some(&hash("p"))).await.unwrap();
                assert_eq!(shown.customer(), &odd);
                assert_eq!(found(&store, text).await.map(|(customer, _)| customer), Some(odd));
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn never_finds_a_customer_without_a_password() {
                let (store, _guard) = $open.await;
                let shown = store.insert(&ron(), None).await.unwrap();
                assert!(!shown.has_password());
                assert_eq!(found(&store, "ron@swanson.com").await, None);
                assert!(store.set_password(&id(RON), &hash("p")).await.unwrap());
                let customer = found(&store, "ron@swanson.com").await.map(|(customer, _)| customer);
                assert_eq!(customer, Some(ron()));
                assert!(store.get(&id(RON)).await.unwrap().unwrap().has_password());
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn refuses_a_second_password_for_an_email_in_any_case() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let refused = store.insert(&leslie("RON@swanson.com"), Some(&hash("q"))).await;
                assert_eq!(refused.unwrap_err().kind(), ChangeErrorKind::DuplicateEmail);
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn several_without_a_password_share_an_email_and_none_of_them_gets_one() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                store.insert(&leslie("ron@swanson.com"), None).await.unwrap();
                let april = Customer::new(id("april"), "April", "ron@swanson.com");
                store.insert(&april, None).await.unwrap();
                let refused = store.set_password(&id(LESLIE), &hash("q")).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateEmail);
                let customer = found(&store, "ron@swanson.com").await.map(|(customer, _)| customer);
                assert_eq!(customer, Some(ron()));
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn refuses_a_second_customer_with_one_identifier() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), None).await.unwrap();
                let other = Customer::new(id(RON), "Other", "other@example.com");
                let refused = store.insert(&other, None).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateId);
                assert_eq!(store.get(&id(RON)).await.unwrap().unwrap().customer(), &ron());
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn tells_a_taken_identifier_before_a_taken_email() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let refused = store.insert(&ron(), Some(&hash("p"))).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateId);
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn shows_when_a_customer_was_inserted_to_the_millisecond() {
                let (store, _guard) = $open.await;
                let inserted = store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let at = SystemTime::UNIX_EPOCH + KEPT;
                assert_eq!((inserted.created_at(), inserted.updated_at()), (at, at));
                assert_eq!(inserted.customer(), &ron());
                assert!(inserted.has_password());
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(inserted));
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), None);
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn changes_only_what_an_update_names() {
                let (store, _guard) = $open.await;
                let password = hash("p");
                store.insert(&ron(), Some(&password)).await.unwrap();
                for (update, name, email, phc) in [
                    (CustomerUpdate::new(), "Ron Swanson", "Ron@Swanson.com", &password),
                    (CustomerUpdate::new().name(""), "", "Ron@Swanson.com", &password),
                    (
                        CustomerUpdate::new().email("Duke@Silver.com"),
                        "",
                        "Duke@Silver.com",
                        &password,
                    ),
                    // Its own e-mail in another case is no duplicate.
                    (
                        CustomerUpdate::new().email("duke@silver.com"),
                        "",
                        "duke@silver.com",
                        &password,
                    ),
                ] {
                    let customer = Customer::new(id(RON), name, email);
                    let shown = store.update(&id(RON), &update).await.unwrap().unwrap();
                    assert_eq!(shown.customer(), &customer);
                    assert_eq!(store.get(&id(RON)).await.unwrap(), Some(shown));
                    let expected = Some((customer, phc.expose().to_owned()));
                    assert_eq!(found(&store, email).await, expected);
                }
                assert_eq!(found(&store, "ron@swanson.com").await, None);
                let new = hash("q");
                let update = CustomerUpdate::new().name("Ron").password(new.clone());
                store.update(&id(RON), &update).await.unwrap().unwrap();
                let customer = Customer::new(id(RON), "Ron", "duke@silver.com");
                let expected = Some((customer, new.expose().to_owned()));
                assert_eq!(found(&store, "duke@silver.com").await, expected);
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn a_customer_stays_disabled_until_an_update_enables_them_and_is_found_anyhow() {
                let (store, _guard) = $open.await;
                assert_eq!(store.find_by_id(&id(RON)).await.unwrap(), None);
                store.insert(&ron().enabled(false), Some(&hash("p"))).await.unwrap();
                for (update, is_enabled) in [
                    (CustomerUpdate::new(), false),
                    (CustomerUpdate::new().enabled(true), true),
                    (CustomerUpdate::new().password(hash("q")), true),
                    (CustomerUpdate::new().enabled(false), false),
                    (CustomerUpdate::new().name("Ron Swanson"), false),
                ] {
                    let shown = store.update(&id(RON), &update).await.unwrap().unwrap();
                    assert_eq!(shown.customer(), &ron().enabled(is_enabled), "{update:?}");
                    let by_id = store.find_by_id(&id(RON)).await.unwrap();
                    assert_eq!(by_id.as_ref(), Some(shown.customer()));
                    let by_email = found(&store, "ron@swanson.com").await;
                    assert_eq!(by_email.map(|(customer, _)| customer), by_id);
                }
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn an_update_that_is_refused_changes_nothing() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), Some(&hash("p"))).await.unwrap();
                let before =
                    store.insert(&leslie("leslie@pawnee.gov"), Some(&hash("q"))).await.unwrap();
                let update = CustomerUpdate::new().name("Ron?").email("RON@swanson.com");
                let refused = store.update(&id(LESLIE), &update).await.unwrap_err();
                assert_eq!(refused.kind(), ChangeErrorKind::DuplicateEmail);
                assert_eq!(store.get(&id(LESLIE)).await.unwrap(), Some(before));
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn tells_that_there_is_no_such_customer() {
                let (store, _guard) = $open.await;
                let (old, new) = (hash("p"), hash("q"));
                let update = CustomerUpdate::new().name("Ron");
                assert_eq!(store.update(&id(RON), &update).await.unwrap(), None);
                assert!(!store.set_password(&id(RON), &new).await.unwrap());
                assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn replaces_a_hash_only_if_it_still_is_the_old_one() {
                let (store, _guard) = $open.await;
                let (first, second, third) = (hash("p"), hash("p"), hash("changed"));
                let before = store.insert(&ron(), Some(&first)).await.unwrap();
                assert!(store.replace_password_hash(&id(RON), &first, &second).await.unwrap());
                // No change of the customer's.
                assert_eq!(store.get(&id(RON)).await.unwrap(), Some(before));
                assert!(store.set_password(&id(RON), &third).await.unwrap());
                assert!(!store.replace_password_hash(&id(RON), &second, &first).await.unwrap());
                let phc = found(&store, "ron@swanson.com").await.map(|(_, phc)| phc);
                assert_eq!(phc.as_deref(), Some(third.expose()));
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn never_gives_a_password_to_a_customer_who_has_none_by_replacement() {
                let (store, _guard) = $open.await;
                store.insert(&ron(), None).await.unwrap();
                let (old, new) = (hash("p"), hash("q"));
                assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
                assert!(!store.get(&id(RON)).await.unwrap().unwrap().has_password());
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn of_many_registrations_at_once_one_wins() {
                let (store, _guard) = $open.await;
                let tries = (0..16).map(|number| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let customer =
                            Customer::new(id(&number.to_string()), "", "one@example.com");
                        store.insert(&customer, Some(&hash("p"))).await.map_err(|e| e.kind())
                    })
                });
                let mut outcomes = Vec::new();
                for outcome in join_all(tries).await {
                    outcomes.push(outcome.unwrap().err());
                }
                outcomes.sort_by_key(Option::is_some);
                assert_eq!(outcomes[0], None);
                assert_eq!(outcomes[1..], [Some(ChangeErrorKind::DuplicateEmail); 15]);
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn debug_shows_no_customer() {
                let (store, _guard) = $open.await;
                let password = hash("mysecretpassword");
                store.insert(&ron(), Some(&password)).await.unwrap();
                let stored = store.find_by_email("ron@swanson.com").await.unwrap();
                let record = store.get(&id(RON)).await.unwrap();
                let shown = format!("{store:?} {stored:?} {record:?}").to_lowercase();
                for secret in ["argon2", "swanson", &password.expose().to_lowercase()] {
                    assert!(!shown.contains(secret), "{shown}");
                }
            }
        }
    };
}
pub(crate) use own_customer_store_suite;
