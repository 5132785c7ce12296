//! The stores in PostgreSQL, on a server that `scripts/test` starts (`scripts/postgres.sh`).
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

mod cancelled;
mod customers;
mod faults;
mod log;
mod opening;
mod proxy;
mod server;
mod suites;
mod support;
