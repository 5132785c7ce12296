//! Extractors for axum: the customer's identity as a handler argument.
//!
//! [`CustomerId`] and [`VerifiedToken`] implement `FromRequestParts`, which requires an identity,
//! and `OptionalFromRequestParts`, which does not.
//!
//! # Example
//!
//! ```
//! use axum::Router;
//! use axum::routing::get;
//! use tower_customer_auth::CustomerAuthLayer;
//! use tower_customer_auth::CustomerId;
//! use tower_customer_auth::Verifier;
//!
//! async fn orders(customer: CustomerId) -> String {
//!     format!("the orders of {customer}")
//! }
//!
//! async fn greeting(customer: Option<CustomerId>) -> &'static str {
//!     if customer.is_some() { "Welcome back" } else { "Welcome" }
//! }
//!
//! fn app(verifier: Verifier) -> Router {
//!     Router::new()
//!         .route("/orders", get(orders))
//!         .route("/", get(greeting))
//!         .layer(CustomerAuthLayer::optional(verifier))
//! }
//! ```

use std::fmt;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::extract::OptionalFromRequestParts;
use axum_core::response::IntoResponse;
use axum_core::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;

use crate::id::CustomerId;
use crate::layer::NoIdentity;
use crate::verify::VerifiedToken;
use crate::wire::ErrorObject;
use crate::wire::error_response;

/// Rejection of the extractors for [`CustomerId`] and [`VerifiedToken`].
///
/// Behind [`optional`](crate::CustomerAuthLayer::optional) and
/// [`observe`](crate::CustomerAuthLayer::observe), a request without identity gets the same
/// response as a request without a token behind [`required`](crate::CustomerAuthLayer::required).
/// If the layer is missing, the response is a 500 that names it, because that is a bug in the
/// program.
pub struct ExtractRejection(Box<http::Response<Bytes>>);

impl ExtractRejection {
    fn of(parts: &Parts) -> Self {
        let response = parts
            .extensions
            .get::<NoIdentity>()
            .map_or_else(missing_layer, |no_identity| no_identity.refuse(parts));
        Self(Box::new(response))
    }
}

impl fmt::Debug for ExtractRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtractRejection").field(&self.0.status()).finish()
    }
}

impl fmt::Display for ExtractRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.status().is_server_error() {
            f.write_str(MISSING_LAYER)
        } else {
            f.write_str("the request has no customer identity")
        }
    }
}

impl std::error::Error for ExtractRejection {}

impl IntoResponse for ExtractRejection {
    fn into_response(self) -> Response {
        self.0.map(Body::from)
    }
}

macro_rules! extract {
    ($identity:ty) => {
        impl<S: Sync> FromRequestParts<S> for $identity {
            type Rejection = ExtractRejection;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Self, ExtractRejection> {
                parts.extensions.get::<Self>().cloned().ok_or_else(|| ExtractRejection::of(parts))
            }
        }

        impl<S: Sync> OptionalFromRequestParts<S> for $identity {
            type Rejection = ExtractRejection;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, ExtractRejection> {
                let identity = parts.extensions.get::<Self>().cloned();
                if identity.is_none() && parts.extensions.get::<NoIdentity>().is_none() {
                    return Err(ExtractRejection::of(parts));
                }
                Ok(identity)
            }
        }
    };
}

extract!(CustomerId);
extract!(VerifiedToken);

const MISSING_LAYER: &str = "this route has no CustomerAuthLayer, which its handler needs";

fn missing_layer() -> http::Response<Bytes> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let error = ErrorObject {
        status: status.as_u16(),
        source: None,
        title: "Internal Server Error",
        detail: MISSING_LAYER,
    };
    error_response(status, &[error])
}
