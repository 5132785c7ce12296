//! Lines on standard error.
//!
//! Written with `writeln!` and not `eprintln!`, which panics when standard error is closed.

use std::error::Error;
use std::io::Write;
use std::io::stderr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Writes what went wrong inside, with its causes. Never called with anything a client sent.
pub(crate) fn fault(error: &dyn Error) {
    let _ = writeln!(stderr(), "storefront: {}", chain(error));
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // sqlx says the cause itself already.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// Writes one line a request: method, path and status.
///
/// The path comes without its query and no header is written, so that no token, code or e-mail
/// address can end up in a log.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let uri = request.uri().clone();
    let response = next.run(request).await;
    let path = uri.path().escape_debug();
    let _ = writeln!(stderr(), "{method} {path} {}", response.status().as_u16());
    response
}
