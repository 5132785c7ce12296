//! What the tests do their work with: accounts, keys, connections, and captured events.
#![allow(dead_code, reason = "not every set of features uses all of it")]

#[cfg(feature = "issuer")]
pub(crate) mod accounts;
pub(crate) mod capture;
pub(crate) mod connections;
pub(crate) mod health;
pub(crate) mod pem;
