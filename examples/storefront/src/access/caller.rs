//! Who calls: the store itself, or one of its customers.

use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::extract::State;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use tower_customer_auth::CustomerId;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::issuer::bearer_token;

use crate::access::AccessTokens;
use crate::access::Grant;
use crate::problem::Problem;

/// Lets a request with a good access token through, and notes its grant for the handler.
pub(crate) async fn require_access_token(
    State(tokens): State<AccessTokens>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let bearer = bearer_token(request.headers()).ok_or_else(Problem::unauthorized)?;
    let grant = tokens.find(bearer).ok_or_else(Problem::unauthorized)?;
    request.extensions_mut().insert(grant);
    Ok(next.run(request).await)
}

/// Who a request speaks for, once both of its tokens have been looked at.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// The store's back office: everything.
    Store,
    /// A customer: their own data. With the token, because it may end while the request is served.
    Customer(VerifiedToken),
}

impl Caller {
    /// Refuses what belongs to another customer, as if it did not exist.
    pub(crate) fn may_see(&self, customer: &CustomerId) -> Result<(), Problem> {
        match self {
            Self::Store => Ok(()),
            Self::Customer(token) if token.customer_id() == customer => Ok(()),
            Self::Customer(_) => Err(Problem::not_found()),
        }
    }

    /// Refuses customers, whoever it is about.
    pub(crate) fn must_be_the_store(&self) -> Result<(), Problem> {
        match self {
            Self::Store => Ok(()),
            Self::Customer(_) => Err(Problem::forbidden("a customer may not do this")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let customer = Option::<VerifiedToken>::from_request_parts(parts, state).await;
        match (customer.map_err(IntoResponse::into_response)?, parts.extensions.get()) {
            // A customer token limits whoever sends it, client credentials too: a back office that
            // acts for a customer must see no more than the customer does.
            (Some(customer), Some(_)) => Ok(Self::Customer(customer)),
            (None, Some(Grant::ClientCredentials)) => Ok(Self::Store),
            // Refused exactly as the layer would refuse it were the customer token required.
            (None, Some(Grant::Implicit)) => VerifiedToken::from_request_parts(parts, state)
                .await
                .map(Self::Customer)
                .map_err(IntoResponse::into_response),
            // Only a route that was put outside `require_access_token` gets here.
            (_, None) => Err(Problem::internal().into_response()),
        }
    }
}
