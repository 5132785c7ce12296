//! A reserved attempt.

use std::fmt;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::thread;

use tokio::runtime::Handle;

use crate::fair_queue::Flow;
#[cfg(doc)]
use crate::password::PasswordHasher;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::LoginThrottle;

/// Reserved attempt, which counts as a failure until it is settled.
///
/// [`success`](Self::success) and [`failure`](Self::failure) settle it. Dropping it gives the
/// attempt back, or counts a failure after [`begin`](Self::begin). A drop in a panic gives it back.
///
/// # Example
///
/// The check of a current password, before it is changed:
///
/// ```
/// use http::request::Parts;
/// use tower_customer_auth::Secret;
/// use tower_customer_auth::password::PasswordHash;
/// use tower_customer_auth::password::PasswordHasher;
/// use tower_customer_auth::throttle::LoginThrottle;
///
/// async fn is_current_password(
///     throttle: &LoginThrottle,
///     hasher: &PasswordHasher,
///     head: &Parts,
///     (email, hash): (&str, PasswordHash),
///     password: Secret,
/// ) -> Result<bool, Box<dyn std::error::Error>> {
///     let mut attempt = throttle.reserve_login(head, email).await?;
///     // From here on, a client that leaves has made its guess.
///     attempt.begin();
///     let matches = hasher.verify_for(attempt.flow(), password, hash).await;
///     match matches {
///         Ok(true) => attempt.success(),
///         Ok(false) => attempt.failure(),
///         // A fault of the server is not a guess.
///         Err(_) => attempt.cancel(),
///     }
///     Ok(matches?)
/// }
/// ```
#[must_use = "dropping it gives the attempt back"]
pub struct ReservedAttempt {
    throttle: LoginThrottle,
    attempt: Attempt,
    flow: Flow,
    outcome: AttemptOutcome,
    /// For counters that have to wait. This may be dropped on a thread without a runtime.
    runtime: Option<Handle>,
}

impl ReservedAttempt {
    pub(super) fn new(throttle: LoginThrottle, attempt: Attempt, flow: Flow) -> Self {
        let runtime = Handle::try_current().ok();
        Self { throttle, attempt, flow, outcome: AttemptOutcome::Cancelled, runtime }
    }

    /// Returns the source and account of the attempt, for [`PasswordHasher::verify_for`].
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Begins the check of a password: from now on, dropping this counts a failure.
    ///
    /// Without it, a client could guess, leave before the response, and get the attempt back.
    pub fn begin(&mut self) {
        self.outcome = AttemptOutcome::Failure;
    }

    /// Ends the check without an outcome: from now on, dropping this gives the attempt back.
    pub fn cancel(&mut self) {
        self.outcome = AttemptOutcome::Cancelled;
    }

    /// Counts a success, which forgets the failures of the account and of the pair.
    ///
    /// For an attempt without an account, this gives the attempt back.
    pub fn success(mut self) {
        self.outcome = AttemptOutcome::Success;
    }

    /// Counts a failure. Also counts a request that is not a login, such as a registration.
    pub fn failure(mut self) {
        self.outcome = AttemptOutcome::Failure;
    }
}

impl Drop for ReservedAttempt {
    fn drop(&mut self) {
        let throttle = Arc::clone(&self.throttle.0);
        // A panic is a fault of the server.
        let outcome = if thread::panicking() { AttemptOutcome::Cancelled } else { self.outcome };
        let attempt = self.attempt;
        let mut settling = Box::pin(async move { throttle.settle(attempt, outcome).await });
        // This may be a thread of the hash pool, and counters may need the runtime for their timers
        // and connections.
        let _entered = self.runtime.as_ref().map(Handle::enter);
        // Counters in memory are done at once.
        let polled = settling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let (true, Some(runtime)) = (polled.is_pending(), &self.runtime) {
            runtime.spawn(settling);
        }
    }
}

impl fmt::Debug for ReservedAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservedAttempt").finish_non_exhaustive()
    }
}
