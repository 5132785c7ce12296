//! What becomes of a login whose store can't tell.

use std::time::Duration;

use tokio::time::timeout;

use crate::customer::StoreError;
use crate::issuer::BoxFuture;
use crate::issuer::response::Refusal;
use crate::telemetry;

/// Waits for an answer of the store's, and tells the operator where there is none.
pub(in crate::issuer) async fn store_answer<T>(
    limit: Duration,
    answer: BoxFuture<'_, Result<T, StoreError>>,
) -> Result<T, Refusal> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            telemetry::fault("the customer store could not tell", &error);
            Err(Refusal::Fault)
        }
        Err(elapsed) => {
            telemetry::fault("the customer store has not answered", &elapsed);
            Err(Refusal::Fault)
        }
    }
}
