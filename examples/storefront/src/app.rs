//! The router: routes, and the layers around them.

use std::any::Any;

use axum::Router;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::from_fn;
use axum::middleware::from_fn_with_state;
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use tower::Layer;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;
use tower_customer_auth::jwk_set::JwkSetService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::Any as AnyOrigin;
use tower_http::cors::CorsLayer;
use tower_http::normalize_path::NormalizePathLayer;

use crate::access;
use crate::addresses;
use crate::body;
use crate::customers;
use crate::health;
use crate::log;
use crate::orders;
use crate::problem::Problem;
use crate::settings;
use crate::state::Storefront;
use crate::web;

/// Returns the store as one service.
pub(crate) fn app(
    store: Storefront,
    verifier: Verifier,
    issuer: TokenIssuer,
    jwk_set: Option<JwkSetService>,
    log: bool,
) -> Router {
    let api = Router::new()
        .route("/v2/customers", get(customers::list).post(customers::register))
        .route(
            "/v2/customers/{customer}",
            get(customers::get).put(customers::update).delete(customers::delete),
        )
        .route("/v2/customers/{customer}/addresses", get(addresses::list).post(addresses::create))
        .route(
            "/v2/customers/{customer}/addresses/{address}",
            get(addresses::get).put(addresses::update).delete(addresses::delete),
        )
        .route("/v2/orders", get(orders::list))
        .route("/v2/orders/{order}", get(orders::get))
        .route("/v2/settings/customer-authentication", get(settings::get))
        .route("/v2/authentication-realms/{realm}/oidc-profiles", get(settings::profiles))
        .route("/v2/authentication-realms/{realm}/oidc-profiles/{profile}", get(settings::profile))
        // 403 instead of the layer's 401: on a 401, the JavaScript SDK fetches another access token
        // and repeats the call, four times in all. A customer whose token has expired would wait
        // 7 s until the page asks them to sign in.
        .route_layer(CustomerAuthLayer::optional(verifier).status(StatusCode::FORBIDDEN))
        // Outside of it: without a valid access token, a client learns nothing about a customer token.
        .route_layer(from_fn_with_state(store.clone(), access::require_access_token));

    // Public, like the keys.
    let keys = match jwk_set {
        Some(service) => Router::new().route_service("/.well-known/jwks.json", service),
        None => Router::new(),
    };

    let routes = Router::new()
        .merge(api)
        .route("/oauth/access_token", post(access::issue))
        // Outermost: tokens are verified when the request is complete.
        .route_layer(from_fn(body::read_first))
        // The issuer reads bodies and checks both tokens itself: a logout with an expired customer
        // token is no error. It finds out from the path what to end.
        .route_service("/v2/customers/tokens", issuer.clone())
        .route_service("/v2/customers/{customer}/tokens", issuer)
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .merge(keys)
        .merge(web::routes())
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            let title = "Method Not Allowed";
            let detail = "this resource does not take this method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, title, detail)
        })
        .layer(from_fn(log::name_route))
        .with_state(store);
    let app = wrap(routes);
    if log { app.layer(from_fn(log::requests)) } else { app }
}

/// Adds the layers for every response.
pub(crate) fn wrap(routes: Router) -> Router {
    // Around the router, because the path decides which route is chosen.
    let trimmed = NormalizePathLayer::trim_trailing_slash().layer(routes);
    Router::new()
        .fallback_service(trimmed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(map_response(private))
        // Outermost: without its headers, a page sees an error response as "Failed to fetch".
        .layer(cors())
}

/// Forbids caching, unless the response has its own rule.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

// The panic hook has written the place to standard error. The client learns nothing of it.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal().into_response()
}

/// Allows calls from any page: they need tokens, which browsers do not add by themselves.
fn cors() -> CorsLayer {
    let moltin = [
        "x-moltin-application",
        "x-moltin-currency",
        "x-moltin-customer-token",
        "x-moltin-language",
        "x-moltin-sdk-language",
        "x-moltin-sdk-version",
    ];
    let moltin = moltin.map(HeaderName::from_static);
    let standard = [header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE];
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(standard.into_iter().chain(moltin).collect::<Vec<_>>())
        .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE])
        .max_age(MAX_PREFLIGHT_AGE)
}

const MAX_PREFLIGHT_AGE: std::time::Duration = std::time::Duration::from_secs(3600);
