//! Connections: how they are accepted, how long a client is waited for, and how they end.
//!
//! `axum::serve` has no timeouts. A few thousand idle connections would take every file descriptor
//! of the process, and no other client could connect.

use std::io;
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::io::join;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio::time::timeout;
use tower::Layer;

use crate::log;

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the first bytes of a connection; for the head of each request, from the end of the
    /// answer before; for a sign of life where HTTP/2 is spoken.
    pub(crate) silence: Duration,
    /// For the requests that have begun, once the server is to end.
    pub(crate) grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(10), grace: Duration::from_secs(10) }
    }
}

/// Listens at an address or a name, with room for connections that come at once.
///
/// Where `TcpListener::bind` has room for 128, the next one is not refused but unheard: its client
/// tries again after 1 s, and then after 3 s.
pub(crate) async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A start right after an end finds the connections of the one before still in the system's books.
    // On Windows it would mean something else.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, and then until the requests that have begun are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    stop: impl Future<Output = ()>,
) {
    // Each connection holds a receiver as long as it lasts.
    let (stopping, _) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        // The throttle limits clients by their address.
        let service = Extension(ConnectInfo(peer)).layer(router.clone());
        tokio::spawn(converse(stream, service, patience.silence, stopping.subscribe()));
    }
    drop(listener);
    // An error says that there are no connections.
    let _ = stopping.send(());
    // A client that never finishes its request does not keep the store from ending.
    let _ = timeout(patience.grace, stopping.closed()).await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => recover(&error).await,
        }
    }
}

/// Waits until it may be tried again. No error of accepting is one of the listener itself.
pub(crate) async fn recover(error: &io::Error) {
    use io::ErrorKind::ConnectionAborted;
    use io::ErrorKind::ConnectionReset;
    // The client has left the queue again.
    if matches!(error.kind(), ConnectionAborted | ConnectionReset) {
        return;
    }
    // Most likely there is no file descriptor left. Until a connection ends each new try would fail
    // at once.
    log::fault(error);
    sleep(Duration::from_secs(1)).await;
}

/// Serves one connection. Its errors affect only its client.
async fn converse(
    mut stream: TcpStream,
    service: AddExtension<Router, ConnectInfo<SocketAddr>>,
    silence: Duration,
    mut stopping: watch::Receiver<()>,
) {
    let first = tokio::select! {
        first = timeout(silence, first_bytes(&mut stream)) => first,
        // Nothing has begun.
        _ = stopping.changed() => return,
    };
    let Ok(Ok(first)) = first else { return };
    let (reader, writer) = stream.into_split();
    let io = TokioIo::new(join(Cursor::new(first).chain(reader), writer));

    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(silence);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(silence).keep_alive_timeout(silence);
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Reads until it is clear whether HTTP/2 is spoken.
///
/// hyper finds that out too, but waits for it without a limit of time.
async fn first_bytes(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    while first.len() < HTTP2.len() && HTTP2.starts_with(&first) {
        if stream.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(first)
}

/// What a client says first that speaks HTTP/2 (RFC 9113 section 3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The system may allow less; Linux allows 4096.
const BACKLOG: u32 = 1024;
