//! The tower service of the provider.

use std::future::Future;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http_body::Body;
use http_body_util::BodyExt;
use serde_json::Value;
use serde_json::json;
use tokio::time::sleep;
use tower_service::Service;

use crate::testing::provider::Endpoint;
use crate::testing::provider::Fault;
use crate::testing::provider::ScriptedBody;
use crate::testing::provider::ScriptedProvider;
use crate::testing::provider::TokenRequest;
use crate::testing::provider::answer::Answer;
use crate::testing::provider::answer::Content;
use crate::testing::provider::body::Manner;
use crate::testing::provider::state::Shared;
use crate::testing::provider::token_endpoint;
use crate::testing::provider::visit::Visit;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<B> Service<Request<B>> for ScriptedProvider
where
    B: Body<Data: Send, Error: Send> + Send + 'static,
{
    type Response = Response<ScriptedBody>;
    type Error = io::Error;
    type Future = BoxFuture<io::Result<Response<ScriptedBody>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = self.shared().clone();
        let endpoint = shared.endpoint(request.uri().path());
        let (visit, fault) = Visit::begin(&shared, endpoint);
        Box::pin(async move {
            if fault == Some(Fault::Refused) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (head, body) = request.into_parts();
            let broken = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
            let body = body.collect().await.map_err(broken)?.to_bytes();
            let request = Arrived { method: head.method, headers: head.headers, body };
            Ok(shared.answer(&request, visit, fault).await)
        })
    }
}

/// A request whose body has arrived.
struct Arrived {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Shared {
    /// Returns the endpoint of a path below the issuer's.
    fn endpoint(&self, path: &str) -> Endpoint {
        let issuer = self.issuer.trim_end_matches('/');
        let own = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let own = own.find('/').map_or("", |at| &own[at..]);
        path.strip_prefix(own).map_or(Endpoint::Elsewhere, Endpoint::at)
    }

    async fn answer(
        self: Arc<Self>,
        request: &Arrived,
        visit: Visit,
        fault: Option<Fault>,
    ) -> Response<ScriptedBody> {
        let endpoint = visit.endpoint();
        if endpoint == Endpoint::Token {
            let received = TokenRequest::new(&request.headers, &request.body);
            self.lock().last_token_request = Some(received);
        }
        let right = || self.right_answer(endpoint, request);
        let whole = || Manner::AtOnce;
        match fault {
            Some(Fault::Hang | Fault::Refused) => pending().await,
            Some(Fault::Slow(time)) => {
                let answer = right();
                sleep(time).await;
                answer.send(visit, whole)
            }
            Some(Fault::Status(status)) => {
                Answer::bytes(status, "text/plain", "as scripted").send(visit, whole)
            }
            Some(Fault::Redirect(status)) => Answer::bytes(status, "text/plain", "")
                .header("location", &self.url(Endpoint::Elsewhere))
                .send(visit, whole),
            Some(Fault::Garbage) => {
                Answer::bytes(StatusCode::OK, "application/json", GARBAGE).send(visit, whole)
            }
            Some(Fault::Html) => {
                Answer::bytes(StatusCode::OK, "text/html", WEB_PAGE).send(visit, whole)
            }
            Some(Fault::WrongShape) => Answer::ok(json!(["as", "scripted"])).send(visit, whole),
            Some(Fault::Answer { status, content_type, body }) => {
                Answer::bytes(status, content_type, body).send(visit, whole)
            }
            Some(Fault::ContentType(content_type)) => {
                right().content_type(content_type).send(visit, whole)
            }
            Some(Fault::CutShort) => right().send(visit, || Manner::CutShort),
            Some(Fault::Broken) => right().send(visit, || Manner::Breaking),
            Some(Fault::Huge) => right().send(visit, Manner::huge),
            Some(Fault::Drip) => right().send(visit, Manner::dripping),
            None => right().send(visit, whole),
        }
    }

    fn right_answer(&self, endpoint: Endpoint, request: &Arrived) -> Answer {
        let method = if endpoint == Endpoint::Token { Method::POST } else { Method::GET };
        if request.method != method {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Answer::bytes(status, "text/plain", "").header("allow", method.as_str());
        }
        let mut answer = match endpoint {
            Endpoint::Discovery => Answer::ok(self.discovery()),
            Endpoint::Jwks => {
                let answer = Answer::ok(self.jwk_set());
                match &self.lock().jwks_cache_control {
                    Some(value) => answer.header("cache-control", value),
                    None => answer,
                }
            }
            Endpoint::Token => {
                let request = TokenRequest::new(&request.headers, &request.body);
                token_endpoint::answer(self, &request)
            }
            Endpoint::Userinfo => self.userinfo(&request.headers),
            Endpoint::Elsewhere => Answer::bytes(StatusCode::NOT_FOUND, "text/plain", ""),
        };
        let rewrite = self.lock().script(endpoint).rewrite.clone();
        if let (StatusCode::OK, Content::Json(json), Some(rewrite)) =
            (answer.status, &mut answer.content, rewrite)
        {
            rewrite(json);
        }
        answer
    }

    fn userinfo(&self, headers: &HeaderMap) -> Answer {
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let access_token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let state = self.lock();
        match access_token.and_then(|token| state.access_tokens.get(token)) {
            Some(consent) => Answer::ok(Value::from(consent.userinfo_claims.clone())),
            None => Answer::bytes(StatusCode::UNAUTHORIZED, "text/plain", "")
                .header("www-authenticate", "Bearer error=\"invalid_token\""),
        }
    }
}

/// Neither JSON nor UTF-8.
const GARBAGE: &[u8] = b"\x00\xff\xfe{\"keys\":\x80\x1f\x8b\x08";

const WEB_PAGE: &str = "<!doctype html><title>Log in to the wireless network</title>";
