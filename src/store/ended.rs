//! Customers whose tokens end with a transaction.

use std::time::Duration;
use std::time::SystemTime;

use crate::customer::StoreError;
use crate::id::CustomerId;
use crate::revocation::CutOff;
use crate::revocation::Reservation;
use crate::revocation::RevocationEntry;
use crate::revocation::Revocations;

/// Customers whose tokens end with a transaction, with their places in the list of this process.
#[derive(Default)]
pub(super) struct Ended(Vec<(CustomerId, Option<Reservation>)>);

impl Ended {
    /// Reserves the place for a customer's cut-off. Called before a change, which a full list
    /// refuses.
    pub(super) fn reserve(
        list: Option<&Revocations>,
        id: &CustomerId,
    ) -> Result<Option<Reservation>, StoreError> {
        list.map(|list| list.reserve_customer(id)).transpose().map_err(StoreError::new)
    }

    pub(super) fn push(&mut self, id: &CustomerId, reservation: Option<Reservation>) {
        self.0.push((id.clone(), reservation));
    }

    /// Returns the entries for a commit that begins now, and until when they cover it.
    pub(super) fn with_commit_at(&self, now: SystemTime) -> (SystemTime, Vec<RevocationEntry>) {
        // Until the commit, logins see the customer as before: their tokens must end too.
        let latest = now + COMMIT_TIME;
        (latest, self.entries(CutOff::with_valid_from(now, latest)))
    }

    /// Returns the entries after a commit that took longer than the first ones cover.
    pub(super) fn since(&self, committed_at: SystemTime) -> Vec<RevocationEntry> {
        self.entries(CutOff::new(committed_at))
    }

    /// Applies entries that have been committed to the list of this process.
    pub(super) fn apply(
        &self,
        list: Option<&Revocations>,
        entries: &[RevocationEntry],
    ) -> Result<(), StoreError> {
        let Some(list) = list else {
            return Ok(());
        };
        entries.iter().try_for_each(|entry| list.apply(entry)).map_err(StoreError::new)
    }

    fn entries(&self, cut_off: CutOff) -> Vec<RevocationEntry> {
        self.0.iter().map(|(id, _)| RevocationEntry::Customer { id: id.clone(), cut_off }).collect()
    }
}

/// Time that a commit usually stays below. One that takes longer costs a second revocation.
const COMMIT_TIME: Duration = Duration::from_millis(250);
