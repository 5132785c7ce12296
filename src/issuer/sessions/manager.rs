//! Sessions of an issuer: its store, its list, and the check of the customer token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use http::HeaderMap;

use crate::clock::Clock;
use crate::customer::Customer;
use crate::customer::DynCustomerLookup;
use crate::error::ConfigError;
use crate::id::CustomerId;
use crate::issuer::response::Refusal;
use crate::issuer::store_answer::store_answer;
use crate::revocation::Revocations;
use crate::sign::TokenSigner;
use crate::verify::DEFAULT_MAX_LIFETIME;
use crate::verify::VerifiedToken;
use crate::verify::Verifier;
use crate::verify::VerifierBuilder;
use crate::verify::VerifyErrorKind;
use crate::wire::CUSTOMER_TOKEN;
use crate::wire::TokenHeader;

/// Sessions of an issuer.
pub(in crate::issuer) struct SessionManager {
    customers: Arc<dyn DynCustomerLookup>,
    pub(super) max_session: Duration,
    /// The maximum lifetime of the tokens that `verifier` accepts.
    max_lifetime: Duration,
    verifier: Verifier,
    /// Like `verifier`, but accepts revoked tokens. It reads the claims of a token that `verifier`
    /// has found to be revoked.
    revoked_verifier: Verifier,
    pub(super) revocations: Revocations,
    pub(super) clock: Arc<dyn Clock>,
}

/// The customer token of a request that has a valid one, or had.
pub(super) enum Presented {
    Missing,
    Valid(VerifiedToken),
    Revoked(VerifiedToken),
    Expired,
}

impl SessionManager {
    /// Accepts the tokens of this signer, as long as this list does.
    pub(super) fn new(
        customers: Arc<dyn DynCustomerLookup>,
        max_session: Duration,
        signer: &TokenSigner,
        revocations: Revocations,
    ) -> Result<Self, ConfigError> {
        let max_lifetime = signer.lifetime().max(DEFAULT_MAX_LIFETIME);
        let verifier = || -> VerifierBuilder {
            let mut verifier = Verifier::builder(signer.keys().clone())
                .max_lifetime(max_lifetime)
                .clock(Arc::clone(signer.shared_clock()));
            if let Some(audience) = signer.audience() {
                verifier = verifier.audience(audience);
            }
            if let Some(issuer) = signer.issuer() {
                verifier = verifier.issuer(issuer);
            }
            verifier
        };
        // A cut-off counts for as long as a session that it ends could go on.
        revocations.attach(signer.shared_clock(), max_session);
        Ok(Self {
            customers,
            max_session,
            max_lifetime,
            verifier: verifier().revocations(revocations.clone()).build()?,
            revoked_verifier: verifier().build()?,
            revocations,
            clock: Arc::clone(signer.shared_clock()),
        })
    }

    /// Checks the customer token of a request.
    ///
    /// # Errors
    ///
    /// Several tokens, one that was never valid, or the list can't tell whether it is revoked.
    pub(super) fn presented(&self, headers: &HeaderMap) -> Result<Presented, Refusal> {
        let token = match TokenHeader::of(headers, &CUSTOMER_TOKEN) {
            TokenHeader::Missing => return Ok(Presented::Missing),
            TokenHeader::Repeated => return Err(Refusal::CustomerToken),
            TokenHeader::Single(token) => token.as_bytes(),
        };
        match self.verifier.verify(token).map_err(|error| error.kind()) {
            Ok(token) => Ok(Presented::Valid(token)),
            Err(VerifyErrorKind::Expired) => Ok(Presented::Expired),
            // It has just passed all other checks: if it does not any more, time has passed.
            Err(VerifyErrorKind::Revoked) => {
                let token = self.revoked_verifier.verify(token);
                Ok(token.map_or(Presented::Expired, Presented::Revoked))
            }
            Err(VerifyErrorKind::UnknownRevocationStatus) => Err(Refusal::Fault),
            Err(_) => Err(Refusal::CustomerToken),
        }
    }

    /// Finds a customer.
    pub(super) async fn find(
        &self,
        id: &CustomerId,
        store_timeout: Duration,
    ) -> Result<Option<Customer>, Refusal> {
        store_answer(store_timeout, self.customers.find_by_id(id)).await
    }

    /// Returns a time when no token of this token's session is valid any more.
    pub(super) fn end_of_session(&self, token: &VerifiedToken) -> SystemTime {
        let session_ends = token.authenticated_at() + self.max_session;
        // The token of a login may live longer than its session, and other issuers may allow longer
        // sessions than this one.
        session_ends.max(self.clock.now() + self.max_lifetime)
    }
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager")
            .field("max_session", &self.max_session)
            .finish_non_exhaustive()
    }
}
