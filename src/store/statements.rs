//! SQL statements, the same for all databases. Parameters are numbered in the order of their
//! binding.

pub(super) const FIND: &str = "\
    SELECT id, name, email, disabled, password_hash FROM customer_auth_customers \
    WHERE email_key = $1 AND password_hash IS NOT NULL";

pub(super) const GET: &str = "\
    SELECT id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at \
    FROM customer_auth_customers WHERE id = $1";

pub(super) const COUNT: &str = "SELECT count(*) FROM customer_auth_customers";

pub(super) const DELETE: &str = "DELETE FROM customer_auth_customers WHERE id = $1 RETURNING id";

// A duplicate id writes nothing, so that it is reported even if the e-mail is a duplicate too.
pub(super) const INSERT: &str = "\
    INSERT INTO customer_auth_customers \
    (id, name, email, email_key, password_hash, created_at, updated_at, disabled) \
    SELECT $1, $2, $3, $4, $5, $6, $6, $7 \
    WHERE NOT EXISTS (SELECT 1 FROM customer_auth_customers WHERE id = $1) \
    RETURNING id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const UPDATE: &str = "\
    UPDATE customer_auth_customers SET \
    name = coalesce($2, name), \
    email = coalesce($3, email), \
    email_key = coalesce($4, email_key), \
    password_hash = coalesce($5, password_hash), \
    updated_at = $6, \
    disabled = coalesce($7, disabled) \
    WHERE id = $1 \
    RETURNING id, name, email, disabled, password_hash IS NOT NULL AS has_password, created_at, updated_at";

pub(super) const REPLACE_HASH: &str = "\
    UPDATE customer_auth_customers SET password_hash = $3 \
    WHERE id = $1 AND password_hash = $2 RETURNING id";

#[cfg(feature = "oidc")]
pub(super) const FIND_BY_IDENTITY: &str = "\
    SELECT id, name, email, disabled FROM customer_auth_identities \
    JOIN customer_auth_customers ON id = customer_id WHERE issuer = $1 AND subject = $2";

// A known identity writes nothing, so that it is reported even if the id is a duplicate too: an
// earlier attempt of this create may have succeeded without an answer.
#[cfg(feature = "oidc")]
pub(super) const CREATE: &str = "\
    INSERT INTO customer_auth_customers \
    (id, name, email, email_key, password_hash, created_at, updated_at) \
    SELECT $1, $2, $3, $4, NULL, $5, $5 \
    WHERE NOT EXISTS ( \
        SELECT 1 FROM customer_auth_identities WHERE issuer = $6 AND subject = $7 \
    ) AND (NOT $8 OR $4 = '' OR NOT EXISTS ( \
        SELECT 1 FROM customer_auth_customers WHERE email_key = $4 \
    ))";

#[cfg(feature = "oidc")]
pub(super) const ADD_IDENTITY: &str = "\
    INSERT INTO customer_auth_identities \
    (issuer, subject, customer_id, verified_email, created_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (issuer, subject) DO NOTHING";

// `updated_at` stays the same for a customer without a password.
#[cfg(feature = "oidc")]
pub(super) const TAKE_PASSWORD: &str = "\
    UPDATE customer_auth_customers SET \
    updated_at = CASE WHEN password_hash IS NULL THEN updated_at ELSE $2 END, \
    password_hash = NULL \
    WHERE id = $1 RETURNING id, name, email, disabled";
