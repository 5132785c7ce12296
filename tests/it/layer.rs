//! What the layer does with a request, and how it keeps tower's contract.

use std::convert::Infallible;
use std::future::Future;
use std::future::Ready;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;
use http::HeaderName;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http_body_util::BodyExt;
use http_body_util::Full;
use tower::BoxError;
use tower::Layer;
use tower::Service;
use tower::ServiceBuilder;
use tower::ServiceExt;
use tower::limit::ConcurrencyLimitLayer;
use tower::util::BoxCloneSyncService;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Rejection;
use tower_customer_auth::RejectionKind;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::layer::NoIdentity;

use crate::fixtures::CUSTOMER;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::expired_token;
use crate::fixtures::good_token;
use crate::fixtures::verifier;

type Body = Full<Bytes>;

/// What the inner service saw of a request that reached it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    customer: Option<String>,
    token: Option<String>,
    no_identity: bool,
    /// Header lines in order: name, value, whether it is marked sensitive.
    headers: Vec<(String, String, bool)>,
}

impl Seen {
    fn header(&self, name: &str) -> Vec<(&str, bool)> {
        let named = self.headers.iter().filter(|(known, ..)| known == name);
        named.map(|(_, value, sensitive)| (value.as_str(), *sensitive)).collect()
    }
}

/// Sends a request through the layer; answers what came back and what the inner service saw.
async fn send(layer: CustomerAuthLayer, request: Request<Body>) -> (Response<Bytes>, Option<Seen>) {
    let seen = Arc::new(Mutex::new(None));
    let record = seen.clone();
    let inner = tower::service_fn(move |request: Request<Body>| {
        let extensions = request.extensions();
        *record.lock().unwrap() = Some(Seen {
            customer: extensions.get::<CustomerId>().map(ToString::to_string),
            token: extensions.get::<VerifiedToken>().map(|token| token.token_id().to_string()),
            no_identity: extensions.get::<NoIdentity>().is_some(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| {
                    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), text, value.is_sensitive())
                })
                .collect(),
        });
        ready(Ok::<_, Infallible>(Response::new(Body::from("inner"))))
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let seen = seen.lock().unwrap().take();
    (Response::from_parts(parts, body), seen)
}

fn request(tokens: &[&str]) -> Request<Body> {
    let mut request = Request::get("/v2/orders").body(Body::default()).unwrap();
    for token in tokens {
        request.headers_mut().append(TOKEN_HEADER, token.parse().unwrap());
    }
    request
}

fn preflight() -> Request<Body> {
    Request::options("/v2/orders")
        .header("origin", "https://store.example")
        .header("access-control-request-method", "GET")
        .body(Body::default())
        .unwrap()
}

fn kind(response: &Response<Bytes>) -> Option<RejectionKind> {
    response.extensions().get::<Rejection>().map(Rejection::kind)
}

#[tokio::test]
async fn a_good_token_gives_the_handler_identity_in_every_mode() {
    for layer in [
        CustomerAuthLayer::required(verifier()),
        CustomerAuthLayer::optional(verifier()),
        CustomerAuthLayer::observe(verifier()),
    ] {
        let (response, seen) = send(layer, request(&[&good_token()])).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body(), "inner");
        let seen = seen.unwrap();
        assert_eq!(seen.customer.as_deref(), Some(CUSTOMER));
        assert_eq!(seen.token.as_deref(), Some(TOKEN_ID));
        assert!(!seen.no_identity);
    }
}

#[tokio::test]
async fn each_mode_refuses_what_it_says_and_nothing_else_t27() {
    let [good, expired] = [good_token(), expired_token()];
    let joined = format!("{good}, {good}");
    let padded = format!("{good} x").replace(" x", " ");
    let missing = RejectionKind::MissingToken;
    let several = RejectionKind::SeveralTokens;
    let malformed = RejectionKind::Token(VerifyErrorKind::Malformed);
    let cases: [(&str, Vec<&str>, RejectionKind); 8] = [
        ("none", vec![], missing),
        ("empty", vec![""], malformed),
        ("expired", vec![&expired], RejectionKind::Token(VerifyErrorKind::Expired)),
        ("garbage", vec!["a.b.c"], malformed),
        ("joined", vec![&joined], malformed),
        ("trailing space", vec![&padded], malformed),
        ("twice the same", vec![&good, &good], several),
        ("a bad one and a good one", vec!["x", &good], several),
    ];
    for (why, tokens, reason) in cases {
        let layer = CustomerAuthLayer::required(verifier());
        let (response, seen) = send(layer, request(&tokens)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "required, {why}");
        assert_eq!((kind(&response), seen), (Some(reason), None), "required, {why}");

        let layer = CustomerAuthLayer::optional(verifier());
        let (response, seen) = send(layer, request(&tokens)).await;
        if tokens.is_empty() {
            let seen = seen.unwrap();
            assert_eq!((kind(&response), seen.customer), (None, None), "optional, {why}");
            assert!(seen.no_identity);
        } else {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "optional, {why}");
            assert_eq!((kind(&response), seen), (Some(reason), None), "optional, {why}");
        }

        let layer = CustomerAuthLayer::observe(verifier());
        let (response, seen) = send(layer, request(&tokens)).await;
        assert_eq!(response.status(), StatusCode::OK, "observe, {why}");
        let seen = seen.unwrap();
        assert_eq!((seen.customer, seen.token, seen.no_identity), (None, None, true), "{why}");
    }
}

