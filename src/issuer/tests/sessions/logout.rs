//! `DELETE /v2/customers/tokens`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use http_body::Frame;

use super::*;

#[tokio::test]
async fn logout_of_any_of_six_tokens_of_a_session_ends_all_six_and_no_other() {
    for which in 0..6 {
        let shop = Shop::open().await;
        let others = [shop.log_in(&ron()), shop.log_in(&leslie())];
        let mut session = vec![shop.log_in(&ron())];
        for number in 0..5 {
            shop.clock.advance(HOUR);
            // From the first or from the latest one, it is one session.
            let token = if number % 2 == 0 { session.last() } else { session.first() };
            session.push(shop.refreshed(token.unwrap()).await);
        }
        for token in &session {
            assert_eq!(shop.verdicts([token]), [None]);
        }
        assert_eq!(shop.log_out(&session[which]).await, ended());
        for token in &session {
            assert_eq!(shop.verdicts([token]), [REVOKED], "after {which}");
            assert_eq!(shop.refresh(token).await, no_valid_token());
            assert_eq!(shop.log_out(token).await, ended());
        }
        assert_eq!(shop.verdicts([&others[0], &others[1]]), [None, None]);
        // The customer logs in again, in the same second.
        let again = shop.log_in(&ron());
        assert_eq!(shop.verdicts([&again]), [None]);
    }
}

#[tokio::test]
async fn a_token_that_was_never_good_ends_nothing() {
    let shop = Shop::open().await;
    for (why, tokens) in never_good() {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let request = with_tokens(logout_request("XXXX"), &tokens);
        assert_eq!(Answer::of(&shop.issuer, request).await, no_valid_token(), "{why}");
    }
    let valid = TestToken::new(RON, NOW);
    let valid = valid.sign(&SigningKey::hs256(SECRET).unwrap(), TokenForm::Compact);
    assert_eq!(shop.verdicts([&valid]), [None]);
}

#[tokio::test]
async fn a_token_that_was_revoked_in_any_way_is_ended_again() {
    for how in ["token", "session", "customer", "everyone"] {
        let shop = Shop::open().await;
        let token = shop.log_in(&ron());
        let verified = shop.verify(&token).unwrap();
        let id: &TokenId = verified.token_id();
        let list = &shop.revocations;
        let (later, end) = (shop.clock.now() + MS, verified.expires_at());
        match how {
            "token" => list.revoke(id, end).await,
            "session" => list.revoke_session(id, end).await,
            "customer" => list.revoke_customer(ron().id(), later).await,
            _ => list.revoke_everyone(later).await,
        }
        .unwrap();
        assert_eq!(shop.log_out(&token).await, ended(), "{how}");
    }
}

#[tokio::test]
async fn an_expired_token_is_ended_and_its_session_goes_on() {
    let shop = Shop::open().await;
    let login = shop.log_in(&ron());
    shop.clock.advance(HOUR);
    let refreshed = shop.refreshed(&login).await;
    shop.clock.advance(DAY - HOUR);
    assert_eq!(shop.verdicts([&login]), [Some(VerifyErrorKind::Expired)]);
    assert_eq!(shop.log_out(&login).await, ended());
    assert_eq!(shop.verdicts([&refreshed]), [None]);
}

#[tokio::test]
async fn the_bearer_token_comes_first() {
    let shop = Shop::open().await;
    let token = shop.log_in(&ron());
    let refused = [(logout_request("YYYY"), 401), (everywhere_request("YYYY", RON), 401)];
    for (request, status) in refused {
        let request = with_tokens(request, &[&token]);
        assert_eq!(Answer::of(&shop.issuer, request).await.status, status);
    }
    for mut request in [logout_request("XXXX"), everywhere_request("XXXX", RON)] {
        request.headers_mut().remove("authorization");
        let request = with_tokens(request, &[&token]);
        assert_eq!(Answer::of(&shop.issuer, request).await.status, 401);
    }
    for request in [logout_request("BROKEN"), everywhere_request("BROKEN", RON)] {
        let request = with_tokens(request, &[&token]);
        assert_eq!(Answer::of(&shop.issuer, request).await, undecided());
    }
    assert_eq!(shop.verdicts([&token]), [None]);
}

