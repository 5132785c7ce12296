//! Tests of the replica from inside.

mod replica;
