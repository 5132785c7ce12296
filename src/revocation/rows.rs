//! Entries as rows, and statements, the same in all databases.

use std::str::FromStr;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::ceil_seconds;
use crate::clock::from_epoch;
use crate::clock::since_epoch;
use crate::database::Columns;
use crate::revocation::CutOff;
use crate::revocation::RevocationEntry;

/// The columns of an entry.
pub(super) struct Record {
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) until: i64,
    pub(super) moment: Option<i64>,
}

impl Record {
    pub(super) fn of(entry: &RevocationEntry) -> Self {
        match entry {
            RevocationEntry::Token { id, expires_at } => {
                Self::ending(TOKEN, id.to_string(), *expires_at)
            }
            RevocationEntry::Session { id, ends_at } => {
                Self::ending(SESSION, id.to_string(), *ends_at)
            }
            RevocationEntry::Customer { id, cut_off } => {
                Self::cut_off(CUSTOMER, id.to_string(), *cut_off)
            }
            RevocationEntry::Everyone { cut_off } => {
                Self::cut_off(EVERYONE, String::new(), *cut_off)
            }
        }
    }

    fn ending(kind: &'static str, subject: String, end: SystemTime) -> Self {
        Self { kind, subject, until: integer(ceil_seconds(since_epoch(end))), moment: None }
    }

    fn cut_off(kind: &'static str, subject: String, cut_off: CutOff) -> Self {
        let moment = i64::try_from(cut_off.at.as_nanos()).unwrap_or(i64::MAX);
        Self { kind, subject, until: integer(cut_off.valid_from), moment: Some(moment) }
    }
}

/// Reads an entry from four columns, the first of which is at `first`. `None` if it is not valid.
pub(super) fn entry(row: &impl Columns, first: usize) -> Option<RevocationEntry> {
    let kind = row.text_at(first).ok()?;
    let subject = row.text_at(first + 1).ok()?;
    let until = u64::try_from(row.integer_at(first + 2).ok()??).ok()?;
    let moment = row.integer_at(first + 3).ok()?;
    let time = || (until <= MAX_SECONDS).then(|| from_epoch(until));
    let cut_off = || {
        let at = Duration::from_nanos(u64::try_from(moment?).ok()?);
        let cut_off = CutOff::with_valid_from(SystemTime::UNIX_EPOCH + at, time()?);
        // The two were written together: `valid_from` is not before the moment.
        (cut_off.valid_from == until).then_some(cut_off)
    };
    Some(match kind {
        TOKEN => RevocationEntry::Token { id: id(subject)?, expires_at: time()? },
        SESSION => RevocationEntry::Session { id: id(subject)?, ends_at: time()? },
        CUSTOMER => RevocationEntry::Customer { id: id(subject)?, cut_off: cut_off()? },
        EVERYONE if subject.is_empty() => RevocationEntry::Everyone { cut_off: cut_off()? },
        _ => return None,
    })
}

fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Converts seconds to what a column holds.
pub(super) fn integer(seconds: u64) -> i64 {
    i64::try_from(seconds.min(MAX_SECONDS)).unwrap_or(i64::MAX)
}

pub(super) const TOKEN: &str = "token";
pub(super) const SESSION: &str = "session";
const CUSTOMER: &str = "customer";
const EVERYONE: &str = "everyone";

/// Far beyond every time in a token, and within `SystemTime`.
const MAX_SECONDS: u64 = 1 << 53;

pub(super) const COUNT: &str = "SELECT count(*) FROM customer_auth_revocations WHERE kind = $1";

pub(super) const IS_REVOKED: &str = "\
    SELECT EXISTS (SELECT 1 FROM customer_auth_revocations WHERE \
        kind = 'token' AND subject = $1 \
        OR kind = 'session' AND subject = $2 \
        OR kind = 'customer' AND subject = $3 AND $4 < until \
        OR kind = 'everyone' AND subject = '' AND $4 < until)";
