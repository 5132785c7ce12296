//! Links that are slow, given up, or wanted by several at once: whoever had the account before is out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tower_customer_auth::ConfigError;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::StaticBearer;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::EmailHolder;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::oidc::HttpClient;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::MemoryCustomers;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;
use crate::fixtures::keys;
use crate::oidc::kit::Answer;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::Shop;
use crate::oidc::kit::consent;
use crate::oidc::kit::consent_of;
use crate::oidc::kit::login;
use crate::oidc::kit::pass;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::register;
use crate::oidc::kit::send;

/// A store whose links wait for a word, in a task of their own as the contract wants it, and whose other
/// answers take a moment.
#[derive(Clone)]
struct Held {
    customers: MemoryCustomers,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    done: Arc<Notify>,
}

impl Held {
    fn new(customers: MemoryCustomers) -> Self {
        Self { customers, asked: Arc::default(), go: Arc::default(), done: Arc::default() }
    }
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

impl IdentityStore for Held {
    async fn find_by_identity(&self, identity: &Identity) -> Result<Option<Customer>, StoreError> {
        a_moment().await;
        self.customers.find_by_identity(identity).await
    }

    async fn email_holder(&self, email: &str) -> Result<EmailHolder, StoreError> {
        a_moment().await;
        self.customers.email_holder(email).await
    }

    async fn create(&self, newcomer: &Newcomer, free: bool) -> Result<Admission, StoreError> {
        a_moment().await;
        self.customers.create(newcomer, free).await
    }

