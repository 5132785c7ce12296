//! The shop's page at `/`: HTML, CSS and ES modules, which are part of the program.

use axum::Router;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::header;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;

/// The routes of the page and of what it loads. `docs/browser.md` tells why they say what they say.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut routes = Router::new();
    for (path, content_type, text) in FILES {
        let headers = [(header::CONTENT_TYPE, content_type)];
        routes = routes.route(path, get(async move || (headers, text)));
    }
    routes.layer(map_response(guarded))
}

/// Takes from the page every right that it does not use.
async fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

pub(crate) const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("web/index.html")),
    ("/web/style.css", CSS, include_str!("web/style.css")),
    ("/web/icon.svg", SVG, include_str!("web/icon.svg")),
    ("/web/app.js", SCRIPT, include_str!("web/app.js")),
    ("/web/addresses.js", SCRIPT, include_str!("web/addresses.js")),
    ("/web/api.js", SCRIPT, include_str!("web/api.js")),
    ("/web/dom.js", SCRIPT, include_str!("web/dom.js")),
    ("/web/messages.js", SCRIPT, include_str!("web/messages.js")),
    ("/web/orders.js", SCRIPT, include_str!("web/orders.js")),
    ("/web/provider.js", SCRIPT, include_str!("web/provider.js")),
    ("/web/session.js", SCRIPT, include_str!("web/session.js")),
    ("/web/sign-in.js", SCRIPT, include_str!("web/sign-in.js")),
];

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        // `trusted-types` without a policy: nothing that parses HTML from a string works at all.
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    // The address may hold an authorization code for the moment until the page takes it out.
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), fullscreen=(), geolocation=(), microphone=(), midi=(), \
         payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=()",
    ),
];
