//! Times as the API writes them: `2020-01-31T09:30:00.000Z`.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Writes a time in its one fixed width, so that the order of the texts is the order of the times.
pub(crate) fn format(time: Timestamp) -> String {
    format!("{time:.3}")
}

pub(crate) fn from_system(time: SystemTime) -> String {
    // Invariant: the fallback is never taken before the year 9999.
    format(Timestamp::try_from(time).unwrap_or(Timestamp::MAX))
}

/// Seconds since 1970. A clock before 1970 reads as 1970, when nothing has expired yet and what is
/// issued has expired already once the clock is right.
pub(crate) fn epoch_seconds(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// Reads a day (its first moment, UTC), a time with an offset, or one without (UTC), and writes it
/// as [`format()`] does. `None` for everything else, a time in a named zone too, and for what that
/// width can't hold: a year of other than four digits, a fraction finer than a millisecond.
pub(crate) fn canonical(text: &str) -> Option<String> {
    // jiff reads a time zone, `…T00:00[Europe/Berlin]`, and would leave it out of account.
    if text.contains('[') {
        return None;
    }
    let time = text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    })?;
    let year = TimeZone::UTC.to_datetime(time).year();
    let whole = time.subsec_nanosecond() % 1_000_000 == 0;
    (whole && (0..=9999).contains(&year)).then(|| format(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_and_times_into_one_spelling() {
        for (text, expected) in [
            ("2020-01-31", Some("2020-01-31T00:00:00.000Z")),
            ("2020-01-31T09:30:00Z", Some("2020-01-31T09:30:00.000Z")),
            ("2020-01-31T09:30:00.25Z", Some("2020-01-31T09:30:00.250Z")),
            ("2020-01-31T09:30:00.250", Some("2020-01-31T09:30:00.250Z")),
            ("2020-01-31T09:30:00+02:00", Some("2020-01-31T07:30:00.000Z")),
            ("2020-01-31T09:30:00.0001Z", None),
            ("-000001-01-31", None),
            ("2020-02-30", None),
            ("2020-01-31T09:30[Europe/Berlin]", None),
            ("2020-01-31T09:30:00+01:00[Europe/Berlin]", None),
            ("2020-01-31T09:30:00Z[u-ca=hebrew]", None),
            ("2020-01-31[UTC]", None),
            ("2020-01-31T09:30:00+26:00", None),
            ("2020-01-31T09:30:00+02", Some("2020-01-31T07:30:00.000Z")),
            ("2020-01-31T09:30:00-0200", Some("2020-01-31T11:30:00.000Z")),
            ("2020-01-31Z", None),
            ("9999-12-31T23:59:59-12:00", None),
            ("0000-01-01T00:00:00+12:00", None),
            ("2020", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }
}
