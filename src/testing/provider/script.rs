//! What is kept of each endpoint: how often it was asked, and what it is told to do.

use std::sync::Arc;

use serde_json::Value;

use crate::testing::provider::Fault;

/// Changes a document before it is sent.
pub(super) type Rewrite = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// One endpoint's figures and script.
#[derive(Default)]
pub(super) struct Script {
    pub(super) requests: usize,
    pub(super) in_flight: usize,
    pub(super) peak: usize,
    pub(super) bytes_sent: u64,
    pub(super) rewrite: Option<Rewrite>,
    fault: Option<Fault>,
    /// How many requests the fault is still for; `None` for all until it is mended.
    left: Option<usize>,
}

impl Script {
    pub(super) fn fail(&mut self, fault: Fault, times: Option<usize>) {
        (self.fault, self.left) = (Some(fault), times);
    }

    pub(super) fn mend(&mut self) {
        (self.fault, self.left, self.rewrite) = (None, None, None);
    }

    /// The fault that the request which has just come meets.
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
