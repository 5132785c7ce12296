//! Errors of PostgreSQL.

use std::error::Error;
use std::io;
use std::time::Duration;

use sqlx::error::DatabaseError;

/// Creates the error of a call that took too long.
pub(crate) fn deadline_missed(deadline: Duration) -> sqlx::Error {
    let text = format!("PostgreSQL did not answer within {deadline:?}");
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}

/// Error of a change that was committed, or may have been: it must not be repeated.
#[derive(Debug, thiserror::Error)]
#[error("the change may have been committed")]
pub(crate) struct InDoubt(#[source] pub(crate) Box<dyn Error + Send + Sync>);

/// Returns whether an error may pass soon: the server is not there, starts or stops, has no
/// connection left, or has rolled back one of two transactions that waited for each other.
pub(crate) fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<InDoubt>() {
            return false;
        }
        if let Some(database) = cause.downcast_ref::<sqlx::Error>() {
            return is_lost(database)
                || code(database).is_some_and(|code| TRANSIENT.contains(&&*code));
        }
        error = cause.source();
    }
    false
}

/// Returns whether the connection is not usable after this error.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(cause) => {
            let in_doubt = cause.get_ref().and_then(|cause| cause.downcast_ref::<InDoubt>());
            in_doubt.is_none()
        }
        sqlx::Error::Protocol(_) => true,
        // FATAL: the server ends the session.
        _ => code(error).is_some_and(|code| LOST.iter().any(|lost| code.starts_with(lost))),
    }
}

/// Returns the SQLSTATE of an error that the server answered.
pub(super) fn code(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error().and_then(DatabaseError::code)
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
// Connection exceptions; the server shuts down, crashed or starts; sessions that idled too long.
const LOST: [&str; 5] = ["08", "57P01", "57P02", "57P03", "25P03"];
// serialization_failure, deadlock_detected, too_many_connections.
const TRANSIENT: [&str; 3] = ["40001", "40P01", "53300"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::StoreError;
    use crate::revocation::LogError;

    #[test]
    fn lost_connections_may_be_tried_again_and_changes_in_doubt_may_not() {
        let lost = || deadline_missed(Duration::from_secs(2));
        let in_doubt = || InDoubt(lost().into());
        let io = |error: InDoubt| sqlx::Error::Io(io::Error::other(error));
        assert!(is_transient(&lost()));
        assert!(is_transient(&StoreError::new(lost())));
        assert!(is_transient(&StoreError::new(LogError::unavailable(lost()))));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
        assert!(!is_transient(&StoreError::new("another fault")));
        assert!(!is_transient(&io(in_doubt())));
        assert!(!is_transient(&StoreError::new(io(in_doubt()))));
        let after = StoreError::new(InDoubt(LogError::unavailable(lost()).into()));
        assert!(!is_transient(&after));
    }
}
