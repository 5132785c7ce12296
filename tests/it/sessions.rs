//! Logout and refresh in an axum server, over HTTP/1.1 on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tower_customer_auth::ClientAuthenticator;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::issuer::ClientDecision;
use tower_customer_auth::issuer::Sessions;

use crate::fixtures::CUSTOMER;
use crate::fixtures::EMAIL;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::keys;
use crate::support::accounts::PASSWORD;
use crate::support::accounts::customers;
use crate::support::accounts::hasher;
use crate::support::connections::lines_of;

const BASE: &str = "/v2/customers/tokens";

/// `XXXX` is the access token of a page, `STORE` that of a back office.
struct Clients;

impl ClientAuthenticator for Clients {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        Ok(match bearer {
            "XXXX" => ClientDecision::Accepted,
            "STORE" => ClientDecision::AcceptedAsStore,
            _ => ClientDecision::Refused,
        })
    }
}

/// An issuer of Ron's tokens, and a verifier with the same list.
async fn issuer() -> (TokenIssuer, Verifier) {
    let (keys, customers) = (keys(), customers().await);
    let revocations = Revocations::in_memory();
    let verifier = Verifier::builder(keys.clone()).revocations(revocations.clone());
    let issuer = TokenIssuer::builder(keys, Clients)
        .password(PasswordGrant::new(customers.clone()).hasher(hasher()))
        .revocations(revocations)
        .sessions(Sessions::new(customers));
    (issuer.build().unwrap(), verifier.build().unwrap())
}

/// A shop with a protected route, and the issuer at both of its paths.
async fn shop() -> Connection {
    let (issuer, verifier) = issuer().await;
    let app = Router::new()
        .route("/v2/orders", get(async |customer: CustomerId| customer.to_string()))
        .layer(CustomerAuthLayer::required(verifier))
        .route_service("/v2/customers/tokens", issuer.clone())
        .route_service("/v2/customers/{id}/tokens", issuer);
    Connection::to(serve(app).await).await
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// One connection, for one request after the other.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

struct Answer {
    /// The status line, and the headers in order.
    head: Vec<String>,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head[0].strip_prefix("http/1.1 ").unwrap().split(' ').next().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn token(&self) -> String {
        assert_eq!(self.status(), "200", "{}", self.body);
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        json["data"]["token"].as_str().unwrap().to_owned()
    }
}

impl Connection {
    async fn to(server: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(server).await.unwrap(), received: Vec::new() }
    }

    async fn send(&mut self, method: &str, path: &str, lines: &[String], body: &str) -> Answer {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\n{lines}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.answer().await
    }

    async fn answer(&mut self) -> Answer {
        loop {
            let text = String::from_utf8(self.received.clone()).unwrap();
            if let Some((head, rest)) = text.split_once("\r\n\r\n") {
                let head = lines_of(&head.to_ascii_lowercase());
                let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
                let length = length.map_or(0, |length| length.parse().unwrap());
                if rest.len() >= length {
                    let (body, next) = rest.split_at(length);
                    self.received = next.as_bytes().to_vec();
                    return Answer { head, body: body.to_owned() };
                }
            }
            let read = self.stream.read_buf(&mut self.received).await.unwrap();
            assert_ne!(read, 0, "cut short: {text}");
        }
    }

    async fn log_in(&mut self) -> String {
        let data = format!(r#"{{"type":"token","email":"{EMAIL}","password":"{PASSWORD}"}}"#);
        self.post(&[bearer("XXXX")], &data).await.token()
    }

    async fn refresh(&mut self, token: &str) -> Answer {
        let data = r#"{"type":"token","authentication_mechanism":"customer_token"}"#;
        self.post(&[bearer("XXXX"), customer(token)], data).await
    }

    async fn post(&mut self, lines: &[String], data: &str) -> Answer {
        let lines = [lines, &["content-type: application/json".to_owned()]].concat();
        self.send("POST", BASE, &lines, &format!("{{\"data\":{data}}}")).await
    }

    async fn delete(&mut self, path: &str, lines: &[String]) -> Answer {
        self.send("DELETE", path, lines, "").await
    }

    /// The status of a request for the orders with this token.
    async fn orders(&mut self, token: &str) -> String {
        let answer = self.send("GET", "/v2/orders", &[customer(token)], "").await;
        answer.status().to_owned()
    }
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}")
}

fn customer(token: &str) -> String {
    format!("{TOKEN_HEADER}: {token}")
}

#[tokio::test]
async fn a_page_refreshes_and_signs_out() {
    let mut shop = shop().await;
    let login = shop.log_in().await;
    let refreshed = shop.refresh(&login).await.token();
    let again = shop.refresh(&refreshed).await.token();
    for token in [&login, &refreshed, &again] {
        assert_eq!(shop.orders(token).await, "200");
    }
    let lines = [bearer("XXXX"), customer(&refreshed)];
    for _ in 0..2 {
        let answer = shop.delete(BASE, &lines).await;
        // No content type, and by RFC 9110 section 8.6 no length either.
        assert_eq!(answer.head, ["http/1.1 204 no content", "cache-control: no-store"]);
        assert_eq!(answer.body, "");
    }
    for token in [&login, &refreshed, &again] {
        assert_eq!(shop.orders(token).await, "401");
        assert_eq!(shop.refresh(token).await.status(), "403");
    }
}

