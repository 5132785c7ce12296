//! The throttle, with counters in memory and a manual clock.

mod attack;
mod memory;
mod settings;
mod throttle;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::customer::StoreError;
use crate::testing::ManualClock;
use crate::testing::ThrottleCountersFixture;
use crate::throttle::Attempt;
use crate::throttle::AttemptOutcome;
use crate::throttle::Decision;
use crate::throttle::MemoryCounters;
use crate::throttle::ThrottleCounters;
use crate::throttle::ThrottleKey;
use crate::throttle::ThrottleLimits;

const NOW: u64 = 1_510_597_800;

/// Counters in memory whose time is a manual clock's. A clone is a handle.
#[derive(Clone, Debug)]
struct Counters {
    memory: Arc<MemoryCounters>,
    clock: Arc<ManualClock>,
}

impl Counters {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
        Self::with(MemoryCounters::new(), clock)
    }

    fn with(memory: MemoryCounters, clock: Arc<ManualClock>) -> Self {
        Self { memory: Arc::new(memory.clock(Arc::clone(&clock) as Arc<dyn Clock>)), clock }
    }
}

impl ThrottleCounters for Counters {
    async fn reserve(
        &self,
        attempt: Attempt,
        limits: &ThrottleLimits,
    ) -> Result<Decision, StoreError> {
        self.memory.reserve(attempt, limits).await
    }

    async fn settle(
        &self,
        attempt: Attempt,
        outcome: AttemptOutcome,
        limits: &ThrottleLimits,
    ) -> Result<(), StoreError> {
        self.memory.settle(attempt, outcome, limits).await
    }

    async fn reset(&self, account: ThrottleKey, limits: &ThrottleLimits) -> Result<(), StoreError> {
        self.memory.reset(account, limits).await
    }
}

impl ThrottleCountersFixture for Counters {
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

crate::testing::throttle_counters_suite!(counters_in_memory, async { (Counters::new(), ()) });
