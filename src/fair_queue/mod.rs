//! A bounded queue that takes turns between sources.
//!
//! - [`Flow`] names the source and the account of a job, as keyed hashes.
//! - [`FairQueue`] serves the source that has asked for least, and sheds the one that has asked for
//!   most.
//! - [`FairSemaphore`] has permits for which callers wait in such a queue.

mod flow;
mod level;
mod queue;
mod semaphore;

#[cfg(test)]
mod tests;

pub use self::flow::Flow;
pub(crate) use self::flow::network;
pub(crate) use self::queue::FairQueue;
pub(crate) use self::queue::Pushed;
pub(crate) use self::queue::Ticket;
pub(crate) use self::semaphore::Crowded;
pub(crate) use self::semaphore::FairPermit;
pub(crate) use self::semaphore::FairSemaphore;
