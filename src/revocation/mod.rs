//! Which tokens are no longer good although their signature and their time are.
//!
//! [`Revocations`] is a local *replica*: verification asks it without waiting for anybody. A durable
//! log that feeds the replica of every node is to stand beside it; in memory there is none.

mod buckets;
mod cut_off;
mod replica;
mod reservation;
mod scramble;
mod shards;
mod sync;
mod tag;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;
mod uuids;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

#[cfg(feature = "issuer")]
pub(crate) use self::cut_off::CutOff;
pub(crate) use self::replica::MAX_LEEWAY;
use self::replica::Replica;
pub use self::reservation::Reservation;
use crate::clock::Clock;
use crate::clock::ceil_seconds;
use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;

/// The most token ids, and the most customers, that [`Revocations::in_memory`] holds.
const DEFAULT_CAPACITY: usize = 10_000_000;

/// List of revoked tokens.
///
/// It is exact: what was revoked is refused until it has expired, and nothing else is. A clone is a
/// handle on the same list, so that the program revokes through one and the [`Verifier`] asks
/// another.
///
/// Reading never waits for a writer, whether the list grows or expires meanwhile; it takes as many
/// steps among 10 million ids as among 10, and allocates nothing. What it may wait for is the memory:
/// 10 million UUIDs take some 215 MB, 22 bytes each at most, and a look-up touches one or two places
/// of them. Other token ids take some 70 bytes each beside their text.
///
/// Writers take turns. The longest turns copy a 256th of the list, or drop from the cut-offs those that
/// no longer matter, once in six hours.
///
/// What has expired no longer counts from the next revocation on, a whole bucket of six hours at a
/// time; its memory is given back by the revocations that follow. Expiry is judged by the clock of the
/// first [`Verifier`] built with the list; before there is one, nothing is dropped.
///
/// [`Verifier`]: crate::Verifier
///
/// # Security
///
/// A clock that is set ahead by more than a token's remaining life, and then back, has expired what
/// was revoked before: such tokens are good again.
///
/// [`in_memory`](Self::in_memory) forgets everything when the process ends, and no other process
/// learns of it. A program that needs more keeps its own record and replays it at start. The record
/// has the exact moments that were given to [`revoke_customer`](Self::revoke_customer), not the whole
/// seconds they were rounded to: logins of the rest of that second would be taken for older ones.
///
/// # Example
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use tower_customer_auth::{CustomerId, KeyRing, Revocations, Verifier};
/// # async fn log_out_everywhere(keys: KeyRing) -> Result<(), Box<dyn std::error::Error>> {
/// let revocations = Revocations::in_memory();
/// let verifier = Verifier::builder(keys).revocations(revocations.clone()).build()?;
///
/// let customer: CustomerId = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// revocations.revoke_customer(&customer, SystemTime::now()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Revocations {
    replica: Arc<Replica>,
}

/// Why a revocation was not taken. The token in question goes on being accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the revocation was not recorded")]
pub struct RevokeError {
    #[source]
    source: Cause,
}

/// What kept a revocation from being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokeErrorKind {
    /// The list holds as much as it may. Nothing is ever dropped to make room.
    Full,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Cause {
    #[error("the list is full at {capacity} entries")]
    Full { capacity: usize },
}

impl RevokeError {
    fn full(capacity: usize) -> Self {
        Self { source: Cause::Full { capacity } }
    }

    /// Returns what kept the revocation from being taken.
    #[must_use]
    pub const fn kind(&self) -> RevokeErrorKind {
        match self.source {
            Cause::Full { .. } => RevokeErrorKind::Full,
        }
    }
}