#[tokio::test]
async fn only_the_one_header_is_looked_at() {
    let elsewhere =
        Request::get(format!("/v2/orders?token={0}&x-moltin-customer-token={0}", good_token()))
            .header("authorization", format!("Bearer {}", good_token()))
            .header("cookie", format!("x-moltin-customer-token={}", good_token()))
            .body(Body::default())
            .unwrap();
    let (response, _) = send(CustomerAuthLayer::required(verifier()), elsewhere).await;
    assert_eq!(kind(&response), Some(RejectionKind::MissingToken));

    let mut api_access = request(&[&good_token()]);
    api_access.headers_mut().insert("authorization", "Bearer expired nonsense".parse().unwrap());
    let (_, seen) = send(CustomerAuthLayer::required(verifier()), api_access).await;
    let seen = seen.unwrap();
    assert_eq!(seen.customer.as_deref(), Some(CUSTOMER));
    assert_eq!(seen.header("authorization"), [("Bearer expired nonsense", false)]);
}

#[tokio::test]
async fn another_header_can_carry_the_token() {
    let header = HeaderName::from_static("x-customer-token");
    let mut with_both = request(&["garbage"]);
    with_both.headers_mut().insert(&header, good_token().parse().unwrap());
    let layer = CustomerAuthLayer::required(verifier()).header(header);
    let (_, seen) = send(layer, with_both).await;
    assert_eq!(seen.unwrap().customer.as_deref(), Some(CUSTOMER));
}

#[tokio::test]
async fn the_token_goes_on_marked_sensitive_or_not_at_all() {
    let good = good_token();
    let (_, seen) = send(CustomerAuthLayer::required(verifier()), request(&[&good])).await;
    assert_eq!(seen.unwrap().header(TOKEN_HEADER), [(good.as_str(), true)]);

    let (_, seen) = send(CustomerAuthLayer::observe(verifier()), request(&["a", "b"])).await;
    assert_eq!(seen.unwrap().header(TOKEN_HEADER), [("a", true), ("b", true)]);

    for tokens in [vec![good.as_str()], vec!["a", "b"]] {
        let layer = CustomerAuthLayer::observe(verifier()).strip_token();
        let (_, seen) = send(layer, request(&tokens)).await;
        assert_eq!(seen.unwrap().header(TOKEN_HEADER), []);
    }
}

#[tokio::test]
async fn identity_that_a_client_or_an_outer_layer_claims_is_always_removed_t28() {
    let customer = HeaderName::from_static("x-customer-id");
    let forged = |mut request: Request<Body>| {
        request.headers_mut().append(&customer, "somebody-else".parse().unwrap());
        request.headers_mut().append(&customer, "and another".parse().unwrap());
        // To CGI and its heirs the same header.
        for spelling in ["x_customer-id", "x_customer_id", "x.customer.id", "x|customer~id"] {
            request.headers_mut().append(spelling, "somebody-else".parse().unwrap());
        }
        request.headers_mut().append("xxcustomer-id", "an innocent header".parse().unwrap());
        tower_customer_auth::testing::sign_in(&mut request, &"somebody-else".parse().unwrap());
        request
    };
    let optional = || CustomerAuthLayer::optional(verifier()).forward_as(customer.clone());
    let observe = || CustomerAuthLayer::observe(verifier()).forward_as(customer.clone());
    for (why, layer, request) in [
        ("optional without token", optional(), request(&[])),
        ("observe without token", observe(), request(&[])),
        ("observe with a bad token", observe(), request(&["bad"])),
        ("observe with two", observe(), request(&["a", "b"])),
        ("preflight", optional(), preflight()),
    ] {
        let (_, seen) = send(layer, forged(request)).await;
        let seen = seen.unwrap();
        assert_eq!(seen.header("x-customer-id"), [], "{why}");
        for spelling in ["x_customer-id", "x_customer_id", "x.customer.id", "x|customer~id"] {
            assert_eq!(seen.header(spelling), [], "{why}");
        }
        assert_eq!(seen.header("xxcustomer-id"), [("an innocent header", false)], "{why}");
        assert_eq!((&seen.customer, &seen.token), (&None, &None), "{why}");
    }

    let (_, seen) = send(optional(), forged(request(&[&good_token()]))).await;
    let seen = seen.unwrap();
    assert_eq!(seen.header("x-customer-id"), [(CUSTOMER, false)]);
    assert_eq!(seen.customer.as_deref(), Some(CUSTOMER));
    let own = verifier().verify(good_token().as_bytes()).unwrap().token_id().to_string();
    assert_eq!(seen.token, Some(own));
}

