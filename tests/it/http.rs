//! The layer in a real hyper server, over HTTP/1.1 and HTTP/2 on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Empty;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tower::Layer;
use tower::service_fn;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Rejection;

use crate::fixtures::CUSTOMER;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::good_token;
use crate::fixtures::verifier;
use crate::support::connections::accept;
use crate::support::connections::lines_of;
use crate::support::connections::sent;

const FORWARDED: HeaderName = HeaderName::from_static("x-customer-id");

fn forwarding() -> CustomerAuthLayer {
    CustomerAuthLayer::optional(verifier()).forward_as(FORWARDED)
}

/// A server behind the layer that answers with what its handler saw, a line each: the customer, the
/// headers by name, and the body's trailers.
async fn serve(layer: CustomerAuthLayer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    accept(listener, move |stream| {
        let handler = layer.layer(service_fn(|request: Request<_>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(describe(request).await)))
        }));
        async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(handler);
            // A client that has its answer ends the connection.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    });
    address
}

async fn describe<B: http_body::Body<Error: std::fmt::Debug>>(request: Request<B>) -> String {
    let (parts, body) = request.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(customer) = parts.extensions.get::<CustomerId>() {
        lines.push(format!("customer = {customer}"));
    }
    let fields = |kind: &str, fields: &HeaderMap| -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{kind}{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        fields.iter().map(line).collect()
    };
    let mut headers = fields("", &parts.headers);
    headers.sort_unstable();
    lines.extend(headers);
    lines.extend(fields("trailer ", &trailers));
    lines.join("\n")
}

/// Sends these very bytes, and returns the head of the answer in lower case, and the body.
async fn send(server: SocketAddr, request: &str) -> (String, String) {
    let mut stream = sent(server, request).await;
    let mut received = Vec::new();
    loop {
        let text = String::from_utf8(received.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                return (head, body.to_owned());
            }
        }
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "cut short: {text}");
    }
}

/// A GET over HTTP/1.1 with these lines, and what the handler saw of it.
async fn seen(layer: CustomerAuthLayer, lines: &[&str]) -> Vec<String> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n");
    let (head, body) = send(serve(layer).await, &request).await;
    assert_eq!(head.lines().next(), Some("http/1.1 200 ok"), "{head}");
    body.lines().map(str::to_owned).collect()
}

/// The head of the answer: its status line, and its headers in order of their names.
async fn answered(server: SocketAddr, request: &str) -> Vec<String> {
    lines_of(&send(server, request).await.0)
}

async fn over_http_2(
    server: SocketAddr,
    request: http::request::Builder,
    body: BoxBody<Bytes, Infallible>,
) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = request.uri(format!("http://{server}/")).body(body).unwrap();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_forwarded_header_comes_from_the_layer_alone_in_any_spelling_t28() {
    let token = format!("{TOKEN_HEADER}: {}", good_token());
    let forged = [
        "X-Customer-Id: admin",
        "X_Customer_Id: admin",
        "X.Customer.Id: admin",
        "x~customer-id: admin",
        "X!cUSTOMER|iD: admin",
        "X.Customer.Id: again",
        "X+Customer0Id: innocent",
        "XCustomerId: innocent",
    ];
    let innocent = ["host: a", "x+customer0id: innocent", "xcustomerid: innocent"];
    assert_eq!(seen(forwarding(), &forged).await, innocent);

    let with_token = [&[token.as_str()][..], &forged].concat();
    let expected = [
        &format!("customer = {CUSTOMER}"),
        "host: a",
        "x+customer0id: innocent",
        &format!("x-customer-id: {CUSTOMER}"),
        &token,
        "xcustomerid: innocent",
    ];
    assert_eq!(seen(forwarding(), &with_token).await, expected);
}

#[tokio::test]
async fn the_tokens_header_in_other_spellings_is_never_read_and_never_passes() {
    let token = good_token();
    let named = |name: &str| format!("{name}: {token}");
    let other = named("X_Moltin_Customer_Token");
    let others = [&*other, &named("X.Moltin.Customer.Token"), &named("x-moltin-customer_token")];
    for layer in [forwarding(), forwarding().strip_token()] {
        assert_eq!(seen(layer, &others).await, ["host: a"]);
    }

    let exact = named(TOKEN_HEADER);
    let forged = ["X_Moltin_Customer_Token: a.b.c", "X.Moltin-Customer-Token: a.b.c", &exact];
    let customer = format!("customer = {CUSTOMER}");
    let forwarded = format!("x-customer-id: {CUSTOMER}");
    assert_eq!(seen(forwarding(), &forged).await, [&*customer, "host: a", &forwarded, &exact]);
    let stripped = seen(forwarding().strip_token(), &forged).await;
    assert_eq!(stripped, [&*customer, "host: a", &forwarded]);
}

