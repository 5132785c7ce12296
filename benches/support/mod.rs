//! What the benches share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "no bench uses all of it")]

pub mod race;
pub mod tokens;
