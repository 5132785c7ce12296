//! The list that verifiers ask.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::revocation::CutOff;
use crate::revocation::Reservation;
use crate::revocation::RevocationEntry;
use crate::revocation::RevokeError;
#[cfg(feature = "revocation-log")]
use crate::revocation::durable::Durable;
use crate::revocation::replica::Replica;
use crate::revocation::replica::RevocationStatus;

/// Default capacity of [`Revocations::in_memory`], in token ids and in customers each.
pub(super) const DEFAULT_CAPACITY: usize = 10_000_000;

/// List of revoked tokens.
///
/// The list is exact: a revoked token is rejected until it has expired, and no other token is. A
/// clone is a handle to the same list: the application revokes through one and gives another to the
/// [`Verifier`].
///
/// Reads never wait for a writer, even while the list grows or expires. A read takes as many steps
/// among 10 million ids as among 10 and allocates nothing; it can only be delayed by memory
/// latency. 10 million UUIDs take about 215 MB, at most 22 bytes each, and a lookup touches one or
/// two places of them. Other token ids take about 70 bytes each plus their text.
///
/// Writers wait for each other. The longest writes copy a 256th of the list, or drop expired
/// customer revocations, once in six hours.
///
/// Expired entries stop counting at the next revocation, a bucket of six hours at a time, and their
/// memory is freed by the following revocations. Expiry is decided by the clock of the first
/// [`Verifier`] built with the list; before there is one, nothing is dropped.
///
/// [`Verifier`]: crate::Verifier
///
/// # Security
///
/// If the clock is set ahead by more than a token's remaining lifetime and then back, revocations
/// have expired meanwhile: the tokens are accepted again.
///
/// A revocation compares the time it is given with the `iat` of tokens, so both must come from clocks
/// that agree and tell fractions of a second. A token that was issued while the clock was ahead has a
/// later `iat`, and is not revoked by a time before it: revoke it by its id, or revoke the customer
/// up to the time that the clock showed. A customer who was revoked up to a time in the future gets
/// no valid token before it.
///
/// [`in_memory`](Self::in_memory) loses everything when the process ends and is not shared with
/// other processes. `durable` does not and is (feature `revocation-log`).
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
    pub(super) replica: Arc<Replica>,
    #[cfg(feature = "revocation-log")]
    pub(super) durable: Option<Arc<Durable>>,
}

