//! "Tokens issued before this moment are not good": kept, so that a restart doesn't forget it.
//!
//! [`Revocations::in_memory`] forgets with the process. A password change must not: whoever had
//! stolen a token would get it back with the next restart. So the cut-off of each customer is kept
//! in the storefront's database and told to the [`Revocations`] at the start.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use sqlx::Row;
use sqlx::SqlitePool;
use tower_customer_auth::Clock;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Revocations;
use tower_customer_auth::StoreError;
use tower_customer_auth::VerifiedToken;

use crate::problem::Problem;
use crate::state::Storefront;
use crate::time::epoch_seconds;

/// Makes a change after which no earlier token of the customer may be good, and ends them.
///
/// The database notes first that a change is under way: when the process dies between the change
/// and the cut-off, [`replay`] draws it at the next start.
///
/// A client that hangs up can't stop it between the two, which [`Writes`](crate::writes::Writes)
/// sees to.
pub(crate) async fn ending_tokens<T, C>(
    store: &Storefront,
    customer: &CustomerId,
    change: C,
) -> Result<T, Problem>
where
    T: Send + 'static,
    C: Future<Output = Result<T, Problem>> + Send + 'static,
{
    let writes = store.writes.clone();
    let store = store.clone();
    let customer = customer.clone();
    let write = async move {
        let id = customer.to_string();
        let begun = sqlx::query(BEGIN).bind(&id).execute(&store.pool).await?.last_insert_rowid();
        let changed = change.await;
        if let Err(problem) = &changed
            && !problem.is_fault()
        {
            sqlx::query(FORGET).bind(begun).execute(&store.pool).await?;
            return changed;
        }
        // Behind a fault nobody knows whether the change happened: the tokens end, to be safe.
        let now = store.now();
        let revoked = store.revocations.revoke_customer(&customer, now).await;
        revoked.map_err(|error| Problem::unavailable(&error))?;
        finish(&store.pool, begun, &id, now).await?;
        changed
    };
    writes.carry_out(write).await
}

/// Carries out a change which somebody else ends the earlier tokens for, in memory, and keeps the
/// cut-off of it; unless it tells that nothing was changed.
///
/// To be carried out as [`ending_tokens`] is: as one of the [`Writes`](crate::writes::Writes).
pub(crate) async fn kept_with<T>(
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
    customer: CustomerId,
    change: impl Future<Output = Result<(T, bool), StoreError>>,
) -> Result<T, Problem> {
    let id = customer.to_string();
    let begun = sqlx::query(BEGIN).bind(&id).execute(&pool).await?.last_insert_rowid();
    let outcome = change.await;
    match &outcome {
        Ok((_, false)) => {
            sqlx::query(FORGET).bind(begun).execute(&pool).await?;
        }
        // Behind a fault nobody knows whether the change happened.
        Ok((_, true)) | Err(_) => finish(&pool, begun, &id, clock.now()).await?,
    }
    Ok(outcome?.0)
}

/// Tells whether a token that was good when the request came has been ended since, while its
/// handler was busy. To be asked within a change, because no other one can come between.
pub(crate) async fn has_ended(
    token: &VerifiedToken,
    pool: &SqlitePool,
) -> Result<bool, sqlx::Error> {
    let cutoff = sqlx::query_scalar(CUTOFF).bind(token.customer_id().to_string());
    let cutoff: Option<i64> = cutoff.fetch_optional(pool).await?;
    Ok(cutoff.is_some_and(|valid_from| epoch_seconds(token.issued_at()) < valid_from))
}

/// Tells the kept cut-offs to `revocations`, and drops those that no live token is older than.
pub(crate) async fn replay(
    pool: &SqlitePool,
    revocations: &Revocations,
    now: SystemTime,
    token_lifetime: Duration,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for row in sqlx::query(BEGUN).fetch_all(pool).await? {
        let customer: String = row.try_get("customer_id")?;
        finish(pool, row.try_get("id")?, &customer, now).await?;
    }
    let oldest = epoch_seconds(now) - i64::try_from(token_lifetime.as_secs())?;
    sqlx::query(PRUNE).bind(oldest).execute(pool).await?;
    for row in sqlx::query(ALL).fetch_all(pool).await? {
        let customer: CustomerId = row.try_get::<String, _>("customer_id")?.parse()?;
        let seconds = u64::try_from(row.try_get::<i64, _>("valid_from")?)?;
        let valid_from = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        revocations.revoke_customer(&customer, valid_from).await?;
    }
    Ok(())
}

/// Keeps a cut-off and forgets the change that it is for, both or neither.
async fn finish(
    pool: &SqlitePool,
    begun: i64,
    customer: &str,
    now: SystemTime,
) -> Result<(), sqlx::Error> {
    // Rounded up as `Revocations` does, which leaves a whole second as it is.
    let started = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos() > 0;
    let valid_from = epoch_seconds(now) + i64::from(started);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(KEEP).bind(customer).bind(valid_from).execute(&mut *transaction).await?;
    sqlx::query(FORGET).bind(begun).execute(&mut *transaction).await?;
    transaction.commit().await
}

const BEGIN: &str = "INSERT INTO storefront_changes_begun (customer_id) VALUES (?1)";
const FORGET: &str = "DELETE FROM storefront_changes_begun WHERE id = ?1";
const BEGUN: &str = "SELECT id, customer_id FROM storefront_changes_begun";
// As `Revocations` does: a token issued after one change and before another of the same second is
// dated by the end of that second, and the second cut-off must reach it.
const KEEP: &str = "\
    INSERT INTO storefront_token_cutoffs (customer_id, valid_from) VALUES (?1, ?2) \
    ON CONFLICT (customer_id) DO UPDATE SET valid_from = max(valid_from + 1, excluded.valid_from)";
const CUTOFF: &str = "SELECT valid_from FROM storefront_token_cutoffs WHERE customer_id = ?1";
const ALL: &str = "SELECT customer_id, valid_from FROM storefront_token_cutoffs";
const PRUNE: &str = "DELETE FROM storefront_token_cutoffs WHERE valid_from < ?1";
