//! What the layer answers while the list of revoked tokens has not been loaded, or is stale.

use std::convert::Infallible;
use std::future::ready;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http_body_util::BodyExt;
use http_body_util::Full;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::sleep_until;
use tower::Layer;
use tower::ServiceExt;
use tower_customer_auth::Clock;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::Rejection;
use tower_customer_auth::RejectionKind;
use tower_customer_auth::Revocations;
use tower_customer_auth::Verifier;
use tower_customer_auth::VerifyErrorKind;
use tower_customer_auth::revocation::LogError;
use tower_customer_auth::revocation::LogPosition;
use tower_customer_auth::revocation::LogRead;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::revocation::RevocationLog;

use crate::fixtures::DAY;
use crate::fixtures::NOW;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::TOKEN_ID;
use crate::fixtures::at;
use crate::fixtures::good_token;
use crate::fixtures::keys;

/// The bound of the lists that have one.
const MAX_STALENESS: Duration = Duration::from_secs(5);
/// How often a list reads its log.
const POLL: Duration = Duration::from_secs(1);

/// A log that answers only while it is up.
#[derive(Default)]
struct Switchable {
    is_up: Mutex<bool>,
    entries: Mutex<Vec<RevocationEntry>>,
}

impl Switchable {
    fn set_up(&self, is_up: bool) {
        *self.is_up.lock().unwrap() = is_up;
    }

    fn since(&self, place: usize) -> Result<(Vec<RevocationEntry>, LogPosition), LogError> {
        if !*self.is_up.lock().unwrap() {
            return Err(LogError::unavailable("connection refused"));
        }
        let entries = self.entries.lock().unwrap();
        Ok((entries[place..].to_vec(), LogPosition::new("epoch", entries.len().to_string())))
    }
}

impl RevocationLog for Switchable {
    async fn append(&self, entry: &RevocationEntry) -> Result<(), LogError> {
        self.since(0)?;
        self.entries.lock().unwrap().push(entry.clone());
        Ok(())
    }

    async fn snapshot(
        &self,
        each: &mut (dyn FnMut(RevocationEntry) + Send),
    ) -> Result<LogPosition, LogError> {
        let (entries, position) = self.since(0)?;
        entries.into_iter().for_each(each);
        Ok(position)
    }

    async fn read(&self, after: &LogPosition) -> Result<LogRead, LogError> {
        let (entries, position) = self.since(after.offset().parse().unwrap())?;
        Ok(LogRead::Entries { entries, position, is_end: true })
    }

    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}

/// Goes on from `NOW` with the paused time of the runtime.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        at(NOW) + self.0.elapsed()
    }
}

/// A layer whose verifier has a list that follows a log.
struct Shop {
    log: Arc<Switchable>,
    list: Revocations,
    layer: CustomerAuthLayer,
}

impl Shop {
    fn new(stale: Stale, cached: bool) -> Self {
        let (log, clock) = (Arc::new(Switchable::default()), Arc::new(PausedClock(Instant::now())));
        let list = Revocations::durable(log.clone()).clock(clock.clone());
        let list = match stale {
            Stale::Refused => list.max_staleness(MAX_STALENESS),
            Stale::Accepted => list.max_staleness(MAX_STALENESS).danger_accept_stale(),
        };
        let list = list.start().unwrap();
        let mut verifier = Verifier::builder(keys()).clock(clock).revocations(list.clone());
        if cached {
            verifier = verifier.cache(NonZeroUsize::new(100).unwrap());
        }
        Self { log, list, layer: CustomerAuthLayer::required(verifier.build().unwrap()) }
    }

