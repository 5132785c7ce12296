//! A bounded queue that takes turns between sources.
//!
//! - [`Flow`] names the source and the account of a job, as keyed hashes.
//! - [`FairQueue`] serves the source that has asked for least, and sheds the one that has asked for
//!   most.

mod flow;
mod level;
mod queue;

#[cfg(test)]
mod tests;

pub use self::flow::Flow;
pub(crate) use self::flow::network;
pub(crate) use self::queue::FairQueue;
pub(crate) use self::queue::Pushed;
pub(crate) use self::queue::Ticket;
