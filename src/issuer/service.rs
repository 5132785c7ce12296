//! The service: a shared configuration, and a future for each request.

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

/// Service that answers `POST /v2/customers/tokens` with a customer token.
///
/// With [`Sessions`](crate::issuer::Sessions), it also refreshes and ends tokens, and has a second
/// path.
///
/// It never returns an error, is always ready, and takes any request body. Route by path outside
/// it. A clone is a handle to the same issuer. The first matching row decides:
///
/// | request | response |
/// |---|---|
/// | bearer token missing, repeated or rejected | 401 `Unable to validate access token`, `WWW-Authenticate: Bearer` |
/// | method other than POST | 405, `Allow: POST` |
/// | with `Sessions`: method other than DELETE and POST, or than DELETE at `…/customers/{id}/tokens` | 405, `Allow: DELETE, POST` or `Allow: DELETE` |
/// | with `Sessions`: DELETE | 204, 403, 404 or 503, as [`Sessions`](crate::issuer::Sessions) says |
/// | declared length over 16 KiB | 413 |
/// | content type missing or not `application/json` in UTF-8 | 415 |
/// | body over 16 KiB | 413 |
/// | body not received within 10 s | 408 |
/// | invalid JSON, duplicate member, field missing, empty or invalid, unknown mechanism | 400, one error for each field |
/// | too many failed logins of the source, of the account, or of both | 429, `Retry-After`, the same response for all |
/// | wrong password, unknown e-mail, no password, disabled customer | 403, the same response after the same time |
/// | code rejected by the provider or used before, invalid ID token, unregistered redirect URI, e-mail already taken where the policy forbids it, disabled customer | 403, the same response |
/// | with `Sessions`: mechanism `customer_token` | 200, 403 or 503, as [`Sessions`](crate::issuer::Sessions) says |
/// | no place in the hash queue; too many logins in flight of one account, or at a provider; store failed or took 5 s; provider unreachable, took 5 s or sent an invalid response | 503, `Retry-After` |
/// | else | 200, the token |
///
/// 401 concerns the bearer token only, because the common SDKs renew it and retry on every 401. A
/// login without `authentication_mechanism` is a password login, as old SDKs send it. Every
/// response with a body is JSON; none is cacheable, or echoes anything of the request. In the
/// second in which a customer's tokens were [revoked](TokenIssuerBuilder::revocations), the
/// response to a login is sent when that second has ended. Apply CORS outside the service:
/// preflights carry no bearer token.
///
/// # Panics
///
/// The future panics outside a tokio runtime with the timer enabled. A panic of a store or a
/// [`ClientAuthenticator`] is not caught.
///
/// # Security
///
/// A wrong password, an unknown e-mail, a customer without a password or disabled, and a password
/// of more than 1024 bytes are indistinguishable: the responses are identical, and each takes one
/// lookup and one hash with the current parameters. One difference remains: a customer whose hash
/// has other parameters takes as long as those require, until the next login replaces the hash.
///
/// Failed logins are limited before a password is hashed: see [`throttle`](crate::throttle). Set a
/// throttle that knows the address of a client by [`TokenIssuerBuilder::throttle`].
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
/// let passwords = PasswordGrant::new(customers);
/// let issuer = TokenIssuer::builder(keys, clients).password(passwords).build()?;
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
    /// Returns a builder for an issuer that signs with the newest key of `keys`.
    ///
    /// `clients` decides which clients may request tokens.
    pub fn builder(keys: KeyRing, clients: impl ClientAuthenticator) -> TokenIssuerBuilder {
        TokenIssuerBuilder::new(keys, clients)
    }

    pub(super) fn new(config: Config) -> Self {
        Self(Arc::new(config))
    }

    /// Issues a token without HTTP, the same as for a login.
    ///
    /// The caller has authenticated the customer, who is enabled. A name that is too long for a
    /// token is omitted, so that a customer with such a name can log in.
    ///
    /// Unlike a login, this does not wait: in the second in which the customer's tokens were
    /// revoked it returns an error. Authenticate again and retry from `valid_from` on.
    ///
    /// # Errors
    ///
    /// - [`SignError::NotYet`] in the second in which the customer's tokens were revoked, by the
    ///   list of [`TokenIssuerBuilder::revocations`],
    /// - [`SignError::Revoked`] if the tokens are revoked until a later time than now,
    /// - the other variants if no key of the ring signs tokens of this form, or the operating
    ///   system provides no random bytes.
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
        let authentication = self.0.clients.clone().authenticate(Zeroizing::new(bearer.to_owned()));
        IssuerFuture::authenticating(Arc::clone(&self.0), authentication, request)
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("mechanisms", &self.0.logins.mechanisms())
            .field("sessions", &self.0.logins.sessions)
            .field("signer", &self.0.logins.signer)
            .field("store_timeout", &self.0.logins.store_timeout)
            .field("body_timeout", &self.0.body_timeout)
            .finish_non_exhaustive()
    }
}
