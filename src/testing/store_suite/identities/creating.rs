//! `find_by_identity`, `create`, and the end of an identity.

use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;

use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::Newcomer;
use crate::testing::store_suite::IdentityStoreFixture;
use crate::testing::store_suite::LESLIE;
use crate::testing::store_suite::RIVALS;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::hash;
use crate::testing::store_suite::id;
use crate::testing::store_suite::identities::EMAIL;
use crate::testing::store_suite::identities::ISSUER;
use crate::testing::store_suite::identities::create;
use crate::testing::store_suite::identities::found;
use crate::testing::store_suite::identities::holder;
use crate::testing::store_suite::identities::linkable;
use crate::testing::store_suite::identities::logs_in;
use crate::testing::store_suite::identities::newcomer;
use crate::testing::store_suite::identities::ron;
use crate::testing::store_suite::identities::unverified;
use crate::testing::store_suite::identities::verified;

pub async fn creates_a_customer_without_a_password_whom_the_identity_finds(
    store: impl IdentityStoreFixture,
) {
    assert_eq!(found(&store, "ron").await, None);
    let newcomer = verified("ron", RON, "Ron@Swanson.com");
    create(&store, &newcomer).await;
    assert_eq!(found(&store, "ron").await.as_ref(), Some(newcomer.customer()));
    assert_eq!(logs_in(&store, EMAIL).await, None);
}