impl Revocations {
    /// Creates a list that lives in this process alone, with room for 10 million token ids and 10
    /// million customers.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_with_capacity(DEFAULT_CAPACITY)
    }

    /// Creates a list that lives in this process alone, with room for `capacity` token ids and
    /// `capacity` customers. Nothing is allocated ahead.
    #[must_use]
    pub fn in_memory_with_capacity(capacity: usize) -> Self {
        Self { replica: Arc::new(Replica::new(capacity)) }
    }

    /// Revokes one token until `expires_at`, its `exp`; a part of a second counts as a whole one.
    ///
    /// Returns when every verifier with this list refuses the token. Where the exact `exp` is not
    /// known, any later time does.
    ///
    /// # Errors
    ///
    /// [`RevokeErrorKind::Full`] when the list has no room; the token goes on being accepted.
    pub async fn revoke(
        &self,
        token_id: &TokenId,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        self.replica.revoke(token_id.clone(), ceil_seconds(since_epoch(expires_at)))
    }

    /// Revokes every token of a customer that was issued before `issued_before`, rounded up to the
    /// next whole second because `iat` counts whole seconds.
    ///
    /// Returns when every verifier with this list refuses those tokens. Of several times the latest
    /// counts. Any number of revocations within a second refuse no token of the next one.
    ///
    /// A `TokenSigner` with this list signs no token for the customer in the rest of the second, and a
    /// login at a `TokenIssuer` waits until it has ended (feature `issuer`).
    ///
    /// # Errors
    ///
    /// [`RevokeErrorKind::Full`] when the list has no room; the tokens go on being accepted. Never
    /// while there is a [`Reservation`] for the customer.
    ///
    /// # Security
    ///
    /// Where this goes with a change (of a password, say): make the change, then take the time, then
    /// revoke, and only then acknowledge the change. A time that was taken before the change was made
    /// misses logins by the old password that came between the two.
    pub async fn revoke_customer(
        &self,
        customer_id: &CustomerId,
        issued_before: SystemTime,
    ) -> Result<(), RevokeError> {
        self.replica.revoke_customer(customer_id.clone(), since_epoch(issued_before))
    }

    /// Reserves room for a customer's cut-off, to be asked for before a change that must end the
    /// customer's tokens: so that a list that is full refuses the change, instead of leaving the tokens
    /// good after it.
    ///
    /// Until the reservation is dropped, [`revoke_customer`](Self::revoke_customer) for this customer
    /// finds room, whatever else is revoked or expires meanwhile. Several reservations for one
    /// customer take one place.
    ///
    /// # Errors
    ///
    /// [`RevokeErrorKind::Full`] when the list has no room; nothing is reserved.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use tower_customer_auth::{CustomerId, Revocations};
    /// # async fn set_password(_: &CustomerId) -> Result<(), Box<dyn std::error::Error>> { Ok(()) }
    /// # async fn change_password(
    /// #     revocations: Revocations,
    /// #     customer: CustomerId,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let _room = revocations.reserve_customer(&customer)?;
    /// set_password(&customer).await?;
    /// revocations.revoke_customer(&customer, SystemTime::now()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reserve_customer(&self, customer_id: &CustomerId) -> Result<Reservation, RevokeError> {
        self.replica.reserve_customer(customer_id)?;
        Ok(Reservation::new(Arc::clone(&self.replica), customer_id.clone()))
    }

    /// Tells the list by which clock entries expire, and how long a token can be good after its
    /// `iat`. The first clock stays, the longest `lifetime` counts.
    pub(crate) fn attach(&self, clock: &Arc<dyn Clock>, lifetime: Duration) {
        self.replica.attach(clock, lifetime);
    }

    /// Whether both are handles to one list.
    #[cfg(feature = "oidc")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.replica, &other.replica)
    }

    /// Whether anything was ever revoked.
    #[inline]
    pub(crate) fn has_any(&self) -> bool {
        self.replica.has_any()
    }

    /// Whether [`prefetch`](Self::prefetch) is worth its while.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.replica.is_large()
    }

    /// Brings near the memory that [`is_revoked`](Self::is_revoked) will look at, without waiting for it.
    pub(crate) fn prefetch(&self, uuid: [u8; 16]) {
        self.replica.prefetch(uuid);
    }

    pub(crate) fn is_revoked(
        &self,
        token_id: &TokenId,
        customer_id: &CustomerId,
        iat: u64,
    ) -> bool {
        self.replica.is_revoked(token_id, customer_id, iat)
    }

    /// Where this customer's tokens begin to be good.
    #[cfg(feature = "issuer")]
    pub(crate) fn customer_cut_off(&self, customer_id: &CustomerId) -> Option<CutOff> {
        self.replica.cut_off(customer_id)
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("tokens", &self.replica.token_count())
            .field("customers", &self.replica.customer_count())
            .finish()
    }
}
