//! A response before any fault.

use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_TYPE;

use bytes::Bytes;
use serde_json::Value;

use crate::testing::provider::ScriptedBody;
use crate::testing::provider::body::Manner;
use crate::testing::provider::visit::Visit;

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: Vec<(&'static str, HeaderValue)>,
    content_type: &'static str,
    pub(super) content: Content,
}

pub(super) enum Content {
    Json(Value),
    Bytes(Bytes),
}

impl Answer {
    pub(super) fn new(status: StatusCode, json: Value) -> Self {
        let content = Content::Json(json);
        Self { status, headers: Vec::new(), content_type: "application/json", content }
    }

    pub(super) fn ok(json: Value) -> Self {
        Self::new(StatusCode::OK, json)
    }

    pub(super) fn bytes(
        status: StatusCode,
        content_type: &'static str,
        bytes: impl Into<Bytes>,
    ) -> Self {
        let content = Content::Bytes(bytes.into());
        Self { status, headers: Vec::new(), content_type, content }
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        // An invalid header value is a mistake in the test.
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.push((name, value));
        self
    }

    pub(super) fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    pub(super) fn send(
        self,
        visit: Visit,
        manner: impl FnOnce() -> Manner,
    ) -> Response<ScriptedBody> {
        let mut bytes = match self.content {
            Content::Json(json) => json.to_string().into(),
            Content::Bytes(bytes) => bytes,
        };
        let whole = bytes.len();
        let manner = manner();
        if matches!(manner, Manner::CutShort | Manner::Breaking) {
            bytes.truncate(whole / 2);
        }
        let declared = matches!(manner, Manner::AtOnce | Manner::CutShort | Manner::Breaking);
        let mut response = Response::new(ScriptedBody::new(bytes, manner, visit));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if declared {
            headers.insert(CONTENT_LENGTH, whole.into());
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
