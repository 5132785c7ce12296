//! Timeouts and failures of the store.

use std::time::Duration;

use tokio::time::timeout;

use crate::customer::BoxFuture;
use crate::customer::StoreError;
use crate::issuer::response::Refusal;
use crate::telemetry;

/// Waits for the store, and reports a failure or timeout to the operator.
pub(super) async fn store_answer<T>(
    limit: Duration,
    answer: BoxFuture<'_, Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            telemetry::fault("the customer store failed", &error);
            Err(Refusal::Fault)
        }
        Err(elapsed) => {
            telemetry::fault("the customer store timed out", &elapsed);
            Err(Refusal::Fault)
        }
    }
}
