//! A request in flight.

use std::sync::Arc;

use crate::testing::provider::Endpoint;
use crate::testing::provider::Fault;
use crate::testing::provider::state::Shared;

/// A request from its arrival until its response is read or dropped.
pub(super) struct Visit {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

impl Visit {
    /// Counts a request, and returns its fault.
    pub(super) fn begin(shared: &Arc<Shared>, endpoint: Endpoint) -> (Self, Option<Fault>) {
        let fault = {
            let mut state = shared.lock();
            let script = state.script(endpoint);
            script.requests += 1;
            script.in_flight += 1;
            script.peak = script.peak.max(script.in_flight);
            script.next_fault()
        };
        shared.arrivals.notify_waiters();
        (Self { shared: shared.clone(), endpoint }, fault)
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    pub(super) fn count_bytes(&self, bytes: usize) {
        self.shared.lock().script(self.endpoint).bytes_sent += bytes as u64;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.shared.lock().script(self.endpoint).in_flight -= 1;
        self.shared.arrivals.notify_waiters();
    }
}
