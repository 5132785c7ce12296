//! The lifetime of a provider's keys (RFC 9111 section 5.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// Without `Cache-Control`.
const DEFAULT: Duration = Duration::from_secs(60 * 60);

/// Also for `no-store`: the keys are not fetched at every login.
const MIN: Duration = Duration::from_secs(5 * 60);

/// Also for a `max-age` of a year: a compromised key must be dropped soon.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns how long an answer is fresh, between `MIN` and `MAX`.
pub(super) fn lifetime(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut lifetime = None;
    for directive in values.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let seconds = match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim().trim_matches('"').parse().ok(),
            _ => None,
        };
        // With several directives, the shortest lifetime applies.
        lifetime = lifetime.into_iter().chain(seconds).min();
    }
    lifetime.map_or(DEFAULT, Duration::from_secs).clamp(MIN, MAX)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn respects_cache_control_within_five_minutes_and_a_day() {
        for (values, seconds) in [
            (&[][..], 3600),
            (&["max-age=600"], 600),
            (&["public, max-age=21600, must-revalidate"], 21_600),
            (&["Max-Age=\"900\""], 900),
            (&["public", "max-age=700"], 700),
            (&["max-age=7200, max-age=400"], 400),
            (&["max-age=0"], 300),
            (&["max-age=1"], 300),
            (&["no-store"], 300),
            (&["no-cache, max-age=7200"], 300),
            (&["max-age=31536000"], 86_400),
            (&["max-age=18446744073709551615"], 86_400),
            (&["max-age=18446744073709551616"], 3600),
            (&["max-age=-1"], 3600),
            (&["max-age"], 3600),
            (&["s-maxage=1200"], 3600),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            assert_eq!(lifetime(&headers), Duration::from_secs(seconds), "{values:?}");
        }
    }
}
