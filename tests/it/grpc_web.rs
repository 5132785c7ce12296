//! The layer around and inside of tonic-web's `GrpcWebLayer`, over HTTP/1.1 on loopback.

use std::net::SocketAddr;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncReadExt;
use tonic::Code;
use tonic::Request;
use tonic::transport::Server;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_web::GrpcWebClientLayer;
use tonic_web::GrpcWebLayer;
use tower::ServiceBuilder;
use tower_customer_auth::CustomerAuthLayer;

use crate::fixtures::CUSTOMER;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::expired_token;
use crate::fixtures::good_token;
use crate::fixtures::verifier;
use crate::grpc_example as example;
use crate::support::connections::lines_of;
use crate::support::connections::sent;
use crate::support::health::customer_of;
use crate::support::health::listen;

const TYPES: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

fn required() -> CustomerAuthLayer {
    CustomerAuthLayer::required(verifier())
}

/// A tonic server for both HTTP versions; of two layers the first is the outer one.
async fn serve(layers: Layers) -> SocketAddr {
    let (incoming, address) = listen();
    let server = Server::builder().accept_http1(true);
    let health = HealthServer::new(example::WhoAmI);
    let web = GrpcWebLayer::new();
    match layers {
        Layers::Outside(auth) => {
            let mut server = server.layer(auth).layer(web);
            tokio::spawn(server.add_service(health).serve_with_incoming(incoming));
        }
        Layers::Inside(auth) => {
            let mut server = server.layer(web).layer(auth);
            tokio::spawn(server.add_service(health).serve_with_incoming(incoming));
        }
    }
    address
}

/// Where our layer is, seen from `GrpcWebLayer`.
enum Layers {
    Outside(CustomerAuthLayer),
    Inside(CustomerAuthLayer),
}

/// Calls with tonic-web's client: the customer that the server saw, or the code and message of its
/// refusal.
async fn who_am_i(server: SocketAddr, token: Option<&str>) -> Result<String, (Code, String)> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let client = ServiceBuilder::new().layer(GrpcWebClientLayer::new()).service(client);
    let origin = format!("http://{server}").parse().unwrap();
    let mut client = HealthClient::with_origin(client, origin);
    let mut call = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        call.metadata_mut().insert(TOKEN_HEADER, token.parse().unwrap());
    }
    customer_of(client.check(call).await)
}

/// Calls without a token: the lines of the answer's head but its date, sorted, and the length of
/// the body.
async fn refused(server: SocketAddr, content_type: &str) -> (Vec<String>, usize) {
    // An empty message is a flag and a length of four bytes, all of them zero.
    let message = if content_type.contains("text") { "AAAAAAA=" } else { "\0\0\0\0\0" };
    let request = format!(
        "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: {content_type}\r\naccept: {content_type}\r\nx-grpc-web: 1\r\n\
         content-length: {}\r\n\r\n{message}",
        message.len()
    );
    let mut answer = String::new();
    sent(server, &request).await.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (lines_of(head), body.len())
}

#[tokio::test]
async fn outside_and_inside_of_tonic_web_a_grpc_web_client_reads_the_refusal_as_a_status() {
    for (place, layers) in [
        ("outside", Layers::Outside(required())),
        ("inside", Layers::Inside(required().grpc(true))),
    ] {
        let server = serve(layers).await;
        assert_eq!(who_am_i(server, Some(&good_token())).await, Ok(CUSTOMER.to_owned()), "{place}");
        for (token, message) in [
            (None, "A customer token is required"),
            (Some(expired_token()), "The customer token has expired"),
            (Some("a.b.c".to_owned()), "The customer token is invalid"),
        ] {
            let refused = Err((Code::Unauthenticated, message.to_owned()));
            assert_eq!(who_am_i(server, token.as_deref()).await, refused, "{place}");
        }
    }
}

#[tokio::test]
async fn a_grpc_web_refusal_has_its_status_in_the_headers_and_the_calls_content_type() {
    let outside = serve(Layers::Outside(required())).await;
    let inside = serve(Layers::Inside(required().grpc(true))).await;
    for content_type in TYPES {
        // tonic-web writes its own content type, which always has the format.
        let of_tonic = format!("{}+proto", content_type.trim_end_matches("+proto"));
        for (server, expected) in [(outside, content_type), (inside, &of_tonic)] {
            let (head, body) = refused(server, content_type).await;
            assert_eq!(
                head,
                [
                    "HTTP/1.1 200 OK",
                    "cache-control: no-store",
                    "connection: close",
                    "content-length: 0",
                    &format!("content-type: {expected}"),
                    "grpc-message: A customer token is required",
                    "grpc-status: 16",
                    "x-content-type-options: nosniff",
                ],
            );
            assert_eq!(body, 0);
        }
    }
}

#[tokio::test]
async fn inside_of_tonic_web_the_default_refuses_in_http_terms() {
    // There a call is `application/grpc` over HTTP/1.1, which a client may send by itself as well.
    let server = serve(Layers::Inside(required())).await;
    let (head, _) = refused(server, "application/grpc-web").await;
    assert_eq!(head[0], "HTTP/1.1 401 Unauthorized");
}