#[tokio::test]
async fn a_client_can_not_have_a_later_hop_drop_our_headers_by_connection() {
    let token = format!("{TOKEN_HEADER}: {}", good_token());
    let customer = format!("customer = {CUSTOMER}");
    let forwarded = format!("x-customer-id: {CUSTOMER}");
    for (sent, left) in [
        (vec!["Connection: X-Customer-Id"], None),
        (vec!["Connection: keep-alive,X_Customer_ID , TE"], Some("connection: keep-alive, TE")),
        (
            vec!["Connection: X-Moltin-Customer-Token", "Connection: keep-alive, x.customer.id"],
            Some("connection: keep-alive"),
        ),
        (vec!["Connection: keep-alive"], Some("connection: keep-alive")),
    ] {
        let lines = [&[token.as_str()][..], &sent].concat();
        let expected: Vec<&str> =
            [Some(&*customer), left, Some("host: a"), Some(&forwarded), Some(&token)]
                .into_iter()
                .flatten()
                .collect();
        assert_eq!(seen(forwarding(), &lines).await, expected, "{sent:?}");
    }
}

#[tokio::test]
async fn an_options_request_with_empty_marks_of_a_preflight_is_refused() {
    let required = || CustomerAuthLayer::required(verifier());
    let server = serve(required()).await;
    let strict = serve(required().preflights(false)).await;
    for (why, lines, status, status_when_off) in [
        ("as a browser sends it", "Origin: https://a.example\r\n", 200, 401),
        ("no origin", "", 401, 401),
        ("an empty origin", "Origin:\r\n", 401, 401),
        ("two origins", "Origin: a\r\nOrigin: b\r\n", 401, 401),
    ] {
        let method = "Access-Control-Request-Method: PUT\r\n";
        let request = format!("OPTIONS / HTTP/1.1\r\nhost: a\r\n{lines}{method}\r\n");
        for (server, status) in [(server, status), (strict, status_when_off)] {
            let head = answered(server, &request).await;
            assert!(head[0].starts_with(&format!("http/1.1 {status} ")), "{why}: {head:?}");
        }
    }
    for (why, method) in [
        ("no method", ""),
        ("an empty method", "Access-Control-Request-Method:\r\n"),
        ("no token", "Access-Control-Request-Method: PUT, GET\r\n"),
    ] {
        let request = format!("OPTIONS / HTTP/1.1\r\nhost: a\r\nOrigin: b\r\n{method}\r\n");
        let head = answered(server, &request).await;
        assert_eq!(head[0], "http/1.1 401 unauthorized", "{why}");
    }
    // A token is no reason to pass as one: with the rule off it is what counts.
    let request = format!(
        "OPTIONS / HTTP/1.1\r\nhost: a\r\nOrigin: b\r\nAccess-Control-Request-Method: PUT\r\n\
         {TOKEN_HEADER}: {}\r\n\r\n",
        good_token()
    );
    let customer = format!("customer = {CUSTOMER}");
    for (server, expected) in [(server, false), (strict, true)] {
        let (_, body) = send(server, &request).await;
        assert_eq!(body.lines().any(|line| line == customer), expected, "{body}");
    }
}

#[tokio::test]
async fn a_content_type_alone_makes_no_refusal_a_success() {
    let json = [
        "http/1.1 401 unauthorized",
        "cache-control: no-store",
        "content-length: 90",
        "content-type: application/json",
        "www-authenticate: customertoken",
        "x-content-type-options: nosniff",
    ];
    let grpc = |content_type: &str| {
        [
            "http/1.1 200 ok".to_owned(),
            "cache-control: no-store".to_owned(),
            "content-length: 0".to_owned(),
            format!("content-type: {content_type}"),
            "grpc-message: a customer token is required".to_owned(),
            "grpc-status: 16".to_owned(),
            "x-content-type-options: nosniff".to_owned(),
        ]
    };
    let required = || CustomerAuthLayer::required(verifier());
    let usual = serve(required()).await;
    let off = serve(required().grpc(false)).await;
    let on = serve(required().grpc(true)).await;
    for (method, content_type, answer, answer_when_on) in [
        ("GET", "application/grpc", None, None),
        ("GET", "application/grpc-web", None, None),
        ("POST", "application/grpc", None, Some("application/grpc")),
        ("POST", "application/grpcx", None, None),
        (
            "POST",
            "application/grpc-web",
            Some("application/grpc-web"),
            Some("application/grpc-web"),
        ),
        (
            "POST",
            "application/grpc-web-text+proto; a=<b>",
            Some("application/grpc-web-text+proto"),
            Some("application/grpc-web-text+proto"),
        ),
    ] {
        let request =
            format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-type: {content_type}\r\n\r\n");
        for (setting, server, answer) in
            [("unset", usual, answer), ("false", off, None), ("true", on, answer_when_on)]
        {
            let head = answered(server, &request).await;
            let why = format!("{method}, {content_type}, {setting}");
            match answer {
                Some(content_type) => assert_eq!(head, grpc(content_type), "{why}"),
                None => assert_eq!(head, json, "{why}"),
            }
        }
    }
}