pub async fn two_issuers_with_one_subject_are_two_identities(store: impl IdentityStoreFixture) {
    let mut customers = Vec::new();
    for issuer in [ISSUER, "https://login.example/", "https://LOGIN.example", "https://other"] {
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

pub async fn compares_subjects_byte_by_byte(store: impl IdentityStoreFixture) {
    create(&store, &unverified("aB", RON, EMAIL)).await;
    for subject in ["ab", "AB", "aB ", " aB", "aB\0", "a", "%", "a_"] {
        assert_eq!(found(&store, subject).await, None, "{subject:?}");
    }
    create(&store, &unverified("ab", LESLIE, EMAIL)).await;
    assert_eq!(found(&store, "aB").await.unwrap().id(), &id(RON));
    assert_eq!(found(&store, "ab").await.unwrap().id(), &id(LESLIE));
}

/// Without NUL, which PostgreSQL's `text` can't hold.
pub async fn keeps_any_text_as_it_is(store: impl IdentityStoreFixture) {
    let text = " a'\"\r\n%_\\;--\u{202e}🦀 ";
    let identity = Identity::new(text, " a'\"\r\n%_\\;--\x7f ").unwrap();
    let customer = Customer::new(id("auth0|';DROP/**/TABLE/**/x;--"), text, text);
    let newcomer = Newcomer::new(identity.clone(), customer.clone());
    create(&store, &newcomer.email_verified(true)).await;
    let found = store.find_by_identity(&identity).await.unwrap();
    assert_eq!(found.as_ref(), Some(&customer));
    let holder = holder(&store, text).await;
    assert_eq!(holder, EmailHolder::Linkable(customer.id().clone()));
}

pub async fn an_identity_that_is_somebodys_creates_nobody(store: impl IdentityStoreFixture) {
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
    assert_eq!(found(&store, "ron").await.as_ref(), Some(first.customer()));
    // Neither the second e-mail nor the second identifier is in use.
    assert_eq!(holder(&store, "other@example.com").await, EmailHolder::Free);
    create(&store, &unverified("leslie", LESLIE, "leslie@pawnee.gov")).await;
}

pub async fn an_identifier_that_is_taken_is_a_fault_and_adds_no_identity(
    store: impl IdentityStoreFixture,
) {
    store.put(&ron(), Some(&hash("p"))).await;
    let created = store.create(&unverified("ron", RON, "x@y"), false).await;
    assert_eq!(created.ok(), None, "an error");
    assert_eq!(found(&store, "ron").await, None);
    assert_eq!(holder(&store, "x@y").await, EmailHolder::Free);
    assert_eq!(logs_in(&store, EMAIL).await, Some(ron()));
}

pub async fn of_fifty_first_logins_at_once_one_creates_and_all_find_its_customer(
    store: impl IdentityStoreFixture,
) {
    let store = Arc::new(store);
    let mut logins = Vec::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        logins.push(tokio::spawn(async move {
            let newcomer = verified("ron", &number.to_string(), EMAIL);
            let admission = store.create(&newcomer, false).await.unwrap();
            (admission, found(&store, "ron").await.unwrap())
        }));
    }
    let mut created = Vec::new();
    let mut seen = Vec::new();
    for login in logins {
        let (admission, customer) = login.await.unwrap();
        if let Admission::Admitted(customer) = admission {
            created.push(customer);
        }
        seen.push(customer);
    }
    assert_eq!(created.len(), 1);
    assert_eq!(seen, vec![created[0].clone(); 50]);
    for number in 0..50 {
        let number = number.to_string();
        if id(&number) != *created[0].id() {
            // Fails if a customer has the identifier.
            create(&store, &unverified(&number, &number, &number)).await;
        }
    }
}

pub async fn an_email_that_must_be_free_is_taken_by_any_customer_in_any_spelling(
    store: impl IdentityStoreFixture,
) {
    store.put(&ron(), Some(&hash("p"))).await;
    create(&store, &unverified("tom", "tom", "Kelly@Pawnee.gov")).await;
    for email in ["RON@swanson.com", "kelly@pawnee.gov", "\u{212a}elly@pawnee.gov"] {
        let newcomer = verified("leslie", LESLIE, email);
        let refused = store.create(&newcomer, true).await.unwrap();
        assert_eq!(refused, Admission::Stale, "{email}");
        assert_eq!(found(&store, "leslie").await, None);
    }
    // Fails if a customer has the identifier.
    let newcomer = verified("leslie", LESLIE, "leslie@pawnee.gov");
    let created = store.create(&newcomer, true).await.unwrap();
    assert_eq!(created, Admission::Admitted(newcomer.customer().clone()));
}

pub async fn of_many_newcomers_with_one_email_at_once_one_is_created(
    store: impl IdentityStoreFixture,
) {
    let store = Arc::new(store);
    let mut logins = Vec::new();
    for number in 0..RIVALS {
        let store = Arc::clone(&store);
        let number = number.to_string();
        logins.push(tokio::spawn(async move {
            let newcomer = verified(&number, &number, EMAIL);
            let admission = store.create(&newcomer, true).await.unwrap();
            (admission, found(&store, &number).await)
        }));
    }
    let mut created = Vec::new();
    for login in logins {
        match login.await.unwrap() {
            (Admission::Admitted(customer), found) => {
                assert_eq!(found.as_ref(), Some(&customer));
                created.push(customer);
            }
            (Admission::Stale, found) => assert_eq!(found, None),
        }
    }
    assert_eq!(created.len(), 1);
    assert_eq!(holder(&store, EMAIL).await, EmailHolder::Linkable(created[0].id().clone()));
}

pub async fn several_share_an_email_that_need_not_be_free(store: impl IdentityStoreFixture) {
    store.put(&ron(), Some(&hash("p"))).await;
    for subject in ["a", "b", "c"] {
        create(&store, &verified(subject, subject, EMAIL)).await;
    }
    assert_eq!(logs_in(&store, EMAIL).await, Some(ron()));
}

pub async fn what_a_caller_gave_up_is_done_whole_or_not_at_all(store: impl IdentityStoreFixture) {
    for number in 0..40_u32 {
        let name = number.to_string();
        let newcomer = verified(&name, &name, &name);
        {
            // Dropped before its first poll, at its first await, its second, and so on.
            let mut future = pin!(store.create(&newcomer, true));
            for _ in 0..number % 5 {
                if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // It may go on in a task of its own. Whether it has been undone, has been done or will be
        // done, a second try comes through.
        match store.create(&newcomer, false).await.unwrap() {
            Admission::Admitted(customer) => assert_eq!(&customer, newcomer.customer()),
            Admission::Stale => {}
        }
        assert_eq!(found(&store, &name).await.as_ref(), Some(newcomer.customer()), "{number}");
        assert_eq!(holder(&store, &name).await, linkable(&name), "{number}");
    }
}

pub async fn a_customers_identities_go_with_the_customer(store: impl IdentityStoreFixture) {
    create(&store, &verified("first", RON, EMAIL)).await;
    let second = verified("second", LESLIE, EMAIL);
    let linked = store.link(&second, &id(RON)).await.unwrap();
    assert_eq!(linked, Admission::Admitted(newcomer(RON, EMAIL)));
    create(&store, &verified("other", "other", EMAIL)).await;
    store.delete(&id(RON)).await;
    // No customer inherits them, and they are free.
    store.put(&ron(), None).await;
    for subject in ["first", "second"] {
        assert_eq!(found(&store, subject).await, None);
        create(&store, &verified(subject, subject, EMAIL)).await;
        assert_eq!(found(&store, subject).await.unwrap().id(), &id(subject));
    }
    assert_eq!(found(&store, "other").await.unwrap().id(), &id("other"));
}
