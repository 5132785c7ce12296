//! One request, through each layer, over the same bare service.

mod bearer;
mod handler;

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use axum_jwt_auth::Decoder;
use axum_jwt_auth::LocalDecoder;
use futures_util::FutureExt;
use http::Extensions;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use jsonwebtoken::Algorithm;
use jwt_authorizer::IntoLayer;
use jwt_authorizer::JwtAuthorizer;
use tokio::runtime::Runtime;
use tower::Layer;
use tower::Service;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::TokenForm;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::testing::sign_raw;
use tower_http::auth::AsyncRequireAuthorizationLayer;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use self::bearer::Bearer;
use self::bearer::Extract;
use self::handler::Handler;
use self::handler::Insert;
use crate::Claims;
use crate::course::Course;
use crate::forge;
use crate::providers::Provider;
use crate::providers::choose;
use crate::support::tokens;
use crate::support::tokens::BareMac;
use crate::verifiers::caching;
use crate::verifiers::cold;

/// What has to be known to read the figures.
pub const NOTES: &[(&str, &str)] = &[
    (
        "all",
        "a request is made, goes through and is answered; what that takes without a layer is taken off",
    ),
    ("http::Extensions alone", "inserts the two values that ours inserts, and does nothing else"),
    ("ours", "the token in X-Moltin-Customer-Token, the store's access token in Authorization"),
    ("the peers", "the token in Authorization: Bearer, where they look"),
    ("jwt-authorizer", "0.15, with its jsonwebtoken 9 (ring), leeway 0"),
    (
        "axum-jwt-auth",
        "0.7, an extractor: a service awaits it; jsonwebtoken 10 (rust_crypto), leeway 0",
    ),
    (
        "tower-http with jsonwebtoken",
        "0.7 and 11.1 (rust_crypto), leeway 0; its future is never boxed",
    ),
    (
        "tower-oauth2-resource-server",
        "0.12, jsonwebtoken 11.1 (rust_crypto), leeway 60 s; demands a kid and a JWK set, here a static one",
    ),
];

const KEY_ID: &str = "2026-11";

/// Adds the floor, the bare services, ours and the peers'. What they need of a runtime is in `runtime`.
pub fn enter<'a>(course: &mut impl Course<'a>, runtime: &Runtime) {
    // The faster one: see the rows of `verifiers`.
    choose(Provider::RustCrypto);
    let now = tokens::now();
    let good = tokens::token(TokenForm::Compact, now);
    let mac = BareMac::of(&good);
    course.floor("HMAC alone", move || mac.check(), |fits| assert!(fits));

    ours(course, &good);
    peers(course, &good, runtime);
}

fn ours<'a>(course: &mut impl Course<'a>, good: &str) {
    let verified = cold().verify(good.as_bytes()).unwrap();
    let requests = [good, &forge(good)].map(|token| {
        let mut request = request("a12b34c56d78e90f");
        let token = HeaderValue::from_str(token).unwrap();
        request.headers_mut().insert("x-moltin-customer-token", token);
        request
    });
    bare(course, "bare, two tokens", &requests[0]);
    let there = |found: &Extensions| found.get::<CustomerId>().is_some();
    let right = |found: &Extensions| {
        found.get::<CustomerId>().is_some_and(|id| *id == tokens::CUSTOMER)
            && found.get::<VerifiedToken>().is_some_and(|token| *token.token_id() == tokens::TOKEN)
    };
    let insert = Insert(move |extensions: &mut Extensions| {
        extensions.insert(verified.customer_id().clone());
        extensions.insert(verified.clone());
    });
    row::<_, (), _>(course, "http::Extensions alone", &insert, &requests[..1], there, right);
    for (name, verifier) in [("ours, required", cold()), ("ours, cache hit", caching())] {
        let required = CustomerAuthLayer::required(verifier);
        row::<_, (), _>(course, name, &required, &requests, there, right);
    }
}

fn peers<'a>(course: &mut impl Course<'a>, good: &str, runtime: &Runtime) {
    let requests = [good, &forge(good)].map(request);
    bare(course, "bare, one token", &requests[0]);

    let layer = jwt_authorizer(runtime);
    row(course, "jwt-authorizer", &layer, &requests, has_data, |found| {
        let data = found.get::<jsonwebtoken_9::TokenData<Claims>>();
        data.is_some_and(|data| data.claims.is_right())
    });
    row(course, "axum-jwt-auth", &axum_jwt_auth(), &requests, has_claims, has_right_claims);
    row::<_, (), _>(
        course,
        "tower-http with jsonwebtoken",
        &tower_http(),
        &requests,
        has_claims,
        has_right_claims,
    );

    let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{KEY_ID}"}}"#);
    let named =
        sign_raw(&tokens::key(), TokenForm::Compact, &header, tokens::claims(tokens::now()));
    let requests = [&*named, &forge(&named)].map(request);
    bare(course, "bare, one token with kid", &requests[0]);
    let layer = oauth2_resource_server(runtime);
    let name = "tower-oauth2-resource-server";
    row::<_, (), _>(course, name, &layer, &requests, has_claims, has_right_claims);
}

