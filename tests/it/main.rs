//! The tests of the crate by its public API that need no process of their own, one module a theme.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

#[cfg(all(feature = "asymmetric", feature = "issuer"))]
mod asymmetric;
mod auto_traits;
mod cache;
#[cfg(feature = "axum")]
mod extract;
mod fixtures;
mod floors;
mod grpc;
#[path = "../../examples/grpc.rs"]
mod grpc_example;
mod grpc_web;
mod http;
#[cfg(feature = "issuer")]
mod interop;
#[cfg(feature = "issuer")]
mod issuer;
mod layer;
#[cfg(feature = "oidc")]
mod oidc;
#[cfg(all(feature = "tracing", feature = "metrics"))]
mod secrets;
#[cfg(all(feature = "axum", feature = "issuer"))]
mod sessions;
#[cfg(feature = "revocation-log")]
mod staleness;
mod support;
mod verify;
mod verify_sessions;