impl Revocations {
    /// Creates a list for 10 million token ids and 10 million customers, local to this process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_with_capacity(DEFAULT_CAPACITY)
    }

    /// Creates a list for `capacity` token ids and `capacity` customers, local to this process.
    ///
    /// Nothing is allocated in advance.
    #[must_use]
    pub fn in_memory_with_capacity(capacity: usize) -> Self {
        Self {
            replica: Arc::new(Replica::new(capacity)),
            #[cfg(feature = "revocation-log")]
            durable: None,
        }
    }

    /// Revokes a single token until `expires_at`, which is rounded up to a whole second.
    ///
    /// When the future completes, every verifier with this list rejects the token, and the log, if
    /// there is one, has it durably. `expires_at` is the token's `exp`, or any later time if the
    /// exact one is unknown.
    ///
    /// # Errors
    ///
    /// The [`kind`](RevokeError::kind) says whether the token may be revoked despite the error.
    pub async fn revoke(
        &self,
        token_id: &TokenId,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        self.record(RevocationEntry::Token { id: token_id.clone(), expires_at }).await
    }

    /// Revokes a session: a login and every token that was refreshed from it.
    ///
    /// `session_id` is the `jti` of the session's first token, and the `sid` of the others;
    /// `VerifiedToken::session_id` returns it. `ends_at` is when the last of its tokens can expire,
    /// or any later time: the first token's `iat` and the longest session that the issuer allows.
    ///
    /// # Errors
    ///
    /// As for [`revoke`](Self::revoke).
    pub async fn revoke_session(
        &self,
        session_id: &TokenId,
        ends_at: SystemTime,
    ) -> Result<(), RevokeError> {
        self.record(RevocationEntry::Session { id: session_id.clone(), ends_at }).await
    }

    /// Revokes all tokens of a customer whose login was before `issued_before`.
    ///
    /// The time of a login is the token's `auth_time`, or its `iat` if it has none. `issued_before`
    /// is rounded up to the next whole second, because both are in whole seconds. When the future
    /// completes, every verifier with this list rejects those tokens. Of several calls, the latest
    /// time counts. However many revocations there are within a second, tokens of the next second
    /// are accepted.
    ///
    /// A `TokenSigner` with this list signs no token for the customer in the rest of the second,
    /// and a login at a `TokenIssuer` waits until it has ended (feature `issuer`).
    ///
    /// # Errors
    ///
    /// As for [`revoke`](Self::revoke). [`RevokeErrorKind::Full`](super::RevokeErrorKind::Full)
    /// cannot happen while a [`Reservation`] for the customer exists.
    ///
    /// # Security
    ///
    /// When revoking because of a change (of a password, for example): apply the change, then read
    /// the time, then revoke, and only then acknowledge the change. With a time read before the
    /// change, logins with the old password between the two would stay valid. `SqliteCustomers`
    /// does all of this by itself.
    pub async fn revoke_customer(
        &self,
        customer_id: &CustomerId,
        issued_before: SystemTime,
    ) -> Result<(), RevokeError> {
        let cut_off = CutOff::new(issued_before);
        self.record(RevocationEntry::Customer { id: customer_id.clone(), cut_off }).await
    }

    /// Revokes the tokens of all customers whose login was before `issued_before`.
    ///
    /// Otherwise like [`revoke_customer`](Self::revoke_customer). It takes no place in the list, so
    /// it never fails with [`RevokeErrorKind::Full`](super::RevokeErrorKind::Full).
    ///
    /// # Errors
    ///
    /// As for [`revoke`](Self::revoke).
    pub async fn revoke_everyone(&self, issued_before: SystemTime) -> Result<(), RevokeError> {
        self.record(RevocationEntry::Everyone { cut_off: CutOff::new(issued_before) }).await
    }

    /// Applies an entry to the list in memory only.
    ///
    /// For a store that has written the entry to the log itself, in the transaction of the change
    /// that it belongs to. Verifiers with this list reject the tokens from now on.
    ///
    /// # Errors
    ///
    /// [`RevokeErrorKind::Full`](super::RevokeErrorKind::Full): nothing was applied.
    pub fn apply(&self, entry: &RevocationEntry) -> Result<(), RevokeError> {
        self.replica.apply(entry).map(drop)
    }

    /// Revokes what an entry says, in the list and durably in the log.
    pub(crate) async fn record(&self, entry: RevocationEntry) -> Result<(), RevokeError> {
        #[cfg(feature = "revocation-log")]
        if let Some(durable) = &self.durable {
            return durable.record(&self.replica, &entry).await;
        }
        self.apply(&entry)
    }

    /// Returns whether the log may lack an entry of the list.
    ///
    /// The list has an entry before the log, and keeps it if the append fails. So a token that the
    /// list refuses may be valid again after a restart. A caller that acknowledges "revoked
    /// already" records the entry again while this is true: from the first append that failed, for
    /// as long as the process runs.
    #[cfg(feature = "issuer")]
    pub(crate) fn has_unrecorded(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.has_unrecorded())
    }

    /// Reserves an entry for a later [`revoke_customer`](Self::revoke_customer) of this customer.
    ///
    /// Reserve before a change that must revoke the customer's tokens: if the list is full, the
    /// change can be rejected, instead of leaving the tokens valid after it. Until the reservation
    /// is dropped, the revocation cannot fail for lack of capacity, whatever else is revoked or
    /// expires meanwhile. Several reservations for one customer take one entry.
    ///
    /// # Errors
    ///
    /// [`RevokeErrorKind::Full`](super::RevokeErrorKind::Full) if the list is full; nothing is
    /// reserved.
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
    /// let _reservation = revocations.reserve_customer(&customer)?;
    /// set_password(&customer).await?;
    /// revocations.revoke_customer(&customer, SystemTime::now()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reserve_customer(&self, customer_id: &CustomerId) -> Result<Reservation, RevokeError> {
        self.replica.reserve_customer(customer_id)?;
        Ok(Reservation::new(Arc::clone(&self.replica), customer_id.clone()))
    }

    /// Sets the clock that expires entries, and the maximum time from `iat` to expiry of a token.
    /// The first clock is kept, and the longest `lifetime`.
    pub(crate) fn attach(&self, clock: &Arc<dyn Clock>, lifetime: Duration) {
        self.replica.attach(clock, lifetime);
    }

    /// Returns whether both are handles to the same list.
    #[cfg(feature = "oidc")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.replica, &other.replica)
    }

    /// Returns whether anything was ever revoked.
    #[inline]
    pub(crate) fn has_any(&self) -> bool {
        self.replica.has_any()
    }

    /// Returns whether the list is large enough for [`prefetch`](Self::prefetch) to pay off.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.replica.is_large()
    }

    /// Prefetches the memory that [`status`](Self::status) will read, without waiting for it.
    pub(crate) fn prefetch(&self, uuid: [u8; 16]) {
        self.replica.prefetch(uuid);
    }

    /// Returns what is known of a token. `login_at` is its `auth_time` or `iat`.
    #[inline]
    pub(crate) fn status(
        &self,
        token_id: &TokenId,
        session_id: &TokenId,
        customer_id: &CustomerId,
        login_at: u64,
        now: Duration,
    ) -> RevocationStatus {
        self.replica.status(token_id, session_id, customer_id, login_at, now)
    }

    /// Returns the time before which this customer's tokens are revoked.
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
