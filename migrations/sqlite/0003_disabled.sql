-- A disabled customer can't log in.
ALTER TABLE customer_auth_customers ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