/// A body that must not be read.
struct Untouched;

impl Body for Untouched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }
}

#[tokio::test]
async fn bodies_of_logouts_are_not_read() {
    let shop = Shop::open().await;
    let (first, second) = (shop.log_in(&ron()), shop.log_in(&ron()));
    for (mut request, token) in
        [(logout_request("XXXX"), &first), (everywhere_request("XXXX", RON), &second)]
    {
        request.headers_mut().insert("content-length", "1000000".parse().unwrap());
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        let request = with_tokens(request, &[token]).map(|_| Untouched);
        assert_eq!(Answer::of(&shop.issuer, request).await, ended());
    }
    assert_eq!(shop.verdicts([&first, &second]), [REVOKED, REVOKED]);
}

/// Drops what has expired of a list: writers do, when a quarter of a day has gone by.
async fn tidy(shop: &Shop) {
    let other = TokenId::random().unwrap();
    shop.revocations.revoke(&other, shop.clock.now()).await.unwrap();
}

#[tokio::test]
async fn a_logout_is_kept_for_as_long_as_any_token_of_the_session_could_live() {
    for (max_session, refreshed_after) in [
        (30 * DAY, Duration::ZERO),
        (30 * DAY, 23 * HOUR),
        // The login's token lives longer than its session.
        (HOUR, Duration::ZERO),
    ] {
        let shop = Shop::with(
            Revocations::in_memory(),
            |issuer| issuer,
            |sessions| sessions.max_session(max_session),
        )
        .await;
        let login = shop.log_in(&ron());
        let refreshed = shop.refreshed(&login).await;
        shop.clock.advance(refreshed_after);
        let latest = match refreshed_after {
            Duration::ZERO => refreshed,
            _ => shop.refreshed(&refreshed).await,
        };
        assert_eq!(shop.log_out(&latest).await, ended());
        let ends = [&login, &latest].map(|token| shop.verifier_of_revoked().exp(token));
        let last = ends.into_iter().max().unwrap();
        while shop.clock.now() + HOUR < last {
            shop.clock.advance(HOUR);
            tidy(&shop).await;
            for token in [&login, &latest] {
                assert_ne!(shop.verdicts([token]), [None]);
            }
        }
    }
}

#[tokio::test]
async fn a_logout_ends_a_session_that_another_issuer_lets_live_longer() {
    let list = Revocations::in_memory();
    let long = Shop::with(list.clone(), |issuer| issuer, |sessions| sessions).await;
    let short = Shop::with(list, |issuer| issuer, |sessions| sessions.max_session(DAY)).await;
    let mut token = long.log_in(&ron());
    for _ in 0..10 {
        for shop in [&long, &short] {
            shop.clock.advance(DAY - HOUR);
        }
        token = long.refreshed(&token).await;
    }
    assert_eq!(short.refresh(&token).await, no_valid_token());
    assert_eq!(short.log_out(&token).await, ended());
    for _ in 0..3 {
        for shop in [&long, &short] {
            shop.clock.advance(7 * HOUR);
            tidy(shop).await;
            assert_eq!(shop.verdicts([&token]), [REVOKED]);
        }
    }
}

/// Reads the claims of tokens that are revoked.
struct Reader(Verifier);

impl Reader {
    fn exp(&self, token: &str) -> SystemTime {
        self.0.verify(token.as_bytes()).unwrap().expires_at()
    }
}

impl Shop {
    fn verifier_of_revoked(&self) -> Reader {
        Reader(Verifier::builder(keys()).clock(self.clock.clone()).build().unwrap())
    }
}
