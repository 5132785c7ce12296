//! The extractors in a real axum application, and the layer at each place axum has for one.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Rejection;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::testing::sign_in;

use crate::fixtures::CUSTOMER;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::good_token;
use crate::fixtures::verifier;

const MISSING: &str =
    r#"{"errors":[{"status":403,"title":"Forbidden","detail":"A customer token is required"}]}"#;
const NO_LAYER: &str = r#"{"errors":[{"status":500,"title":"Internal Server Error","detail":"this route has no CustomerAuthLayer, which its handler needs"}]}"#;

fn routes() -> Router {
    Router::new()
        .route("/id", get(|customer: CustomerId| async move { customer.to_string() }))
        .route("/token", get(|token: VerifiedToken| async move { token.token_id().to_string() }))
        .route(
            "/maybe",
            get(|customer: Option<CustomerId>, token: Option<VerifiedToken>| async move {
                format!("{} {}", customer.is_some(), token.is_some())
            }),
        )
}

async fn send(app: Router, path: &str, token: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(token) = token {
        request.headers_mut().insert(TOKEN_HEADER, token.parse().unwrap());
    }
    read(app.oneshot(request).await.unwrap()).await
}

async fn read(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn handlers_get_the_identity_of_a_good_token() {
    for layer in [CustomerAuthLayer::required(verifier()), CustomerAuthLayer::optional(verifier())]
    {
        let app = routes().layer(layer);
        for (path, body) in [("/id", CUSTOMER), ("/token", TOKEN_ID), ("/maybe", "true true")] {
            let answer = send(app.clone(), path, Some(&good_token())).await;
            assert_eq!(answer, (StatusCode::OK, body.to_owned()));
        }
    }
}

#[tokio::test]
async fn without_identity_option_is_none_and_the_bare_extractor_refuses_as_the_layer_would() {
    for layer in [CustomerAuthLayer::optional(verifier()), CustomerAuthLayer::observe(verifier())] {
        let app = routes().layer(layer.status(StatusCode::FORBIDDEN));
        let answer = send(app.clone(), "/maybe", None).await;
        assert_eq!(answer, (StatusCode::OK, "false false".to_owned()));
        for path in ["/id", "/token"] {
            let answer = send(app.clone(), path, None).await;
            assert_eq!(answer, (StatusCode::FORBIDDEN, MISSING.to_owned()), "{path}");
        }
    }
    // A dry run refuses nothing by a bad token, but a handler that needs identity still does.
    let app = routes().layer(CustomerAuthLayer::observe(verifier()));
    assert_eq!(send(app, "/id", Some("bad")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_layers_own_answer_is_what_the_extractor_gives_too() {
    let layer =
        CustomerAuthLayer::optional(verifier()).rejection_response(|rejection: &Rejection| {
            let mut response = rejection.to_response();
            *response.body_mut() = rejection.kind().as_str().into();
            response
        });
    let answer = send(routes().layer(layer), "/id", None).await;
    assert_eq!(answer, (StatusCode::UNAUTHORIZED, "missing_token".to_owned()));
}

#[tokio::test]
async fn a_missing_layer_is_a_500_that_names_it() {
    for path in ["/id", "/token", "/maybe"] {
        let answer = send(routes(), path, Some(&good_token())).await;
        assert_eq!(answer, (StatusCode::INTERNAL_SERVER_ERROR, NO_LAYER.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn the_test_kit_signs_a_customer_in_without_any_layer() {
    let mut request = Request::get("/id").body(Body::empty()).unwrap();
    sign_in(&mut request, &"ron".parse().unwrap());
    let answer = read(routes().oneshot(request).await.unwrap()).await;
    assert_eq!(answer, (StatusCode::OK, "ron".to_owned()));
}

#[tokio::test]
async fn the_layer_fits_every_place_that_axum_has_for_one() {
    let layer = || CustomerAuthLayer::required(verifier());
    let handler = get(|customer: CustomerId| async move { customer.to_string() });
    for (place, app) in [
        ("Router::layer", routes().layer(layer())),
        ("Router::route_layer", routes().route_layer(layer())),
        ("MethodRouter::layer", Router::new().route("/id", handler.layer(layer()))),
        ("nested", Router::new().merge(routes().layer(layer()))),
    ] {
        let answer = send(app.clone(), "/id", Some(&good_token())).await;
        assert_eq!(answer, (StatusCode::OK, CUSTOMER.to_owned()), "{place}");
        assert_eq!(send(app, "/id", None).await.0, StatusCode::UNAUTHORIZED, "{place}");
    }
    // What no route answers is no business of a `route_layer`.
    let app = routes().route_layer(layer());
    assert_eq!(send(app, "/nowhere", None).await.0, StatusCode::NOT_FOUND);
}
