//! `POST /oauth/access_token`

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use serde_json::json;
use sqlx::SqlitePool;
use subtle::ConstantTimeEq;

use crate::access::AccessTokens;
use crate::access::Grant;
use crate::access::LIFETIME_SECONDS;
use crate::access::digest;
use crate::access::token::MAX_CLIENT_LEN;
use crate::body::WholeBody;
use crate::problem::FieldError;
use crate::problem::Problem;
use crate::request::Parameter;
use crate::request::parameters;

/// Answers with an access token: flat, because the SDKs read it so, and not under `data`.
///
/// The body is read as a form whatever its content type says: the vendor's own curl line sends a
/// form as `application/json`.
pub(crate) async fn issue(
    State(pool): State<SqlitePool>,
    State(tokens): State<AccessTokens>,
    WholeBody(body): WholeBody,
) -> Result<Json<Value>, Problem> {
    let body = std::str::from_utf8(&body);
    let body = body.map_err(|_| Problem::bad_request("the body is not UTF-8"))?;
    let parameters = parameters(body.trim())?;
    let grant_type = required(&parameters, "grant_type")?;
    let Some(grant) = Grant::parse(grant_type) else {
        let detail = "takes implicit and client_credentials";
        return Err(Problem::field(FieldError::invalid("grant_type", detail)));
    };
    let client = required(&parameters, "client_id")?;
    let secret = match grant {
        Grant::Implicit => None,
        Grant::ClientCredentials => Some(required(&parameters, "client_secret")?),
    };
    if !is_client(&pool, client, secret).await? {
        // 403 and not 401, which speaks about `Authorization`, and which the SDKs answer by asking
        // for an access token: here, by asking the same thing again. One answer for an unknown
        // client, a wrong secret, and a client that may not use this grant.
        return Err(Problem::forbidden("the client is not known, or may not do this"));
    }
    let issued = tokens.issue(grant, client)?;
    Ok(Json(json!({
        "access_token": issued.text,
        "token_type": "Bearer",
        "expires": issued.expires,
        "expires_in": LIFETIME_SECONDS,
        "identifier": grant.name(),
    })))
}

/// Tells whether there is such a client. One without a secret has the implicit grant alone, one
/// with a secret client credentials alone: its id stands on no page.
async fn is_client(pool: &SqlitePool, id: &str, secret: Option<&str>) -> Result<bool, sqlx::Error> {
    if id.len() > MAX_CLIENT_LEN {
        return Ok(false);
    }
    let found: Option<Option<Vec<u8>>> =
        sqlx::query_scalar(FIND_CLIENT).bind(id).fetch_optional(pool).await?;
    Ok(match (found, secret) {
        (Some(None), None) => true,
        (Some(Some(kept)), Some(secret)) => digest(secret).ct_eq(&kept).into(),
        _ => false,
    })
}

/// The value of a parameter that is given exactly once (RFC 6749 section 3.2).
fn required<'a>(parameters: &'a [Parameter<'_>], name: &'static str) -> Result<&'a str, Problem> {
    let mut named = parameters.iter().filter(|parameter| parameter.name == name);
    match (named.next(), named.next()) {
        (Some(parameter), None) if !parameter.value.is_empty() => Ok(&parameter.value),
        (Some(_), Some(_)) => Err(Problem::field(FieldError::invalid(name, "must be given once"))),
        _ => Err(Problem::field(FieldError::required(name))),
    }
}

const FIND_CLIENT: &str = "SELECT secret_digest FROM storefront_clients WHERE id = ?1";
