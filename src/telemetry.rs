//! Events and metrics: the only file that names them.
//!
//! Events use the `tracing` target `tower_customer_auth` (feature `tracing`), counters go through
//! `metrics` (feature `metrics`). Labels are `&'static str`, so their number is bounded, and client
//! input, tokens in particular, cannot get into them. With the features off, calls compile to
//! nothing.

/// What the layer did with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// Passed with an identity.
    Accepted,
    /// Rejected; the inner service was not called.
    Refused,
    /// Passed by a dry run, would have been rejected otherwise.
    WouldRefuse,
}

/// Counts a request that the layer handled; `reason` is `"none"` for an accepted one.
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

/// Outcome of a token request.
#[cfg(feature = "issuer")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenOutcome {
    /// A token was issued for a login.
    Issued,
    /// A token was issued for a customer token.
    Refreshed,
    /// A token and its session were ended.
    LoggedOut,
    /// All tokens of a customer were ended.
    LoggedOutEverywhere,
    /// The bearer token was missing or rejected.
    ClientRefused,
    /// The request was malformed.
    BadRequest,
    /// Wrong password, unknown e-mail, no password, disabled customer; a rejected code or ID token.
    CredentialsRefused,
    /// The customer token of a logout or a refresh was missing or rejected.
    TokenRefused,
    /// All tokens of a customer who does not exist, or of another one, were to be ended.
    UnknownCustomer,
    /// Refused by the throttle.
    Throttled,
    /// Shed, because the hash queue is full, or too many logins wait for a provider.
    Overloaded,
    /// A store, a provider or the machine failed.
    Fault,
}

/// Counts a request for a token, or for the end of one.
#[cfg(feature = "issuer")]
pub(crate) fn token_request(outcome: TokenOutcome) {
    let outcome = match outcome {
        TokenOutcome::Issued => "issued",
        TokenOutcome::Refreshed => "refreshed",
        TokenOutcome::LoggedOut => "logged_out",
        TokenOutcome::LoggedOutEverywhere => "logged_out_everywhere",
        TokenOutcome::ClientRefused => "client_refused",
        TokenOutcome::BadRequest => "bad_request",
        TokenOutcome::CredentialsRefused => "credentials_refused",
        TokenOutcome::TokenRefused => "token_refused",
        TokenOutcome::UnknownCustomer => "unknown_customer",
        TokenOutcome::Throttled => "throttled",
        TokenOutcome::Overloaded => "overloaded",
        TokenOutcome::Fault => "fault",
    };
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "tower_customer_auth", outcome, "customer token requested");
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_token_requests_total", "outcome" => outcome).increment(1);
    let _ = outcome;
}

/// Counts an attempt that a tier of the throttle refused.
#[cfg(feature = "issuer")]
pub(crate) fn throttled(tier: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "tower_customer_auth", tier, "login attempt refused by the throttle");
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_throttled_total", "tier" => tier).increment(1);
    let _ = tier;
}

/// Warns the operator of a throttle that can't tell clients apart.
#[cfg(feature = "issuer")]
pub(crate) fn throttle_warning(what: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "tower_customer_auth", what, "login throttle");
    let _ = what;
}

/// Reports a fault to the operator that is hidden from clients, with the error and its sources.
#[cfg(feature = "revocation-log")]
pub(crate) fn fault(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "tower_customer_auth", what, error, "customer authentication fault");
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_faults_total", "what" => what).increment(1);
    let _ = (what, error);
}

/// Reports a change in how a revocation log is followed.
#[cfg(feature = "revocation-log")]
pub(crate) fn revocation_log(what: &'static str) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "tower_customer_auth", what, "revocation log");
    let _ = what;
}

/// Records how long ago the revocation log was read.
#[cfg(feature = "revocation-log")]
pub(crate) fn staleness(age: std::time::Duration) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("customer_auth_revocation_staleness_seconds").set(age.as_secs_f64());
    let _ = age;
}

/// Reports a comparison of the whole revocation log with the list; `added` entries were missing.
#[cfg(feature = "revocation-log")]
pub(crate) fn reconciled(entries: u64, added: u64) {
    #[cfg(feature = "tracing")]
    if added > 0 {
        tracing::warn!(
            target: "tower_customer_auth",
            entries,
            added,
            "the revocation list lacked entries of the log"
        );
    }
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_revocations_repaired_total").increment(added);
    let _ = (entries, added);
}