#[tokio::test]
async fn a_customer_signs_out_everywhere_and_the_store_signs_a_customer_out() {
    let mut shop = shop().await;
    let path = format!("/v2/customers/{CUSTOMER}/tokens");
    let (first, second) = (shop.log_in().await, shop.log_in().await);
    let lines = [bearer("XXXX"), customer(&first)];
    let stranger = shop.delete("/v2/customers/leslie/tokens", &lines).await;
    assert_eq!(stranger.status(), "404");
    assert_eq!(shop.orders(&second).await, "200");
    let answer = shop.delete(&path, &lines).await;
    assert_eq!(answer.head, ["http/1.1 204 no content", "cache-control: no-store"]);
    for token in [&first, &second] {
        assert_eq!(shop.orders(token).await, "401");
    }

    let third = shop.log_in().await;
    assert_eq!(shop.orders(&third).await, "200");
    assert_eq!(shop.delete(&path, &[bearer("XXXX")]).await.status(), "403");
    let unknown = shop.delete("/v2/customers/leslie/tokens", &[bearer("STORE")]).await;
    assert_eq!(unknown.status(), "404");
    assert_eq!(shop.delete(&path, &[bearer("STORE")]).await.status(), "204");
    assert_eq!(shop.orders(&third).await, "401");
}

#[tokio::test]
async fn each_path_names_its_methods() {
    let mut shop = shop().await;
    let own = format!("/v2/customers/{CUSTOMER}/tokens");
    for (method, path, allow) in [
        ("GET", BASE, "delete, post"),
        ("PUT", BASE, "delete, post"),
        ("OPTIONS", BASE, "delete, post"),
        ("GET", &own, "delete"),
        ("POST", &own, "delete"),
        ("OPTIONS", &own, "delete"),
    ] {
        let answer = shop.send(method, path, &[bearer("XXXX")], "").await;
        assert_eq!((answer.status(), answer.header("allow")), ("405", Some(allow)), "{path}");
        // The access token comes first.
        let answer = shop.send(method, path, &[], "").await;
        assert_eq!((answer.status(), answer.header("allow")), ("401", None), "{path}");
    }
}

#[tokio::test]
async fn a_router_may_cut_off_what_comes_before_customers_and_not_more() {
    let (issuer, _) = issuer().await;
    let rest = Router::new()
        .route_service("/customers/tokens", issuer.clone())
        .route_service("/customers/{id}/tokens", issuer.clone());
    let cut_off = Router::new()
        .route_service("/tokens", issuer.clone())
        .route_service("/{id}/tokens", issuer);
    for (app, allow) in [
        (Router::new().nest("/v2", rest), "delete"),
        // As documented: the service takes it for a logout of one session.
        (Router::new().nest("/v2/customers", cut_off), "delete, post"),
    ] {
        let mut shop = Connection::to(serve(app).await).await;
        let answer = shop.send("GET", BASE, &[bearer("XXXX")], "").await;
        assert_eq!(answer.header("allow"), Some("delete, post"));
        let answer = shop.send("GET", "/v2/customers/ron/tokens", &[bearer("XXXX")], "").await;
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[tokio::test]
async fn a_logout_does_not_wait_for_a_body_and_the_connection_goes_on_after_one() {
    let mut shop = shop().await;
    let (first, second) = (shop.log_in().await, shop.log_in().await);
    let lines = [bearer("XXXX"), customer(&first)];
    let answer = shop.send("DELETE", BASE, &lines, "some text that is not JSON").await;
    assert_eq!(answer.status(), "204");
    assert_eq!(shop.orders(&first).await, "401");

    // A body that never comes.
    let request = format!(
        "DELETE {BASE} HTTP/1.1\r\nhost: a\r\n{}\r\n{}\r\ncontent-length: 1000000\r\n\r\n",
        bearer("XXXX"),
        customer(&second)
    );
    shop.stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(shop.answer().await.status(), "204");
}

#[tokio::test]
async fn two_token_headers_are_none() {
    let mut shop = shop().await;
    let (first, second) = (shop.log_in().await, shop.log_in().await);
    let lines = [bearer("XXXX"), customer(&first), customer(&second)];
    assert_eq!(shop.delete(BASE, &lines).await.status(), "403");
    let own = format!("/v2/customers/{CUSTOMER}/tokens");
    assert_eq!(shop.delete(&own, &lines).await.status(), "403");
    for token in [&first, &second] {
        assert_eq!(shop.orders(token).await, "200");
    }
}

/// Requests of several connections, on several threads: whichever is answered before the logout, and
/// whichever after, none of its tokens is accepted afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_over_several_connections_that_race_a_logout_leave_no_token() {
    let (issuer, verifier) = issuer().await;
    let app = Router::new().route_service(BASE, issuer);
    let server = serve(app).await;
    let login = Connection::to(server).await.log_in().await;
    let login = Arc::new(login);
    let refreshers: Vec<_> = (0..3)
        .map(|_| {
            let login = Arc::clone(&login);
            tokio::spawn(async move {
                let mut connection = Connection::to(server).await;
                let mut tokens = vec![connection.refresh(&login).await.token()];
                loop {
                    let answer = connection.refresh(tokens.last().unwrap()).await;
                    if answer.status() != "200" {
                        assert_eq!(answer.status(), "403");
                        return tokens;
                    }
                    tokens.push(answer.token());
                }
            })
        })
        .collect();
    let mut shop = Connection::to(server).await;
    // Its own refreshes take as long as theirs.
    for _ in 0..20 {
        shop.refresh(&login).await.token();
    }
    let answer = shop.delete(BASE, &[bearer("XXXX"), customer(&login)]).await;
    assert_eq!(answer.status(), "204");
    for refresher in refreshers {
        for token in refresher.await.unwrap() {
            let refused = verifier.verify(token.as_bytes()).unwrap_err();
            assert_eq!(refused.kind().as_str(), "revoked");
        }
    }
}
