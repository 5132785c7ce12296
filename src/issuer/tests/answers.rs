//! Complete responses to valid and invalid requests.

use super::*;
use crate::error::ConfigError;
use crate::key::SigningKey;
use crate::key::VerifyingKey;
use crate::sign::SignError;
use crate::token::TokenForm;
use crate::verify::VerifyErrorKind;

fn unauthorized() -> Answer {
    Answer::refusal(
        401,
        Some(("www-authenticate", "Bearer")),
        r#"{"status":401,"title":"Unable to validate access token","detail":"The Authorization header must hold one valid bearer token"}"#,
    )
}

fn not_json() -> Answer {
    Answer::refusal(
        400,
        None,
        r#"{"status":400,"title":"Bad Request","detail":"The body must be one JSON object without duplicate member names"}"#,
    )
}

fn field(source: &str, title: &str, detail: &str) -> String {
    format!(r#"{{"status":400,"source":"{source}","title":"{title}","detail":"{detail}"}}"#)
}

#[tokio::test]
async fn answers_a_login_with_the_documented_object() {
    let issuer = issuer().await;
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    let data = answer.json()["data"].clone();
    let (id, token) = (data["id"].as_str().unwrap(), data["token"].as_str().unwrap());
    // Byte for byte; two values are new in every response.
    let body = format!(
        r#"{{"data":{{"type":"token","id":"{id}","customer_id":"{RON}","token":"{token}","expires":1510684200}}}}"#
    );
    let expected = Answer { body, status: 200, ..Answer::refusal(200, None, "") };
    assert_eq!(answer, expected);
    let verified = verifier().verify(token.as_bytes()).unwrap();
    assert_eq!(verified.token_id(), &id);
    assert_eq!(verified.customer_id(), &RON);
    assert_eq!(verified.name(), Some("Ron Swanson"));
    assert_eq!(verified.issued_at(), Fixed(NOW).now());
    assert_eq!(verified.expires_at(), Fixed(1_510_684_200).now());
}

#[tokio::test]
async fn refuses_with_401_what_has_not_exactly_one_good_bearer_token() {
    let issuer = issuer().await;
    for values in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer YYYY"],
        &["Bearer XXX"],
        &["Bearer XXXXX"],
        &["Basic XXXX"],
        &["XXXX"],
        &["Bearer XXXX", "Bearer XXXX"],
        &["Bearer XXXX, Bearer XXXX"],
        &["Bearer XXXX", "Bearer YYYY"],
    ] {
        // Everything else is wrong too: without a bearer token no client learns of it.
        let mut request = request("$");
        *request.method_mut() = http::Method::GET;
        request.headers_mut().clear();
        for value in values {
            request.headers_mut().append("authorization", value.parse().unwrap());
        }
        assert_eq!(Answer::of(&issuer, request).await, unauthorized(), "{values:?}");
    }
}

#[tokio::test]
async fn takes_the_bearer_token_as_old_clients_send_it() {
    let issuer = issuer().await;
    for value in ["Bearer: XXXX ", "bearer XXXX", "BEARER  XXXX"] {
        let mut request = login("ron@swanson.com", "mysecretpassword");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        assert_eq!(Answer::of(&issuer, request).await.status, 200, "{value}");
    }
}

#[tokio::test]
async fn refuses_other_methods_and_names_the_one_there_is() {
    let issuer = issuer().await;
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "BREW"] {
        let mut request = login("ron@swanson.com", "mysecretpassword");
        *request.method_mut() = method.parse().unwrap();
        let expected = Answer::refusal(
            405,
            Some(("allow", "POST")),
            r#"{"status":405,"title":"Method Not Allowed","detail":"Only POST is allowed"}"#,
        );
        assert_eq!(Answer::of(&issuer, request).await, expected, "{method}");
    }
}

#[tokio::test]
async fn refuses_other_types_and_none() {
    let issuer = issuer().await;
    for value in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = login("ron@swanson.com", "mysecretpassword");
        request.headers_mut().remove("content-type");
        if let Some(value) = value {
            request.headers_mut().insert("content-type", value.parse().unwrap());
        }
        let expected = Answer::refusal(
            415,
            None,
            r#"{"status":415,"title":"Unsupported Media Type","detail":"The body must be application/json in UTF-8"}"#,
        );
        assert_eq!(Answer::of(&issuer, request).await, expected, "{value:?}");
    }
}

