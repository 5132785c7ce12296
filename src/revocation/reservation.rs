//! Reservations for later revocations.

use std::fmt;
use std::sync::Arc;

use crate::id::CustomerId;
use crate::revocation::replica::Replica;

/// Entry of a revocation list reserved for one customer, until it is dropped.
///
/// [`Revocations::reserve_customer`](super::Revocations::reserve_customer) creates it and has an
/// example.
#[must_use = "the entry is released when the reservation is dropped"]
pub struct Reservation {
    replica: Arc<Replica>,
    customer: CustomerId,
}

impl Reservation {
    /// Creates a handle to an entry that the replica has reserved.
    pub(super) fn new(replica: Arc<Replica>, customer: CustomerId) -> Self {
        Self { replica, customer }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.replica.release_customer(&self.customer);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("customer", &self.customer).finish_non_exhaustive()
    }
}
