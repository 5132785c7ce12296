CREATE TABLE customer_auth_identities (
    -- Both compared byte by byte, as a column is unless it says otherwise.
    issuer         TEXT NOT NULL,
    subject        TEXT NOT NULL,
    customer_id    TEXT NOT NULL
        REFERENCES customer_auth_customers (id) ON DELETE CASCADE,
    -- The e-mail that the provider had verified when the identity was added. NULL: none.
    verified_email TEXT,
    -- Milliseconds since 1970.
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX customer_auth_identities_customer
    ON customer_auth_identities (customer_id);

-- Of all customers with an e-mail, not only of those with a password.
CREATE INDEX customer_auth_customers_email
    ON customer_auth_customers (email_key);

-- Foreign keys are a connection's choice, and an application may bring its own pool. An identity that
-- outlived its customer would belong to whoever gets that id next.
CREATE TRIGGER customer_auth_customers_deleted
    AFTER DELETE ON customer_auth_customers
BEGIN
    DELETE FROM customer_auth_identities WHERE customer_id = OLD.id;
END;
