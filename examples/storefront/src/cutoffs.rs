//! "Tokens issued before this moment are not good": kept, so that a restart doesn't forget it.
//!
//! [`Revocations::in_memory`] forgets with the process. A password change must not: a stolen token
//! would be good again after the next restart. So the cut-off of each customer is kept in the
//! storefront's database and told to the [`Revocations`] at the start.
//!
//! Two times are kept: the exact moment, which the next start tells the list, and `valid_from`, the
//! next whole second, with which the `iat` of a token is compared. The moment can't be told from
//! `valid_from`: the right password would be refused for the rest of the second.
//!
//! Nothing is ever pruned: it is one row a customer. What is too old to matter is told by a clock,
//! and one start with a clock that is days ahead would prune what ends tokens that are good by the
//! right time.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use sqlx::Row;
use sqlx::SqlitePool;
use tower_customer_auth::Clock;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Revocations;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::customer::StoreError;

use crate::problem::Problem;
use crate::state::Storefront;
use crate::time::epoch_seconds;

/// Makes a change after which no earlier token of the customer may be good, and ends them.
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
    let (pool, list, clock) = (store.pool.clone(), store.revocations.clone(), store.clock.clone());
    store.writes.carry_out(ended_by(pool, list, clock, customer.clone(), change)).await
}

/// As [`ending_tokens`], in whose turn it is.
///
/// Room in the list comes first: a list that is full refuses the change, which could not be taken
/// back when the tokens can't be ended. Then the database notes that a change is under way: when the
/// process dies between the change and the cut-off, [`replay`] draws it at the next start.
pub(crate) async fn ended_by<T>(
    pool: SqlitePool,
    revocations: Revocations,
    clock: Arc<dyn Clock>,
    customer: CustomerId,
    change: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let room = revocations.reserve_customer(&customer);
    let _room = room.map_err(|error| Problem::unavailable(&error))?;
    let begun = begin(&pool, &customer, clock.now()).await?;
    let changed = change.await;
    if let Err(problem) = &changed
        && !problem.is_fault()
    {
        sqlx::query(FORGET).bind(begun).execute(&pool).await?;
        return changed;
    }
    // Behind a fault it is not known whether the change happened: the tokens end, to be safe.
    let moment = clock.now();
    let revoked = revocations.revoke_customer(&customer, moment).await;
    revoked.map_err(|error| Problem::unavailable(&error))?;
    finish(&pool, begun, &customer.to_string(), moment).await?;
    changed
}

/// Carries out a change whose caller ends the earlier tokens in memory, and keeps the cut-off of it,
/// unless nothing was changed. The caller has reserved room for it.
///
/// To be carried out as [`ending_tokens`] is: as one of the [`Writes`](crate::writes::Writes).
pub(crate) async fn kept_with<T>(
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
    customer: CustomerId,
    change: impl Future<Output = Result<(T, bool), StoreError>>,
) -> Result<T, Problem> {
    let begun = begin(&pool, &customer, clock.now()).await?;
    let outcome = change.await;
    match &outcome {
        Ok((_, false)) => {
            sqlx::query(FORGET).bind(begun).execute(&pool).await?;
        }
        // Behind a fault it is not known whether the change happened.
        Ok((_, true)) | Err(_) => finish(&pool, begun, &customer.to_string(), clock.now()).await?,
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

/// Tells `revocations` every cut-off that is kept, and draws those of changes that the last process
/// did not live to finish.
pub(crate) async fn replay(
    pool: &SqlitePool,
    revocations: &Revocations,
    now: SystemTime,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for row in sqlx::query(BEGUN).fetch_all(pool).await? {
        let customer: String = row.try_get("customer_id")?;
        // The change was made after it had begun, if at all, and before this start. A clock that is
        // days ahead by now must not lock the customer out for days once it is right again.
        let moment = match row.try_get("begun_at")? {
            Some(begun_at) => now.clamp(time(begun_at), time(begun_at) + LONGEST_CHANGE),
            // Noted by a version that did not note when.
            None => now,
        };
        finish(pool, row.try_get("id")?, &customer, moment).await?;
    }
    for row in sqlx::query(ALL).fetch_all(pool).await? {
        let customer: CustomerId = row.try_get::<String, _>("customer_id")?.parse()?;
        revocations.revoke_customer(&customer, time(row.try_get("moment")?)).await?;
    }
    Ok(())
}

/// Notes that a change is under way.
async fn begin(
    pool: &SqlitePool,
    customer: &CustomerId,
    now: SystemTime,
) -> Result<i64, sqlx::Error> {
    let begin = sqlx::query(BEGIN).bind(customer.to_string()).bind(nanos(now));
    Ok(begin.execute(pool).await?.last_insert_rowid())
}

/// Keeps a cut-off and forgets the change that it is for, both or neither.
async fn finish(
    pool: &SqlitePool,
    begun: i64,
    customer: &str,
    moment: SystemTime,
) -> Result<(), sqlx::Error> {
    // Rounded up as `Revocations` does, which leaves a whole second as it is.
    let moment = nanos(moment);
    let valid_from = epoch_seconds(time(moment)) + i64::from(moment % 1_000_000_000 > 0);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let keep = sqlx::query(KEEP).bind(customer).bind(moment).bind(valid_from);
    keep.execute(&mut *transaction).await?;
    sqlx::query(FORGET).bind(begun).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Nanoseconds since 1970, which an `INTEGER` of SQLite's holds until the year 2262.
fn nanos(time: SystemTime) -> i64 {
    let elapsed = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

fn time(nanos: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

/// More than a change takes from when it is noted, its turn having come: some statements, each of
/// which waits for a file that another process holds for 2 s at most.
const LONGEST_CHANGE: Duration = Duration::from_secs(60);

const BEGIN: &str = "INSERT INTO storefront_changes_begun (customer_id, begun_at) VALUES (?1, ?2)";
const FORGET: &str = "DELETE FROM storefront_changes_begun WHERE id = ?1";
const BEGUN: &str = "SELECT id, customer_id, begun_at FROM storefront_changes_begun";
// Of two cut-offs the later one counts, as in `Revocations`.
const KEEP: &str = "\
    INSERT INTO storefront_token_cutoffs (customer_id, moment, valid_from) VALUES (?1, ?2, ?3) \
    ON CONFLICT (customer_id) DO UPDATE SET \
    moment = max(coalesce(moment, 0), excluded.moment), \
    valid_from = max(valid_from, excluded.valid_from)";
const CUTOFF: &str = "SELECT valid_from FROM storefront_token_cutoffs WHERE customer_id = ?1";
// A version before this one kept `valid_from` alone. The moment is then taken for the first one that
// is rounded up to it. With a later one, logins of the rest of the second would be refused, although
// the password is right. With an earlier one, tokens that were ended would be good again. Logins by
// the former password are no concern: every login from now on proves the present one.
const ALL: &str = "\
    SELECT customer_id, max(coalesce(moment, 0), (valid_from - 1) * 1000000000 + 1) AS moment \
    FROM storefront_token_cutoffs";
