//! Connections, over real sockets. Nothing here waits for a time of its own: each test waits for
//! what the server does, and `soon` ends one that would wait for ever.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::serve::Patience;
use crate::serve::listen;
use crate::serve::recover;
use crate::serve::serve;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(600);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Server {
    async fn start(router: Router, patience: Patience) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(serve(listener, router, patience, async {
            stopped.await.unwrap();
        }));
        Self { address, stop, ended }
    }

    async fn says(&self, pieces: &[&[u8]]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            stream.write_all(piece).await.unwrap();
        }
        stream
    }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), what).await.expect("this should have come long ago")
}

/// All that comes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    soon(stream.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// An empty SETTINGS frame (RFC 9113 section 6.5).
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn hundreds_who_come_at_once_are_heard_before_the_first_is_let_in() {
    let listener = listen("localhost:0").await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..300 {
        // Unheard, it would take a second and more.
        waiting.push(soon(TcpStream::connect(listener.local_addr().unwrap())).await.unwrap());
    }
    let taken = listen(&listener.local_addr().unwrap().to_string()).await;
    assert_eq!(taken.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
}

#[tokio::test]
async fn a_connection_on_which_nothing_more_is_said_is_closed() {
    let server = Server::start(hello(), Patience { silence: SHORT, grace: LONG }).await;
    for said in ["", "PRI * HT", "GET / HTTP/1.1\r\nHost"] {
        assert_eq!(rest(&mut server.says(&[said.as_bytes()]).await).await, b"", "{said}");
    }
    let answer = String::from_utf8(rest(&mut server.says(&[GET]).await).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"));
    let answer = rest(&mut server.says(&[GET, b"GET /"]).await).await;
    assert_eq!(answer.windows(5).filter(|window| window == b"hello").count(), 1);
    for pieces in [&[HTTP2][..], &[HTTP2, SETTINGS]] {
        let answer = rest(&mut server.says(pieces).await).await;
        // The frame's type: it was taken for HTTP/2.
        assert_eq!(answer[3], SETTINGS[3]);
    }
}

#[tokio::test]
async fn a_request_may_come_in_pieces_and_another_behind_it() {
    let server = Server::start(hello(), Patience { silence: LONG, grace: LONG }).await;
    let last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for pieces in [&[GET, last][..], &[b"G", &GET[1..], &last[..9], &last[9..]]] {
        let answers = rest(&mut server.says(pieces).await).await;
        assert_eq!(answers.windows(5).filter(|window| window == b"hello").count(), 2);
    }
    // As long as it is one byte short, it may yet become HTTP/2.
    let like_http2 = [&HTTP2[..HTTP2.len() - 1], b"x\r\n"];
    let answer = rest(&mut server.says(&like_http2).await).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_before_the_server_ends() {
    let begun = Arc::new(Semaphore::new(0));
    let (let_go, gate) = (Arc::new(Semaphore::new(0)), Arc::clone(&begun));
    let held = Arc::clone(&let_go);
    let handler = async move || {
        gate.add_permits(1);
        held.acquire().await.unwrap().forget();
        "hello"
    };
    let router = Router::new().route("/", get(handler));
    let server = Server::start(router, Patience { silence: LONG, grace: LONG }).await;
    let mut silent = server.says(&[]).await;
    let mut asking = server.says(&[GET]).await;
    soon(begun.acquire()).await.unwrap().forget();
    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut silent).await, b"");
    let refused = TcpStream::connect(server.address).await.map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused));
    assert!(!server.ended.is_finished());
    let_go.add_permits(1);
    assert!(rest(&mut asking).await.ends_with(b"\r\n\r\nhello"));
    soon(server.ended).await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server_from_ending() {
    let begun = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&begun);
    let handler = async move || {
        gate.add_permits(1);
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", get(handler));
    let server = Server::start(router, Patience { silence: LONG, grace: SHORT }).await;
    let _asking = server.says(&[GET]).await;
    soon(begun.acquire()).await.unwrap().forget();
    server.stop.send(()).unwrap();
    soon(server.ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_without_file_descriptors_tries_again_once_a_second() {
    let waits = async |kind: io::ErrorKind| {
        let begun = Instant::now();
        recover(&kind.into()).await;
        begun.elapsed().as_millis()
    };
    assert_eq!(waits(io::ErrorKind::Other).await, 1_000);
    assert_eq!(waits(io::ErrorKind::ConnectionAborted).await, 0);
    assert_eq!(waits(io::ErrorKind::ConnectionReset).await, 0);
}
