//! Requests to the store.

mod access_tokens;
mod addresses;
mod around;
mod bodies;
mod customers;
mod health;
mod linking;
mod orders;
mod revocations;
mod seeded;
mod serving;
mod sessions;
mod settings;
mod signing_key;
mod throttle;
mod upgrade;
mod web;
mod writes;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::Request;
use axum::http::Response;
use axum::http::StatusCode;
use axum::http::header;
use http_body_util::BodyExt;
use serde_json::Value;
use serde_json::json;
use sqlx::SqlitePool;
use tower::ServiceExt;
use tower_customer_auth::KeyRing;
use tower_customer_auth::Secret;
use tower_customer_auth::SigningKey;
use tower_customer_auth::TokenForm;
use tower_customer_auth::Verifier;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::password::PasswordParams;
use tower_customer_auth::sign::TokenSigner;
use tower_customer_auth::store::SqliteCustomers;
use tower_customer_auth::testing::ManualClock;

use crate::Parts;
use crate::access::AccessKey;
use crate::access::Caller;
use crate::config::Config;
use crate::config::Database;
use crate::config::Provider;
use crate::database;
use crate::state::Storefront;
use crate::throttle;

const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
const LESLIE: &str = "be076eb9-689e-4cfe-8299-8489f99a14e6";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// A store, its clock, and its parts that tests use directly.
struct Shop {
    router: Router,
    store: Storefront,
    clock: Arc<ManualClock>,
    keys: KeyRing,
    pool: SqlitePool,
}

impl Shop {
    async fn open() -> Self {
        Self::open_at(&Database::Memory).await
    }

    async fn open_file(path: &Path) -> Self {
        Self::open_at(&Database::File(path.to_owned())).await
    }

    /// A store whose customer tokens this key signs.
    async fn open_with(key: SigningKey) -> Self {
        let customers = database::open(&Database::Memory).await.unwrap();
        Self::assemble(customers, fast_hasher(), KeyRing::new(key), None).await
    }

    async fn open_at(database: &Database) -> Self {
        Self::over(database::open(database).await.unwrap(), fast_hasher()).await
    }

    /// A store with a provider, by its variables.
    async fn with_provider(variables: &[(&str, &str)]) -> Self {
        let read = |name: &str| {
            let mut found = variables.iter().filter(|(known, _)| *known == name);
            Some(found.next()?.1.into())
        };
        let provider = Config::read(read).unwrap().provider;
        let customers = database::open(&Database::Memory).await.unwrap();
        let keys = KeyRing::hs256("a key that these tests alone use").unwrap();
        Self::assemble(customers, fast_hasher(), keys, provider).await
    }

    async fn over(customers: SqliteCustomers, hasher: PasswordHasher) -> Self {
        let keys = KeyRing::hs256("a key that these tests alone use").unwrap();
        Self::assemble(customers, hasher, keys, None).await
    }

    async fn assemble(
        customers: SqliteCustomers,
        hasher: PasswordHasher,
        keys: KeyRing,
        provider: Option<Provider>,
    ) -> Self {
        Self::assemble_with(customers, hasher, keys, provider, SECRET).await
    }

    /// A store whose access tokens come from this secret.
    async fn with_secret(secret: &str) -> Self {
        let customers = database::open(&Database::Memory).await.unwrap();
        let keys = KeyRing::hs256("a key that these tests alone use").unwrap();
        Self::assemble_with(customers, fast_hasher(), keys, None, secret).await
    }

