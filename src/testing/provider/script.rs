//! The counters and scripts of an endpoint.

use std::sync::Arc;

use serde_json::Value;

use crate::testing::provider::Fault;

/// Script that modifies a document before it is sent.
pub(super) type Rewrite = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// Counters and script of one endpoint.
#[derive(Default)]
pub(super) struct Script {
    pub(super) requests: usize,
    pub(super) in_flight: usize,
    pub(super) peak: usize,
    pub(super) bytes_sent: u64,
    pub(super) rewrite: Option<Rewrite>,
    fault: Option<Fault>,
    /// How many requests the fault still applies to; `None` for all.
    left: Option<usize>,
}

impl Script {
    pub(super) fn fail(&mut self, fault: Fault, times: Option<usize>) {
        (self.fault, self.left) = (Some(fault), times);
    }

    pub(super) fn mend(&mut self) {
        (self.fault, self.left, self.rewrite) = (None, None, None);
    }

    /// Returns the fault of the current request.
    pub(super) fn next_fault(&mut self) -> Option<Fault> {
        match &mut self.left {
            Some(0) => None,
            Some(left) => {
                *left -= 1;
                self.fault.clone()
            }
            None => self.fault.clone(),
        }
    }
}
