//! A store outside of the crate passes the public suites.

include!("../src/testing/store_suite/example.rs");
