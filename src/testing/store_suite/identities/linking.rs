//! `link`.

use std::sync::Arc;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::Newcomer;
use crate::testing::store_suite::IdentityStoreFixture;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RIVALS;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;
use crate::testing::store_suite::identities::EMAIL;
use crate::testing::store_suite::identities::create;
use crate::testing::store_suite::identities::found;
use crate::testing::store_suite::identities::identity;
use crate::testing::store_suite::identities::logs_in;
use crate::testing::store_suite::identities::newcomer;
use crate::testing::store_suite::identities::ron;
use crate::testing::store_suite::identities::unverified;
use crate::testing::store_suite::identities::verified;

pub async fn linking_adds_the_identity_and_takes_the_password_away(
    store: impl IdentityStoreFixture,
) {
    let (old, new) = (hash("mysecretpassword"), hash("mysecretpassword"));
    store.put(&ron(), Some(&old)).await;
    let newcomer = verified("ron", LESLIE, "RON@swanson.com");
    let linked = store.link(&newcomer, &id(RON)).await.unwrap();
    // As the customer was, not as the provider calls them.
    assert_eq!(linked, Admission::Admitted(ron()));
    assert_eq!(found(&store, "ron").await, Some(ron()));
    assert_eq!(logs_in(&store, EMAIL).await, None);
    // A login that had begun gives none back.
    assert!(!store.replace_password_hash(&id(RON), &old, &new).await.unwrap());
    assert_eq!(logs_in(&store, EMAIL).await, None);
    // Fails if the newcomer's customer was created too.
    create(&store, &verified("leslie", LESLIE, "leslie@pawnee.gov")).await;
}

pub async fn linking_changes_nothing_of_a_customer_without_a_password(
    store: impl IdentityStoreFixture,
) {
    create(&store, &verified("first", RON, EMAIL)).await;
    let second = Customer::new(id(LESLIE), "Another name", "RON@swanson.com");
    let second = Newcomer::new(identity("second"), second).email_verified(true);
    let linked = store.link(&second, &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(newcomer(RON, EMAIL)));
    for subject in ["first", "second"] {
        assert_eq!(found(&store, subject).await, Some(newcomer(RON, EMAIL)));
    }
}

pub async fn linking_looks_again_at_the_customer_and_writes_nothing_if_that_has_changed(
    store: impl IdentityStoreFixture,
) {
    let again = verified("ron", LESLIE, EMAIL);
    let password = hash("p");
    let refused = async || {
        assert_eq!(store.link(&again, &id(RON)).await.unwrap(), Admission::Stale);
        assert_eq!(found(&store, "ron").await, None);
    };
    // Not there yet.
    refused().await;
    // Has changed the e-mail.
    store.put(&ron(), Some(&password)).await;
    let duke = Customer::new(id(RON), "Ron Swanson", "duke@silver.com");
    store.put(&duke, Some(&password)).await;
    refused().await;
    assert_eq!(logs_in(&store, "duke@silver.com").await, Some(duke));
    // Is gone.
    store.delete(&id(RON)).await;
    refused().await;
    // Has come back by an unverified identity, and with a password.
    create(&store, &unverified("attacker", RON, EMAIL)).await;
    store.put(&newcomer(RON, EMAIL), Some(&password)).await;
    refused().await;
    assert_eq!(logs_in(&store, EMAIL).await, Some(newcomer(RON, EMAIL)));
}

pub async fn linking_refuses_a_customer_before_whom_another_comes(
    store: impl IdentityStoreFixture,
) {
    create(&store, &verified("first", RON, EMAIL)).await;
    let leslie = Customer::new(id(LESLIE), "", EMAIL);
    store.put(&leslie, Some(&hash("p"))).await;
    let third = verified("new", "new", EMAIL);
    let stale = store.link(&third, &id(LESLIE)).await.unwrap();
    assert_eq!(stale, Admission::Stale);
    assert_eq!(logs_in(&store, EMAIL).await, Some(leslie));
    let linked = store.link(&third, &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(newcomer(RON, EMAIL)));
}

pub async fn linking_refuses_an_unverified_email_and_an_identity_that_is_somebodys(
    store: impl IdentityStoreFixture,
) {
    store.put(&ron(), Some(&hash("p"))).await;
    create(&store, &verified("leslie", LESLIE, "leslie@pawnee.gov")).await;
    for newcomer in [unverified("ron", "new", EMAIL), verified("leslie", "new", EMAIL)] {
        let refused = store.link(&newcomer, &id(RON)).await.unwrap();
        assert_eq!(refused, Admission::Stale);
    }
    assert_eq!(found(&store, "ron").await, None);
    assert_eq!(found(&store, "leslie").await.unwrap().id(), &id(LESLIE));
    assert_eq!(logs_in(&store, EMAIL).await, Some(ron()));
}

pub async fn of_many_links_of_one_identity_at_once_one_wins(store: impl IdentityStoreFixture) {
    store.put(&ron(), Some(&hash("p"))).await;
    let store = Arc::new(store);
    let mut links = Vec::new();
    for number in 0..RIVALS {
        let store = Arc::clone(&store);
        links.push(tokio::spawn(async move {
            let newcomer = verified("ron", &number.to_string(), EMAIL);
            store.link(&newcomer, &id(RON)).await.unwrap()
        }));
    }
    let mut linked = 0;
    for link in links {
        match link.await.unwrap() {
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
