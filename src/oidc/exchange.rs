//! The exchange of a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ::url::Url;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Full;
use oauth2::AccessToken;
use oauth2::AsyncHttpClient;
use oauth2::AuthType;
use oauth2::AuthorizationCode;
use oauth2::ClientId;
use oauth2::ClientSecret;
use oauth2::HttpRequest;
use oauth2::HttpResponse;
use oauth2::PkceCodeVerifier;
use oauth2::RedirectUrl;
use oauth2::RefreshToken;
use oauth2::RequestTokenError;
use oauth2::Scope;
use oauth2::StandardRevocableToken;
use oauth2::TokenResponse;
use oauth2::TokenUrl;
use oauth2::basic::BasicErrorResponse;
use oauth2::basic::BasicErrorResponseType;
use oauth2::basic::BasicRevocationErrorResponse;
use oauth2::basic::BasicTokenIntrospectionResponse;
use oauth2::basic::BasicTokenType;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::oidc::ClientAuthMethod;
use crate::oidc::HttpClient;
use crate::oidc::OidcError;
use crate::oidc::OidcErrorKind;
use crate::oidc::OidcProfile;

/// Code exchange, as the front end requests it. Everything in it is secret or unverified.
pub(crate) struct CodeExchange {
    pub(crate) code: Zeroizing<String>,
    pub(crate) redirect_uri: String,
    /// RFC 7636 section 4.1, its syntax checked.
    pub(crate) verifier: Zeroizing<String>,
}

/// Tokens that the provider returns for a code.
pub(super) struct Tokens {
    pub(super) id_token: Zeroizing<String>,
    pub(super) access_token: Zeroizing<String>,
}

/// Token response (OpenID Connect Core section 3.1.3.3). Other members are ignored: some providers
/// deviate from RFC 6749 there, with `expires_in` as a string for example, which is no reason to
/// reject a login.
#[derive(Deserialize, Serialize)]
struct Answer {
    access_token: AccessToken,
    #[serde(rename = "token_type")]
    token_type_text: String,
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
    id_token: String,
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

impl TokenResponse for Answer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

type Client = oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// Sends one request to the token endpoint.
pub(super) async fn exchange(
    http: &HttpClient,
    profile: &OidcProfile,
    endpoint: &Url,
    exchange: &CodeExchange,
) -> Result<Tokens, OidcError> {
    let unusable = |_| OidcError::new(OidcErrorKind::CodeRefused, "the redirect URI is no URL");
    let redirect_uri = RedirectUrl::new(exchange.redirect_uri.clone()).map_err(unusable)?;
    let mut client = Client::new(ClientId::new(profile.client_id().to_owned()))
        .set_auth_type(match profile.method() {
            ClientAuthMethod::Basic => AuthType::BasicAuth,
            ClientAuthMethod::Post => AuthType::RequestBody,
        })
        .set_token_uri(TokenUrl::from_url(endpoint.clone()));
    if let Some(secret) = profile.secret() {
        // Invariant: the profile has checked that it is text.
        let secret = String::from_utf8_lossy(secret.expose()).into_owned();
        client = client.set_client_secret(ClientSecret::new(secret));
    }
    let answer = client
        .exchange_code(AuthorizationCode::new(exchange.code.to_string()))
        .set_pkce_verifier(PkceCodeVerifier::new(exchange.verifier.to_string()))
        .set_redirect_uri(Cow::Owned(redirect_uri))
        .request_async(&Once(http))
        .await
        .map_err(refusal)?;
    if !answer.token_type_text.eq_ignore_ascii_case("bearer") {
        return Err(OidcError::unavailable("the token endpoint's answer is of another token type"));
    }
    Ok(Tokens {
        id_token: Zeroizing::new(answer.id_token),
        access_token: Zeroizing::new(answer.access_token.into_secret()),
    })
}

fn refusal(error: RequestTokenError<OidcError, BasicErrorResponse>) -> OidcError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            // RFC 6749 section 5.2. Our requests differ only in what the client has sent, so
            // `invalid_request` is the client's fault too: some providers answer that for a code
            // they cannot have issued.
            BasicErrorResponseType::InvalidGrant | BasicErrorResponseType::InvalidRequest => {
                OidcError::new(OidcErrorKind::CodeRefused, "the provider refuses the code")
            }
            BasicErrorResponseType::InvalidClient | BasicErrorResponseType::UnauthorizedClient => {
                OidcError::unavailable("the provider refuses this client")
            }
            _ => OidcError::unavailable("the token endpoint answered with an error"),
        },
        // NB: neither the parser's error nor the body is kept: they repeat tokens.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            OidcError::unavailable("the token endpoint's answer can't be read, or has no ID token")
        }
    }
}

/// Adapter from `HttpClient` to the client trait of `oauth2`.
struct Once<'a>(&'a HttpClient);

impl<'c> AsyncHttpClient<'c> for Once<'_> {
    type Error = OidcError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OidcError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let response = self.0.send(request.map(|body| Full::new(Bytes::from(body))));
        Box::pin(async move {
            let response = response.await?;
            match response.status() {
                // The statuses of RFC 6749 section 5.
                StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                    Ok(response.map(Into::into))
                }
                _ => {
                    Err(OidcError::unavailable("the token endpoint answered with a foreign status"))
                }
            }
        })
    }
}
