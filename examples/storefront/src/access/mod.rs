//! Access tokens, which every call of the API needs.

mod caller;
mod endpoint;
mod token;

use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use tower_customer_auth::ClientAuthenticator;
use tower_customer_auth::Clock;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::issuer::ClientDecision;

pub(crate) use self::caller::Caller;
pub(crate) use self::caller::require_access_token;
pub(crate) use self::endpoint::issue;
pub(crate) use self::token::AccessKey;
use crate::problem::Problem;
use crate::random;
use crate::time::epoch_seconds;

/// How an access token was obtained, which decides what it permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// With a client id only, which every visitor of a shop's page can read.
    Implicit,
    /// With a client's secret: the store's back office.
    ClientCredentials,
}

impl Grant {
    fn parse(name: &str) -> Option<Self> {
        [Self::Implicit, Self::ClientCredentials].into_iter().find(|grant| grant.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// Issuer and verifier of access tokens.
///
/// Nothing is stored: grant, client and expiry are in the token. So clients without a secret can't
/// fill the disk, and all issued tokens stay valid: a page that was just opened fetches several.
///
/// A token is valid until it expires, [`LIFETIME_SECONDS`] after it was issued. Changing the store's
/// secret ends all of them.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    key: AccessKey,
    clock: Arc<dyn Clock>,
}

/// Issued access token.
struct AccessToken {
    text: String,
    expires: u64,
}

impl AccessTokens {
    pub(crate) fn new(key: AccessKey, clock: Arc<dyn Clock>) -> Self {
        Self { key, clock }
    }

    fn issue(&self, grant: Grant, client: &str) -> Result<AccessToken, Problem> {
        let id = random::bytes().map_err(|error| Problem::unavailable(&error))?;
        let expires = self.now() + u64::from(LIFETIME_SECONDS);
        Ok(AccessToken { text: self.key.issue(grant, expires, id, client), expires })
    }

    /// Returns the grant of a valid token.
    fn find(&self, text: &str) -> Option<Grant> {
        self.key.check(text, self.now())
    }

    /// A clock before 1970 counts as 1970, as everywhere in this program.
    fn now(&self) -> u64 {
        u64::try_from(epoch_seconds(self.clock.now())).unwrap_or_default()
    }
}

/// Either grant may log customers in. The back office may also end the tokens of any customer.
impl ClientAuthenticator for AccessTokens {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        Ok(match self.find(bearer) {
            Some(Grant::Implicit) => ClientDecision::Accepted,
            Some(Grant::ClientCredentials) => ClientDecision::AcceptedAsStore,
            None => ClientDecision::Refused,
        })
    }
}

/// Hashes a random secret for storage. Without salt, and fast: 32 random bytes can't be guessed.
pub(crate) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

const LIFETIME_SECONDS: u32 = 3600;
