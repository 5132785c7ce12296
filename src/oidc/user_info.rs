//! Claims from the userinfo endpoint (OpenID Connect Core section 5.3).

use ::url::Url;
use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::StatusCode;
use http::header::ACCEPT;
use http::header::AUTHORIZATION;
use http_body_util::Full;

use crate::oidc::HttpClient;
use crate::oidc::OidcError;
use crate::oidc::id_token::MAX_CLAIMS_DEPTH;
use crate::oidc::id_token::Person;
use crate::oidc::url;
use crate::token::Json;
use crate::token::each_member;

/// Fetches the claims about the access token's user, who must be `subject`.
pub(super) async fn fetch(
    http: &HttpClient,
    endpoint: &Url,
    access_token: &str,
    subject: &str,
) -> Result<Person, OidcError> {
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = url::to_uri(endpoint)
        .ok_or_else(|| OidcError::unavailable("an endpoint's URL is no URI"))?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {access_token}"))
        .map_err(|_| OidcError::unavailable("the provider's access token is no bearer token"))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = http.send(request).await?;
    if response.status() != StatusCode::OK {
        return Err(OidcError::unavailable("userinfo answered with another status than 200"));
    }
    let mut person = Person::default();
    let mut about = None;
    let strict = each_member(response.body(), MAX_CLAIMS_DEPTH, |claim, value| match &*claim {
        "sub" => about = Some(value),
        claim => person.read(claim, value),
    });
    if !strict {
        return Err(OidcError::unavailable("userinfo's answer is not one strict JSON object"));
    }
    // Otherwise an access token could be substituted by another user's (Core section 5.3.2).
    if about != Some(Json::Text(subject.into())) {
        return Err(OidcError::identity_refused("userinfo is about another subject"));
    }
    Ok(person)
}
