//! Limits on failed logins, which bound brute force exactly.
//!
//! An attempt is reserved *before* its password is hashed, so that a thousand guesses at once are
//! limited like a thousand in turn. [`ThrottleLimits`] has the limits of the three tiers: source,
//! pair of account and source, and account. An attempt that a limit refuses gets 429 with
//! `Retry-After`, costs no hash, and never lengthens a wait.
//!
//! - A reservation is given back after a success, after a fault of ours, and if the client leaves
//!   before the hash begins. A success forgets the failures of the account and of the pair.
//! - Unknown e-mails are counted like those of customers, so that 429 tells nothing about who has
//!   an account.
//! - A source that has logged in to an account within 30 days is known to it, and is not affected by
//!   failures of others. So an attacker who locks an account does not lock the customer out.
//! - Logins of one account that are all correct wait for each other instead of being refused.
//!
//! A [`TokenIssuer`](crate::TokenIssuer) has a throttle by default. It needs to be told where the
//! address of a client is: [`LoginThrottleBuilder::source`]. Without an address, it limits accounts
//! only. OpenID Connect logins are limited by source.
//!
//! [`LoginThrottle::reserve`] counts other requests that cost a hash, such as registrations:
//!
//! ```
//! use http::StatusCode;
//! use http::request::Parts;
//! use tower_customer_auth::throttle::LoginThrottle;
//! use tower_customer_auth::throttle::ThrottleErrorKind;
//!
//! async fn register(throttle: &LoginThrottle, head: &Parts) -> Result<(), StatusCode> {
//!     let reservation = throttle.reserve(head).await.map_err(|error| match error.kind() {
//!         ThrottleErrorKind::Limited => StatusCode::TOO_MANY_REQUESTS,
//!         _ => StatusCode::SERVICE_UNAVAILABLE,
//!     })?;
//!     // Hash the password with `hash_for(reservation.flow(), ..)`, insert the customer, and then:
//!     reservation.failure();
//!     Ok(())
//! }
//! ```

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
