//! SQL statements. Parameters are numbered in the order of their binding.

pub(super) const FIND: &str = "\
    SELECT id, name, email, disabled, password_hash FROM customer_auth_customers \
    WHERE email_key = ?1 AND password_hash IS NOT NULL";

pub(super) const GET: &str = "\
    SELECT id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers WHERE id = ?1";

// Ordered by row number, not by time: the clock may be set back.
pub(super) const LIST: &str = "\
    SELECT id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers ORDER BY rowid LIMIT ?1 OFFSET ?2";

pub(super) const COUNT: &str = "SELECT count(*) FROM customer_auth_customers";

pub(super) const DELETE: &str = "DELETE FROM customer_auth_customers WHERE id = ?1 RETURNING id";

// A duplicate id writes nothing, so that it is reported even if the e-mail is a duplicate too.
pub(super) const INSERT: &str = "\
    INSERT INTO customer_auth_customers \
    (id, name, email, email_key, password_hash, created_at, updated_at, disabled) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7 \
    WHERE NOT EXISTS (SELECT 1 FROM customer_auth_customers WHERE id = ?1) \
    RETURNING id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const UPDATE: &str = "\
    UPDATE customer_auth_customers SET \
    name = coalesce(?2, name), \
    email = coalesce(?3, email), \
    email_key = coalesce(?4, email_key), \
    password_hash = coalesce(?5, password_hash), \
    updated_at = ?6, \
    disabled = coalesce(?7, disabled) \
    WHERE id = ?1 \
    RETURNING id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const REPLACE_HASH: &str = "\
    UPDATE customer_auth_customers SET password_hash = ?3 \
    WHERE id = ?1 AND password_hash = ?2 RETURNING id";
