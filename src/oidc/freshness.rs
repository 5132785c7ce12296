//! How long a provider's keys are taken for its present ones (RFC 9111 section 5.2).

use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// Where the provider says nothing.
const DEFAULT: Duration = Duration::from_secs(60 * 60);

/// A provider that says `no-store` is not asked for its keys at every login.
const MIN: Duration = Duration::from_secs(5 * 60);

/// And one that says a year is asked once a day, since keys may have to be dropped in a hurry.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells how long an answer is fresh, within our own bounds.
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
        // Several of them: the shortest, which can't be wrong for long.
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