#[tokio::test]
async fn over_http_2_a_post_of_grpc_gets_a_grpc_status_and_a_get_does_not() {
    let required = || CustomerAuthLayer::required(verifier());
    let usual = serve(required()).await;
    let off = serve(required().grpc(false)).await;
    for (server, method, status, grpc_status) in
        [(usual, "POST", 200, Some("16")), (usual, "GET", 401, None), (off, "POST", 401, None)]
    {
        let request =
            Request::builder().method(method).header("content-type", "application/grpc+proto");
        let answer = over_http_2(server, request, Empty::new().boxed()).await;
        assert_eq!(answer.status(), status, "{method}");
        let headers = answer.headers();
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap());
        assert_eq!(text("grpc-status"), grpc_status, "{method}");
        assert_eq!(text("cache-control"), Some("no-store"), "{method}");
        assert_eq!(text("x-content-type-options"), Some("nosniff"), "{method}");
    }
}

#[tokio::test]
async fn an_answer_of_the_program_that_forgets_the_caches_is_not_stored_either() {
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let sign_in = |cache_control: Option<&'static str>| {
        move |_: &Rejection| {
            let mut answer = Response::new(Bytes::from_static(b"Please sign in"));
            if let Some(value) = cache_control {
                answer.headers_mut().insert("cache-control", HeaderValue::from_static(value));
            }
            answer
        }
    };
    for (set, expected) in [(None, "no-store"), (Some("private, max-age=5"), "private, max-age=5")]
    {
        let layer = CustomerAuthLayer::required(verifier()).rejection_response(sign_in(set));
        let expected = format!("cache-control: {expected}");
        let head = answered(serve(layer).await, get).await;
        assert_eq!(head, ["http/1.1 200 ok", &expected, "content-length: 14"]);
    }
}

#[tokio::test]
async fn a_trailer_never_becomes_a_header_so_the_forwarded_header_is_ours_alone_t28() {
    const FORGED: [&str; 2] = ["trailer x-customer-id: admin", "trailer x_customer_id: admin"];
    let server = serve(forwarding().strip_token()).await;
    let customer = format!("customer = {CUSTOMER}");
    let forwarded = format!("x-customer-id: {CUSTOMER}");
    let token = good_token();
    for (token, customer, forwarded) in
        [(None, None, None), (Some(&token), Some(customer.as_str()), Some(forwarded.as_str()))]
    {
        let expected = |headers: &[&'static str]| -> Vec<&str> {
            let headers = headers.iter().copied().chain(forwarded);
            customer.into_iter().chain(headers).chain(FORGED).collect()
        };

        let token_line =
            token.map_or_else(String::new, |token| format!("{TOKEN_HEADER}: {token}\r\n"));
        let request = format!(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
             trailer: x-customer-id\r\n{token_line}\r\n\
             1\r\na\r\n0\r\nX-Customer-Id: admin\r\nX_Customer_Id: admin\r\n\r\n"
        );
        let (_, seen) = send(server, &request).await;
        let sent = ["host: a", "trailer: x-customer-id", "transfer-encoding: chunked"];
        assert_eq!(seen.lines().collect::<Vec<_>>(), expected(&sent), "HTTP/1.1");

        let mut trailers = HeaderMap::new();
        trailers.insert("x-customer-id", HeaderValue::from_static("admin"));
        trailers.insert("x_customer_id", HeaderValue::from_static("admin"));
        let body = Full::from("a").with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
        let mut request = Request::builder().method("POST");
        if let Some(token) = token {
            request = request.header(TOKEN_HEADER, token);
        }
        let answer = over_http_2(server, request, body).await;
        let seen = String::from_utf8(answer.into_body().to_vec()).unwrap();
        let sent = ["content-length: 1"];
        assert_eq!(seen.lines().collect::<Vec<_>>(), expected(&sent), "HTTP/2");
    }
}