    async fn assemble_with(
        customers: SqliteCustomers,
        hasher: PasswordHasher,
        keys: KeyRing,
        provider: Option<Provider>,
        secret: &str,
    ) -> Self {
        let clock = Arc::new(ManualClock::at_epoch_seconds(START));
        clock.advance(Duration::from_millis(250));
        let pool = customers.pool().clone();
        let access_key = AccessKey::derive(&Secret::from(secret));
        let parts = Parts {
            keys: keys.clone(),
            access_key,
            customers,
            hasher,
            throttle: throttle(true, 0).unwrap(),
            clock: clock.clone(),
            provider,
            max_staleness: MAX_STALENESS,
        };
        let (router, store) = parts.assemble(TokenForm::Compact, false).await.unwrap();
        Self { router, store, clock, keys, pool }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// An access token by the implicit grant of `X`.
    async fn implicit(&self) -> String {
        self.access_token("grant_type=implicit&client_id=X").await
    }

    /// An access token of the back office.
    async fn office(&self) -> String {
        let secret = "client_id=storefront&client_secret=storefront-secret";
        self.access_token(&format!("grant_type=client_credentials&{secret}")).await
    }

    async fn access_token(&self, form: &str) -> String {
        let answer = self.send(access_token_request(form)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The caller of a request with this customer token, which the layer accepts.
    fn caller(&self, token: &str) -> Caller {
        let verifier = Verifier::builder(self.keys.clone()).clock(self.clock.clone());
        let verifier = verifier.revocations(self.store.revocations.clone()).build().unwrap();
        Caller::Customer(verifier.verify(token.as_bytes()).unwrap())
    }

    /// The number of entries in the revocation log.
    async fn revoked(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM customer_auth_revocations");
        count.fetch_one(&self.pool).await.unwrap()
    }

    /// A customer token signed by the store's key.
    fn customer_token(&self, customer: &str) -> String {
        let signer = TokenSigner::builder(self.keys.clone()).clock(self.clock.clone());
        let signer = signer.build().unwrap();
        let customer = customer.parse().unwrap();
        signer.sign(&customer, Some("Somebody")).unwrap().token().to_owned()
    }

    /// A client with both tokens.
    async fn signed_in(&self, customer: &str) -> Client<'_> {
        let client = self.client(&self.implicit().await);
        Client { customer: Some(self.customer_token(customer)), ..client }
    }

    fn client(&self, access: &str) -> Client<'_> {
        Client { shop: self, access: access.to_owned(), customer: None }
    }
}

fn fast_hasher() -> PasswordHasher {
    let hasher = PasswordHasher::builder().params(PasswordParams::worthless_but_fast());
    hasher.build().unwrap()
}

fn access_token_request(form: &str) -> Request<Body> {
    let request = Request::post("/oauth/access_token");
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(form.to_owned().into()).unwrap()
}

/// A client with an access token, and perhaps a customer token.
struct Client<'a> {
    shop: &'a Shop,
    access: String,
    customer: Option<String>,
}

impl Client<'_> {
    async fn get(&self, uri: &str) -> Answer {
        self.call("GET", uri, None).await
    }

    async fn post(&self, uri: &str, data: Value) -> Answer {
        self.call("POST", uri, Some(data)).await
    }

    async fn put(&self, uri: &str, data: Value) -> Answer {
        self.call("PUT", uri, Some(data)).await
    }

    async fn delete(&self, uri: &str) -> Answer {
        self.call("DELETE", uri, None).await
    }

    async fn login(&self, email: &str, password: &str) -> Answer {
        let login = json!({
            "type": "token",
            "authentication_mechanism": "password",
            "email": email,
            "password": password,
        });
        self.post("/v2/customers/tokens", login).await
    }

    async fn call(&self, method: &str, uri: &str, data: Option<Value>) -> Answer {
        let body = data.map(|data| json!({ "data": data }).to_string());
        self.call_raw(method, uri, body.unwrap_or_default()).await
    }

    async fn call_raw(&self, method: &str, uri: &str, body: String) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.access))
            // The SDKs send it with everything.
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.customer {
            request = request.header("X-MOLTIN-CUSTOMER-TOKEN", token);
        }
        self.shop.send(request.body(body.into()).unwrap()).await
    }
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let text = String::from_utf8(body).unwrap();
        Self { status: head.status, headers: head.headers, text }
    }

    fn json(&self) -> Value {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json", "{self:?}");
        serde_json::from_str(&self.text).unwrap()
    }

    /// The `data` of a success.
    #[track_caller]
    fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()["data"].take()
    }

    /// The sources of an error document, whose every `status` is the answer's.
    #[track_caller]
    fn refused(&self, status: u16) -> Vec<Option<String>> {
        assert_eq!(self.status, status, "{}", self.text);
        let document = self.json();
        let errors = document["errors"].as_array().unwrap();
        let sources = errors.iter().map(|error| {
            assert_eq!(error["status"], status);
            assert_ne!(error["title"].as_str(), None);
            assert_ne!(error["detail"].as_str(), None);
            error["source"].as_str().map(str::to_owned)
        });
        sources.collect()
    }

    /// Asserts one error that is about no field.
    #[track_caller]
    fn plainly_refused(&self, status: u16) {
        assert_eq!(self.refused(status), [None]);
    }
}

/// The names of fields, as `refused` returns them.
fn fields<const N: usize>(names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| Some(name.to_owned()))
}

/// The secret of every test's access tokens.
const SECRET: &str = "a secret that these tests alone use";

/// Longer than any step of a test's clock, after which the list would be stale for up to a second.
const MAX_STALENESS: Duration = Duration::from_secs(24 * 60 * 60);

/// When every test begins, in the middle of a second: 2026-05-28T20:26:40.250Z.
const START: u64 = 1_780_000_000;

/// A folder that is removed at the end of the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("storefront-{}", crate::random::uuid().unwrap());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("store.sqlite3")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
