//! Access tokens: what opens the store's API, before any customer is asked about.

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

/// How an access token was come by, and so what it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// By a client id alone, which every visitor of a shop's page can read.
    Implicit,
    /// By a client's secret: the store's own back office.
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

/// Issuer and judge of access tokens.
///
/// Nothing is kept of one: what it opens, for which client and until when is in the token itself.
/// So a stranger who asks for tokens writes nothing to the disk, and issuing one leaves all others
/// as they are, because five calls of a page that has just been opened fetch five of them.
///
/// A token can't be taken back before it expires, [`LIFETIME_SECONDS`] after it was issued, but by
/// exchanging the store's secret, which ends all of them.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    key: AccessKey,
    clock: Arc<dyn Clock>,
}

/// An access token that has just been issued.
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

    /// Returns the grant of a token that is good now.
    fn find(&self, text: &str) -> Option<Grant> {
        self.key.check(text, self.now())
    }

    /// A clock before 1970 reads as 1970, as everywhere in this program.
    fn now(&self) -> u64 {
        u64::try_from(epoch_seconds(self.clock.now())).unwrap_or_default()
    }
}

/// What the issuer asks before it looks at a login. Either grant may sign customers in.
impl ClientAuthenticator for AccessTokens {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        Ok(match self.find(bearer) {
            Some(_) => ClientDecision::Accepted,
            None => ClientDecision::Refused,
        })
    }
}

/// The hash under which a random secret is kept. It needs no salt and no slowness: 32 random
/// bytes can't be guessed.
pub(crate) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

const LIFETIME_SECONDS: u32 = 3600;
