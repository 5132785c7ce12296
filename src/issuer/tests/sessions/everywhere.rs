//! `DELETE /v2/customers/{id}/tokens`.

use super::*;

#[tokio::test]
async fn a_customers_token_ends_all_tokens_of_older_logins_itself_included() {
    // The second time, all of it happens at one moment, which is a whole second.
    for step in [MS, Duration::ZERO] {
        let shop = Shop::open().await;
        let other = shop.log_in(&ron());
        let refreshed = shop.refreshed(&other).await;
        shop.clock.advance(3 * step);
        let (own, leslies) = (shop.log_in(&ron()), shop.log_in(&leslie()));
        let own = shop.refreshed(&own).await;
        shop.clock.advance(step);
        assert_eq!(shop.log_out_everywhere(&ron(), &own).await, ended());
        assert_eq!(shop.verdicts([&own, &leslies]), [REVOKED, None]);
        if step > Duration::ZERO {
            assert_eq!(shop.verdicts([&other, &refreshed]), [REVOKED, REVOKED]);
            assert_eq!(shop.refresh(&refreshed).await, no_valid_token());
        }
        // Again, by the token that has ended.
        assert_eq!(shop.log_out_everywhere(&ron(), &own).await, ended());
        shop.clock.advance(Duration::from_secs(1));
        let later = shop.log_in(&ron());
        assert_eq!(shop.verdicts([&later]), [None]);
        assert_eq!(shop.log_out_everywhere(&ron(), &own).await, ended());
        assert_eq!(shop.verdicts([&later]), [None]);
    }
}

#[tokio::test]
async fn a_token_of_a_login_that_is_ahead_of_the_clock_ends_too() {
    let shop = Shop::open().await;
    shop.clock.set(from_epoch(NOW + 3));
    let token = shop.log_in(&ron());
    shop.clock.set(from_epoch(NOW) + MS);
    assert_eq!(shop.log_out_everywhere(&ron(), &token).await, ended());
    shop.clock.set(from_epoch(NOW + 3));
    assert_eq!(shop.verdicts([&token]), [REVOKED]);
    // The cut-off itself is not ahead: the customer logs in before that.
    shop.clock.set(from_epoch(NOW + 1));
    let again = shop.log_in(&ron());
    assert_eq!(shop.verdicts([&again]), [None]);
}

#[tokio::test]
async fn a_token_that_was_never_good_or_has_expired_ends_nothing() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    for bearer in ["XXXX", "STORE"] {
        for (why, tokens) in never_good() {
            if tokens.is_empty() && bearer == "STORE" {
                continue;
            }
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let request = with_tokens(everywhere_request(bearer, RON), &tokens);
            assert_eq!(Answer::of(&shop.issuer, request).await, no_valid_token(), "{why}");
        }
    }
    shop.clock.advance(HOUR);
    let refreshed = shop.refreshed(&token).await;
    shop.clock.advance(DAY - HOUR);
    for bearer in ["XXXX", "STORE"] {
        let request = with_tokens(everywhere_request(bearer, RON), &[&token]);
        assert_eq!(Answer::of(&shop.issuer, request).await, no_valid_token());
    }
    assert_eq!(shop.verdicts([&refreshed]), [None]);
}

#[tokio::test]
async fn a_token_that_was_logged_out_does_not_pretend_to_end_the_others() {
    let shop = Shop::open().await;
    let (first, second) = (shop.log_in(&ron()), shop.log_in(&ron()));
    shop.clock.advance(MS);
    assert_eq!(shop.log_out(&first).await, ended());
    assert_eq!(shop.log_out_everywhere(&ron(), &first).await, no_valid_token());
    assert_eq!(shop.verdicts([&second]), [None]);
    // Nor does one that was revoked alone.
    let third = shop.log_in(&ron());
    let verified = shop.verify(&third).unwrap();
    shop.revocations.revoke(verified.token_id(), verified.expires_at()).await.unwrap();
    assert_eq!(shop.log_out_everywhere(&ron(), &third).await, no_valid_token());
    assert_eq!(shop.verdicts([&second]), [None]);
    // After a change of the password, all of them have ended indeed.
    shop.clock.advance(MS);
    shop.revocations.revoke_customer(ron().id(), shop.clock.now()).await.unwrap();
    for token in [&first, &second, &third] {
        assert_eq!(shop.log_out_everywhere(&ron(), token).await, ended());
    }
}

