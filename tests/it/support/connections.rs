//! Connections on loopback.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// Serves each connection in a task of its own, until the test's runtime ends.
pub(crate) fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
}

/// A connection on which these very bytes were sent.
pub(crate) async fn sent(server: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The lines of an answer's head: its status line, then its headers in order, without the date.
pub(crate) fn lines_of(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("date: "));
    lines[1..].sort_unstable();
    lines
}
