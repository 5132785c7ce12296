//! The statements. Parameters are numbered in the order in which they are bound.

pub(super) const FIND: &str = "\
    SELECT id, name, email, password_hash FROM customer_auth_customers \
    WHERE email_key = ?1 AND password_hash IS NOT NULL";

pub(super) const GET: &str = "\
    SELECT id, name, email, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers WHERE id = ?1";

// By the row's number, and not by the time, which the clock may turn back.
pub(super) const LIST: &str = "\
    SELECT id, name, email, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers ORDER BY rowid LIMIT ?1 OFFSET ?2";

pub(super) const COUNT: &str = "SELECT count(*) FROM customer_auth_customers";

pub(super) const DELETE: &str = "DELETE FROM customer_auth_customers WHERE id = ?1 RETURNING id";

// An id that is taken writes nothing, so that it is told first where the e-mail is taken as well.
pub(super) const INSERT: &str = "\
    INSERT INTO customer_auth_customers \
    (id, name, email, email_key, password_hash, created_at, updated_at) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6 \
    WHERE NOT EXISTS (SELECT 1 FROM customer_auth_customers WHERE id = ?1) \
    RETURNING id, name, email, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const UPDATE: &str = "\
    UPDATE customer_auth_customers SET \
    name = coalesce(?2, name), \
    email = coalesce(?3, email), \
    email_key = coalesce(?4, email_key), \
    password_hash = coalesce(?5, password_hash), \
    updated_at = ?6 \
    WHERE id = ?1 \
    RETURNING id, name, email, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const REPLACE_HASH: &str = "\
    UPDATE customer_auth_customers SET password_hash = ?3 \
    WHERE id = ?1 AND password_hash = ?2 RETURNING id";

pub(super) const FIND_BY_IDENTITY: &str = "\
    SELECT id, name, email FROM customer_auth_identities \
    JOIN customer_auth_customers ON id = customer_id WHERE issuer = ?1 AND subject = ?2";

// Two are enough to tell. How good a customer's claim to the address is: 3 by identities, 2 by a password,
// 1 by being there, 0 for whom it may not be linked to. To be linked, an address must be the same but for the case of ASCII letters,
// which is all that NOCASE knows: under the key foreign letters become ASCII ones. `IS NOT` is true of
// a NULL too: that identity came with no verified address.
pub(super) const EMAIL_HOLDER: &str = "\
    SELECT id, CASE \
        WHEN email <> ?2 COLLATE NOCASE OR EXISTS ( \
            SELECT 1 FROM customer_auth_identities \
            WHERE customer_id = id AND verified_email IS NOT ?2 COLLATE NOCASE \
        ) THEN 0 \
        WHEN EXISTS (SELECT 1 FROM customer_auth_identities WHERE customer_id = id) THEN 3 \
        WHEN password_hash IS NOT NULL THEN 2 \
        ELSE 1 \
    END AS claim \
    FROM customer_auth_customers WHERE email_key = ?1 AND ?1 <> '' \
    ORDER BY claim DESC LIMIT 2";

// An identity that is somebody's writes nothing, so that it is told first where the id is taken as well:
// this very create may have succeeded before, unheard.
pub(super) const CREATE: &str = "\
    INSERT INTO customer_auth_customers \
    (id, name, email, email_key, password_hash, created_at, updated_at) \
    SELECT ?1, ?2, ?3, ?4, NULL, ?5, ?5 \
    WHERE NOT EXISTS ( \
        SELECT 1 FROM customer_auth_identities WHERE issuer = ?6 AND subject = ?7 \
    ) AND (NOT ?8 OR ?4 = '' OR NOT EXISTS ( \
        SELECT 1 FROM customer_auth_customers WHERE email_key = ?4 \
    ))";

pub(super) const ADD_IDENTITY: &str = "\
    INSERT INTO customer_auth_identities \
    (issuer, subject, customer_id, verified_email, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (issuer, subject) DO NOTHING";

// Nothing has changed for a customer who had no password.
pub(super) const TAKE_PASSWORD: &str = "\
    UPDATE customer_auth_customers SET \
    updated_at = iif(password_hash IS NULL, updated_at, ?2), \
    password_hash = NULL \
    WHERE id = ?1 RETURNING id, name, email";

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use sqlx::Row;

    use super::*;
    use crate::customer::SqliteCustomers;

    #[tokio::test]
    async fn look_ups_of_identities_go_by_indexes() {
        let store = SqliteCustomers::open(":memory:").await.unwrap();
        for (statement, plan) in [
            (
                FIND_BY_IDENTITY,
                &[
                    "SEARCH customer_auth_identities USING PRIMARY KEY (issuer=? AND subject=?)",
                    "SEARCH customer_auth_customers USING INDEX \
                     sqlite_autoindex_customer_auth_customers_1 (id=?)",
                ][..],
            ),
            (
                EMAIL_HOLDER,
                &[
                    "SEARCH customer_auth_customers USING INDEX \
                     customer_auth_customers_email (email_key=?)",
                    "CORRELATED SCALAR SUBQUERY 1",
                    "SEARCH customer_auth_identities USING INDEX \
                     customer_auth_identities_customer (customer_id=?)",
                    "CORRELATED SCALAR SUBQUERY 2",
                    "SEARCH customer_auth_identities USING COVERING INDEX \
                     customer_auth_identities_customer (customer_id=?)",
                    "USE TEMP B-TREE FOR ORDER BY",
                ],
            ),
        ] {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let rows = sqlx::query(explain).fetch_all(store.pool()).await.unwrap();
            let rows = rows.iter().map(|row| row.try_get("detail").unwrap());
            assert_eq!(rows.collect::<Vec<String>>(), plan);
        }
    }
}
