//! One connection to a store, and what is asked over it.

use bytes::Bytes;
use http::Method;
use http::Request;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A customer of every store that is tried out here.
const LOGIN: &str = r#"{"data":{"type":"token","email":"ron@swanson.com","password":"mysecretpassword","authentication_mechanism":"password"}}"#;
const ID: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";

/// Where the store is, and what opens it.
pub(crate) struct Store {
    host: String,
    bearer: String,
    customer_token: String,
}

impl Store {
    /// Gets an access token, and logs in.
    pub(crate) async fn enter(origin: &str) -> Self {
        let host = origin.strip_prefix("http://").expect("an origin").to_owned();
        let mut store = Self { host, bearer: String::new(), customer_token: String::new() };
        let mut client = Client::connect(&store).await;
        let form = "grant_type=implicit&client_id=X";
        let request = store.request(Method::POST, "/oauth/access_token");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (status, body) = client.send(request, form).await;
        assert_eq!(status, StatusCode::OK, "no access token");
        let body: Value = serde_json::from_slice(&body).unwrap();
        store.bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());

        let (status, body) = client.send(store.login(), LOGIN).await;
        assert_eq!(status, StatusCode::OK, "no login");
        let body: Value = serde_json::from_slice(&body).unwrap();
        store.customer_token = body["data"]["token"].as_str().unwrap().to_owned();

        // A steady 200 would mean nothing if anybody got it.
        let forged = store.request(Method::GET, &format!("/v2/customers/{ID}"));
        let forged = forged.header("authorization", &store.bearer);
        let (status, _) = client.send(forged.header("x-moltin-customer-token", "a.b.c"), "").await;
        assert!(status == StatusCode::FORBIDDEN || status == StatusCode::UNAUTHORIZED, "{status}");
        store
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(path).header("host", &self.host)
    }

    fn login(&self) -> http::request::Builder {
        self.request(Method::POST, "/v2/customers/tokens")
            .header("authorization", &self.bearer)
            .header("content-type", "application/json")
    }
}

pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    pub(crate) async fn connect(store: &Store) -> Self {
        let stream = TcpStream::connect(&store.host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn validate(&mut self, store: &Store) -> StatusCode {
        let request = store
            .request(Method::GET, &format!("/v2/customers/{ID}"))
            .header("authorization", &store.bearer)
            .header("x-moltin-customer-token", &store.customer_token);
        self.send(request, "").await.0
    }

    pub(crate) async fn log_in(&mut self, store: &Store) -> StatusCode {
        self.send(store.login(), LOGIN).await.0
    }

    async fn send(
        &mut self,
        request: http::request::Builder,
        body: &'static str,
    ) -> (StatusCode, Bytes) {
        let request = request.body(Full::from(body)).unwrap();
        let response = self.0.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}
