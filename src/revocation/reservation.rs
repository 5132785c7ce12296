//! Room for what is to be revoked later.

use std::fmt;
use std::sync::Arc;

use super::replica::Replica;
use crate::id::CustomerId;

/// Room in a list of revocations for the cut-off of one customer, kept free until it is dropped.
///
/// [`Revocations::reserve_customer`](super::Revocations::reserve_customer) has an example.
#[must_use = "the room is given back when the reservation is dropped"]
pub struct Reservation {
    replica: Arc<Replica>,
    customer: CustomerId,
}

impl Reservation {
    /// A handle to room that the replica has set aside for it.
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