    async fn send(&self, content_type: &str) -> Response<Bytes> {
        let inner = tower::service_fn(|_: Request<Full<Bytes>>| {
            ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("orders"))))
        });
        let request = Request::post("/v2/orders")
            .version(Version::HTTP_2)
            .header("content-type", content_type)
            .header(TOKEN_HEADER, good_token())
            .body(Full::default())
            .unwrap();
        let response = self.layer.layer(inner).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// Asserts that the handler gets a request with a good token, also as a gRPC call.
    async fn assert_accepts(&self, when: &str) {
        for content_type in [JSON, GRPC] {
            let response = self.send(content_type).await;
            assert_eq!(response.status(), StatusCode::OK, "{when}");
            assert_eq!(response.body(), "orders", "{when}");
            assert_eq!(response.headers().len(), 0, "{when}");
        }
    }

    /// Asserts that a request with a good token is answered as one that may be sent again.
    async fn assert_unavailable(&self, when: &str) {
        let response = self.send(JSON).await;
        assert_eq!(kind(&response), Some(UNKNOWN), "{when}");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{when}");
        assert_eq!(header(&response, "retry-after"), Some("1"), "{when}");
        assert_eq!(header(&response, "cache-control"), Some("no-store"), "{when}");
        assert_eq!(header(&response, "www-authenticate"), None, "{when}");
        let body = format!(
            r#"{{"errors":[{{"status":503,"title":"Service Unavailable","detail":"{DETAIL}"}}]}}"#
        );
        assert_eq!(response.body(), body.as_bytes(), "{when}");

        let response = self.send(GRPC).await;
        assert_eq!(kind(&response), Some(UNKNOWN), "{when}");
        assert_eq!(response.status(), StatusCode::OK, "{when}");
        assert_eq!(header(&response, "content-type"), Some(GRPC), "{when}");
        assert_eq!(header(&response, "grpc-status"), Some("14"), "{when}");
        assert_eq!(header(&response, "grpc-message"), Some(DETAIL), "{when}");
        assert_eq!(response.body(), "", "{when}");
    }
}

/// What a list does with tokens while it is stale.
#[derive(Clone, Copy)]
enum Stale {
    Refused,
    Accepted,
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_is_503_or_grpc_14_until_its_log_is_read_again() {
    for cached in [false, true] {
        let shop = Shop::new(Stale::Refused, cached);
        shop.log.set_up(true);
        shop.list.ready().await.unwrap();
        shop.assert_accepts("loaded").await;

        shop.log.set_up(false);
        let began = Instant::now() - shop.list.staleness().unwrap();
        sleep_until(began + MAX_STALENESS).await;
        assert_eq!(shop.list.staleness(), Some(MAX_STALENESS));
        shop.assert_accepts("as old as it may be").await;
        sleep(Duration::from_millis(1)).await;
        shop.assert_unavailable("too old").await;
        sleep(Duration::from_secs(60)).await;
        shop.assert_unavailable("a minute later").await;

        shop.log.set_up(true);
        sleep(POLL).await;
        shop.assert_accepts("read again").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_not_been_loaded_is_503_or_grpc_14() {
    for cached in [false, true] {
        let shop = Shop::new(Stale::Refused, cached);
        shop.assert_unavailable("before the first attempt").await;
        sleep(3 * POLL).await;
        assert_eq!(shop.list.staleness(), None);
        shop.assert_unavailable("after some").await;

        shop.log.set_up(true);
        shop.list.ready().await.unwrap();
        shop.assert_accepts("loaded").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_revoked_elsewhere_meanwhile_is_refused_once_the_log_is_read_again() {
    for cached in [false, true] {
        let shop = Shop::new(Stale::Refused, cached);
        shop.log.set_up(true);
        shop.list.ready().await.unwrap();
        shop.assert_accepts("loaded").await;

        shop.log.set_up(false);
        let id = TOKEN_ID.parse().unwrap();
        let entry = RevocationEntry::Token { id, expires_at: at(NOW + DAY) };
        shop.log.entries.lock().unwrap().push(entry);
        sleep(MAX_STALENESS + POLL).await;
        shop.assert_unavailable("too old").await;

        shop.log.set_up(true);
        sleep(POLL).await;
        let response = shop.send(JSON).await;
        assert_eq!(kind(&response), Some(RejectionKind::Token(VerifyErrorKind::Revoked)));
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(header(&response, "retry-after"), None);
        assert_eq!(header(&shop.send(GRPC).await, "grpc-status"), Some("16"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_accepts_stale_answers_accepts_before_it_is_loaded_and_while_stale() {
    let shop = Shop::new(Stale::Accepted, false);
    sleep(3 * POLL).await;
    assert_eq!(shop.list.staleness(), None);
    shop.assert_accepts("not loaded").await;

    shop.log.set_up(true);
    shop.list.ready().await.unwrap();
    shop.log.set_up(false);
    sleep(2 * MAX_STALENESS).await;
    assert!(shop.list.staleness().unwrap() > MAX_STALENESS);
    shop.assert_accepts("stale").await;
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    let headers = response.headers();
    headers.get(name).map(|value| value.to_str().unwrap())
}

fn kind(response: &Response<Bytes>) -> Option<RejectionKind> {
    response.extensions().get::<Rejection>().map(Rejection::kind)
}

const JSON: &str = "application/json";
const GRPC: &str = "application/grpc";
const DETAIL: &str = "The customer token can't be verified at the moment, try again";
const UNKNOWN: RejectionKind = RejectionKind::Token(VerifyErrorKind::UnknownRevocationStatus);
