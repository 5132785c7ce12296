//! What the crate tells about itself, and that no secret is in it: everything is captured at TRACE.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]
#![cfg(all(feature = "tracing", feature = "metrics"))]

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use metrics_util::debugging::DebugValue;
use metrics_util::debugging::DebuggingRecorder;
use tower::Layer;
use tower::ServiceExt;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::Rejection;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::testing::TestToken;

use self::common::CUSTOMER;
use self::common::NOW;
use self::common::SECRET;
use self::common::TOKEN_HEADER;
use self::common::expired_token;
use self::common::good_token;
use self::common::key;
use self::common::verifier;

/// Everything that was written to a `tracing` subscriber.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs with every event and every counter captured; answers them as text.
fn captured(run: impl Future<Output = ()>) -> (String, Vec<(String, u64)>) {
    let events = Captured::default();
    let writer = events.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let recorder = DebuggingRecorder::new();
    let counters = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || runtime.block_on(run));
    });
    let mut counters: Vec<(String, u64)> = counters
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => (key.key().to_string(), count),
            other => panic!("{key:?} is no counter: {other:?}"),
        })
        .collect();
    counters.sort_unstable();
    (events.text(), counters)
}

/// Sends a request with these tokens; answers `Debug` of the response, its body and its reason.
async fn send(layer: &CustomerAuthLayer, tokens: &[String]) -> String {
    let mut request = Request::get("/v2/orders").body(Full::<Bytes>::default()).unwrap();
    for token in tokens {
        request.headers_mut().append(TOKEN_HEADER, token.parse().unwrap());
    }
    let seen = Arc::new(Mutex::new(String::new()));
    let record = seen.clone();
    let inner = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let token = request.extensions().get::<VerifiedToken>();
        *record.lock().unwrap() = format!("{request:?} {token:?}");
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let shown = format!("{response:?} {:?}", response.extensions().get::<Rejection>());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    format!("{shown} {body:?} {} {layer:?}", seen.lock().unwrap())
}

#[test]
fn refusals_are_told_by_reason_in_one_target_and_one_counter() {
    let (events, counters) = captured(async {
        let required = CustomerAuthLayer::required(verifier());
        let observe = CustomerAuthLayer::observe(verifier());
        send(&required, &[good_token()]).await;
        send(&required, &[expired_token()]).await;
        send(&required, &[]).await;
        send(&observe, &["a.b.c".to_owned()]).await;
        send(&CustomerAuthLayer::optional(verifier()), &[]).await;
    });
    assert_eq!(
        events.lines().collect::<Vec<_>>(),
        [
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="refused" reason="expired""#,
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="refused" reason="missing_token""#,
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="would_refuse" reason="malformed""#,
        ]
    );
    let counter = |verdict: &str, reason: &str| {
        let name = "customer_auth_requests_total";
        (format!("Key({name}, [verdict = {verdict}, reason = {reason}])"), 1)
    };
    assert_eq!(
        counters,
        [
            counter("accepted", "none"),
            counter("refused", "expired"),
            counter("refused", "missing_token"),
            counter("would_refuse", "malformed"),
        ]
    );
}

#[test]
fn no_token_and_no_secret_is_in_logs_debug_or_answers_t36() {
    let hostile = TestToken::new("hostile-sub", NOW).header("alg", "hostile-alg");
    let hostile = hostile.header("kid", "hostile-kid").claim("name", "hostile-name");
    let hostile = hostile.sign(&key(), tower_customer_auth::TokenForm::Compact);
    let shown = Arc::new(Mutex::new(String::new()));
    let record = shown.clone();
    let (events, counters) = captured(async move {
        for layer in
            [CustomerAuthLayer::required(verifier()), CustomerAuthLayer::observe(verifier())]
        {
            for tokens in [
                vec![good_token()],
                vec![expired_token()],
                vec![hostile.clone()],
                vec![good_token(), hostile.clone()],
            ] {
                let shown = send(&layer, &tokens).await;
                record.lock().unwrap().push_str(&shown);
            }
        }
    });
    let shown = shown.lock().unwrap();
    let told = format!("{events} {counters:?} {shown}");
    assert!(shown.contains(CUSTOMER), "the capture shows what the handler saw");
    for secret in ["eyJ", SECRET, "hostile"] {
        assert!(!told.contains(secret), "`{secret}` is in: {told}");
    }
}

#[cfg(feature = "issuer")]
#[test]
fn no_password_bearer_or_hash_is_in_logs_debug_or_refusals_t36() {
    use tower_customer_auth::Customer;
    use tower_customer_auth::KeyRing;
    use tower_customer_auth::MemoryCustomers;
    use tower_customer_auth::PasswordGrant;
    use tower_customer_auth::PasswordHash;
    use tower_customer_auth::PasswordParams;
    use tower_customer_auth::StaticBearer;
    use tower_customer_auth::TokenIssuer;

    let shown = Arc::new(Mutex::new(String::new()));
    let record = shown.clone();
    let (events, counters) = captured(async move {
        let customers = MemoryCustomers::new();
        let params = PasswordParams::worthless_but_fast();
        let hash = PasswordHash::compute(&"right-password".into(), params).unwrap();
        let ron = Customer::new(CUSTOMER.parse().unwrap(), "Ron Swanson", "ron@swanson.com");
        customers.insert(&ron, Some(&hash)).await.unwrap();
        let issuer = TokenIssuer::builder(
            KeyRing::hs256(SECRET).unwrap(),
            StaticBearer::new(["right-bearer"]),
        )
        .password(PasswordGrant::new(customers.clone()))
        .build()
        .unwrap();
        for (bearer, email, password, status) in [
            ("right-bearer", "ron@swanson.com", "right-password", 200),
            ("right-bearer", "ron@swanson.com", "wrong-password", 403),
            ("right-bearer", "nobody@swanson.com", "right-password", 403),
            ("wrong-bearer", "ron@swanson.com", "right-password", 401),
            ("right-bearer", "ron@swanson.com", "", 400),
        ] {
            let body = format!(
                r#"{{"data":{{"type":"token","email":"{email}","password":"{password}"}}}}"#
            );
            let request = Request::post("/v2/customers/tokens")
                .header("authorization", format!("Bearer {bearer}"))
                .header("content-type", "application/json")
                .body(Full::<Bytes>::from(body))
                .unwrap();
            let response = issuer.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
            let mut shown = format!("{response:?} {issuer:?} {customers:?}");
            if status != 200 {
                let body = response.into_body().collect().await.unwrap().to_bytes();
                shown.push_str(&String::from_utf8_lossy(&body));
            }
            record.lock().unwrap().push_str(&shown);
        }
    });
    let told = format!("{events} {counters:?} {}", shown.lock().unwrap());
    assert!(told.contains(r#"outcome="issued""#), "the capture shows outcomes");
    for secret in ["eyJ", SECRET, "-password", "-bearer", "$argon2", "swanson.com"] {
        assert!(!told.contains(secret), "`{secret}` is in: {told}");
    }
}
