//! Conversions of rows, the same for all databases.

use std::time::Duration;
use std::time::SystemTime;

use crate::customer::Customer;
use crate::customer::CustomerRecord;
#[cfg(feature = "oidc")]
use crate::customer::EmailHolder;
use crate::database::Columns;
use crate::id::CustomerId;

pub(super) fn customer(row: &impl Columns) -> Result<Customer, sqlx::Error> {
    let [name, email] = [row.text("name")?, row.text("email")?];
    Ok(Customer::new(id(row)?, name, email).enabled(!row.boolean("disabled")?))
}

pub(super) fn record(row: &impl Columns) -> Result<CustomerRecord, sqlx::Error> {
    let time = |column| {
        let millis = u64::try_from(row.integer(column)?).unwrap_or_default();
        Ok::<_, sqlx::Error>(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    };
    Ok(CustomerRecord {
        customer: customer(row)?,
        has_password: row.boolean("has_password")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    })
}

/// Returns who holds an e-mail, from the rows of those with the best claims.
#[cfg(feature = "oidc")]
pub(super) fn email_holder(rows: &[impl Columns]) -> Result<EmailHolder, sqlx::Error> {
    let Some(first) = rows.first() else {
        return Ok(EmailHolder::Free);
    };
    // The best claim is first. Two equally good claims are ambiguous.
    let best = first.integer("claim")?;
    let next = rows.get(1).map_or(Ok(0), |second| second.integer("claim"))?;
    if best <= next {
        return Ok(EmailHolder::NotLinkable);
    }
    Ok(EmailHolder::Linkable(id(first)?))
}

fn id(row: &impl Columns) -> Result<CustomerId, sqlx::Error> {
    row.text("id")?.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
