//! How much a provider that doesn't answer may cost.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::oidc::HttpClient;
use tower_customer_auth::oidc::OidcProfile;
use tower_customer_auth::testing::Consent;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;
use crate::oidc::kit::Answer;
use crate::oidc::kit::CHALLENGE;
use crate::oidc::kit::CLIENT;
use crate::oidc::kit::REDIRECT;
use crate::oidc::kit::Shop;
use crate::oidc::kit::consent;
use crate::oidc::kit::login;
use crate::oidc::kit::pass;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;
use crate::oidc::kit::send;
use crate::support::accounts::PASSWORD;
use crate::support::accounts::customers;
use crate::support::accounts::hasher;

#[tokio::test(start_paused = true)]
async fn as_many_logins_as_may_are_in_flight_as_many_wait_for_1_s_and_the_rest_get_503_at_once() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(7));
    assert!(matches!(shop.sign_in().await, Answer::SignedIn { .. }));
    shop.provider.fail(Endpoint::Token, Fault::Hang);
    let begun = Instant::now();
    let logins = join_all((0..1000).map(async |_| (shop.sign_in().await, begun.elapsed())));
    let answers = logins.await;
    assert_eq!(shop.provider.requests(Endpoint::Token), 1 + 7);
    assert_eq!(shop.provider.peak_in_flight(Endpoint::Token), 7);
    let at_once = answers.iter().filter(|(_, took)| took.is_zero()).count();
    assert_eq!(at_once, 1000 - 7 - 7);
    let after = |seconds| {
        let seconds = Duration::from_secs(seconds);
        answers.iter().filter(|(_, took)| *took == seconds).count()
    };
    assert_eq!((after(1), after(5)), (7, 7));
    assert!(answers.iter().all(|(answer, _)| *answer == Answer::Unavailable));
    // And their places are free again.
    shop.provider.mend();
    let answers = join_all((0..7).map(|_| shop.sign_in())).await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::SignedIn { .. })), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn the_bound_holds_while_the_keys_are_being_fetched_too() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(7));
    shop.provider.fail(Endpoint::Discovery, Fault::Hang);
    let begun = Instant::now();
    let answers = join_all((0..100).map(async |_| (shop.sign_in().await, begun.elapsed()))).await;
    assert_eq!(answers.iter().filter(|(_, took)| took.is_zero()).count(), 100 - 7 - 7);
    let waited = |took| answers.iter().filter(|(_, waited)| *waited == took).count();
    assert_eq!(waited(Duration::from_secs(1)), 7);
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 1);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_never_left_is_not_spent() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(1));
    let code = shop.provider.authorize(consent());
    shop.provider.fail(Endpoint::Discovery, Fault::Refused);
    assert_eq!(shop.login(&code).await, Answer::Unavailable, "nothing is known yet");
    shop.provider.mend();

    shop.provider.fail_times(Endpoint::Token, 1, Fault::Hang);
    let hanging = shop.sign_in();
    let beside = async {
        shop.provider.reached(Endpoint::Token, 1).await;
        shop.login(&code).await
    };
    let (_, beside) = futures_util::future::join(hanging, beside).await;
    assert_eq!(beside, Answer::Unavailable, "no place");
    let answer = shop.login(&code).await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn logins_of_one_profile_that_hang_take_no_place_of_another_ones() {
    let mobile = "com.example.shop:/signed-in";
    let app =
        OidcProfile::new(crate::oidc::kit::ISSUER, "mobile").redirect_uri(mobile).max_in_flight(1);
    let both = provider().public_client("mobile");
    let shop = Shop::whole(
        &both,
        |grant, _| {
            let http = HttpClient::new(both.clone());
            grant.http_client(http).profile(profile().max_in_flight(1)).profile(app)
        },
        |issuer| issuer,
    );
    both.fail_times(Endpoint::Token, 1, Fault::Hang);
    let hanging = shop.sign_in();
    let beside = async {
        both.reached(Endpoint::Token, 1).await;
        let code = both.authorize(Consent::new("mobile", mobile, CHALLENGE, "leslie"));
        let mut data = login(&code);
        data["oauth_redirect_uri"] = mobile.into();
        shop.post(data).await
    };
    let (hanging, beside) = futures_util::future::join(hanging, beside).await;
    assert_eq!(hanging, Answer::Unavailable);
    assert!(matches!(beside, Answer::SignedIn { .. }), "{beside:?}");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_given_up_gives_its_place_back_and_its_code_is_spent() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(3));
    for endpoint in [Endpoint::Userinfo, Endpoint::Token, Endpoint::Jwks, Endpoint::Discovery] {
        let shop = if endpoint == Endpoint::Token || endpoint == Endpoint::Userinfo {
            &shop
        } else {
            &Shop::with_profile(&provider(), profile().max_in_flight(3))
        };
        let before = shop.provider.requests(endpoint);
        shop.provider.fail(endpoint, Fault::Hang);
        let codes: Vec<String> = (0..3)
            .map(|number| {
                let subject = format!("{endpoint:?} {number}");
                shop.provider.authorize(Consent::new(CLIENT, REDIRECT, CHALLENGE, &subject))
            })
            .collect();
        let logins = join_all(codes.iter().map(|code| shop.login(code)));
        tokio::select! {
            answers = logins => panic!("{answers:?}"),
            () = shop.provider.reached(endpoint, before + 1) => {}
        }
        shop.provider.mend();
        // What is known of a provider is everybody's, and is waited for by nobody for ever.
        pass(Duration::from_secs(10)).await;
        assert_eq!(shop.provider.in_flight(endpoint), 0, "{endpoint:?}");
        let next = join_all((0..3).map(|_| shop.sign_in())).await;
        assert!(next.iter().all(|next| matches!(next, Answer::SignedIn { .. })), "{endpoint:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_the_login_that_began_it_is_given_up() {
    let shop = Shop::of(&provider());
    shop.provider.fail(Endpoint::Discovery, Fault::Slow(Duration::from_secs(2)));
    tokio::select! {
        answer = shop.sign_in() => panic!("{answer:?}"),
        () = shop.provider.reached(Endpoint::Discovery, 1) => {}
    }
    let answer = shop.sign_in().await;
    assert!(matches!(answer, Answer::SignedIn { .. }), "{answer:?}");
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 1);
}

#[tokio::test]
async fn passwords_are_taken_while_a_provider_hangs_with_all_places_full() {
    let passwords = PasswordGrant::new(customers().await).hasher(hasher());
    let provider = provider();
    let shop = Shop::whole(
        &provider,
        |grant, _| grant.http_client(HttpClient::new(provider.clone())).profile(profile()),
        |issuer| issuer.password(passwords),
    );
    assert!(matches!(shop.sign_in().await, Answer::SignedIn { .. }));
    provider.fail(Endpoint::Token, Fault::Hang);
    let hanging: Vec<_> = (0..200)
        .map(|_| {
            let code = provider.authorize(consent());
            tokio::spawn(send(shop.issuer.clone(), login(&code)))
        })
        .collect();
    provider.reached(Endpoint::Token, 1 + 128).await;
    let data = serde_json::json!({
        "type": "token",
        "authentication_mechanism": "password",
        "email": EMAIL,
        "password": PASSWORD,
    });
    assert_eq!(shop.post(data).await.customer(), CUSTOMER);
    assert_eq!(provider.in_flight(Endpoint::Token), 128);
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}
