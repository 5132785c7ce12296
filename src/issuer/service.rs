//! The service: one configuration, and a future for each request.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http::Request;
use http::Response;
use http_body::Body;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::customer::Customer;
use crate::issuer::ClientAuthenticator;
use crate::issuer::IssuerBody;
use crate::issuer::IssuerFuture;
use crate::issuer::TokenIssuerBuilder;
use crate::issuer::config::Config;
use crate::issuer::response::Refusal;
use crate::key::KeyRing;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::wire::bearer_token;

/// Service that answers `POST /v2/customers/tokens` with a customer's token.
///
/// It never fails, is always ready, and takes any request body; routing by path is its user's. A clone
/// is a handle to the same issuer. The first row that applies decides:
///
/// | what | answer |
/// |---|---|
/// | bearer token missing, twice, unknown | 401 `Unable to validate access token`, `WWW-Authenticate: Bearer` |
/// | another method | 405, `Allow: POST` |
/// | declared over 16 KiB | 413 |
/// | not `application/json` in UTF-8, or no type | 415 |
/// | over 16 KiB as it arrives | 413 |
/// | body not there after 10 s | 408 |
/// | bad JSON, a member twice, a field missing, empty or wrong, an unknown mechanism | 400, one error a field |
/// | wrong password, unknown e-mail, no password | 403, one and the same, after the same time |
/// | a code that the provider refuses or that was tried before, an ID token that is not acceptable, a redirect URI of no profile, an e-mail that is taken where that is not allowed | 403, the same |
/// | more logins at once than can be hashed, or than a provider may have in flight; a store that can't tell or takes 5 s; a provider that is down, takes 5 s, or answers with what can't be read | 503, `Retry-After` |
/// | else | 200, the token |
///
/// 401 is about the bearer token alone, because the common SDKs renew theirs and repeat on every 401.
/// A login without `authentication_mechanism` is one by password, as old SDKs send it. Every answer is
/// JSON, is kept by no cache, and echoes nothing of the request. In the second in which the customer's
/// tokens were [revoked](TokenIssuerBuilder::revocations), the token comes when that second has ended.
/// CORS belongs outside of it:
/// preflights carry no bearer token.
///
/// # Security
///
/// A wrong password, an unknown e-mail, a customer without a password and a password of over 1 024
/// bytes are told apart by nothing: not by the answer's bytes, and not by time, since each costs one
/// look-up and one hash with today's parameters. One difference is left: a customer whose hash was
/// made with other parameters takes as long as those say, until the next login replaces the hash.
///
/// There is no limit yet to how often a password may be guessed, beyond what the machine can hash.
///
/// # Panics
///
/// Its future, outside a tokio runtime with the timer enabled. A panic of a store or a
/// [`ClientAuthenticator`] is not caught.
///
/// # Example
///
/// ```
/// use http::Request;
/// use tower::ServiceExt;
/// use tower_customer_auth::KeyRing;
/// use tower_customer_auth::PasswordGrant;
/// use tower_customer_auth::StaticBearer;
/// use tower_customer_auth::TokenIssuer;
/// # use tower_customer_auth::{CustomerId, CustomerStore};
/// # use tower_customer_auth::customer::{StoreError, StoredCustomer};
/// # use tower_customer_auth::password::PasswordHash;
/// # struct Customers;
/// # impl CustomerStore for Customers {
/// #     async fn find_by_email(&self, _: &str) -> Result<Option<StoredCustomer>, StoreError> {
/// #         Ok(None)
/// #     }
/// #     async fn replace_password_hash(
/// #         &self,
/// #         _: &CustomerId,
/// #         _: &PasswordHash,
/// #         _: &PasswordHash,
/// #     ) -> Result<bool, StoreError> {
/// #         Ok(false)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let customers = Customers;
///
/// let keys = KeyRing::hs256("0123456789abcdef0123456789abcdef")?;
/// let clients = StaticBearer::new(["b7UrM0Kp2dZf4QhW"]);
/// let issuer = TokenIssuer::builder(keys, clients).password(PasswordGrant::new(customers)).build()?;
///
/// let login = r#"{"data":{"type":"token","email":"ron@swanson.com","password":"wrong"}}"#;
/// let request = Request::post("/v2/customers/tokens")
///     .header("authorization", "Bearer b7UrM0Kp2dZf4QhW")
///     .header("content-type", "application/json")
///     .body(login.to_owned())?;
/// let response = issuer.oneshot(request).await?;
/// assert_eq!(response.status(), 403);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenIssuer(Arc<Config>);

impl TokenIssuer {
    /// Starts an issuer that signs with the newest of `keys`, for the programs that `clients` takes.
    pub fn builder(keys: KeyRing, clients: impl ClientAuthenticator) -> TokenIssuerBuilder {
        TokenIssuerBuilder::new(keys, clients)
    }

    pub(super) fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    /// Issues a token without HTTP, for a customer whom the program knows to be the one: the same
    /// token that a login gets.
    ///
    /// A name so long that no verifier would take the token is left out of it, because a customer who
    /// has chosen one must be able to log in.
    ///
    /// This does not wait, as a login does: in the second in which the customer's tokens were revoked
    /// there is no token. Try again from `valid_from` on, when it is certain once more that the customer
    /// is the one.
    ///
    /// # Errors
    ///
    /// - [`SignError::NotYet`] in the second in which the customer's tokens were revoked, by the list of
    ///   [`TokenIssuerBuilder::revocations`],
    /// - [`SignError::Revoked`] if they are revoked until later than now,
    /// - the others if the key ring has no key left that signs tokens of this form, or the machine no
    ///   randomness.
    pub fn issue(&self, customer: &Customer) -> Result<IssuedToken, SignError> {
        let logins = &self.0.logins;
        logins.issue_at(customer, logins.signer.now())
    }
}

impl<B: Body> Service<Request<B>> for TokenIssuer {
    type Response = Response<IssuerBody>;
    type Error = Infallible;
    type Future = IssuerFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(bearer) = bearer_token(request.headers()) else {
            return IssuerFuture::answered(Arc::clone(&self.0), Refusal::Client.answer());
        };
        let judged = self.0.clients.clone().authenticate(Zeroizing::new(bearer.to_owned()));
        IssuerFuture::authenticating(Arc::clone(&self.0), judged, request)
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("mechanisms", &self.0.logins.mechanisms())
            .field("signer", &self.0.logins.signer)
            .field("store_timeout", &self.0.logins.store_timeout)
            .field("body_timeout", &self.0.body_timeout)
            .finish_non_exhaustive()
    }
}