    async fn link(&self, newcomer: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        let (this, newcomer, id) = (self.clone(), newcomer.clone(), id.clone());
        let linked = tokio::spawn(async move {
            this.asked.notify_one();
            this.go.notified().await;
            let linked = this.customers.link(&newcomer, &id).await;
            this.done.notify_one();
            linked
        });
        linked.await.unwrap()
    }
}

fn shop(store: &Held) -> Shop {
    let provider = provider();
    Shop::whole(
        &provider,
        |_, revocations| {
            OidcGrant::builder(store.clone())
                .http_client(HttpClient::new(provider.clone()))
                .profile(profile())
                .link_by_verified_email(revocations.clone())
        },
        |issuer| issuer.store_timeout(Duration::from_millis(300)),
    )
}

/// Somebody registered the owner's e-mail, and logs in while the owner's link is on its way.
async fn the_one_before_is_out(owner_hangs_up: bool) {
    let store = Held::new(MemoryCustomers::new());
    let ron = register(&store.customers).await;
    let shop = shop(&store);
    let code = shop.provider.authorize(consent());
    let owner = tokio::spawn(send(shop.issuer.clone(), login(&code)));
    store.asked.notified().await;
    shop.clock.advance(Duration::from_millis(1));
    // What a login by the password gets, which hashes in no time that a paused clock knows.
    let token = shop.issuer.issue(&ron).unwrap().token().to_owned();
    if owner_hangs_up {
        owner.abort();
        assert!(owner.await.is_err_and(|error| error.is_cancelled()));
    } else {
        // The store needs longer than a login waits.
        assert_eq!(owner.await.unwrap().status, 503);
    }
    shop.clock.advance(Duration::from_millis(1));
    store.go.notify_one();
    store.done.notified().await;
    pass(Duration::from_millis(10)).await;
    assert_eq!(shop.verify(&token).unwrap_err(), VerifyErrorKind::Revoked);
    assert_eq!(shop.as_time_passes(shop.sign_in()).await.customer(), CUSTOMER);
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_login_is_given_up_still_revokes_what_was_issued_meanwhile() {
    the_one_before_is_out(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_takes_longer_than_its_login_still_revokes_what_was_issued_meanwhile() {
    the_one_before_is_out(false).await;
}

#[tokio::test(start_paused = true)]
async fn fifty_first_logins_at_once_that_link_all_get_tokens_that_are_good() {
    let shop = Shop::with(&provider(), profile(), |grant, revocations| {
        grant.link_by_verified_email(revocations.clone())
    });
    register(&shop.customers).await;
    shop.provider.fail(Endpoint::Token, Fault::Slow(Duration::from_secs(1)));
    let tokens = join_all((0..50).map(async |_| shop.token(consent()).await)).await;
    shop.clock.advance(Duration::from_secs(5));
    for token in tokens {
        assert_eq!(shop.verify(&token).unwrap().customer_id(), CUSTOMER);
    }
}

#[tokio::test(start_paused = true)]
async fn two_first_logins_of_one_person_that_link_both_get_tokens_that_are_good() {
    let store = Held::new(MemoryCustomers::new());
    register(&store.customers).await;
    let shop = shop(&store);
    // One after the other: a second link would wait for a second word.
    let first_link = async {
        store.asked.notified().await;
        pass(Duration::from_millis(50)).await;
        store.go.notify_one();
    };
    let logins = join(shop.token(consent()), shop.token(consent()));
    let ((one, other), ()) = join(logins, first_link).await;
    shop.clock.advance(Duration::from_secs(5));
    for token in [one, other] {
        assert_eq!(shop.verify(&token).unwrap().customer_id(), CUSTOMER);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_is_refused_before_anything_changes_when_the_list_of_revocations_is_full() {
    let customers = MemoryCustomers::new();
    let ron = register(&customers).await;
    let list = Revocations::in_memory_with_capacity(1);
    let april = "april".parse().unwrap();
    let room = list.reserve_customer(&april).unwrap();
    let provider = provider();
    let shop = Shop::with_revocations(
        list,
        &provider,
        |_, revocations| {
            OidcGrant::builder(customers.clone())
                .http_client(HttpClient::new(provider.clone()))
                .profile(profile())
                .link_by_verified_email(revocations.clone())
        },
        |issuer| issuer,
    );
    let token = shop.issuer.issue(&ron).unwrap().token().to_owned();
    let identity = Identity::new(ISSUER, "ron").unwrap();
    assert_eq!(shop.sign_in().await, Answer::Unavailable);
    assert_eq!(customers.find_by_identity(&identity).await.unwrap(), None);
    assert!(customers.get(ron.id()).await.unwrap().unwrap().has_password());
    assert_eq!(shop.verify(&token).unwrap().customer_id(), CUSTOMER);

    drop(room);
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.sign_in().await.customer(), CUSTOMER);
    assert_eq!(customers.find_by_identity(&identity).await.unwrap(), Some(ron));
    assert_eq!(shop.verify(&token).unwrap_err(), VerifyErrorKind::Revoked);
}

/// A store in which every login finds the same customer to be linked to, and then is too late or not.
#[derive(Clone, Default)]
struct Fickle {
    links: Arc<AtomicBool>,
}

impl IdentityStore for Fickle {
    async fn find_by_identity(&self, _: &Identity) -> Result<Option<Customer>, StoreError> {
        yield_now().await;
        Ok(None)
    }

    async fn email_holder(&self, _: &str) -> Result<EmailHolder, StoreError> {
        yield_now().await;
        Ok(EmailHolder::Linkable(CUSTOMER.parse().unwrap()))
    }

    async fn create(&self, _: &Newcomer, _: bool) -> Result<Admission, StoreError> {
        Ok(Admission::Stale)
    }

    async fn link(&self, _: &Newcomer, id: &CustomerId) -> Result<Admission, StoreError> {
        yield_now().await;
        Ok(match self.links.load(Ordering::Relaxed) {
            true => Admission::Admitted(Customer::new(id.clone(), "Ron", EMAIL)),
            false => Admission::Stale,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn logins_that_are_dropped_at_random_awaits_leave_no_place_taken() {
    let store = Fickle::default();
    let list = Revocations::in_memory_with_capacity(1);
    let provider = provider();
    let shop = Shop::with_revocations(
        list.clone(),
        &provider,
        |_, revocations| {
            OidcGrant::builder(store.clone())
                .http_client(HttpClient::new(provider.clone()))
                .profile(profile().max_in_flight(1))
                .link_by_verified_email(revocations.clone())
        },
        |issuer| issuer,
    );
    let mut random = fastrand::Rng::with_seed(13);
    let (mut dropped, mut reserved) = (0, 0);
    for _ in 0..2_000 {
        let code = provider.authorize(consent());
        let mut login = Box::pin(send(shop.issuer.clone(), login(&code)));
        for _ in 0..random.u32(..30) {
            if (&mut login).now_or_never().is_some() {
                dropped -= 1;
                break;
            }
            yield_now().await;
        }
        dropped += 1;
        let april = "april".parse().unwrap();
        reserved += usize::from(list.reserve_customer(&april).is_err());
    }
    assert!(dropped > 1_000 && reserved > 100, "{dropped} dropped, {reserved} within a link");
    // The links that have begun end by themselves.
    pass(Duration::from_secs(1)).await;
    assert_eq!(provider.in_flight(Endpoint::Token), 0);
    let april = "april".parse().unwrap();
    assert_eq!(list.reserve_customer(&april).map(drop).map_err(|error| error.kind()), Ok(()));
    store.links.store(true, Ordering::Relaxed);
    let code = provider.authorize(consent());
    // The clock shows a whole second, at whose start all of its tokens are good.
    assert_eq!(send(shop.issuer.clone(), login(&code)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn two_accounts_of_one_verified_email_at_once_are_one_customer() {
    let store = Held::new(MemoryCustomers::new());
    let shop = shop(&store);
    store.go.notify_one();
    let home = shop.sign_in_by(consent_of("ron at home"));
    let work = shop.sign_in_by(consent_of("ron at work"));
    let (home, work) = join(home, work).await;
    assert_eq!(home.customer(), work.customer());
}

#[tokio::test(start_paused = true)]
async fn the_issuer_revokes_by_the_grants_list_and_takes_no_other() {
    let grant = || {
        OidcGrant::builder(MemoryCustomers::new())
            .profile(profile())
            .http_client(HttpClient::new(provider()))
            .link_by_verified_email(Revocations::in_memory())
            .build()
            .unwrap()
    };
    let builder = || TokenIssuer::builder(keys(), StaticBearer::new(["XXXX"])).oidc(grant());
    assert_eq!(builder().build().map(drop), Ok(()));
    let other = builder().revocations(Revocations::in_memory()).build().map(drop);
    assert_eq!(other, Err(ConfigError::DifferentRevocations));
}
