//! Logins by OpenID Connect, against a provider that does what it is told.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]
#![cfg(all(feature = "oidc", feature = "test-util"))]

mod configuration;
mod conformance;
mod customers;
mod exchange;
mod faults;
mod id_token;
mod keys;
mod kit;
mod limits;
mod linking;
mod over_http;
mod secrets;