#[tokio::test]
async fn refuses_what_is_not_one_strict_json_object() {
    let issuer = issuer().await;
    let twice = r#"{"data":{"type":"token","email":"a","email":"b","password":"p"}}"#;
    let escaped = r#"{"data":{"type":"token","email":"a","\u0065mail":"b","password":"p"}}"#;
    let unknown = r#"{"data":{"type":"token","email":"a","password":"p","x":{"y":1,"y":1}}}"#;
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(4000), "]".repeat(4000));
    let bodies: [(&str, &[u8]); 16] = [
        // The body that the documented curl call sends, `-d $ {`.
        ("the documented curl", b"$"),
        ("nothing", b""),
        ("white space", b" \r\n"),
        ("a form", b"email=ron%40swanson.com&password=mysecretpassword"),
        ("an array", b"[]"),
        ("a string", br#""data""#),
        ("null", b"null"),
        ("two objects", b"{}{}"),
        ("a cut off object", br#"{"data":{"type":"token""#),
        ("no UTF-8", b"{\"data\":{\"type\":\"token\",\"email\":\"\xff\",\"password\":\"p\"}}"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("a field twice", twice.as_bytes()),
        ("a field twice, once escaped", escaped.as_bytes()),
        ("a member of an unknown field twice", unknown.as_bytes()),
        ("4000 arrays", deep.as_bytes()),
        ("a number without a value", br#"{"data":{"type":"token","x":1e400}}"#),
    ];
    for (why, body) in bodies {
        let answer = Answer::of(&issuer, request(body.to_vec())).await;
        assert_eq!(answer, not_json(), "{why}");
    }
}

#[tokio::test]
async fn names_every_offending_field_once() {
    let issuer = issuer().await;
    let no_data = field("data", "required", "data is required");
    let no_type = field("type", "required", "type is required");
    let bad_type = field("type", "invalid", "type must be token");
    let no_email = field("email", "required", "email is required");
    let bad_email = field("email", "invalid", "email must be a string");
    let long_email = field("email", "invalid", "email must have at most 254 bytes");
    let no_password = field("password", "required", "password is required");
    let bad_password = field("password", "invalid", "password must be a string");
    let bad_mechanism =
        field("authentication_mechanism", "invalid", "authentication_mechanism must be password");
    let all = [no_type.as_str(), &no_email, &no_password].join(",");
    let two = [bad_type.as_str(), &bad_mechanism].join(",");
    let ok = r#""type":"token","email":"e","password":"p""#;
    let long = format!(r#""type":"token","email":"{}","password":"p""#, "e".repeat(255));
    // Bytes, not characters.
    let long_bytes = format!(r#""type":"token","email":"{}e","password":"p""#, "é".repeat(127));
    for (data, errors) in [
        ("", &all),
        (r#""type":null,"email":null,"password":null"#, &all),
        (r#""type":"token","email":"","password":"p""#, &no_email),
        (r#""type":"token","email":"e","password":"""#, &no_password),
        (r#""type":"token","password":"p""#, &no_email),
        (r#""type":"token","email":"e""#, &no_password),
        (r#""email":"e","password":"p""#, &no_type),
        (r#""type":"","email":"e","password":"p""#, &bad_type),
        (r#""type":"tokens","email":"e","password":"p""#, &bad_type),
        (r#""type":"Token","email":"e","password":"p""#, &bad_type),
        (r#""type":["token"],"email":"e","password":"p""#, &bad_type),
        (r#""type":"token","email":1,"password":"p""#, &bad_email),
        (r#""type":"token","email":["e"],"password":"p""#, &bad_email),
        (r#""type":"token","email":{"e":"e"},"password":"p""#, &bad_email),
        (r#""type":"token","email":"e","password":-1"#, &bad_password),
        (r#""type":"token","email":"e","password":1.5"#, &bad_password),
        (r#""type":"token","email":"e","password":true"#, &bad_password),
        (&long, &long_email),
        (&long_bytes, &long_email),
        (&format!(r#"{ok},"authentication_mechanism":"oidc""#), &bad_mechanism),
        (&format!(r#"{ok},"authentication_mechanism":"passwordless""#), &bad_mechanism),
        (&format!(r#"{ok},"authentication_mechanism":"Password""#), &bad_mechanism),
        (&format!(r#"{ok},"authentication_mechanism":"""#), &bad_mechanism),
        (&format!(r#"{ok},"authentication_mechanism":7"#), &bad_mechanism),
        (r#""type":"x","authentication_mechanism":"oidc""#, &two),
    ] {
        let answer = Answer::of(&issuer, request(format!("{{\"data\":{{{data}}}}}"))).await;
        assert_eq!(answer, Answer::refusal(400, None, errors), "{data}");
    }
    for body in [
        "{}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":["token"]}"#,
        r#"{"data":"token"}"#,
        r#"{"data":1}"#,
        // Objects to a reader with `serde_json/arbitrary_precision`.
        r#"{"data":1.5}"#,
        r#"{"data":18446744073709551616}"#,
    ] {
        let answer = Answer::of(&issuer, request(body)).await;
        assert_eq!(answer, Answer::refusal(400, None, &no_data), "{body}");
    }
}

#[tokio::test]
async fn an_absent_mechanism_is_a_password_and_other_members_are_skipped() {
    let issuer = issuer().await;
    for extra in ["", r#","authentication_mechanism":null"#, r#","x":[{"y":[1,null]}],"id":1e9"#] {
        let body = format!(
            r#"{{"meta":{{}},"data":{{"type":"token","email":"ron@swanson.com","password":"mysecretpassword"{extra}}}}}"#
        );
        assert_eq!(Answer::of(&issuer, request(body)).await.status, 200, "{extra}");
    }
}

#[tokio::test]
async fn nothing_of_a_request_comes_back() {
    let issuer = issuer().await;
    let marker = "Zq7-marker";
    let mut requests = vec![login(marker, marker), request(marker)];
    for data in [
        format!(r#""type":"{marker}","email":"{marker}","password":"{marker}""#),
        format!(r#""{marker}":1,"authentication_mechanism":"{marker}""#),
    ] {
        requests.push(request(format!("{{\"data\":{{{data}}}}}")));
    }
    for header in ["authorization", "content-type"] {
        let mut request = login(marker, marker);
        request.headers_mut().insert(header, marker.parse().unwrap());
        requests.push(request);
    }
    for request in requests {
        let shown = format!("{:?}", Answer::of(&issuer, request).await);
        assert!(!shown.contains(marker), "{shown}");
    }
}

#[tokio::test]
async fn issues_what_it_is_configured_to() {
    let configured = builder(customers().await, hasher())
        .form(TokenForm::Legacy)
        .lifetime(Duration::from_secs(60))
        .build()
        .unwrap();
    let answer = Answer::of(&configured, login("ron@swanson.com", "mysecretpassword")).await;
    let data = &answer.json()["data"];
    assert_eq!(data["expires"], NOW + 60);
    let token = data["token"].as_str().unwrap();
    assert!(token.starts_with("eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9."), "{token}");
    let kept = verifier().verify(token.as_bytes()).map(|verified| verified.token_id().to_string());
    assert_eq!(kept.ok().as_deref(), data["id"].as_str());

    let configured = builder(customers().await, hasher())
        .audience("store-a")
        .issuer("https://a")
        .build()
        .unwrap();
    let token = configured.issue(&ron()).unwrap();
    let refused = verifier().verify(token.token().as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::WrongAudience);
    let store_a = Verifier::builder(keys())
        .audience("store-a")
        .issuer("https://a")
        .clock(Arc::new(Fixed(NOW)))
        .build()
        .unwrap();
    let customer = store_a.verify(token.token().as_bytes()).unwrap().customer_id().clone();
    assert_eq!(&customer, ron().id());
}

#[tokio::test]
async fn issues_the_same_token_without_http() {
    let token = issuer().await.issue(&ron()).unwrap();
    let verified = verifier().verify(token.token().as_bytes()).unwrap();
    assert_eq!(verified.customer_id(), ron().id());
    assert_eq!(verified.token_id(), token.token_id());
    assert_eq!(verified.name(), Some("Ron Swanson"));
    assert_eq!(verified.expires_at(), token.expires_at());
}

#[tokio::test]
async fn a_name_that_no_token_can_carry_keeps_nobody_out() {
    let endless = Customer::new(RON.parse().unwrap(), "n".repeat(100_000), "ron@swanson.com");
    let token = issuer().await.issue(&endless).unwrap();
    let verified = verifier().verify(token.token().as_bytes()).unwrap();
    assert_eq!((verified.customer_id(), verified.name()), (endless.id(), None));
}

#[tokio::test]
async fn a_token_without_http_is_issued_from_the_second_after_a_revocation_on() {
    let revocations = Revocations::in_memory();
    let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
    let issuer = builder(customers().await, hasher())
        .revocations(revocations.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let verifier = Verifier::builder(keys())
        .revocations(revocations.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let before = issuer.issue(&ron()).unwrap();
    clock.advance(Duration::from_millis(1));
    revocations.revoke_customer(ron().id(), clock.now()).await.unwrap();
    let refused = verifier.verify(before.token().as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::Revoked);
    let error = issuer.issue(&ron()).unwrap_err();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 1);
    assert!(matches!(error, SignError::NotYet { valid_from } if valid_from == end), "{error:?}");
    clock.set(end);
    let after = issuer.issue(&ron()).unwrap();
    assert_eq!(after.issued_at(), end);
    let customer = verifier.verify(after.token().as_bytes()).unwrap().customer_id().clone();
    assert_eq!(&customer, ron().id());
}

#[tokio::test]
async fn a_rotation_of_the_key_ring_reaches_the_issuer() {
    let ring = keys();
    let issuer = TokenIssuer::builder(ring.clone(), StaticBearer::new(["XXXX"]))
        .password(PasswordGrant::new(customers().await).hasher(hasher()))
        .clock(Arc::new(Fixed(NOW)))
        .build()
        .unwrap();
    let next = "fedcba9876543210fedcba9876543210";
    ring.rotate(SigningKey::hs256(next).unwrap(), Duration::ZERO);
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    let token = answer.json()["data"]["token"].as_str().unwrap().to_owned();
    let refused = verifier().verify(token.as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), VerifyErrorKind::InvalidSignature);
    let next = Verifier::builder(KeyRing::hs256(next).unwrap()).clock(Arc::new(Fixed(NOW)));
    let customer = next.build().unwrap().verify(token.as_bytes()).unwrap().customer_id().clone();
    assert_eq!(&customer, ron().id());
}

#[tokio::test]
async fn a_key_that_can_no_longer_sign_the_form_is_a_503() {
    let ring = keys();
    let issuer = TokenIssuer::builder(ring.clone(), StaticBearer::new(["XXXX"]))
        .password(PasswordGrant::new(customers().await).hasher(hasher()))
        .form(TokenForm::Legacy)
        .build()
        .unwrap();
    let named = SigningKey::hs256("fedcba9876543210fedcba9876543210").unwrap();
    ring.rotate(named.with_id("2"), Duration::ZERO);
    let answer = Answer::of(&issuer, login("ron@swanson.com", "mysecretpassword")).await;
    assert_eq!(answer, Answer::unavailable());
}

#[test]
fn refuses_a_configuration_that_could_not_work() {
    let store = MemoryCustomers::new;
    let out_of_range =
        |setting, value, min, max| ConfigError::DurationOutOfRange { setting, value, min, max };
    let (ms, minute) = (Duration::from_millis(1), Duration::from_secs(60));
    for (built, error) in [
        (TokenIssuer::builder(keys(), StaticBearer::new(["XXXX"])).build(), ConfigError::NoGrants),
        (
            builder(store(), hasher()).audience("").build(),
            ConfigError::Empty { setting: "audience" },
        ),
        (builder(store(), hasher()).issuer("").build(), ConfigError::Empty { setting: "issuer" }),
        (
            builder(store(), hasher()).lifetime(Duration::ZERO).build(),
            out_of_range(
                "lifetime",
                Duration::ZERO,
                Duration::from_secs(1),
                Duration::from_secs(31_622_400),
            ),
        ),
        (
            builder(store(), hasher()).store_timeout(Duration::ZERO).build(),
            out_of_range("store_timeout", Duration::ZERO, ms, minute),
        ),
        (
            builder(store(), hasher()).body_timeout(minute + ms).build(),
            out_of_range("body_timeout", minute + ms, ms, minute),
        ),
    ] {
        assert_eq!(built.err(), Some(error));
    }
    let public = VerifyingKey::hs256(SECRET).unwrap();
    let ring = KeyRing::verify_only([public]).unwrap();
    let built = TokenIssuer::builder(ring, StaticBearer::new(["XXXX"]))
        .password(PasswordGrant::new(store()))
        .build();
    assert_eq!(built.err(), Some(ConfigError::NoSigningKey));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let customers = customers().await;
    let settings = builder(customers.clone(), hasher());
    let settings_shown = format!("{settings:?}");
    let issuer = settings.build().unwrap();
    let mut service = issuer.clone();
    let future = tower::Service::call(&mut service, login("ron@swanson.com", "mysecretpassword"));
    let future_shown = format!("{future:?}");
    let response = future.await.unwrap();
    let shown = [
        settings_shown,
        future_shown,
        format!("{issuer:?} {response:?} {:?}", issuer.issue(&ron())),
        format!("{:?}", crate::issuer::response::Refusal::Credentials),
    ]
    .join("\n");
    let token = Answer::read(response).await.json()["data"]["token"].as_str().unwrap().to_owned();
    for secret in [SECRET, "XXXX", "mysecretpassword", "$argon2id", "swanson", &token] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
