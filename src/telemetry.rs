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

/// What became of a request for a token.
#[cfg(feature = "issuer")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenOutcome {
    /// A token was issued.
    Issued,
    /// The bearer token was not good.
    ClientRefused,
    /// The request was not one for a token.
    BadRequest,
    /// Wrong password, unknown e-mail or no password; a code or an ID token that is not good.
    CredentialsRefused,
    /// Shed, because too many passwords wait to be hashed, or too many logins for a provider.
    Overloaded,
    /// A store, a provider or the machine could not.
    Fault,
}

/// Counts a request for a token.
#[cfg(feature = "issuer")]
pub(crate) fn token_request(outcome: TokenOutcome) {
    let outcome = match outcome {
        TokenOutcome::Issued => "issued",
        TokenOutcome::ClientRefused => "client_refused",
        TokenOutcome::BadRequest => "bad_request",
        TokenOutcome::CredentialsRefused => "credentials_refused",
        TokenOutcome::Overloaded => "overloaded",
        TokenOutcome::Fault => "fault",
    };
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "tower_customer_auth", outcome, "customer token requested");
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_token_requests_total", "outcome" => outcome).increment(1);
    let _ = outcome;
}

/// Tells the operator of something that no client is told. The error's causes come with it: they are
/// the store's own words, and the only ones who know what happened.
#[cfg(feature = "issuer")]
pub(crate) fn fault(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "tower_customer_auth", what, error, "customer authentication fault");
    #[cfg(feature = "metrics")]
    metrics::counter!("customer_auth_faults_total", "what" => what).increment(1);
    let _ = (what, error);
}
