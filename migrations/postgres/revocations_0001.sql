CREATE TABLE customer_auth_revocations (
    kind    text COLLATE "C" NOT NULL CHECK (kind IN ('token', 'session', 'customer', 'everyone')),
    -- The jti, the sid or the customer's id; empty for everyone. Compared byte by byte.
    subject text COLLATE "C" NOT NULL,
    -- Seconds since 1970. Of a token or a session: when it ends. Of a customer or everyone: logins
    -- before this second are revoked.
    until   bigint NOT NULL,
    -- Nanoseconds since 1970. Of a customer or everyone: the exact time of the revocation.
    moment  bigint,
    -- The transaction that wrote the row last. Ids are not assigned in the order of commits: a
    -- position in the log names the transactions that were in progress.
    tx      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (kind, subject)
);

CREATE INDEX customer_auth_revocations_tx
    ON customer_auth_revocations (tx);

CREATE INDEX customer_auth_revocations_ended
    ON customer_auth_revocations (until)
    WHERE kind IN ('token', 'session');

-- One row, made with the log: positions are valid for this log only.
CREATE TABLE customer_auth_revocations_epoch (
    epoch text NOT NULL
);

INSERT INTO customer_auth_revocations_epoch
    VALUES (replace(gen_random_uuid()::text, '-', ''));
