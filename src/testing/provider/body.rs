//! The response body and its faults.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::Sleep;
use tokio::time::sleep;

use crate::testing::provider::visit::Visit;

/// Response body of a [`ScriptedProvider`](crate::testing::ScriptedProvider).
pub struct ScriptedBody {
    rest: Bytes,
    manner: Manner,
    visit: Visit,
}

/// How the bytes are sent.
pub(super) enum Manner {
    AtOnce,
    /// All bytes, and then an error.
    Breaking,
    /// This many bytes of white space, and then all bytes.
    Huge {
        padding: u64,
    },
    /// One byte at each interval.
    Dripping(Pin<Box<Sleep>>),
    /// All bytes, which are fewer than `Content-Length`.
    CutShort,
    /// No more bytes.
    Ended,
}

impl ScriptedBody {
    pub(super) fn new(bytes: Bytes, manner: Manner, visit: Visit) -> Self {
        Self { rest: bytes, manner, visit }
    }

    /// Returns the next chunk, or `None` at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.manner {
            Manner::Huge { padding } if *padding > 0 => {
                let piece = Bytes::from_static(&WHITE_SPACE);
                *padding = padding.saturating_sub(piece.len() as u64);
                Poll::Ready(Some(Ok(piece)))
            }
            Manner::Dripping(tick) => {
                if self.rest.is_empty() {
                    return Poll::Ready(None);
                }
                ready!(tick.as_mut().poll(cx));
                *tick = Box::pin(sleep(DRIP));
                Poll::Ready(Some(Ok(self.rest.split_to(1))))
            }
            Manner::Breaking if self.rest.is_empty() => {
                self.manner = Manner::Ended;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            _ => {
                let piece = std::mem::take(&mut self.rest);
                Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
            }
        }
    }
}

impl Manner {
    pub(super) fn huge() -> Self {
        Self::Huge { padding: HUGE }
    }

    pub(super) fn dripping() -> Self {
        Self::Dripping(Box::pin(sleep(DRIP)))
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(self.poll_piece(cx));
        if let Some(Ok(piece)) = &piece {
            self.visit.count_bytes(piece.len());
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && matches!(self.manner, Manner::AtOnce | Manner::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match self.manner {
            Manner::AtOnce => SizeHint::with_exact(self.rest.len() as u64),
            // Not even a lower bound: a client could reject the response by it.
            _ => SizeHint::new(),
        }
    }
}

impl fmt::Debug for ScriptedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBody").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

const HUGE: u64 = 64 << 20;

/// Valid before any JSON document, so that only a size limit stops the reader.
static WHITE_SPACE: [u8; 16 << 10] = [b' '; 16 << 10];

const DRIP: Duration = Duration::from_secs(1);
