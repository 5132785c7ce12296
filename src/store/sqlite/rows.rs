//! Conversions of rows and result codes.

use std::time::Duration;
use std::time::SystemTime;

use sqlx::Row;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;

use crate::customer::ChangeError;
use crate::customer::Customer;
use crate::customer::CustomerRecord;

pub(super) fn customer(row: &SqliteRow) -> Result<Customer, sqlx::Error> {
    let id: String = row.try_get("id")?;
    let id = id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let [name, email]: [String; 2] = [row.try_get("name")?, row.try_get("email")?];
    Ok(Customer::new(id, name, email).enabled(!row.try_get::<bool, _>("disabled")?))
}

pub(super) fn record(row: &SqliteRow) -> Result<CustomerRecord, sqlx::Error> {
    let time = |column| {
        let millis = u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default();
        Ok::<_, sqlx::Error>(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    };
    Ok(CustomerRecord {
        customer: customer(row)?,
        has_password: row.try_get("has_password")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    })
}

pub(super) fn change_error(error: sqlx::Error) -> ChangeError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.as_deref() {
        Some(SQLITE_CONSTRAINT_UNIQUE) => ChangeError::DUPLICATE_EMAIL,
        _ => ChangeError::store(error),
    }
}

// Extended result code of SQLite. The only unique index of the customers is the one on login
// e-mails.
const SQLITE_CONSTRAINT_UNIQUE: &str = "2067";
