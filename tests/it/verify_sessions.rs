//! What `Verifier` makes of `auth_time` and `sid`, the claims of refreshed tokens.

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::json;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind::Malformed;
use tower_customer_auth::VerifyErrorKind::Revoked;
use tower_customer_auth::testing::sign_raw;

use crate::fixtures::CUSTOMER;
use crate::fixtures::DAY;
use crate::fixtures::NOW;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::at;
use crate::fixtures::clock;
use crate::fixtures::compact;
use crate::fixtures::good;
use crate::fixtures::key;
use crate::fixtures::keys;
use crate::fixtures::refusal;
use crate::fixtures::verifier;

const SESSION_ID: &str = "5266d6da-a5e2-4f79-9e8c-6d050ffe7fee";
const FORMS: [TokenForm; 2] = [TokenForm::Compact, TokenForm::Legacy];

/// A token refreshed `NOW`, from a login at `auth_time`: as our issuer writes it, and with its claims in
/// another order.
fn refreshed(auth_time: u64, form: TokenForm) -> [String; 2] {
    let exp = NOW + DAY;
    let claims = format!(
        r#"{{"sub":"{CUSTOMER}","name":"Ron","exp":{exp},"iat":{NOW},"jti":"{TOKEN_ID}","auth_time":{auth_time},"sid":"{SESSION_ID}"}}"#
    );
    let issued = sign_raw(&key(), form, r#"{"alg":"HS256","typ":"JWT"}"#, claims);
    [issued, good().session(SESSION_ID, auth_time).sign(&key(), form)]
}

/// The violated rule of a malformed token.
fn rule(token: &str) -> String {
    let error = verifier().verify(token.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), Malformed, "{token}");
    error.source().unwrap().to_string()
}

#[test]
fn a_refreshed_token_tells_its_session_and_its_login() {
    for token in FORMS.into_iter().flat_map(|form| refreshed(NOW - 40 * DAY, form)) {
        let verified = verifier().verify(token.as_bytes()).unwrap();
        assert_eq!(*verified.session_id(), SESSION_ID);
        assert_eq!(verified.authenticated_at(), at(NOW - 40 * DAY));
        assert_eq!(*verified.token_id(), TOKEN_ID);
        assert_eq!(*verified.customer_id(), CUSTOMER);
        assert_eq!(verified.issued_at(), at(NOW));
        assert_eq!(verified.expires_at(), at(NOW + DAY));
    }
}

#[test]
fn one_of_the_two_claims_without_the_other_is_taken_for_what_it_says() {
    for (token, session_id, authenticated_at) in [
        (good().claim("sid", "s|1"), "s|1", NOW),
        (good().claim("auth_time", NOW - 1), TOKEN_ID, NOW - 1),
        (good().claim("auth_time", 0), TOKEN_ID, 0),
        (good(), TOKEN_ID, NOW),
    ] {
        let verified = verifier().verify(compact(&token).as_bytes()).unwrap();
        assert_eq!(*verified.session_id(), session_id);
        assert_eq!(verified.authenticated_at(), at(authenticated_at));
    }
}

#[test]
fn refuses_a_session_or_a_login_of_the_wrong_type_or_range_t20_t25() {
    for value in
        [json!(null), json!("1"), json!(-1), json!(1.5), json!([1]), json!((1_u64 << 53) + 1)]
    {
        let token = compact(&good().claim("auth_time", value.clone()));
        assert_eq!(rule(&token), "`auth_time` is not a whole number of seconds", "{value}");
    }
    let long = "x".repeat(257);
    for value in
        [json!(null), json!(1), json!(""), json!("a b"), json!("\0"), json!({}), json!(long)]
    {
        let token = compact(&good().claim("sid", value.clone()));
        assert_eq!(rule(&token), "`sid` is not 1 to 256 characters of printable ASCII", "{value}");
    }
}

#[test]
fn refuses_a_login_that_is_younger_than_its_token_t22() {
    for form in FORMS {
        for token in refreshed(NOW, form) {
            assert_eq!(refusal(&verifier(), token), None);
        }
        for token in refreshed(NOW + 1, form) {
            assert_eq!(rule(&token), "`auth_time` is after `iat`");
        }
    }
    let far_away = compact(&good().claim("auth_time", 1_u64 << 53));
    assert_eq!(rule(&far_away), "`auth_time` is after `iat`");
}

#[tokio::test]
async fn a_cut_off_between_the_login_and_a_refresh_ends_the_refreshed_token_t26() {
    for cached in [false, true] {
        let revocations = Revocations::in_memory();
        let mut builder = Verifier::builder(keys()).clock(clock()).revocations(revocations.clone());
        if cached {
            builder = builder.cache(NonZeroUsize::new(100).unwrap());
        }
        let verifier = builder.build().unwrap();
        let login = NOW - 10;
        let tokens = || FORMS.into_iter().flat_map(|form| refreshed(login, form));
        let customer = CUSTOMER.parse().unwrap();
        let revoke = |time| revocations.revoke_customer(&customer, time);

        // The second of the login is not before itself.
        revoke(at(login)).await.unwrap();
        for token in tokens() {
            assert_eq!(refusal(&verifier, token), None, "cached: {cached}");
        }
        revoke(at(login) + Duration::from_nanos(1)).await.unwrap();
        for token in tokens() {
            assert_eq!(refusal(&verifier, token), Some(Revoked), "cached: {cached}");
        }
        // A token of that `iat` whose login is the later one.
        for form in FORMS {
            let token = good().sign(&key(), form);
            assert_eq!(refusal(&verifier, token), None, "cached: {cached}");
        }
    }
}
