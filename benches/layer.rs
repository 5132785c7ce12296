//! What the layer adds to a request, as a ratio to the HMAC alone.
//!
//! Every row but the HMAC's makes a request of usual headers; that and the inner service are the bare
//! row, and the others' figures are what they take beyond it.
//!
//! `cargo bench --bench layer`
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod support;

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::hint::black_box;

use futures_util::FutureExt;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use tower::Layer;
use tower::Service;
use tower::service_fn;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::KeyRing;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;

use self::support::race::Race;
use self::support::tokens;
use self::support::tokens::BareMac;

const IDENTIFIED: StatusCode = StatusCode::OK;
const UNIDENTIFIED: StatusCode = StatusCode::NO_CONTENT;

fn main() {
    let now = tokens::now();
    let verifier = Verifier::new(KeyRing::new(tokens::key()));
    let [compact, legacy] =
        [TokenForm::Compact, TokenForm::Legacy].map(|form| tokens::token(form, now));
    let mac = BareMac::of(&compact);
    let [without, compact, legacy, forged] =
        [None, Some(compact.as_str()), Some(&legacy), Some("a.b.c")].map(request);

    let bare = service_fn(handler);
    let required = CustomerAuthLayer::required(verifier.clone()).layer(bare);
    let optional = CustomerAuthLayer::optional(verifier.clone()).layer(bare);
    let forwarding = CustomerAuthLayer::required(verifier)
        .strip_token()
        .forward_as(http::HeaderName::from_static("x-customer-id"))
        .layer(bare);

    let mut race = Race::default();
    race.floor("HMAC alone", move || mac.check(), |fits| assert!(fits));

    race.bare("bare, with token", call(bare, &compact), |status| assert_eq!(status, UNIDENTIFIED));
    for (name, service, request) in [
        ("required, compact", &required, &compact),
        ("required, legacy", &required, &legacy),
        ("required, compact, forwarded and stripped", &forwarding, &compact),
        ("optional, compact", &optional, &compact),
    ] {
        race.row(name, call(service.clone(), request), |status| assert_eq!(status, IDENTIFIED));
    }

    race.bare("bare, without", call(bare, &without), |status| assert_eq!(status, UNIDENTIFIED));
    race.row("optional, without", call(optional, &without), |status| {
        assert_eq!(status, UNIDENTIFIED);
    });
    for (name, request) in [("missing token, refused", &without), ("malformed, refused", &forged)] {
        race.row(name, call(required.clone(), request), |status| {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        });
    }
    race.run();
}

#[expect(clippy::needless_pass_by_value, reason = "a service owns its request")]
fn handler(request: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    let customer = request.extensions().get::<CustomerId>();
    let mut response = Response::new(());
    *response.status_mut() = if customer.is_some() { IDENTIFIED } else { UNIDENTIFIED };
    ready(Ok(response))
}

/// A request as a shop's front end sends it.
fn request(token: Option<&str>) -> Request<()> {
    let mut request = Request::get("/v2/orders")
        .header("host", "api.example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101")
        .header("accept", "application/json")
        .header("accept-language", "en-GB,en;q=0.5")
        .header("accept-encoding", "gzip, deflate, br")
        .header("authorization", "Bearer a12b34c56d78e90f")
        .body(())
        .unwrap();
    if let Some(token) = token {
        let token = HeaderValue::from_str(token).unwrap();
        request.headers_mut().insert("x-moltin-customer-token", token);
    }
    request
}

fn call<S, B>(mut service: S, request: &Request<()>) -> impl FnMut() -> StatusCode
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    move || {
        let response = service.call(black_box(request).clone()).now_or_never();
        let Ok(response) = response.expect("nothing here waits");
        response.status()
    }
}
