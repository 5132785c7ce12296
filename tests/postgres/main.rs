//! The stores in PostgreSQL, on a server that `scripts/test` starts (`scripts/postgres.sh`).

mod cancelled;
mod customers;
mod faults;
mod log;
mod opening;
mod proxy;
mod server;
mod suites;
mod support;
