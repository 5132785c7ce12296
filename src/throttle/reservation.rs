//! A reserved attempt.

use std::fmt;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::thread;

use tokio::runtime::Handle;

use crate::fair_queue::Flow;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::LoginThrottle;

/// Reserved attempt, which counts as a failure until it is settled.
///
/// Dropping it gives it back, or after [`begin`](Self::begin) counts it as a failure.
#[must_use = "dropping it gives the attempt back"]
pub struct ReservedAttempt {
    throttle: LoginThrottle,
    attempt: Attempt,
    flow: Flow,
    outcome: AttemptOutcome,
    /// For counters that have to wait. A reservation may be dropped on a thread without a runtime.
    runtime: Option<Handle>,
}

impl ReservedAttempt {
    pub(super) fn new(throttle: LoginThrottle, attempt: Attempt, flow: Flow) -> Self {
        let runtime = Handle::try_current().ok();
        Self { throttle, attempt, flow, outcome: AttemptOutcome::Cancelled, runtime }
    }

    /// Returns the flow of the attempt, by which its hash takes its turn.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Begins the check of the password: from now on, dropping this counts a failure.
    ///
    /// Without it, a client could guess, leave before the response, and have the attempt back.
    pub fn begin(&mut self) {
        self.outcome = AttemptOutcome::Failure;
    }

    /// Ends the check without an outcome: from now on, dropping this gives the attempt back.
    pub fn cancel(&mut self) {
        self.outcome = AttemptOutcome::Cancelled;
    }

    /// Settles a login that has succeeded.
    pub fn success(mut self) {
        self.outcome = AttemptOutcome::Success;
    }

    /// Settles a login that has failed, or counts a request that is not a login.
    pub fn failure(mut self) {
        self.outcome = AttemptOutcome::Failure;
    }
}

impl Drop for ReservedAttempt {
    fn drop(&mut self) {
        let throttle = Arc::clone(&self.throttle.0);
        // A panic is our fault.
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
