//! Lines on standard error.
//!
//! Written with `writeln!` and not `eprintln!`, which panics when standard error is closed.

use std::error::Error;
use std::io::Write;
use std::io::stderr;

use axum::extract::MatchedPath;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

/// Writes what went wrong inside, with its causes. Never called with anything a client sent.
pub(crate) fn fault(error: &dyn Error) {
    let _ = writeln!(stderr(), "storefront: {}", chain(error));
}

/// Writes what the operator should know about the configuration.
pub(crate) fn warning(text: &str) {
    let _ = writeln!(stderr(), "storefront: warning: {text}");
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

/// Notes on the answer which route it comes from, for [`requests`]: a router tells that to what is
/// inside of it alone.
pub(crate) async fn name_route(
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Writes one line a request: method, route and status.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    let _ = writeln!(stderr(), "{}", line(&method, &response));
    response
}

/// The route comes as the program has it, `/v2/customers/{customer}`, and as `-` where there is
/// none: nothing of what the client wrote is in the line but the method, so that no token, code or
/// e-mail address can end up in a log.
pub(crate) fn line<B>(method: &Method, response: &Response<B>) -> String {
    let route = response.extensions().get().map_or("-", MatchedPath::as_str);
    format!("{method} {route} {}", response.status().as_u16())
}
