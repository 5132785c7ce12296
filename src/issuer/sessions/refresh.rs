//! Refresh: another token for a session.

use std::time::Duration;

use http::HeaderMap;

use crate::customer::Customer;
use crate::issuer::response::Refusal;
use crate::issuer::sessions::SessionManager;
use crate::issuer::sessions::manager::Presented;
use crate::issuer::signing;
use crate::issuer::signing::with_name_that_fits;
use crate::sign::IssuedToken;
use crate::sign::Session;
use crate::sign::SignError;
use crate::sign::TokenSigner;
use crate::verify::VerifiedToken;

impl SessionManager {
    /// Signs another token for the session of the request's customer token.
    ///
    /// Nothing waits here for the end of a second in which tokens were revoked, as a login does: the
    /// cut-off is compared with the time of the login, which a refresh keeps.
    pub(in crate::issuer) async fn refresh(
        &self,
        headers: &HeaderMap,
        signer: &TokenSigner,
        store_timeout: Duration,
    ) -> Result<IssuedToken, Refusal> {
        let token = self.valid(headers)?;
        let found = self.find(token.customer_id(), store_timeout).await?;
        let customer = found.filter(Customer::is_enabled).ok_or(Refusal::CustomerToken)?;
        // Again, because the token may have been revoked or have expired while the store was asked.
        // A revocation of the session or the customer that comes later ends the new token as well.
        let token = self.valid(headers)?;
        let signed = self.sign(&token, customer.name(), signer);
        signed.map_err(|error| signing::refusal(error, Refusal::CustomerToken))
    }

    fn valid(&self, headers: &HeaderMap) -> Result<VerifiedToken, Refusal> {
        match self.presented(headers)? {
            Presented::Valid(token) => Ok(token),
            Presented::Missing | Presented::Revoked(_) | Presented::Expired => {
                Err(Refusal::CustomerToken)
            }
        }
    }

    fn sign(
        &self,
        token: &VerifiedToken,
        name: &str,
        signer: &TokenSigner,
    ) -> Result<IssuedToken, SignError> {
        let authenticated_at = token.authenticated_at();
        let ends_at = authenticated_at + self.max_session;
        let session = Session { id: token.session_id(), authenticated_at, ends_at };
        with_name_that_fits(name, |name| signer.refresh(token.customer_id(), name, session))
    }
}
