//! Bodies: too long, too slow, broken, in pieces, and of any type.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use bytes::Buf;
use http_body::Frame;
use http_body::SizeHint;

use super::*;

/// What a body does after its pieces.
#[derive(Clone, Copy)]
enum End {
    Ends,
    Hangs,
    Breaks,
    GoesOnWithEmptyFrames,
}

/// Neither `Send` nor `Sync`, with data other than `Bytes` and an error without any traits.
struct Pieces {
    pieces: VecDeque<&'static [u8]>,
    end: End,
    polled: Rc<Cell<usize>>,
}

struct Piece(&'static [u8]);

struct NoError;

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.0.len()
    }

    fn chunk(&self) -> &[u8] {
        // Byte by byte, as a chain of buffers may.
        &self.0[..self.0.len().min(1)]
    }

    fn advance(&mut self, count: usize) {
        self.0 = &self.0[count..];
    }
}

impl Body for Pieces {
    type Data = Piece;
    type Error = NoError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, NoError>>> {
        self.polled.set(self.polled.get() + 1);
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(Piece(piece))))),
            (None, End::Ends) => Poll::Ready(None),
            (None, End::Hangs) => Poll::Pending,
            (None, End::Breaks) => Poll::Ready(Some(Err(NoError))),
            (None, End::GoesOnWithEmptyFrames) => Poll::Ready(Some(Ok(Frame::data(Piece(b""))))),
        }
    }
}

fn pieces(pieces: &[&'static [u8]], end: End) -> Request<Pieces> {
    let pieces = pieces.iter().copied().collect();
    request("").map(|_| Pieces { pieces, end, polled: Rc::default() })
}

fn too_large() -> Answer {
    Answer::refusal(
        413,
        None,
        r#"{"status":413,"title":"Payload Too Large","detail":"The body must have at most 16384 bytes"}"#,
    )
}

fn too_slow() -> Answer {
    Answer::refusal(
        408,
        None,
        r#"{"status":408,"title":"Request Timeout","detail":"The body did not arrive in time"}"#,
    )
}

#[tokio::test]
async fn takes_a_body_of_any_type_in_any_pieces() {
    let whole: [&[u8]; 5] = [
        br#"{"data":{"type":"tok"#,
        b"",
        br#"en","email":"ron@swanson.com","#,
        br#""password":"mysecret"#,
        br#"password"}}"#,
    ];
    let answer = Answer::of(&issuer().await, pieces(&whole, End::Ends)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn refuses_a_body_that_breaks_off() {
    let answer = Answer::of(&issuer().await, pieces(&[br#"{"data":"#], End::Breaks)).await;
    let expected = Answer::refusal(
        400,
        None,
        r#"{"status":400,"title":"Bad Request","detail":"The body could not be read"}"#,
    );
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn takes_16384_bytes_and_refuses_one_more() {
    let issuer = issuer().await;
    let login =
        r#"{"data":{"type":"token","email":"ron@swanson.com","password":"mysecretpassword"}}"#;
    let longest = format!("{login:16384}");
    assert_eq!(Answer::of(&issuer, request(longest.clone())).await.status, 200);
    let over = format!("{longest} ");
    assert_eq!(Answer::of(&issuer, request(over.clone())).await, too_large());
    // The same without a length beforehand.
    let longest: &'static [u8] = longest.leak().as_bytes();
    assert_eq!(Answer::of(&issuer, pieces(&[longest], End::Ends)).await.status, 200);
    assert_eq!(Answer::of(&issuer, pieces(&[longest, b" "], End::Ends)).await, too_large());
    // No end is waited for.
    assert_eq!(Answer::of(&issuer, pieces(&[longest, b" "], End::Hangs)).await, too_large());
}

#[tokio::test]
async fn refuses_by_the_declared_length_without_reading_anything() {
    let issuer = issuer().await;
    let mut request = pieces(&[b"{}"], End::Ends);
    request.headers_mut().insert("content-length", "16385".parse().unwrap());
    let polled = request.body().polled.clone();
    assert_eq!(Answer::of(&issuer, request).await, too_large());
    assert_eq!(polled.get(), 0);
}

#[tokio::test]
async fn reads_no_body_that_it_has_no_use_for() {
    let issuer = issuer().await;
    for (method, header, value, status) in [
        ("GET", "accept", "*/*", 405),
        ("POST", "authorization", "Bearer YYYY", 401),
        ("POST", "content-type", "text/plain", 415),
    ] {
        let mut request = pieces(&[b"{}"], End::Hangs);
        *request.method_mut() = method.parse().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        let polled = request.body().polled.clone();
        assert_eq!(Answer::of(&issuer, request).await.status, status);
        assert_eq!(polled.get(), 0, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_is_given_up_after_10_s() {
    let issuer = issuer().await;
    let begun = tokio::time::Instant::now();
    assert_eq!(Answer::of(&issuer, pieces(&[b"{"], End::Hangs)).await, too_slow());
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_body_of_endless_empty_frames_is_given_up_too_and_lets_others_work() {
    let issuer = builder(customers().await, hasher())
        .body_timeout(Duration::from_millis(1))
        .build()
        .unwrap();
    let endless = pieces(&[], End::GoesOnWithEmptyFrames);
    assert_eq!(Answer::of(&issuer, endless).await, too_slow());
}

#[tokio::test]
async fn an_answers_body_knows_its_length_and_its_end() {
    let Ok(response) = issuer().await.oneshot(request("$")).await;
    let mut body = response.into_body();
    let length = body.size_hint().exact().unwrap();
    assert!(!body.is_end_stream());
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame.len() as u64, length);
    assert!(body.is_end_stream());
    assert_eq!(SizeHint::with_exact(0).exact(), body.size_hint().exact());
    assert!(body.frame().await.is_none());
}
