//! The body of a JSON response.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

/// Response body with one JSON document of known length, or empty.
///
/// `Debug` shows the length only, because the document may contain a token.
pub struct JsonBody {
    // Empty after it has been read, and in a response without a document. No document is empty.
    json: Bytes,
}

impl From<Bytes> for JsonBody {
    fn from(json: Bytes) -> Self {
        Self { json }
    }
}

impl Body for JsonBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let json = std::mem::take(&mut self.json);
        Poll::Ready((!json.is_empty()).then(|| Ok(Frame::data(json))))
    }

    fn is_end_stream(&self) -> bool {
        self.json.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.json.len() as u64)
    }
}

impl fmt::Debug for JsonBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonBody").field("len", &self.json.len()).finish()
    }
}
