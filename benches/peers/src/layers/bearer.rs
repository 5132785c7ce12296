//! What a user of peers without a layer of their own has to write.

use std::convert::Infallible;
use std::future::Ready;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use axum::extract::FromRequestParts;
use axum_jwt_auth::Decoder;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::Validation;
use tower::Layer;
use tower::Service;
use tower_http::auth::AsyncAuthorizeRequest;

use crate::Claims;
use crate::layers::handler::Handler;

/// Decodes a bearer with jsonwebtoken, for tower-http.
#[derive(Clone)]
pub struct Bearer(Arc<(DecodingKey, Validation)>);

impl Bearer {
    pub fn new(key: DecodingKey, validation: Validation) -> Self {
        Self(Arc::new((key, validation)))
    }

    fn claims(&self, request: &Request<()>) -> Option<Claims> {
        let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (key, validation) = &*self.0;
        let data = jsonwebtoken::decode(value.strip_prefix("Bearer ")?, key, validation).ok()?;
        Some(data.claims)
    }
}

impl AsyncAuthorizeRequest<()> for Bearer {
    type RequestBody = ();
    type ResponseBody = ();
    // There is nothing to wait for, so the cheapest future that there is.
    type Future = Ready<Result<Request<()>, Response<()>>>;

    fn authorize(&mut self, mut request: Request<()>) -> Self::Future {
        ready(match self.claims(&request) {
            Some(claims) => {
                request.extensions_mut().insert(claims);
                Ok(request)
            }
            None => Err(unauthorized()),
        })
    }
}

/// A layer that awaits axum-jwt-auth's extractor.
#[derive(Clone)]
pub struct Extract(pub Decoder<Claims>);

impl Layer<Handler<()>> for Extract {
    type Service = Extracting;

    fn layer(&self, inner: Handler<()>) -> Extracting {
        Extracting { decoder: Arc::clone(&self.0), inner }
    }
}

pub struct Extracting {
    decoder: Decoder<Claims>,
    inner: Handler<()>,
}

impl Service<Request<()>> for Extracting {
    type Response = Response<()>;
    type Error = Infallible;
    // Boxed, as the extractors of `axum::middleware` are.
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let (decoder, mut inner) = (Arc::clone(&self.decoder), self.inner.clone());
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let extracted =
                axum_jwt_auth::Claims::<Claims>::from_request_parts(&mut parts, &decoder).await;
            let Ok(extracted) = extracted else {
                return Ok(unauthorized());
            };
            parts.extensions.insert(extracted.claims);
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}

fn unauthorized() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}
