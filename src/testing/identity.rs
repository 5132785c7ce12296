//! Identities in requests, without tokens.

use http::Request;

use crate::id::CustomerId;
use crate::token::Claims;
use crate::verify::VerifiedToken;

/// Inserts a customer's identity into a request, as the layer does for a valid token.
///
/// For tests of handlers behind the layer.
///
/// The token of the identity has the id of the vendor's documented sample, no name, and is valid
/// for a day from 1970-01-01.
pub fn sign_in<B>(request: &mut Request<B>, customer_id: &CustomerId) {
    let claims = Claims {
        customer_id: customer_id.clone(),
        token_id: "36f05940-0d38-411a-8909-3aea58bc1f09".parse().expect("a token id"),
        name: None,
        exp: 86_400,
        iat: 0,
        nbf: None,
        audiences: None,
        issuer: None,
        auth_time: None,
        session_id: None,
    };
    let extensions = request.extensions_mut();
    extensions.insert(customer_id.clone());
    extensions.insert(VerifiedToken::new(claims));
}