#[tokio::test]
async fn an_outer_layers_mark_of_no_identity_goes_where_a_token_is_good_t28() {
    let passed = Arc::new(Mutex::new(None));
    let record = passed.clone();
    let inner = tower::service_fn(move |request: Request<Body>| {
        *record.lock().unwrap() = Some(request);
        ready(Ok::<_, Infallible>(Response::new(Body::default())))
    });
    let other = HeaderName::from_static("x-other-token");
    let outer = CustomerAuthLayer::optional(verifier()).header(other).layer(inner);
    let response = outer.oneshot(request(&[&good_token()])).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let marked = passed.lock().unwrap().take().unwrap();
    assert!(marked.extensions().get::<NoIdentity>().is_some());

    let (_, seen) = send(CustomerAuthLayer::required(verifier()), marked).await;
    let seen = seen.unwrap();
    assert_eq!((seen.customer.as_deref(), seen.no_identity), (Some(CUSTOMER), false));
}

#[tokio::test]
async fn forwarding_under_the_tokens_own_name_replaces_it() {
    let layer = CustomerAuthLayer::required(verifier())
        .forward_as(HeaderName::from_static(TOKEN_HEADER))
        .strip_token();
    let (_, seen) = send(layer, request(&[&good_token()])).await;
    assert_eq!(seen.unwrap().header(TOKEN_HEADER), [(CUSTOMER, false)]);
}

#[tokio::test]
async fn a_real_preflight_passes_without_identity_and_nothing_else_does() {
    let (response, seen) = send(CustomerAuthLayer::required(verifier()), preflight()).await;
    let seen = seen.unwrap();
    assert_eq!((response.status(), kind(&response)), (StatusCode::OK, None));
    assert!(seen.no_identity);

    // Even a good token gives no identity: a preflight is the browser's.
    let mut with_token = preflight();
    with_token.headers_mut().insert(TOKEN_HEADER, good_token().parse().unwrap());
    let (_, seen) = send(CustomerAuthLayer::required(verifier()), with_token).await;
    let seen = seen.unwrap();
    assert_eq!(seen.customer, None);
    assert_eq!(seen.header(TOKEN_HEADER), [(good_token().as_str(), true)]);

    let without = |name: &str| {
        let mut request = preflight();
        request.headers_mut().remove(name);
        request
    };
    let mut get = preflight();
    *get.method_mut() = Method::GET;
    for (why, request) in [
        ("no origin", without("origin")),
        ("no request method", without("access-control-request-method")),
        ("not OPTIONS", get),
    ] {
        let (response, seen) = send(CustomerAuthLayer::required(verifier()), request).await;
        assert_eq!(kind(&response), Some(RejectionKind::MissingToken), "{why}");
        assert_eq!(seen, None, "{why}");
    }
}

#[tokio::test]
async fn with_preflights_off_an_options_request_is_judged_as_any_other() {
    let strict = || CustomerAuthLayer::required(verifier()).preflights(false);
    let (response, seen) = send(strict(), preflight()).await;
    assert_eq!((kind(&response), seen), (Some(RejectionKind::MissingToken), None));

    let mut with_token = preflight();
    with_token.headers_mut().insert(TOKEN_HEADER, good_token().parse().unwrap());
    let (_, seen) = send(strict(), with_token).await;
    let seen = seen.unwrap();
    assert_eq!((seen.customer.as_deref(), seen.no_identity), (Some(CUSTOMER), false));

    let (_, seen) = send(strict().preflights(true), preflight()).await;
    assert!(seen.unwrap().no_identity);
}

#[tokio::test]
async fn the_answer_to_a_refusal_can_be_changed_and_keeps_its_reason() {
    let layer = CustomerAuthLayer::required(verifier()).status(StatusCode::FORBIDDEN);
    let (response, _) = send(layer.clone(), request(&[])).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.body(),
        r#"{"errors":[{"status":403,"title":"Forbidden","detail":"A customer token is required"}]}"#
    );

    let layer = layer.rejection_response(|rejection: &Rejection| {
        let mut response = rejection.to_response();
        response.headers_mut().insert("x-reason", rejection.kind().as_str().parse().unwrap());
        *response.body_mut() = Bytes::from_static(b"<p>Please sign in</p>");
        response
    });
    let (response, _) = send(layer, request(&[&expired_token()])).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["x-reason"], "expired");
    assert_eq!(response.body(), "<p>Please sign in</p>");
    assert_eq!(kind(&response), Some(RejectionKind::Token(VerifyErrorKind::Expired)));
}

