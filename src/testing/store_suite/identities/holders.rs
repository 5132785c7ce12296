//! `email_holder`: who may be linked to.

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::testing::store_suite::IdentityStoreFixture;
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
use crate::testing::store_suite::identities::newcomer;
use crate::testing::store_suite::identities::ron;
use crate::testing::store_suite::identities::unverified;
use crate::testing::store_suite::identities::verified;

pub async fn no_email_is_nobodys(store: impl IdentityStoreFixture) {
    store.put(&Customer::new(id(RON), "", ""), Some(&hash("p"))).await;
    for subject in ["a", "b"] {
        let other = verified(subject, subject, "");
        let created = store.create(&other, true).await.unwrap();
        assert_eq!(created, Admission::Admitted(other.customer().clone()));
    }
    assert_eq!(holder(&store, "").await, EmailHolder::Free);
    let refused = store.link(&verified("c", "c", ""), &id(RON)).await.unwrap();
    assert_eq!(refused, Admission::Stale);
}

pub async fn a_customer_with_a_password_is_linkable_in_any_ascii_case(
    store: impl IdentityStoreFixture,
) {
    store.put(&ron(), Some(&hash("p"))).await;
    for email in ["ron@swanson.com", "RON@Swanson.com"] {
        assert_eq!(holder(&store, email).await, linkable(RON));
    }
    for email in ["", "ron", "ron@swanson.com ", "ron@swanson.com\0", "%"] {
        assert_eq!(holder(&store, email).await, EmailHolder::Free, "{email:?}");
    }
}

pub async fn a_foreign_spelling_of_an_email_has_a_holder_but_links_to_nobody(
    store: impl IdentityStoreFixture,
) {
    let kelvin = "\u{212a}elly@pawnee.gov";
    let kelly = Customer::new(id(RON), "Kelly", "kelly@pawnee.gov");
    store.put(&kelly, Some(&hash("p"))).await;
    assert_eq!(holder(&store, kelvin).await, EmailHolder::NotLinkable);
    let attacker = verified("attacker", LESLIE, kelvin);
    let refused = store.link(&attacker, &id(RON)).await.unwrap();
    assert_eq!(refused, Admission::Stale);
    assert_eq!(logs_in(&store, "kelly@pawnee.gov").await, Some(kelly));
    // Nor the other way round: prepared with a foreign address, then renamed.
    create(&store, &attacker).await;
    store.delete(&id(RON)).await;
    store.put(&newcomer(LESLIE, "kelly@pawnee.gov"), None).await;
    assert_eq!(holder(&store, "kelly@pawnee.gov").await, EmailHolder::NotLinkable);
}

pub async fn a_customer_without_password_or_identity_is_linkable_if_the_only_one(
    store: impl IdentityStoreFixture,
) {
    store.put(&ron(), None).await;
    assert_eq!(holder(&store, EMAIL).await, linkable(RON));
    store.put(&Customer::new(id(LESLIE), "", EMAIL), None).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
}

pub async fn a_customer_who_came_with_a_verified_email_is_linkable_by_it(
    store: impl IdentityStoreFixture,
) {
    create(&store, &verified("ron", RON, "Ron@Swanson.com")).await;
    assert_eq!(holder(&store, EMAIL).await, linkable(RON));
    create(&store, &verified("leslie", LESLIE, EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
}

pub async fn a_customer_who_came_with_an_unverified_email_is_never_linkable(
    store: impl IdentityStoreFixture,
) {
    create(&store, &unverified("attacker", RON, EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
    // A password makes it no better.
    store.put(&newcomer(RON, EMAIL), Some(&hash("p"))).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
    let refused = store.link(&verified("ron", LESLIE, EMAIL), &id(RON)).await.unwrap();
    assert_eq!(refused, Admission::Stale);
    assert_eq!(found(&store, "ron").await, None);
}

pub async fn a_customer_who_changed_the_email_is_linkable_by_the_verified_one_alone(
    store: impl IdentityStoreFixture,
) {
    create(&store, &verified("attacker", RON, "attacker@example.com")).await;
    store.put(&newcomer(RON, EMAIL), None).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
    assert_eq!(holder(&store, "attacker@example.com").await, EmailHolder::Free);
    store.put(&newcomer(RON, "ATTACKER@example.com"), None).await;
    assert_eq!(holder(&store, "attacker@example.com").await, linkable(RON));
}

pub async fn one_identity_with_another_email_among_several_is_enough_against_linking(
    store: impl IdentityStoreFixture,
) {
    create(&store, &verified("first", RON, "first@example.com")).await;
    let second = verified("second", LESLIE, "first@example.com");
    let linked = store.link(&second, &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(newcomer(RON, "first@example.com")));
    store.put(&newcomer(RON, EMAIL), None).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
}

pub async fn of_several_the_one_with_a_proven_claim_comes_before_the_one_with_a_password(
    store: impl IdentityStoreFixture,
) {
    // Not the order of the ids. A password is what anybody may have registered with since.
    let bare = Customer::new(id("a"), "Bare", EMAIL);
    store.put(&bare, None).await;
    store.put(&ron(), Some(&hash("p"))).await;
    create(&store, &unverified("b", "b", EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, linkable(RON));
    create(&store, &verified("z", "z", EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, linkable("z"));
}

pub async fn of_two_with_an_equal_claim_none_is_linkable(store: impl IdentityStoreFixture) {
    store.put(&ron(), Some(&hash("p"))).await;
    create(&store, &verified("a", "a", EMAIL)).await;
    create(&store, &verified("z", "z", EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::NotLinkable);
}

pub async fn those_who_may_not_be_linked_do_not_count_among_several(
    store: impl IdentityStoreFixture,
) {
    create(&store, &unverified("attacker", "attacker", EMAIL)).await;
    store.put(&newcomer("attacker", EMAIL), Some(&hash("p"))).await;
    create(&store, &verified("ron", RON, EMAIL)).await;
    create(&store, &unverified("another", "z", EMAIL)).await;
    assert_eq!(holder(&store, EMAIL).await, linkable(RON));
}
