//! Logout: the end of a session, or of all tokens of a customer.

use std::time::Duration;

use http::HeaderMap;
use tokio::spawn;

use crate::id::CustomerId;
use crate::issuer::client::Caller;
use crate::issuer::response::Refusal;
use crate::issuer::sessions::SessionManager;
use crate::issuer::sessions::manager::Presented;
use crate::revocation::CutOff;
use crate::revocation::RevocationEntry;
use crate::revocation::RevokeError;
use crate::telemetry;
use crate::verify::VerifiedToken;

impl SessionManager {
    /// Ends the session of the request's customer token.
    pub(in crate::issuer) async fn end_session(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self.presented(headers)? {
            Presented::Valid(token) => self.record(vec![self.end_of(&token)]).await,
            // NB: only the list of this process may know of it, if the log failed before. "Revoked
            // already" must not be forgotten either.
            Presented::Revoked(token) if self.revocations.has_unrecorded() => {
                self.record(vec![self.end_of(&token)]).await
            }
            Presented::Revoked(_) | Presented::Expired => Ok(()),
            Presented::Missing => Err(Refusal::CustomerToken),
        }
    }

    /// Ends all tokens of a customer whose login is older than now. `None` is an id that no customer
    /// can have.
    pub(in crate::issuer) async fn end_customer(
        &self,
        id: Option<CustomerId>,
        caller: Caller,
        headers: &HeaderMap,
        store_timeout: Duration,
    ) -> Result<(), Refusal> {
        // A customer token limits the store itself too.
        match (self.presented(headers)?, caller) {
            (Presented::Valid(token), _) => {
                let id = Self::own(id, &token)?;
                let cut_off = CutOff::new(self.clock.now());
                let mut entries = vec![RevocationEntry::Customer { id, cut_off }];
                // It may be as young as the cut-off if clocks differ, or tell whole seconds only.
                if token.authenticated_at() >= cut_off.valid_from() {
                    entries.push(self.end_of(&token));
                }
                self.record(entries).await
            }
            (Presented::Revoked(token), _) => {
                let id = Self::own(id, &token)?;
                self.ended_already(id, &token).await
            }
            // An expired token may be an old one that was thrown away: it must not end sessions.
            (Presented::Expired, _) | (Presented::Missing, Caller::Client) => {
                Err(Refusal::CustomerToken)
            }
            (Presented::Missing, Caller::Store) => {
                let id = id.ok_or(Refusal::UnknownCustomer)?;
                let found = self.find(&id, store_timeout).await?;
                found.ok_or(Refusal::UnknownCustomer)?;
                let cut_off = CutOff::new(self.clock.now());
                self.record(vec![RevocationEntry::Customer { id, cut_off }]).await
            }
        }
    }

    /// Returns the customer, if the token is theirs.
    fn own(id: Option<CustomerId>, token: &VerifiedToken) -> Result<CustomerId, Refusal> {
        id.filter(|id| id == token.customer_id()).ok_or(Refusal::UnknownCustomer)
    }

    /// Answers for a revoked token: it can only confirm that all tokens as old as it have ended.
    async fn ended_already(&self, id: CustomerId, token: &VerifiedToken) -> Result<(), Refusal> {
        let login_at = token.authenticated_at();
        let is_ended =
            |cut_off: &CutOff| login_at <= cut_off.at() || login_at < cut_off.valid_from();
        match self.revocations.customer_cut_off(&id).filter(is_ended) {
            // As above: the log may lack it.
            Some(cut_off) if self.revocations.has_unrecorded() => {
                self.record(vec![RevocationEntry::Customer { id, cut_off }]).await
            }
            Some(_) => Ok(()),
            // The token was revoked alone or with its session, and others may go on. "Ended" would
            // be wrong, and ending them is not for a revoked token.
            None => Err(Refusal::CustomerToken),
        }
    }

    /// The entry that ends a token and its session. A login's token is a session by itself, so one
    /// entry ends both.
    fn end_of(&self, token: &VerifiedToken) -> RevocationEntry {
        let (id, ends_at) = (token.session_id().clone(), self.end_of_session(token));
        RevocationEntry::Session { id, ends_at }
    }

    /// Records revocations in a separate task: a client that disconnects, as pages do that log out
    /// and close, must not leave one that only this process knows.
    async fn record(&self, entries: Vec<RevocationEntry>) -> Result<(), Refusal> {
        let revocations = self.revocations.clone();
        let recorded = spawn(async move {
            for entry in entries {
                revocations.record(entry).await?;
            }
            Ok::<_, RevokeError>(())
        });
        match recorded.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                telemetry::fault("tokens could not be revoked", &error);
                Err(Refusal::Fault)
            }
            Err(panicked) => {
                telemetry::fault("the revocation log panicked", &panicked);
                Err(Refusal::Fault)
            }
        }
    }
}
