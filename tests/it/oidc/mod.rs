//! Logins by OpenID Connect, against a provider that does what it is told.

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
#[cfg(feature = "tracing")]
mod secrets;
