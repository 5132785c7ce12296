//! The requirements on every store of customers with passwords.

use std::sync::Arc;

use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::testing::store_suite::CustomerStoreFixture;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RIVALS;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;

/// Expands to a module with the tests that every [`CustomerStore`](crate::CustomerStore) must pass.
///
/// The arguments are the name of the module, and an expression for a future that opens an empty
/// store. The expression is evaluated for each test. Its output is the store, and a guard that is
/// dropped after it, for example a temporary folder; `()` if there is none. The store implements
/// [`CustomerStoreFixture`](crate::testing::CustomerStoreFixture), which has the one method that
/// the tests need beside the trait. The module sees the names of the one around it.
///
/// A test is a `#[test]` of its own, on a new Tokio runtime with two threads and with all drivers.
/// Attributes before the name, such as `#[ignore = "needs a server"]`, become those of each test.
/// No dependency beside this crate is needed.
///
/// The tests are the contract of [`CustomerStore`](crate::CustomerStore): comparison and spelling
/// of e-mails, customers without passwords, replacement of hashes, also at the same time. They
/// write no NUL, which some databases don't keep, but look one up: that is no error.
///
/// # Example
///
/// The features `issuer` and `test-util` are on in the `dev-dependencies`.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::CustomerId;
/// use tower_customer_auth::CustomerStore;
/// use tower_customer_auth::customer::StoreError;
/// use tower_customer_auth::customer::StoredCustomer;
/// use tower_customer_auth::customer::email_key;
/// use tower_customer_auth::password::PasswordHash;
///
/// #[derive(Default)]
/// struct Shop(Mutex<HashMap<CustomerId, (Customer, Option<PasswordHash>)>>);
///
/// impl CustomerStore for Shop {
///     async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
///         let rows = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let key = email_key(email);
///         Ok(rows.values().find_map(|(customer, password)| {
///             let found = password.is_some() && email_key(customer.email()) == key;
///             let password = password.clone().filter(|_| found)?;
///             Some(StoredCustomer::new(customer.clone(), password))
///         }))
///     }
///
///     async fn replace_password_hash(
///         &self,
///         id: &CustomerId,
///         old: &PasswordHash,
///         new: &PasswordHash,
///     ) -> Result<bool, StoreError> {
///         let mut rows = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let password = rows.get_mut(id).and_then(|(_, password)| password.as_mut());
///         let password = password.filter(|password| password.expose() == old.expose());
///         Ok(password.map(|password| *password = new.clone()).is_some())
///     }
/// }
///
/// // With `#[cfg(test)]` in your crate.
/// mod tests {
///     use tower_customer_auth::testing::CustomerStoreFixture;
///     use tower_customer_auth::testing::customer_store_suite;
///
///     use super::*;
///
///     impl CustomerStoreFixture for Shop {
///         async fn put(&self, customer: &Customer, password: Option<&PasswordHash>) {
///             let row = (customer.clone(), password.cloned());
///             self.0.lock().unwrap().insert(customer.id().clone(), row);
///         }
///     }
///
///     customer_store_suite!(shop, async { (Shop::default(), ()) });
/// }
/// # fn main() {}
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __customer_store_suite {
    ($(#[$attribute:meta])* $name:ident, $open:expr $(,)?) => {
        $crate::testing::store_suite::tests_of! {
            $(#[$attribute])* $name, $open, customers:
            finds_a_customer_in_any_case_and_shows_the_email_as_given
            compares_letters_beyond_ascii_in_any_case_too
            keeps_any_text_as_it_is
            never_finds_a_customer_without_a_password
            finds_the_one_with_a_password_among_several_who_share_an_email
            finds_a_customer_by_the_present_email_and_password
            replaces_a_hash_only_if_it_still_is_the_old_one
            replaces_the_hash_of_one_customer_alone
            replaces_no_hash_of_a_customer_who_is_not_there
            never_gives_a_password_to_a_customer_who_has_none_by_replacement
            of_many_replacements_of_one_hash_at_once_one_wins
        }
    };
}
#[doc(inline)]
pub use __customer_store_suite as customer_store_suite;

pub(crate) fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", "Ron@Swanson.com")
}

/// Returns the customer who logs in with this e-mail, and the PHC string of the password.
pub(crate) async fn found(store: &impl CustomerStore, email: &str) -> Option<(Customer, String)> {
    let stored = store.find_by_email(email).await.unwrap()?;
    let phc = stored.password_hash().unwrap().expose().to_owned();
    Some((stored.into_customer(), phc))
}

pub async fn finds_a_customer_in_any_case_and_shows_the_email_as_given(
    store: impl CustomerStoreFixture,
) {
    let password = hash("mysecretpassword");
    store.put(&ron(), Some(&password)).await;
    let expected = Some((ron(), password.expose().to_owned()));
    for email in ["Ron@Swanson.com", "ron@swanson.com", "RON@SWANSON.COM"] {
        assert_eq!(found(&store, email).await, expected, "{email}");
    }
    for email in ["", "ron", "ron@swanson.com ", "ron@swanson.com\0", "%", "r_n@swanson.com"] {
        assert_eq!(found(&store, email).await, None, "{email:?}");
    }
}

pub async fn compares_letters_beyond_ascii_in_any_case_too(store: impl CustomerStoreFixture) {
    let elodie = Customer::new(id(RON), "Élodie", "Élodie@Example.fr");
    store.put(&elodie, Some(&hash("p"))).await;
    for email in ["ÉLODIE@example.FR", "élodie@example.fr"] {
        let customer = found(&store, email).await.map(|(customer, _)| customer);
        assert_eq!(customer.as_ref(), Some(&elodie), "{email}");
    }
    assert_eq!(found(&store, "elodie@example.fr").await, None);
}

/// Without NUL, which PostgreSQL's `text` can't hold.
pub async fn keeps_any_text_as_it_is(store: impl CustomerStoreFixture) {
    let text = " a'\"\r\n%_\\;--\u{202e}🦀 ";
    let odd = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
    store.put(&odd, Some(&hash("p"))).await;
    assert_eq!(found(&store, text).await.map(|(customer, _)| customer), Some(odd));
}

pub async fn never_finds_a_customer_without_a_password(store: impl CustomerStoreFixture) {
    store.put(&ron(), None).await;
    assert_eq!(found(&store, "ron@swanson.com").await, None);
    let password = hash("p");
    store.put(&ron(), Some(&password)).await;
    let expected = Some((ron(), password.expose().to_owned()));
    assert_eq!(found(&store, "ron@swanson.com").await, expected);
}

pub async fn finds_the_one_with_a_password_among_several_who_share_an_email(
    store: impl CustomerStoreFixture,
) {
    // One is inserted before the customer with a password and one after, with ids on either side.
    store.put(&Customer::new(id("0"), "April", "ron@swanson.com"), None).await;
    store.put(&ron(), Some(&hash("p"))).await;
    store.put(&Customer::new(id(LESLIE), "Leslie Knope", "RON@swanson.com"), None).await;
    let customer = found(&store, "ron@swanson.com").await.map(|(customer, _)| customer);
    assert_eq!(customer, Some(ron()));
}

pub async fn finds_a_customer_by_the_present_email_and_password(store: impl CustomerStoreFixture) {
    store.put(&ron(), Some(&hash("p"))).await;
    let duke = Customer::new(id(RON), "", "Duke@Silver.com");
    let password = hash("q");
    store.put(&duke, Some(&password)).await;
    let expected = Some((duke, password.expose().to_owned()));
    assert_eq!(found(&store, "duke@silver.com").await, expected);
    assert_eq!(found(&store, "ron@swanson.com").await, None);
}

pub async fn replaces_a_hash_only_if_it_still_is_the_old_one(store: impl CustomerStoreFixture) {
    let (first, second, third) = (hash("p"), hash("p"), hash("changed"));
    store.put(&ron(), Some(&first)).await;
    assert!(store.replace_password_hash(&id(RON), &first, &second).await.unwrap());
    let expected = Some((ron(), second.expose().to_owned()));
    assert_eq!(found(&store, "ron@swanson.com").await, expected);
    // The customer has changed the password since.
    store.put(&ron(), Some(&third)).await;
    assert!(!store.replace_password_hash(&id(RON), &second, &first).await.unwrap());
    let expected = Some((ron(), third.expose().to_owned()));
    assert_eq!(found(&store, "ron@swanson.com").await, expected);
}

pub async fn replaces_the_hash_of_one_customer_alone(store: impl CustomerStoreFixture) {
    let leslie = Customer::new(id(LESLIE), "Leslie Knope", "leslie@pawnee.gov");
    let (old, new) = (hash("p"), hash("p"));
    store.put(&leslie, Some(&old)).await;
    store.put(&ron(), Some(&old)).await;
    assert!(store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
    let expected = Some((ron(), new.expose().to_owned()));
    assert_eq!(found(&store, "ron@swanson.com").await, expected);
    let expected = Some((leslie, old.expose().to_owned()));
    assert_eq!(found(&store, "leslie@pawnee.gov").await, expected);
}

pub async fn replaces_no_hash_of_a_customer_who_is_not_there(store: impl CustomerStoreFixture) {
    let (old, new) = (hash("p"), hash("q"));
    assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
    assert_eq!(found(&store, "").await, None);
}

pub async fn never_gives_a_password_to_a_customer_who_has_none_by_replacement(
    store: impl CustomerStoreFixture,
) {
    store.put(&ron(), None).await;
    let (old, new) = (hash("p"), hash("q"));
    assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
    assert_eq!(found(&store, "ron@swanson.com").await, None);
}

pub async fn of_many_replacements_of_one_hash_at_once_one_wins(store: impl CustomerStoreFixture) {
    let store = Arc::new(store);
    let old = hash("p");
    store.put(&ron(), Some(&old)).await;
    let mut replacements = Vec::new();
    for _ in 0..RIVALS {
        let (store, old, new) = (Arc::clone(&store), old.clone(), hash("p"));
        replacements.push(tokio::spawn(async move {
            let replaced = store.replace_password_hash(&id(RON), &old, &new).await.unwrap();
            replaced.then(|| new.expose().to_owned())
        }));
    }
    let mut winners = Vec::new();
    for replacement in replacements {
        winners.extend(replacement.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let phc = found(&store, "ron@swanson.com").await.map(|(_, phc)| phc);
    assert_eq!(phc, winners.pop());
}
