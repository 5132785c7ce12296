CREATE TABLE customer_auth_customers (
    id            TEXT PRIMARY KEY NOT NULL,
    name          TEXT NOT NULL,
    -- As it was given.
    email         TEXT NOT NULL,
    -- What it is compared by. Written by the crate: SQLite's lower() knows ASCII alone.
    email_key     TEXT NOT NULL,
    -- NULL: this customer has no password, and can't log in with one.
    password_hash TEXT,
    -- Milliseconds since 1970.
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

-- At most one customer with a password for each e-mail, any number without one.
CREATE UNIQUE INDEX customer_auth_customers_login
    ON customer_auth_customers (email_key)
    WHERE password_hash IS NOT NULL;
