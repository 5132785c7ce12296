//! The issuer through its service interface, by `oneshot`.

mod answers;
mod bodies;
mod drops;
mod logins;
mod overload;
mod same_second;
mod sessions;
mod throttle;
mod timing;

use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::Full;
use serde_json::Value;
use serde_json::json;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::clock::Clock;
use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::StoreError;
use crate::customer::StoredCustomer;
use crate::fair_queue::Flow;
use crate::id::CustomerId;
use crate::issuer::PasswordGrant;
use crate::issuer::StaticBearer;
use crate::issuer::TokenIssuer;
use crate::issuer::TokenIssuerBuilder;
use crate::key::KeyRing;
use crate::password::PasswordHash;
use crate::password::PasswordHasher;
use crate::password::PasswordParams;
use crate::revocation::Revocations;
use crate::secret::Secret;
use crate::testing::ManualClock;
use crate::testing::MemoryCustomers;
use crate::throttle::LoginThrottle;
use crate::verify::Verifier;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RON: &str = "79cc0486-bbdf-491b-a0a2-722383b6288b";
/// When the seed's first sample was issued.
const NOW: u64 = 1_510_597_800;
const FAST: PasswordParams = PasswordParams::worthless_but_fast();

#[derive(Debug)]
struct Fixed(u64);

impl Clock for Fixed {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0)
    }
}

fn ron() -> Customer {
    Customer::new(RON.parse().unwrap(), "Ron Swanson", "ron@swanson.com")
}

fn keys() -> KeyRing {
    KeyRing::hs256(SECRET).unwrap()
}

fn verifier() -> Verifier {
    Verifier::builder(keys()).clock(Arc::new(Fixed(NOW))).build().unwrap()
}

fn hash(password: &[u8], params: PasswordParams) -> PasswordHash {
    PasswordHash::compute(&Secret::from(password), params).unwrap()
}

fn hasher() -> PasswordHasher {
    PasswordHasher::builder().params(FAST).threads(2).max_waiting(1000).build().unwrap()
}

/// A store with Ron in it, whose password is `mysecretpassword`.
async fn customers() -> MemoryCustomers {
    let customers = MemoryCustomers::new();
    customers.insert(&ron(), Some(&hash(b"mysecretpassword", FAST))).await.unwrap();
    customers
}

fn builder(store: impl CustomerStore, hasher: PasswordHasher) -> TokenIssuerBuilder {
    TokenIssuer::builder(keys(), StaticBearer::new(["XXXX"]))
        .password(PasswordGrant::new(store).hasher(hasher))
        .clock(Arc::new(Fixed(NOW)))
}

async fn issuer() -> TokenIssuer {
    builder(customers().await, hasher()).build().unwrap()
}

fn request(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/v2/customers/tokens")
        .header("authorization", "Bearer XXXX")
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

fn login(email: &str, password: &str) -> Request<Full<Bytes>> {
    let data = json!({
        "type": "token",
        "authentication_mechanism": "password",
        "email": email,
        "password": password,
    });
    request(serde_json::to_string_pretty(&json!({ "data": data })).unwrap())
}

/// A complete response, so that two can be compared byte for byte.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    async fn of<B: Body>(issuer: &TokenIssuer, request: Request<B>) -> Self {
        let Ok(response) = issuer.clone().oneshot(request).await;
        Self::read(response).await
    }

    async fn read(response: Response<crate::issuer::IssuerBody>) -> Self {
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let mut headers: Vec<_> = headers.collect();
        headers.sort();
        let status = response.status().as_u16();
        let Ok(body) = response.into_body().collect().await;
        let body = String::from_utf8(body.to_bytes().into()).unwrap();
        Self { status, headers, body }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The response with these errors, and with at most one more header.
    fn refusal(status: u16, extra: Option<(&str, &str)>, errors: &str) -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ];
        let headers = headers.into_iter().chain(extra);
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.sort();
        Self { status, headers, body: format!("{{\"errors\":[{errors}]}}") }
    }

    fn wrong_credentials() -> Self {
        Self::refusal(
            403,
            None,
            r#"{"status":403,"title":"Forbidden","detail":"The credentials are not valid"}"#,
        )
    }

    fn unavailable() -> Self {
        Self::refusal(
            503,
            Some(("retry-after", "1")),
            r#"{"status":503,"title":"Service Unavailable","detail":"No token can be generated at the moment"}"#,
        )
    }
}

/// A store that works, fails or hangs as scripted, and counts its calls.
#[derive(Clone)]
struct Scripted {
    customers: MemoryCustomers,
    find: Script,
    replace: Script,
    found: Arc<AtomicUsize>,
    replaced: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

#[derive(Clone, Copy)]
enum Script {
    Works,
    Fails,
    Hangs,
}

impl Scripted {
    fn new(customers: MemoryCustomers) -> Self {
        Self {
            customers,
            find: Script::Works,
            replace: Script::Works,
            found: Arc::default(),
            replaced: Arc::default(),
        }
    }

    /// Resolves when a replacement of a hash has been requested and has ended.
    fn replacement(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.replaced.lock().unwrap() = Some(sender);
        receiver
    }

    async fn play(script: Script) -> Result<(), StoreError> {
        match script {
            Script::Works => Ok(()),
            Script::Fails => Err(StoreError::new("connection to ron@swanson.com's database lost")),
            Script::Hangs => pending().await,
        }
    }
}

impl CustomerStore for Scripted {
    async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
        self.found.fetch_add(1, Ordering::SeqCst);
        Self::play(self.find).await?;
        self.customers.find_by_email(email).await
    }

    async fn replace_password_hash(
        &self,
        id: &CustomerId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let played = Self::play(self.replace).await;
        let outcome = match played {
            Ok(()) => self.customers.replace_password_hash(id, old, new).await,
            Err(error) => Err(error),
        };
        if let Some(replaced) = self.replaced.lock().unwrap().take() {
            replaced.send(()).ok();
        }
        outcome
    }
}

/// Keeps one thread of a hasher busy until the sender is dropped. The thread is busy on return.
async fn occupy(hasher: &PasswordHasher) -> mpsc::Sender<()> {
    let (release, until) = mpsc::channel::<()>();
    let (busy, is_busy) = oneshot::channel();
    let hasher = hasher.clone();
    tokio::spawn(async move {
        hasher
            .pool()
            .run(Flow::new(), move |_| {
                busy.send(()).unwrap();
                until.recv().ok();
            })
            .await
    });
    is_busy.await.unwrap();
    release
}
