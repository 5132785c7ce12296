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

/// Returns whether an error may pass soon: the server is not there, starts or stops, has no
/// connection left, or has rolled back one of two transactions that waited for each other.
pub(crate) fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
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
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
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
