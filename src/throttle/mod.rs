//! Limits on failed logins, which bound brute force exactly.
//!
//! An attempt is reserved *before* its password is hashed, so a thousand guesses at once are limited
//! like a thousand in turn. [`ThrottleLimits`] lists the limits of the three tiers: source, pair of
//! account and source, and account. An attempt over a limit is answered with 429 and `Retry-After`,
//! costs no hash, and never lengthens a wait.
//!
//! - An attempt in flight counts as a failure until its outcome is known. It is given back after a
//!   success, after a fault of the server, and if the client leaves before the hash begins.
//! - A success forgets the failures of the account and of the pair, but not those of the source.
//! - Unknown e-mails are counted like those of customers, so a 429 does not reveal who has an
//!   account.
//! - A source that has logged in to an account within 30 days is known to it, and is not affected by
//!   failures of other sources. An attacker who locks the account does not lock the customer out.
//! - Correct logins of one account at the same time wait for each other, and are not refused.
//!
//! # Setup
//!
//! A [`TokenIssuer`](crate::TokenIssuer) has a throttle by default. It limits accounts only, because
//! it does not know where to find the address of a client. Build one that does, and pass it to
//! [`TokenIssuerBuilder::throttle`](crate::TokenIssuerBuilder::throttle):
//!
//! - [`LoginThrottleBuilder::source`] for clients that connect to the server directly, with lines for
//!   axum and tonic,
//! - [`LoginThrottleBuilder::source_behind_proxies`] for `X-Forwarded-For` or `Forwarded`.
//!
//! Password logins are limited by all tiers, OpenID Connect logins by source.
//! [`LoginThrottle::reset`] unlocks an account.
//!
//! # Other requests that cost a hash
//!
//! [`LoginThrottle::reserve`] limits registrations and changes of a password, by source and together
//! with failed logins:
//!
//! ```
//! use http::HeaderValue;
//! use http::Response;
//! use http::StatusCode;
//! use http::header::RETRY_AFTER;
//! use http::request::Parts;
//! use tower_customer_auth::Secret;
//! use tower_customer_auth::password::PasswordHash;
//! use tower_customer_auth::password::PasswordHasher;
//! use tower_customer_auth::throttle::LoginThrottle;
//! use tower_customer_auth::throttle::ThrottleError;
//! use tower_customer_auth::throttle::ThrottleErrorKind;
//!
//! async fn hash(
//!     throttle: &LoginThrottle,
//!     hasher: &PasswordHasher,
//!     head: &Parts,
//!     password: Secret,
//! ) -> Result<PasswordHash, Response<()>> {
//!     let attempt = throttle.reserve(head).await.map_err(|error| refusal(&error))?;
//!     let hash = hasher.hash_for(attempt.flow(), password).await.map_err(|_| unavailable())?;
//!     // Counts the request, also if the e-mail turns out to be taken.
//!     attempt.failure();
//!     Ok(hash)
//! }
//!
//! fn refusal(error: &ThrottleError) -> Response<()> {
//!     let mut response = unavailable();
//!     if error.kind() == ThrottleErrorKind::Limited {
//!         *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
//!     }
//!     response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(error.retry_after()));
//!     response
//! }
//!
//! fn unavailable() -> Response<()> {
//!     let mut response = Response::new(());
//!     *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!     response
//! }
//! ```
//!
//! # Events and metrics
//!
//! With the feature `tracing`, an event of level `DEBUG` has the tier of each refused attempt, and
//! one of level `WARN` reports the first request whose source is unknown, and the first with a
//! forwarding header that is ignored. With the feature `metrics`, the counter
//! `customer_auth_throttled_total` counts refused attempts; its label `tier` is that of
//! [`ThrottleTier::as_str`].

mod builder;
mod counter;
mod counters;
mod error;
mod forwarded;
mod limits;
mod login_throttle;
mod memory;
mod reservation;
mod source;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod waiting;

pub use self::builder::LoginThrottleBuilder;
pub use self::counters::Attempt;
pub use self::counters::AttemptOutcome;
pub use self::counters::Decision;
pub use self::counters::ThrottleCounters;
pub use self::counters::ThrottleKey;
pub use self::counters::ThrottleTier;
pub use self::error::ThrottleError;
pub use self::error::ThrottleErrorKind;
pub use self::forwarded::ForwardingHeader;
pub use self::limits::Backoff;
pub use self::limits::ThrottleLimits;
pub use self::login_throttle::LoginThrottle;
pub use self::memory::MemoryCounters;
pub use self::reservation::ReservedAttempt;
