//! `/v2/settings/customer-authentication`, and the realm that it names: how customers sign in here.
//!
//! For whoever has an access token, as a page asks for it before anybody has signed in. A secret is
//! in none of it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use tokio::time::timeout;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::customer::DuplicateEmail;
use tower_customer_auth::oidc::OidcError;
use tower_customer_auth::oidc::OidcProfile;

use crate::problem::Problem;
use crate::random;
use crate::request::Path;
use crate::state::Storefront;

/// `GET /v2/settings/customer-authentication`
pub(crate) async fn get(State(store): State<Storefront>) -> Json<Value> {
    let policy = store.oidc.as_ref().map_or(DuplicateEmail::Allowed, OidcGrant::duplicate_email);
    Json(json!({
        "data": {
            "id": SETTINGS,
            "type": "customer-authentication-settings",
            "meta": { "client_id": "customers" },
            "relationships": {
                "authentication-realm": {
                    "data": {
                        "id": REALM,
                        "type": "authentication-realm",
                        "duplicate_email_policy": policy.as_str(),
                    },
                },
            },
        },
    }))
}

/// `GET /v2/authentication-realms/:realm/oidc-profiles`
///
/// The list is what a page draws its buttons from: it comes without the link to a provider that is
/// not to be had at the moment, and soon.
pub(crate) async fn profiles(
    path: Path,
    State(store): State<Storefront>,
) -> Result<Json<Value>, Problem> {
    let mut list = Vec::new();
    for (grant, profile) in of_realm(&path, &store)? {
        let asked = timeout(LIST_PATIENCE, endpoint(grant, profile)).await;
        let mut element = document(profile);
        element["links"] = match asked {
            Ok(Ok(endpoint)) => links(endpoint.as_deref()),
            _ => json!({}),
        };
        list.push(element);
    }
    Ok(Json(json!({ "data": list })))
}

/// `GET /v2/authentication-realms/:realm/oidc-profiles/:profile`
///
/// Asked for by whoever wants to sign in now: without the link it is of no use, and a 503.
pub(crate) async fn profile(
    path: Path,
    State(store): State<Storefront>,
) -> Result<Json<Value>, Problem> {
    let asked: String = path.get("profile")?;
    let mut found = of_realm(&path, &store)?.filter(|(_, profile)| id(profile) == asked);
    let (grant, profile) = found.next().ok_or_else(Problem::not_found)?;
    let endpoint = endpoint(grant, profile).await;
    let endpoint = endpoint.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(json!({ "data": document(profile), "links": links(endpoint.as_deref()) })))
}

/// The profiles of the realm that the path names, each with the grant that it belongs to.
fn of_realm<'a>(
    path: &Path,
    store: &'a Storefront,
) -> Result<impl Iterator<Item = (&'a OidcGrant, &'a OidcProfile)>, Problem> {
    let realm: String = path.get("realm")?;
    if realm != REALM {
        return Err(Problem::not_found());
    }
    let grants = store.oidc.iter();
    Ok(grants.flat_map(|grant| grant.profiles().iter().map(move |profile| (grant, profile))))
}

async fn endpoint(grant: &OidcGrant, profile: &OidcProfile) -> Result<Option<String>, OidcError> {
    // Invariant: a grant takes no profile without one.
    let redirect_uri = profile.redirect_uris().first().map_or("", String::as_str);
    grant.authorization_endpoint(redirect_uri).await
}

fn links(endpoint: Option<&str>) -> Value {
    json!({ "authorization-endpoint": endpoint })
}

fn document(profile: &OidcProfile) -> Value {
    let issuer = profile.issuer();
    // A provider has no name for people but where it is.
    let uri: Option<Uri> = issuer.parse().ok();
    let name = uri.as_ref().and_then(Uri::authority).map_or(issuer, |authority| authority.as_str());
    json!({
        "type": "oidc-profile",
        "id": id(profile),
        "name": name,
        "client_id": profile.client_id(),
        "discovery_url": profile.metadata_url(),
        "meta": { "issuer": issuer },
    })
}

/// The same after each start, as long as the store is the same client of the same provider.
fn id(profile: &OidcProfile) -> String {
    // A space is in no URL.
    let hash = Sha256::digest(format!("{} {}", profile.issuer(), profile.client_id()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    random::uuid_of(bytes)
}

// There is one of each in a store, so their names never change.
const SETTINGS: &str = "6ac5d2f1-35e6-4a3e-a0c8-cc6d3e0b8a57";
const REALM: &str = "0e0a8d34-7b1c-4f43-9f0a-2b8e4c7d5a16";

/// How long a page waits for its buttons, for the sake of one that would not work anyway.
const LIST_PATIENCE: Duration = Duration::from_secs(1);
