//! Whose customer an identity becomes: each branch of the decision, from a code to a token.

use std::time::Duration;
use std::time::SystemTime;

use futures_util::future::join_all;
use tower_customer_auth::Clock;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerStore;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::CustomerUpdate;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::oidc::HttpClient;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::MemoryCustomers;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;
use crate::fixtures::NOW;
use crate::oidc::kit::Answer;
use crate::oidc::kit::CHALLENGE;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::ISSUER;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::consent;
use crate::oidc::kit::consent_of;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::register;
use crate::support::accounts::PASSWORD;
use crate::support::accounts::hasher;

fn allowing() -> Shop {
    Shop::of(&provider())
}

fn linking() -> Shop {
    Shop::with(&provider(), profile(), |grant, revocations| {
        grant.link_by_verified_email(revocations.clone())
    })
}

fn refusing() -> Shop {
    Shop::with(&provider(), profile(), |grant, _| grant.refuse_duplicate_email())
}

async fn has_password(shop: &Shop, id: &str) -> bool {
    shop.customers.get(&id.parse().unwrap()).await.unwrap().unwrap().has_password()
}

fn unverified(subject: &str) -> Consent {
    consent_of(subject).claim("email_verified", false)
}

#[tokio::test(start_paused = true)]
async fn known_an_identity_is_its_customers_whatever_has_become_of_the_email() {
    for shop in [allowing(), linking(), refusing()] {
        let first = shop.sign_in_by(consent_of("leslie").claim("email", "leslie@pawnee.gov")).await;
        register(&shop.customers).await;
        let again = shop.sign_in_by(consent_of("leslie")).await;
        assert_eq!(again.customer(), first.customer());
        assert_eq!(shop.email_of(first.customer()).await, "leslie@pawnee.gov");
        assert!(has_password(&shop, CUSTOMER).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_customer_is_refused_like_a_wrong_password() {
    for shop in [allowing(), linking(), refusing()] {
        let first = shop.sign_in().await;
        let id = first.customer().parse().unwrap();
        let set_enabled = async |is_enabled| {
            let update = CustomerUpdate::new().enabled(is_enabled);
            shop.customers.update(&id, &update).await.unwrap().unwrap();
        };
        set_enabled(false).await;
        assert_eq!(shop.sign_in().await, Answer::Refused);
        set_enabled(true).await;
        assert_eq!(shop.sign_in().await, first);
    }
}

#[tokio::test(start_paused = true)]
async fn no_identity_is_linked_to_a_disabled_customer() {
    let shop = linking();
    let ron = register(&shop.customers).await;
    let disable = CustomerUpdate::new().enabled(false);
    shop.customers.update(ron.id(), &disable).await.unwrap().unwrap();
    // As where an e-mail's customer may not be linked for another reason.
    assert_ne!(shop.sign_in().await.customer(), CUSTOMER);
    assert!(has_password(&shop, CUSTOMER).await);
}

#[tokio::test(start_paused = true)]
async fn create_where_the_policy_allows_one_email_to_many() {
    let shop = allowing();
    register(&shop.customers).await;
    let newcomer = shop.sign_in().await;
    assert_ne!(newcomer.customer(), CUSTOMER);
    assert_eq!(shop.email_of(newcomer.customer()).await, EMAIL);
    assert!(!has_password(&shop, newcomer.customer()).await);
    assert!(has_password(&shop, CUSTOMER).await);
    let found = shop.customers.find_by_email(EMAIL).await.unwrap().unwrap();
    assert_eq!(found.customer().id().to_string(), CUSTOMER, "the one with the password");
    let another = shop.sign_in_by(consent_of("leslie")).await;
    assert_ne!(another.customer(), newcomer.customer());
}

#[tokio::test(start_paused = true)]
async fn an_email_with_invisible_characters_counts_as_none_for_a_new_identity() {
    for shop in [allowing(), linking(), refusing()] {
        register(&shop.customers).await;
        for (subject, email) in [
            ("zero width", "ron\u{200B}@swanson.com"),
            ("override", "ron@\u{202E}moc.nosnaws"),
            ("byte order mark", "\u{FEFF}ron@swanson.com"),
            ("tag", "ron@swanson.com\u{E0061}"),
        ] {
            let newcomer = shop.sign_in_by(consent_of(subject).claim("email", email)).await;
            assert_eq!(shop.email_of(newcomer.customer()).await, "", "{subject}");
        }
        // What userinfo says is asked for then, as where the ID token has none.
        let spoiled = consent_of("both").id_token_claim("email", "ron\u{AD}@swanson.com");
        let newcomer = shop.sign_in_by(spoiled.userinfo_claim("email", "duke@silver.com")).await;
        assert_eq!(shop.email_of(newcomer.customer()).await, "duke@silver.com");
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_identity_signs_in_whatever_characters_its_email_has() {
    let shop = refusing();
    let identity = Identity::new(ISSUER, "ron").unwrap();
    let ron = Customer::new(CUSTOMER.parse().unwrap(), "Ron", "ron\u{200B}@swanson.com");
    let known = shop.customers.create(&Newcomer::new(identity, ron.clone()), true).await.unwrap();
    assert_eq!(known, Admission::Admitted(ron));
    let signed_in = shop.sign_in_by(consent().claim("email", "ron\u{200B}@swanson.com")).await;
    assert_eq!(signed_in.customer(), CUSTOMER);
    assert_eq!(shop.email_of(CUSTOMER).await, "ron\u{200B}@swanson.com");
}

#[tokio::test(start_paused = true)]
async fn create_where_linking_is_on_and_nobody_has_the_email() {
    let shop = linking();
    let newcomer = shop.sign_in().await;
    assert_eq!(shop.email_of(newcomer.customer()).await, EMAIL);
}

#[tokio::test(start_paused = true)]
async fn create_where_linking_is_on_and_the_email_is_not_verified() {
    let shop = linking();
    register(&shop.customers).await;
    let newcomer = shop.sign_in_by(unverified("ron")).await;
    assert_ne!(newcomer.customer(), CUSTOMER);
    assert!(has_password(&shop, CUSTOMER).await);
}

#[tokio::test(start_paused = true)]
async fn create_where_linking_is_on_and_the_customer_came_by_an_unverified_email() {
    let shop = linking();
    // Prepared by somebody who waits for the address' owner.
    let hijacker = shop.sign_in_by(unverified("hijacker")).await;
    let owner = shop.sign_in_by(consent_of("ron")).await;
    assert_ne!(owner.customer(), hijacker.customer());
    let again = shop.sign_in_by(consent_of("ron")).await;
    assert_eq!(again.customer(), owner.customer());
}

#[tokio::test(start_paused = true)]
async fn link_takes_the_password_away_and_revokes_earlier_tokens() {
    let shop = linking();
    let ron = register(&shop.customers).await;
    let earlier = shop.issuer.issue(&ron).unwrap();
    assert_eq!(shop.verify(earlier.token()).unwrap().customer_id().to_string(), CUSTOMER);
    // Within the earlier token's very second.
    shop.clock.advance(Duration::from_millis(1));
    let token = shop.as_time_passes(shop.token(consent_of("ron"))).await;
    let verified = shop.verify(&token).unwrap();
    assert_eq!(
        verified.customer_id().to_string(),
        CUSTOMER,
        "the token of the login itself is good"
    );
    let next_second = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 1);
    assert_eq!((verified.issued_at(), shop.clock.now()), (next_second, next_second));
    assert_eq!(verified.name(), Some("Ron"), "name and e-mail stay the customer's own");
    assert_eq!(shop.verify(earlier.token()).unwrap_err(), VerifyErrorKind::Revoked);
    assert!(!has_password(&shop, CUSTOMER).await);
    assert!(shop.customers.find_by_email(EMAIL).await.unwrap().is_none());

    // From then on it is the identity's, and nothing is revoked any more.
    assert_eq!(shop.sign_in().await.customer(), CUSTOMER);
    assert_eq!(shop.verify(&token).unwrap().token_id(), verified.token_id());
    // Another account at the provider, with the same verified e-mail, is linked too.
    shop.clock.advance(Duration::from_millis(999));
    let at_work = shop.as_time_passes(shop.sign_in_by(consent_of("ron at work")));
    assert_eq!(at_work.await.customer(), CUSTOMER);
}

#[tokio::test(start_paused = true)]
async fn link_by_an_email_of_userinfo() {
    let shop = linking();
    register(&shop.customers).await;
    let sparse = || Consent::new(CLIENT, REDIRECT, CHALLENGE, "ron").id_token_claim("name", "Ron");
    let verified = sparse().userinfo_claim("email", EMAIL).userinfo_claim("email_verified", true);
    assert_eq!(shop.sign_in_by(verified).await.customer(), CUSTOMER);

    // What the ID token says of an e-mail that userinfo names is nothing.
    let shop = linking();
    register(&shop.customers).await;
    let mixed = sparse().id_token_claim("email_verified", true).userinfo_claim("email", EMAIL);
    assert_ne!(shop.sign_in_by(mixed).await.customer(), CUSTOMER);
}

#[tokio::test(start_paused = true)]
async fn refuse_where_the_email_is_taken() {
    let shop = refusing();
    register(&shop.customers).await;
    for consent in
        [consent_of("ron"), unverified("ron"), consent_of("ron").claim("email", "RON@swanson.com")]
    {
        assert_eq!(shop.sign_in_by(consent).await, Answer::Refused);
    }
    assert!(has_password(&shop, CUSTOMER).await);
}

#[tokio::test(start_paused = true)]
async fn create_where_duplicates_are_refused_and_nobody_has_the_email() {
    let shop = refusing();
    let first = shop.sign_in().await;
    assert_eq!(shop.sign_in().await, first, "known");
    assert_eq!(shop.sign_in_by(consent_of("leslie")).await, Answer::Refused, "taken by now");
}

#[tokio::test(start_paused = true)]
async fn those_without_an_email_are_nobodys_duplicates() {
    for shop in [allowing(), linking(), refusing()] {
        let nameless = |subject| Consent::new(CLIENT, REDIRECT, CHALLENGE, subject);
        let one = shop.sign_in_by(nameless("one")).await;
        let other = shop.sign_in_by(nameless("other").claim("email_verified", true)).await;
        assert_ne!(one.customer(), other.customer());
        assert_eq!(shop.email_of(one.customer()).await, "");
        assert_eq!(shop.provider.requests(Endpoint::Userinfo), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_first_logins_at_once_make_one_customer() {
    for shop in [allowing(), linking(), refusing()] {
        shop.provider.fail(Endpoint::Token, Fault::Slow(Duration::from_secs(1)));
        let answers = join_all((0..50).map(|_| shop.sign_in())).await;
        for answer in &answers {
            assert_eq!(answer.customer(), answers[0].customer());
        }
        let shown = format!("{:?}", shop.customers);
        assert!(shown.contains("customers: 1,"), "{shown}");
    }
}

#[tokio::test]
async fn no_password_opens_the_account_of_who_came_by_a_provider() {
    let provider = provider();
    let customers = MemoryCustomers::new();
    let grant = PasswordGrant::new(customers.clone()).hasher(hasher());
    let shop = Shop::whole(
        &provider,
        |_, _| {
            OidcGrant::builder(customers.clone())
                .http_client(HttpClient::new(provider.clone()))
                .profile(profile())
        },
        |issuer| issuer.password(grant),
    );
    assert!(matches!(shop.sign_in().await, Answer::SignedIn { .. }));
    let data = |password: &str| serde_json::json!({ "type": "token", "email": EMAIL, "password": password });
    assert_eq!(shop.post(data("")).await, Answer::Invalid(vec!["password".to_owned()]));
    for password in [PASSWORD, "ron", " "] {
        assert_eq!(shop.post(data(password)).await, Answer::Refused, "{password}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_is_the_best_that_the_provider_knows() {
    for (claims, expected) in [
        (&[("name", "Ron Swanson"), ("given_name", "Ronald")][..], Some("Ron Swanson")),
        (&[("given_name", "Ron"), ("family_name", "Swanson")], Some("Ron Swanson")),
        (&[("preferred_username", "duke_silver")], Some("duke_silver")),
    ] {
        let shop = allowing();
        let consent = Consent::new(CLIENT, REDIRECT, CHALLENGE, "ron").claim("email", EMAIL);
        let consent =
            claims.iter().fold(consent, |consent, (name, value)| consent.claim(name, *value));
        let answer = shop.sign_in_by(consent).await;
        let customer = answer.customer().to_owned();
        let name = expected.map(str::to_owned);
        assert_eq!(answer, Answer::SignedIn { customer, name }, "{claims:?}");
    }
}
