//! Databases of earlier versions.

use std::error::Error;
use std::time::Duration;
use std::time::SystemTime;

use sqlx::Row;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use tower_customer_auth::revocation::CutOff;
use tower_customer_auth::revocation::RevocationEntry;
use tower_customer_auth::store::SqliteCustomers;

/// Moves cut-offs from the tables of earlier versions into the revocation log.
///
/// Those versions kept the cut-off of each customer, and a note for each change that had begun: the
/// process may have ended between the change and its cut-off. A note becomes a cut-off too.
pub(crate) async fn move_cut_offs(
    customers: &SqliteCustomers,
    now: SystemTime,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut transaction = customers.begin().await?;
    let connection = transaction.connection();
    let mut rows: Vec<(&str, String, SystemTime)> = Vec::new();
    if has_table(connection, "storefront_changes_begun").await? {
        for row in sqlx::query(BEGUN).fetch_all(&mut *connection).await? {
            // The change took effect after it had begun, if at all, and before now. A clock that is
            // days ahead must not lock the customer out for days once it is right again.
            let begun_at = optional(&row, "begun_at").map(time);
            let moment = begun_at.map_or(now, |begun| now.clamp(begun, begun + LONGEST_CHANGE));
            rows.push(("storefront_changes_begun", row.try_get("customer_id")?, moment));
        }
        sqlx::query(DROP_BEGUN).execute(&mut *connection).await?;
    }
    if has_table(connection, "storefront_token_cutoffs").await? {
        for row in sqlx::query(CUT_OFFS).fetch_all(&mut *connection).await? {
            // The first version kept only the moment rounded up to a second. It is taken for the
            // earliest moment that rounds to it. With a later one, logins in the rest of the second
            // would be rejected although the password is right. With an earlier one, revoked tokens
            // would be valid again.
            let valid_from: i64 = row.try_get("valid_from")?;
            let earliest = valid_from.saturating_sub(1).saturating_mul(1_000_000_000) + 1;
            let moment = optional(&row, "moment").unwrap_or_default().max(earliest);
            rows.push(("storefront_token_cutoffs", row.try_get("customer_id")?, time(moment)));
        }
        sqlx::query(DROP_CUT_OFFS).execute(&mut *connection).await?;
    }
    let log = customers.revocation_log();
    for (table, customer, moment) in rows {
        let id = customer.parse();
        let id =
            id.map_err(|_| format!("the row of customer {customer:?} in {table} is not valid"))?;
        let cut_off = CutOff::new(moment);
        log.append_in(&mut *connection, &RevocationEntry::Customer { id, cut_off }).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HAS_TABLE).bind(name).fetch_one(connection).await
}

/// A column that the first version lacked. The tables are `STRICT`, so it holds an integer or NULL.
fn optional(row: &SqliteRow, column: &str) -> Option<i64> {
    row.try_get(column).unwrap_or_default()
}

fn time(nanos: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

/// Longer than a change took in those versions: a few statements, each of which waited for a locked
/// file for at most 2 s.
const LONGEST_CHANGE: Duration = Duration::from_secs(60);

const HAS_TABLE: &str = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
const BEGUN: &str = "SELECT * FROM storefront_changes_begun";
const CUT_OFFS: &str = "SELECT * FROM storefront_token_cutoffs";
const DROP_BEGUN: &str = "DROP TABLE storefront_changes_begun";
const DROP_CUT_OFFS: &str = "DROP TABLE storefront_token_cutoffs";