#[tokio::test]
async fn another_customers_token_learns_nothing_and_ends_nothing() {
    let shop = Shop::open().await;
    let (rons, leslies) = (shop.log_in(&ron()), shop.log_in(&leslie()));
    let long = "x".repeat(257);
    for bearer in ["XXXX", "STORE"] {
        for id in [RON, "unknown", "%FF", "%20", &long, "79CC0486-BBDF-491B-A0A2-722383B6288B"] {
            let request = with_tokens(everywhere_request(bearer, id), &[&leslies]);
            assert_eq!(Answer::of(&shop.issuer, request).await, unknown_customer(), "{id}");
        }
    }
    assert_eq!(shop.verdicts([&rons, &leslies]), [None, None]);
    // Neither when it is revoked.
    shop.clock.advance(MS);
    assert_eq!(shop.log_out_everywhere(&leslie(), &leslies).await, ended());
    assert_eq!(shop.log_out_everywhere(&ron(), &leslies).await, unknown_customer());
    assert_eq!(shop.verdicts([&rons]), [None]);
}

#[tokio::test]
async fn the_store_needs_no_customer_token_and_is_limited_by_one() {
    let shop = Shop::open().await;
    let (rons, leslies) = (shop.log_in(&ron()), shop.log_in(&leslie()));
    shop.clock.advance(MS);
    for id in ["unknown", "%FF", "", "%20"] {
        assert_eq!(shop.expel(id).await, unknown_customer(), "{id}");
    }
    assert_eq!(shop.expel(RON).await, ended());
    assert_eq!(shop.verdicts([&rons, &leslies]), [REVOKED, None]);
    assert_eq!(shop.expel(RON).await, ended());

    let by_token = |id: &str, token: &str| {
        let request = with_tokens(everywhere_request("STORE", id), &[token]);
        let issuer = shop.issuer.clone();
        async move { Answer::of(&issuer, request).await }
    };
    assert_eq!(by_token(RON, &leslies).await, unknown_customer());
    assert_eq!(by_token("leslie", &leslies).await, ended());
    assert_eq!(shop.verdicts([&leslies]), [REVOKED]);

    // A customer who is disabled is there, and one who was deleted is not.
    shop.customers.update(ron().id(), &CustomerUpdate::new().enabled(false)).await.unwrap();
    assert_eq!(shop.expel(RON).await, ended());
    shop.customers.delete(ron().id()).await.unwrap();
    assert_eq!(shop.expel(RON).await, unknown_customer());
}

#[tokio::test]
async fn a_page_needs_a_customer_token() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    for id in [RON, "unknown"] {
        let answer = Answer::of(&shop.issuer, everywhere_request("XXXX", id)).await;
        assert_eq!(answer, no_valid_token());
    }
    // To log in and out, the store is a client like others.
    let request = with_tokens(logout_request("STORE"), &[]);
    assert_eq!(Answer::of(&shop.issuer, request).await, no_valid_token());
    assert_eq!(shop.verdicts([&token]), [None]);
    let mut request = login("ron@swanson.com", "mysecretpassword");
    request.headers_mut().insert("authorization", "Bearer STORE".parse().unwrap());
    assert_eq!(Answer::of(&shop.issuer, request).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_is_503_for_the_back_office_and_not_asked_for_a_customer() {
    let shop = Shop::open().await;
    let (rons, leslies) = (shop.log_in(&ron()), shop.log_in(&leslie()));
    shop.clock.advance(MS);
    for (script, waited) in [(Script::Fails, 0), (Script::Hangs, 5)] {
        shop.set(script);
        let begun = tokio::time::Instant::now();
        assert_eq!(shop.expel("leslie").await, undecided());
        assert_eq!(begun.elapsed(), Duration::from_secs(waited));
    }
    assert_eq!(shop.log_out_everywhere(&ron(), &rons).await, ended());
    assert_eq!(shop.verdicts([&rons, &leslies]), [REVOKED, None]);
}

#[tokio::test]
async fn an_identifier_is_read_from_the_path_with_its_escapes() {
    let shop = Shop::open().await;
    let id = "auth0|a/b%";
    let odd = Customer::new(id.parse().unwrap(), "", "odd@example.com");
    shop.customers.insert(&odd, None).await.unwrap();
    let token = shop.log_in(&odd);
    shop.clock.advance(MS);
    let request = everywhere_request("XXXX", "auth0%7Ca%2Fb%25");
    let request = with_tokens(request, &[&token]);
    assert_eq!(Answer::of(&shop.issuer, request).await, ended());
    assert_eq!(shop.verdicts([&token]), [REVOKED]);
}

#[tokio::test(start_paused = true)]
async fn a_login_in_the_second_of_a_logout_everywhere_waits_like_after_any_revocation() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    shop.clock.advance(400 * MS);
    assert_eq!(shop.log_out_everywhere(&ron(), &token).await, ended());
    let begun = tokio::time::Instant::now();
    let clock = shop.clock.clone();
    let waiting = Answer::of(&shop.issuer, login("ron@swanson.com", "mysecretpassword"));
    let turn = async {
        tokio::time::sleep(600 * MS).await;
        clock.advance(600 * MS);
    };
    let (answer, ()) = tokio::join!(waiting, turn);
    assert!(begun.elapsed() >= 600 * MS);
    assert_eq!(shop.verdicts([&token_of(&answer)]), [None]);
}
