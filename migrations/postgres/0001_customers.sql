CREATE TABLE customer_auth_customers (
    -- The order of insertion.
    position      bigint GENERATED ALWAYS AS IDENTITY,
    -- Compared byte by byte, whatever the collation of the database.
    id            text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL,
    -- As it was given.
    email         text NOT NULL,
    -- What it is compared by, written by the crate.
    email_key     text COLLATE "C" NOT NULL,
    -- NULL: this customer has no password, and can't log in with one.
    password_hash text,
    -- Milliseconds since 1970.
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    -- A disabled customer can't log in.
    disabled      boolean NOT NULL DEFAULT false
);

CREATE UNIQUE INDEX customer_auth_customers_position
    ON customer_auth_customers (position);

-- At most one customer with a password for each e-mail, any number without one.
CREATE UNIQUE INDEX customer_auth_customers_login
    ON customer_auth_customers (email_key)
    WHERE password_hash IS NOT NULL;

-- Of all customers with an e-mail, not only of those with a password.
CREATE INDEX customer_auth_customers_email
    ON customer_auth_customers (email_key);

CREATE TABLE customer_auth_identities (
    -- Both compared byte by byte.
    issuer         text COLLATE "C" NOT NULL,
    subject        text COLLATE "C" NOT NULL,
    customer_id    text COLLATE "C" NOT NULL
        REFERENCES customer_auth_customers (id) ON DELETE CASCADE,
    -- The e-mail that the provider had verified when the identity was added. NULL: none.
    verified_email text,
    -- Milliseconds since 1970.
    created_at     bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX customer_auth_identities_customer
    ON customer_auth_identities (customer_id);
