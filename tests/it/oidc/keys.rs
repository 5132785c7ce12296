//! The provider's keys: kept fresh in the background, fetched for a rotation, kept while it is down.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tower_customer_auth::testing::Endpoint;
use tower_customer_auth::testing::Fault;
use tower_customer_auth::testing::IdToken;
use tower_customer_auth::testing::ScriptedProvider;

use crate::oidc::kit::Answer;
use crate::oidc::kit::Shop;
use crate::oidc::kit::consent_of;
use crate::oidc::kit::es256;
use crate::oidc::kit::minutes;
use crate::oidc::kit::pass;
use crate::oidc::kit::profile;
use crate::oidc::kit::provider;

/// ID tokens of this subject name a key that nobody has; others stay right.
const BOGUS: &str = "bogus";

fn name_bogus_keys(provider: &ScriptedProvider) {
    provider.spoil_id_tokens(|token| {
        let bogus = token.claims().contains(&format!("\"sub\":\"{BOGUS}\""));
        if bogus { token.header("kid", "nobody's") } else { token }
    });
}

fn assert_signed_in(answer: &Answer, what: &str) {
    assert!(matches!(answer, Answer::SignedIn { .. }), "{what}: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_keys_cost_one_fetch_a_minute() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(1000));
    assert_signed_in(&shop.sign_in().await, "before");
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 1);
    name_bogus_keys(&shop.provider);
    for minute in 0..3 {
        let refused = join_all((0..1000).map(|_| shop.sign_in_by(consent_of(BOGUS)))).await;
        assert_eq!(refused, vec![Answer::Refused; 1000]);
        assert_eq!(shop.provider.requests(Endpoint::Jwks), 2 + minute);
        pass(Duration::from_secs(30)).await;
        assert_eq!(shop.sign_in_by(consent_of(BOGUS)).await, Answer::Refused);
        assert_eq!(shop.provider.requests(Endpoint::Jwks), 2 + minute, "half a minute later");
        pass(Duration::from_secs(31)).await;
    }
    assert_eq!(shop.provider.requests(Endpoint::Discovery), 4, "the keys may have moved as well");
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_delay_no_login_with_a_known_one() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "before");
    name_bogus_keys(&shop.provider);
    shop.provider.fail(Endpoint::Jwks, Fault::Hang);
    let begun = Instant::now();
    let bogus = join_all((0..100).map(|_| shop.sign_in_by(consent_of(BOGUS))));
    let valid = async {
        shop.provider.reached(Endpoint::Jwks, 2).await;
        let answer = shop.sign_in().await;
        (answer, begun.elapsed())
    };
    let (bogus, (valid, took)) = futures_util::future::join(bogus, valid).await;
    assert_signed_in(&valid, "beside them");
    assert_eq!(took, Duration::ZERO);
    assert_eq!(bogus, vec![Answer::Unavailable; 100]);
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_right_after_a_scheduled_fetch_succeeds() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "before");
    shop.provider.reached(Endpoint::Jwks, 2).await;
    shop.provider.idle(Endpoint::Jwks).await;
    shop.provider.rotate(es256("k2"));
    shop.provider.drop_old_keys();
    assert_signed_in(&shop.sign_in().await, "after");
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 3);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_during_a_scheduled_fetch_succeeds() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "before");
    // The scheduled fetch brings the keys of before the rotation, after it.
    shop.provider.fail_times(Endpoint::Jwks, 1, Fault::Slow(Duration::from_secs(2)));
    shop.provider.reached(Endpoint::Jwks, 2).await;
    pass(Duration::from_secs(1)).await;
    shop.provider.rotate(es256("k2"));
    shop.provider.drop_old_keys();
    assert_signed_in(&shop.sign_in().await, "after");
}

