//! Everything this crate tells about itself: the only file that names events and metrics.
//!
//! Events have the one `tracing` target `tower_customer_auth` (feature `tracing`), counters go
//! through `metrics` (feature `metrics`). Labels are `&'static str`, so that their number is bounded
//! and nothing a client sent, a token least of all, can get into them. With a feature off its calls
//! cost nothing.

/// What the layer did with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// Let through with an identity.
    Accepted,
    /// Answered instead of the inner service.
    Refused,
    /// Let through by a dry run that would have refused it.
    WouldRefuse,
}

/// Counts a request that the layer judged; `reason` is `"none"` for an accepted one.
pub(crate) fn request(verdict: Verdict, reason: &'static str) {
    let verdict = match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::WouldRefuse => "would_refuse",
    };
    #[cfg(feature = "tracing")]
    if reason != "none" {
        tracing::debug!(target: "tower_customer_auth", verdict, reason, "customer token not accepted");
    }
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_requests_total", "verdict" => verdict, "reason" => reason)
        .increment(1);
    let _ = (verdict, reason);
}
