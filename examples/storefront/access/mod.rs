//! Access tokens: what opens the store's API, before any customer is asked about.

mod caller;
mod endpoint;

use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use sqlx::Row;
use sqlx::SqlitePool;
use tower_customer_auth::ClientAuthenticator;
use tower_customer_auth::ClientDecision;
use tower_customer_auth::Clock;
use tower_customer_auth::StoreError;

pub(crate) use self::caller::Caller;
pub(crate) use self::caller::require_access_token;
pub(crate) use self::endpoint::issue;
use crate::problem::Problem;
use crate::random;
use crate::time::epoch_seconds;
use crate::writes::Writes;

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

/// The access tokens that are out.
///
/// They are random, and kept as hashes beside the rest of the data: they survive a restart, and
/// whoever reads the file can't use them. Issuing one leaves all others as they are, because five
/// calls of a page that has just been opened fetch five of them.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    pool: SqlitePool,
    writes: Writes,
    clock: Arc<dyn Clock>,
}

/// An access token that has just been issued.
struct AccessToken {
    text: String,
    expires: i64,
}

impl AccessTokens {
    pub(crate) fn new(pool: SqlitePool, writes: Writes, clock: Arc<dyn Clock>) -> Self {
        Self { pool, writes, clock }
    }

    /// Issues one, and drops those that have expired.
    async fn issue(&self, grant: Grant, client: String) -> Result<AccessToken, Problem> {
        let text = random::bytes::<32>().map_err(|error| Problem::unavailable(&error))?;
        let text = random::hex(&text);
        let now = epoch_seconds(self.clock.now());
        let expires = now + i64::from(LIFETIME_SECONDS);
        let insert = sqlx::query(INSERT).bind(digest(&text)).bind(client).bind(grant.name());
        let insert = insert.bind(expires);
        let pool = self.pool.clone();
        let write = async move {
            sqlx::query(PRUNE).bind(now).execute(&pool).await?;
            insert.execute(&pool).await
        };
        self.writes.carry_out(write).await?;
        Ok(AccessToken { text, expires })
    }

    /// Returns the grant of a token that is good now.
    ///
    /// It is looked up by its hash, so the time a look-up takes tells nothing about a token.
    async fn find(&self, text: &str) -> Result<Option<Grant>, sqlx::Error> {
        let now = epoch_seconds(self.clock.now());
        let found =
            sqlx::query(FIND).bind(digest(text)).bind(now).fetch_optional(&self.pool).await?;
        found.map(|row| Ok(Grant::parse(row.try_get("kind")?))).transpose().map(Option::flatten)
    }
}

/// What the issuer asks before it looks at a login. Either grant may sign customers in.
impl ClientAuthenticator for AccessTokens {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        Ok(match self.find(bearer).await.map_err(StoreError::new)? {
            Some(_) => ClientDecision::Accepted,
            None => ClientDecision::Refused,
        })
    }
}

/// The hash under which a random secret is kept. It needs no salt and no slowness: nobody guesses
/// 32 random bytes.
pub(crate) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

const LIFETIME_SECONDS: u32 = 3600;

const INSERT: &str = "\
    INSERT INTO storefront_access_tokens (digest, client_id, kind, expires_at) \
    VALUES (?1, ?2, ?3, ?4)";
const FIND: &str = "\
    SELECT kind FROM storefront_access_tokens WHERE digest = ?1 AND expires_at > ?2";
const PRUNE: &str = "DELETE FROM storefront_access_tokens WHERE expires_at <= ?1";