#[tokio::test(start_paused = true)]
async fn keys_without_names_are_rotated_as_well() {
    let provider = provider();
    provider.spoil_id_tokens(|token| token.without_header("kid"));
    provider.rewrite(Endpoint::Jwks, |set| {
        for key in set["keys"].as_array_mut().unwrap() {
            key.as_object_mut().unwrap().remove("kid");
        }
    });
    let shop = Shop::of(&provider);
    assert_signed_in(&shop.sign_in().await, "before");
    provider.rotate(es256("k2"));
    provider.drop_old_keys();
    assert_signed_in(&shop.sign_in().await, "after");
    assert_eq!(provider.requests(Endpoint::Jwks), 2);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_logins_during_a_rotation_all_succeed() {
    let shop = Shop::with_profile(&provider(), profile().max_in_flight(200));
    assert_signed_in(&shop.sign_in().await, "before");
    shop.provider.fail(Endpoint::Token, Fault::Slow(Duration::from_millis(200)));
    shop.provider.fail(Endpoint::Jwks, Fault::Slow(Duration::from_millis(200)));
    let logins = join_all((0..200).map(async |number| {
        pass(Duration::from_millis(5 * number)).await;
        shop.sign_in_by(consent_of(&format!("customer {number}"))).await
    }));
    let rotation = async {
        pass(Duration::from_millis(500)).await;
        shop.provider.rotate(es256("k2"));
    };
    let (answers, ()) = futures_util::future::join(logins, rotation).await;
    for answer in answers {
        assert_signed_in(&answer, "during the rotation");
    }
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_while_the_keys_can_not_be_fetched_is_503_and_heals_at_once() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "before");
    shop.provider.rotate(es256("k2"));
    shop.provider.fail(Endpoint::Jwks, Fault::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..100 {
        assert_eq!(shop.sign_in().await, Answer::Unavailable, "not the customer's fault");
    }
    assert_eq!(shop.provider.requests(Endpoint::Jwks), 2);
    shop.provider.mend();
    pass(Duration::from_secs(2)).await;
    assert_signed_in(&shop.sign_in().await, "after");
}

#[tokio::test(start_paused = true)]
async fn keys_are_renewed_in_the_background_ahead_of_their_time() {
    const HOUR: u64 = 60;
    for (cache_control, earliest, latest) in [
        (None, HOUR / 2, HOUR),
        (Some("max-age=600"), 5, 10),
        (Some("public, max-age=7200"), HOUR, 2 * HOUR),
        // Within bounds: a provider isn't asked all the time, and no key is kept for ever.
        (Some("no-store"), 2, 5),
        (Some("max-age=1"), 2, 5),
        (Some("max-age=31536000"), 12 * HOUR, 24 * HOUR),
        (Some("nonsense, max-age=soon"), HOUR / 2, HOUR),
    ] {
        let shop = Shop::of(&provider());
        if let Some(cache_control) = cache_control {
            shop.provider.cache_keys(cache_control);
        }
        assert_signed_in(&shop.sign_in().await, "first");
        pass(minutes(earliest)).await;
        assert_eq!(shop.provider.requests(Endpoint::Jwks), 1, "{cache_control:?}, too early");
        pass(minutes(latest - earliest)).await;
        assert_eq!(shop.provider.requests(Endpoint::Jwks), 2, "{cache_control:?}, too late");
        assert_eq!(shop.provider.requests(Endpoint::Discovery), 2, "{cache_control:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_published_ahead_is_known_when_it_signs() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "first");
    let next = es256("k2");
    shop.provider.publish(next.clone());
    pass(minutes(60)).await;
    shop.provider.rotate(next);
    shop.provider.fail(Endpoint::Jwks, Fault::Hang);
    assert_signed_in(&shop.sign_in().await, "with the next key");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_is_good_no_longer_than_the_keys_are_fresh() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "first");
    let stolen = es256("k2");
    shop.provider.publish(stolen.clone());
    let forge = move |token: IdToken| token.header("kid", "k2").signed_by(stolen.clone());
    assert_signed_in(&shop.sign_in_with(forge).await, "while it is published");
    shop.provider.drop_old_keys();
    pass(minutes(60)).await;
    assert_eq!(shop.sign_in().await, Answer::Refused);
}

#[tokio::test(start_paused = true)]
async fn keys_are_used_while_the_provider_can_not_give_newer_ones_but_not_for_ever() {
    for fault in [
        Fault::Refused,
        Fault::Hang,
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Garbage,
        Fault::WrongShape,
    ] {
        let shop = Shop::of(&provider());
        assert_signed_in(&shop.sign_in().await, "first");
        shop.provider.fail(Endpoint::Discovery, fault.clone());
        shop.provider.fail(Endpoint::Jwks, fault.clone());
        pass(minutes(24 * 60)).await;
        let begun = Instant::now();
        assert_signed_in(&shop.sign_in().await, "a day later");
        assert_eq!(begun.elapsed(), Duration::ZERO, "{fault:?}: nobody waits");
        pass(minutes(2 * 60)).await;
        assert_eq!(shop.sign_in().await, Answer::Unavailable, "{fault:?}");
        shop.provider.mend();
        pass(Duration::from_secs(5)).await;
        assert_signed_in(&shop.sign_in().await, "when it is back");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_is_down_it_is_asked_less_and_less_often() {
    let shop = Shop::of(&provider());
    assert_signed_in(&shop.sign_in().await, "first");
    shop.provider.fail_everywhere(&Fault::Refused);
    let before = shop.provider.requests(Endpoint::Discovery);
    pass(minutes(24 * 60)).await;
    let asked = shop.provider.requests(Endpoint::Discovery) - before;
    assert!((60..=24 * 60 + 10).contains(&asked), "{asked} times in a day");
}

#[tokio::test(start_paused = true)]
async fn a_set_that_can_not_be_trusted_takes_the_place_of_none_t31_t32() {
    type Rewrite = fn(&mut Value);
    let sets: [(&str, Rewrite); 8] = [
        ("a thousand keys", |set| {
            let key = set["keys"][0].clone();
            set["keys"] = (0..1000)
                .map(|number| {
                    let mut key = key.clone();
                    key["kid"] = format!("k{number}").into();
                    key
                })
                .collect();
        }),
        ("an id twice", |set| {
            let key = set["keys"][0].clone();
            set["keys"].as_array_mut().unwrap().push(key);
        }),
        ("a secret", |set| {
            let secret = json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" });
            set["keys"].as_array_mut().unwrap().push(secret);
        }),
        ("a point off its curve", |set| set["keys"][0]["y"] = set["keys"][0]["x"].clone()),
        ("nothing", |set| set["keys"] = json!([])),
        ("only keys for other things", |set| set["keys"][0]["use"] = "enc".into()),
        ("no array", |set| set["keys"] = json!({})),
        ("no set", |set| *set = set["keys"][0].take()),
    ];
    for (what, rewrite) in sets {
        let fresh = Shop::of(&provider());
        fresh.provider.rewrite(Endpoint::Jwks, rewrite);
        assert_eq!(fresh.sign_in().await, Answer::Unavailable, "{what}");
        fresh.provider.mend();
        assert_signed_in(&fresh.sign_in().await, what);
        // The good keys of before stay.
        fresh.provider.rewrite(Endpoint::Jwks, rewrite);
        pass(minutes(60)).await;
        assert!(fresh.provider.requests(Endpoint::Jwks) > 2, "{what}");
        assert_signed_in(&fresh.sign_in().await, what);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_not_for_us_or_unfit_are_passed_over() {
    let provider = provider();
    provider.rewrite(Endpoint::Jwks, |set| {
        let keys = set["keys"].as_array_mut().unwrap();
        keys.push(json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AAAA" }));
        keys.push(json!({ "kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA" }));
        // Weak, with an id that no token may carry, of the wrong types, and no secret any more.
        keys.push(json!({ "kty": "RSA", "kid": "r", "n": "A".repeat(43), "e": "AQAB" }));
        for (member, value) in [
            ("kid", json!("a b")),
            ("kid", json!("k".repeat(129))),
            ("kid", json!(null)),
            ("alg", json!(null)),
            ("use", json!(7)),
            ("key_ops", json!(null)),
            ("d", json!("AAAA")),
        ] {
            let mut unfit = keys[0].clone();
            unfit["kid"] = "unfit".into();
            unfit[member] = value;
            keys.push(unfit);
        }
        // As many as there may be, if they were for us.
        for number in 0..40 {
            keys.push(json!({ "kty": "EC", "crv": "P-384", "kid": number.to_string() }));
        }
        let mut encryption = keys[0].clone();
        encryption["use"] = "enc".into();
        encryption["kid"] = "enc".into();
        keys.push(encryption);
    });
    let shop = Shop::of(&provider);
    assert_signed_in(&shop.sign_in().await, "beside keys of other kinds");
    for kid in ["pq", "p521", "enc"] {
        let named = move |token: IdToken| token.header("kid", kid);
        assert_eq!(shop.sign_in_with(named).await, Answer::Refused, "{kid}");
    }
}