#[test]
#[should_panic(expected = "a rejection's status must be 400 to 499, not 200 OK")]
fn a_status_that_would_hide_a_refusal_is_a_mistake_in_the_program() {
    let _ = CustomerAuthLayer::required(verifier()).status(StatusCode::OK);
}

#[tokio::test]
async fn a_grpc_call_is_refused_in_its_own_way() {
    let mut call = request(&[&expired_token()]);
    *call.method_mut() = Method::POST;
    *call.version_mut() = Version::HTTP_2;
    call.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
    let (response, _) = send(CustomerAuthLayer::required(verifier()), call).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()["grpc-message"], "The customer token has expired");
    assert_eq!(response.body(), "");
    assert_eq!(kind(&response), Some(RejectionKind::Token(VerifyErrorKind::Expired)));
}

/// Panics when it is called without having been polled ready: a clone is a service of its own.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        ready(Ok(Response::new(Body::default())))
    }
}

#[tokio::test]
async fn calls_only_the_instance_that_was_polled_ready() {
    let layer = CustomerAuthLayer::required(verifier());
    let mut service = layer.layer(Strict { ready: false });
    for tokens in [vec![good_token()], vec![], vec![good_token()], vec![good_token()]] {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let expected = if tokens.is_empty() { 401 } else { 200 };
        let response = service.ready().await.unwrap().call(request(&tokens)).await.unwrap();
        assert_eq!(response.status(), expected);
    }
}

fn is_ready<S: Service<Request<Body>>>(service: &mut S) -> bool {
    service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn a_refusal_gives_back_what_poll_ready_reserved() {
    let mut service = ServiceBuilder::new()
        .layer(CustomerAuthLayer::required(verifier()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(Strict { ready: false });
    let mut other = service.clone();

    service.ready().await.unwrap();
    assert!(!is_ready(&mut other), "the one permit is taken");
    let refusal = service.call(request(&[]));
    assert!(is_ready(&mut other), "and given back although the refused service idles");
    assert_eq!(refusal.await.unwrap().status(), StatusCode::UNAUTHORIZED);

    // `other` holds the permit now; the refused service has to wait for it like everybody.
    assert!(!is_ready(&mut service));
    other.call(request(&[&good_token()])).await.unwrap();
    assert!(is_ready(&mut service));
}

#[tokio::test]
async fn a_refusal_gives_back_its_slot_in_a_buffer() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service = ServiceBuilder::new()
        .layer(CustomerAuthLayer::required(verifier()))
        .layer(tower::buffer::BufferLayer::new(1))
        .service(inner);
    let mut other = service.clone();

    service.ready().await.unwrap();
    assert!(!is_ready(&mut other), "the one slot is taken");
    let refusal = service.call(request(&[])).await.unwrap();
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);

    let mut accepted = tokio::spawn(other.ready().await.unwrap().call(request(&[&good_token()])));
    tokio::select! {
        call = handle.next_request() => {
            let (_, respond) = call.unwrap();
            respond.send_response(Response::new(Body::from("inner")));
        }
        _ = &mut accepted => panic!("answered by nobody"),
    }
    assert_eq!(accepted.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_pending_or_failing_inner_service_is_passed_on() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let layer = CustomerAuthLayer::required(verifier());
    let mut service = layer.layer(inner);
    handle.allow(0);
    assert!(!is_ready(&mut service), "pending");
    handle.allow(1);
    let mut answer = pin!(service.ready().await.unwrap().call(request(&[&good_token()])));
    assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_error("the inner service's own error");
    assert_eq!(answer.await.unwrap_err().to_string(), "the inner service's own error");
}

#[tokio::test]
async fn works_over_boxed_services_and_bodies_of_any_kind() {
    let boxed = BoxCloneSyncService::new(tower::service_fn(|_: Request<Body>| {
        ready(Ok::<_, BoxError>(Response::new(Body::from("boxed"))))
    }));
    let service = CustomerAuthLayer::required(verifier()).layer(boxed);
    let response = service.oneshot(request(&[&good_token()])).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "boxed");

    // A request body that is neither `Sync` nor a body at all, and an answer in other chunks.
    let inner = tower::service_fn(|_: Request<std::cell::Cell<u8>>| {
        let body = Body::from("chunk").map_frame(|frame| frame.map_data(Box::new));
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    for (token, status, length) in [(Some(good_token()), 200, 5), (None, 401, 90)] {
        let request = request(&token.iter().map(String::as_str).collect::<Vec<_>>());
        let request = request.map(|_| std::cell::Cell::new(0));
        let service = CustomerAuthLayer::required(verifier()).layer(inner);
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), length);
    }
}
