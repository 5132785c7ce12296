//! `/v2/settings/customer-authentication`: how customers sign in to this store.
//!
//! The realm that it names has no OpenID Connect profiles: this store knows passwords alone. Routes
//! for `/v2/authentication-realms/:realm/oidc-profiles` belong here once it has some.

use axum::Json;
use serde_json::Value;
use serde_json::json;

/// `GET /v2/settings/customer-authentication`
pub(crate) async fn get() -> Json<Value> {
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
                        "duplicate_email_policy": "allowed",
                    },
                },
            },
        },
    }))
}

// There is one of each in a store, so their names never change.
const SETTINGS: &str = "6ac5d2f1-35e6-4a3e-a0c8-cc6d3e0b8a57";
const REALM: &str = "0e0a8d34-7b1c-4f43-9f0a-2b8e4c7d5a16";
