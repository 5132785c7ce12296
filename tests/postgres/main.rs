//! The stores in PostgreSQL, on a server that `scripts/test` starts (`scripts/postgres.sh`).

mod suites;
mod support;