fn has_data(found: &Extensions) -> bool {
    found.get::<jsonwebtoken_9::TokenData<Claims>>().is_some()
}

fn has_claims(found: &Extensions) -> bool {
    found.get::<Claims>().is_some()
}

fn has_right_claims(found: &Extensions) -> bool {
    found.get::<Claims>().is_some_and(Claims::is_right)
}

fn jwt_authorizer(runtime: &Runtime) -> jwt_authorizer::layer::AuthorizationLayer<Claims> {
    let validation = jwt_authorizer::Validation::new().leeway(0);
    let builder = JwtAuthorizer::<Claims>::from_secret(tokens::SECRET).validation(validation);
    runtime.block_on(builder.build()).unwrap().into_layer()
}

fn axum_jwt_auth() -> Extract {
    let key = jsonwebtoken_10::DecodingKey::from_secret(tokens::SECRET.as_bytes());
    let mut validation = jsonwebtoken_10::Validation::new(jsonwebtoken_10::Algorithm::HS256);
    validation.leeway = 0;
    // It refuses to work without one; a token without `aud` passes all the same.
    validation.set_audience(&["customers"]);
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build().unwrap();
    let decoder: Decoder<Claims> = Arc::new(decoder);
    Extract(decoder)
}

fn tower_http() -> AsyncRequireAuthorizationLayer<Bearer> {
    let key = jsonwebtoken::DecodingKey::from_secret(tokens::SECRET.as_bytes());
    let mut validation = jsonwebtoken::Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    AsyncRequireAuthorizationLayer::new(Bearer::new(key, validation))
}

fn oauth2_resource_server(
    runtime: &Runtime,
) -> tower_oauth2_resource_server::layer::OAuth2ResourceServerLayer<(), Claims> {
    // The secret of `tokens` in base64url.
    let k = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
    let keys = format!(r#"{{"keys":[{{"kty":"oct","alg":"HS256","kid":"{KEY_ID}","k":"{k}"}}]}}"#);
    let tenant = TenantConfiguration::static_builder(keys)
        .claims_validation(ClaimsValidationSpec::new().exp(true))
        .allowed_algorithms(&[Algorithm::HS256])
        .build()
        .unwrap();
    let builder = OAuth2ResourceServer::<Claims>::builder().add_tenant(tenant);
    runtime.block_on(builder.build()).unwrap().into_layer()
}

/// A request as a shop's front end sends it.
fn request(bearer: &str) -> Request<()> {
    Request::get("/v2/orders")
        .header("host", "api.example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101")
        .header("accept", "application/json")
        .header("accept-language", "en-GB,en;q=0.5")
        .header("accept-encoding", "gzip, deflate, br")
        .header(AUTHORIZATION, format!("Bearer {bearer}"))
        .body(())
        .unwrap()
}

fn bare<'a>(course: &mut impl Course<'a>, name: &str, request: &Request<()>) {
    let service = Handler::<()>::new(|_| true);
    course.bare(name, call(service, request), |status| assert_eq!(status, StatusCode::OK));
}

/// Adds a layer. Of the requests the first is good, and the layer must refuse those behind it.
fn row<'a, L, T, B>(
    course: &mut impl Course<'a>,
    name: &str,
    layer: &L,
    requests: &[Request<()>],
    is_there: fn(&Extensions) -> bool,
    is_right: fn(&Extensions) -> bool,
) where
    L: Layer<Handler<T>>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'a,
    B: 'a,
{
    let [good, bad @ ..] = requests else {
        unreachable!("a row has a good request");
    };
    // Whom the token names is compared here; within the race, looking whether there is anybody is
    // what is the same for all.
    let exact = || layer.layer(Handler::new(is_right));
    assert_eq!(call(exact(), good)(), StatusCode::OK, "{name} and a good token");
    for bad in bad {
        assert_eq!(call(exact(), bad)(), StatusCode::UNAUTHORIZED, "{name} and a forged token");
    }
    let service = layer.layer(Handler::new(is_there));
    course.row(name, call(service, good), |status| assert_eq!(status, StatusCode::OK));
}

fn call<S, B>(mut service: S, request: &Request<()>) -> impl FnMut() -> StatusCode + use<S, B>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let request = request.clone();
    move || {
        let response = service.call(black_box(&request).clone()).now_or_never();
        let Ok(response) = response.expect("nothing here waits");
        response.status()
    }
}
