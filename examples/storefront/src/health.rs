//! `GET /healthz` and `GET /readyz`, for process supervisors and load balancers. They need no token.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::problem::Problem;
use crate::state::Storefront;

/// `GET /healthz`: 200 while the process serves requests.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: 503 while customer tokens can't be verified.
pub(crate) async fn ready(State(store): State<Storefront>) -> Result<Json<Value>, Problem> {
    match obstacle(store.revocations.staleness(), store.max_staleness) {
        None => Ok(Json(json!({ "status": "ready" }))),
        Some(detail) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not Ready", &detail)),
    }
}

/// Returns why verifiers reject all tokens, if the list of revocations is too old for them.
fn obstacle(staleness: Option<Duration>, max_staleness: Duration) -> Option<String> {
    let Some(staleness) = staleness else {
        return Some("the revocation log has not been loaded yet".to_owned());
    };
    let (age, limit) = (staleness.as_millis(), max_staleness.as_millis());
    let is_stale = staleness > max_staleness;
    is_stale
        .then(|| format!("the revocation log was last read {age} ms ago, the limit is {limit} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_it_is_not_ready() {
        let max = Duration::from_secs(10);
        let millis = Duration::from_millis;
        for (staleness, expected) in [
            (Some(millis(0)), None),
            (Some(millis(10_000)), None),
            (
                Some(millis(10_001)),
                Some("the revocation log was last read 10001 ms ago, the limit is 10000 ms"),
            ),
            (None, Some("the revocation log has not been loaded yet")),
        ] {
            assert_eq!(obstacle(staleness, max).as_deref(), expected, "{staleness:?}");
        }
    }
}
