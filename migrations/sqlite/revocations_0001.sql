CREATE TABLE customer_auth_revocations (
    -- The place in the log. Writers take turns, so rows become visible in this order.
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL CHECK (kind IN ('token', 'session', 'customer', 'everyone')),
    -- The jti, the sid or the customer's id; empty for everyone.
    subject  TEXT NOT NULL,
    -- Seconds since 1970. Of a token or a session: when it ends. Of a customer or everyone: logins
    -- before this second are revoked.
    until    INTEGER NOT NULL,
    -- Nanoseconds since 1970. Of a customer or everyone: the exact time of the revocation.
    moment   INTEGER,
    UNIQUE (kind, subject)
) STRICT;

CREATE INDEX customer_auth_revocations_ended
    ON customer_auth_revocations (until)
    WHERE kind IN ('token', 'session');

-- One row, made with the log: positions are valid for this log only.
CREATE TABLE customer_auth_revocations_epoch (
    epoch TEXT NOT NULL
) STRICT;

INSERT INTO customer_auth_revocations_epoch VALUES (lower(hex(randomblob(16))));
