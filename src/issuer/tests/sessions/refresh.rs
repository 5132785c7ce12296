//! `POST /v2/customers/tokens` with a customer token.

use super::*;

#[tokio::test]
async fn a_refreshed_token_is_another_of_the_session_with_the_name_of_now() {
    let shop = Shop::open().await;
    let login = shop.log_in(&ron());
    let first = shop.verify(&login).unwrap();
    shop.customers.update(ron().id(), &CustomerUpdate::new().name("Ron U.")).await.unwrap();
    let (mut token, mut ids) = (login.clone(), vec![first.token_id().clone()]);
    for hours in 1..=5 {
        shop.clock.set(from_epoch(NOW) + hours * HOUR + 300 * MS);
        let answer = shop.refresh(&token).await;
        let before = std::mem::replace(&mut token, token_of(&answer));
        let verified = shop.verify(&token).unwrap();
        assert_eq!(verified.customer_id(), ron().id());
        assert_eq!(verified.name(), Some("Ron U."));
        assert_eq!(verified.session_id(), first.token_id());
        assert_eq!(verified.authenticated_at(), from_epoch(NOW));
        assert_eq!(verified.issued_at(), from_epoch(NOW) + hours * HOUR);
        assert_eq!(verified.expires_at(), verified.issued_at() + DAY);
        // Parallel requests still carry the tokens before.
        assert_eq!(shop.verdicts([&login, &before]), [None, None]);

        let (id, exp) = (verified.token_id(), NOW + u64::from(hours) * 3_600 + 86_400);
        let body = format!(
            r#"{{"data":{{"type":"token","id":"{id}","customer_id":"{RON}","token":"{token}","expires":{exp}}}}}"#
        );
        assert_eq!(answer, Answer { body, status: 200, ..Answer::refusal(200, None, "") });
        ids.push(id.clone());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn no_token_outlives_the_session_and_none_is_refreshed_after_its_end() {
    let week = 7 * DAY;
    let shop = Shop::with(
        Revocations::in_memory(),
        |issuer| issuer,
        |sessions| sessions.max_session(week),
    )
    .await;
    let (login, end) = (from_epoch(NOW), from_epoch(NOW) + week);
    let mut token = shop.log_in(&ron());
    while shop.clock.now() + DAY < end {
        shop.clock.advance(DAY - HOUR);
        token = shop.refreshed(&token).await;
        let verified = shop.verify(&token).unwrap();
        assert_eq!(verified.authenticated_at(), login);
        assert_eq!(verified.expires_at(), (shop.clock.now() + DAY).min(end));
    }
    shop.clock.set(end - Duration::from_nanos(1));
    let last = shop.refreshed(&token).await;
    assert_eq!(shop.verify(&last).unwrap().expires_at(), end);
    shop.clock.set(end);
    assert_eq!(shop.verdicts([&token, &last]), [Some(VerifyErrorKind::Expired); 2]);
    assert_eq!(shop.refresh(&last).await, no_valid_token());
}

#[tokio::test]
async fn a_token_that_lives_longer_than_its_session_is_not_refreshed_after_that() {
    let shop = Shop::with(
        Revocations::in_memory(),
        |issuer| issuer,
        |sessions| sessions.max_session(HOUR),
    )
    .await;
    let login = shop.log_in(&ron());
    let refreshed = shop.refreshed(&login).await;
    assert_eq!(shop.verify(&refreshed).unwrap().expires_at(), from_epoch(NOW) + HOUR);
    shop.clock.advance(HOUR);
    assert_eq!(shop.verdicts([&login, &refreshed]), [None, Some(VerifyErrorKind::Expired)]);
    assert_eq!(shop.refresh(&login).await, no_valid_token());
}

#[tokio::test]
async fn refuses_what_is_no_valid_token_now() {
    let shop = Shop::open().await;
    for (why, tokens) in never_good() {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let request = with_tokens(refresh_request(), &tokens);
        assert_eq!(Answer::of(&shop.issuer, request).await, no_valid_token(), "{why}");
    }
    let token = shop.log_in(&ron());
    let revoked = shop.log_in(&ron());
    let id = shop.verify(&revoked).unwrap().token_id().clone();
    shop.revocations.revoke(&id, shop.clock.now() + DAY).await.unwrap();
    assert_eq!(shop.refresh(&revoked).await, no_valid_token());
    shop.clock.advance(DAY);
    assert_eq!(shop.verdicts([&token]), [Some(VerifyErrorKind::Expired)]);
    assert_eq!(shop.refresh(&token).await, no_valid_token());
}

#[tokio::test]
async fn a_customer_who_is_disabled_or_deleted_gets_no_token() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    let set_enabled = async |is_enabled| {
        let update = CustomerUpdate::new().enabled(is_enabled);
        shop.customers.update(ron().id(), &update).await.unwrap().unwrap();
    };
    set_enabled(false).await;
    assert_eq!(shop.refresh(&token).await, no_valid_token());
    set_enabled(true).await;
    assert_eq!(shop.refresh(&token).await.status, 200);
    shop.customers.delete(ron().id()).await.unwrap();
    assert_eq!(shop.refresh(&token).await, no_valid_token());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_is_503() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    for (script, waited) in [(Script::Fails, 0), (Script::Hangs, 5)] {
        shop.set(script);
        let begun = tokio::time::Instant::now();
        assert_eq!(shop.refresh(&token).await, Answer::unavailable());
        assert_eq!(begun.elapsed(), Duration::from_secs(waited));
    }
    // It is not asked about a token that is not valid.
    assert_eq!(shop.refresh("x").await, no_valid_token());
    shop.set(Script::Works);
    assert_eq!(shop.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn a_token_that_is_no_longer_valid_when_the_store_has_answered_is_refused() {
    for what in ["token", "session", "customer", "time"] {
        let shop = Shop::open().await;
        let token = shop.log_in(&ron());
        let id = shop.verify(&token).unwrap().token_id().clone();
        let (list, clock) = (shop.revocations.clone(), shop.clock.clone());
        shop.clock.advance(MS);
        shop.lookup.meanwhile(async move {
            let later = clock.now() + DAY;
            match what {
                "token" => list.revoke(&id, later).await.unwrap(),
                "session" => list.revoke_session(&id, later).await.unwrap(),
                "customer" => list.revoke_customer(ron().id(), clock.now()).await.unwrap(),
                _ => clock.advance(DAY),
            }
        });
        assert_eq!(shop.refresh(&token).await, no_valid_token(), "{what}");
    }
}

#[tokio::test]
async fn other_fields_do_not_matter_and_the_type_does() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    let mechanism = r#""authentication_mechanism":"customer_token""#;
    for data in [
        format!(r#""type":"token",{mechanism}"#),
        format!(r#""type":"token",{mechanism},"email":1,"password":null,"x":[]"#),
    ] {
        let request = with_tokens(request(format!("{{\"data\":{{{data}}}}}")), &[&token]);
        assert_eq!(Answer::of(&shop.issuer, request).await.status, 200, "{data}");
    }
    let request = with_tokens(request(format!("{{\"data\":{{{mechanism}}}}}")), &[&token]);
    let error = r#"{"status":400,"source":"type","title":"required","detail":"type is required"}"#;
    assert_eq!(Answer::of(&shop.issuer, request).await, Answer::refusal(400, None, error));
}

#[tokio::test]
async fn a_name_that_no_token_can_carry_does_not_prevent_a_refresh() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    let endless = CustomerUpdate::new().name("n".repeat(100_000));
    shop.customers.update(ron().id(), &endless).await.unwrap();
    let refreshed = shop.refreshed(&token).await;
    assert_eq!(shop.verify(&refreshed).unwrap().name(), None);
}

#[tokio::test]
async fn the_cut_off_of_a_login_is_no_younger_after_a_refresh() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    shop.clock.advance(2 * HOUR);
    let refreshed = shop.refreshed(&token).await;
    // At a moment between the login and the refresh, as from a process that was late.
    let earlier = from_epoch(NOW) + HOUR;
    shop.revocations.revoke_customer(ron().id(), earlier).await.unwrap();
    assert_eq!(shop.verdicts([&token, &refreshed]), [REVOKED, REVOKED]);
    assert_eq!(shop.refresh(&refreshed).await, no_valid_token());
}

#[tokio::test]
async fn a_cut_off_is_kept_for_as_long_as_a_session_can_live() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    shop.clock.advance(MS);
    shop.revocations.revoke_customer(ron().id(), shop.clock.now()).await.unwrap();
    // By a process that knew nothing of it, later in the month.
    let elsewhere = Shop::open().await;
    let mut refreshed = token;
    for _ in 0..30 {
        elsewhere.clock.advance(DAY - HOUR);
        refreshed = elsewhere.refreshed(&refreshed).await;
    }
    shop.clock.set(elsewhere.clock.now());
    let other = TokenId::random().unwrap();
    shop.revocations.revoke(&other, shop.clock.now()).await.unwrap();
    assert_eq!(shop.verdicts([&refreshed]), [REVOKED]);
}

#[tokio::test]
async fn a_login_that_is_ahead_of_the_clock_is_refreshed_with_the_time_of_the_login() {
    let shop = Shop::open().await;
    shop.clock.set(from_epoch(NOW + 3));
    let token = shop.log_in(&ron());
    shop.clock.set(from_epoch(NOW));
    let refreshed = shop.refreshed(&token).await;
    shop.clock.set(from_epoch(NOW + 3));
    let token = shop.verify(&refreshed).unwrap();
    assert_eq!(token.issued_at(), from_epoch(NOW + 3));
}
