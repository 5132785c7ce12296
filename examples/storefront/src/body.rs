//! Bodies, which are read to their end before anybody looks at a token.

use std::time::Duration;

use axum::body::Body;
use axum::body::Bytes;
use axum::body::HttpBody;
use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use http_body_util::LengthLimitError;
use http_body_util::Limited;
use tokio::time::timeout;

use crate::problem::Problem;

/// Reads the whole body, and only then lets the request through to whoever judges its tokens.
///
/// The other way round, a request could begin with tokens that are good, hold its body back until
/// they have been revoked, and be carried out all the same: who has stolen a token could set the
/// password once more after the change of password that was to stop them.
pub(crate) async fn read_first(request: Request, next: Next) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > MAX_LEN as u64 {
        return Err(Problem::payload_too_large());
    }
    let body = timeout(DEADLINE, Limited::new(body, MAX_LEN).collect()).await;
    let body = body.map_err(|_| Problem::request_timeout())?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::payload_too_large()
        } else {
            Problem::bad_request("the body could not be read")
        }
    })?;
    let mut request = Request::from_parts(head, Body::empty());
    request.extensions_mut().insert(WholeBody(body.to_bytes()));
    Ok(next.run(request).await)
}

/// The body, as [`read_first`] has left it for handlers.
#[derive(Clone)]
pub(crate) struct WholeBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequestParts<S> for WholeBody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only a route that was put outside `read_first` has none.
        parts.extensions.remove().ok_or_else(Problem::internal)
    }
}

const MAX_LEN: usize = 64 * 1024;
const DEADLINE: Duration = Duration::from_secs(10);
