//! `/v2/customers`: registration, and a customer's own record.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::extract::RawQuery;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::Secret;
use tower_customer_auth::customer::ChangeError;
use tower_customer_auth::customer::ChangeErrorKind;
use tower_customer_auth::customer::CustomerRecord;
use tower_customer_auth::customer::CustomerUpdate;
use tower_customer_auth::customer::email_has_invisible_characters;
use tower_customer_auth::password::HashError;
use tower_customer_auth::password::HashErrorKind;
use tower_customer_auth::password::PasswordHash;

use crate::access::Caller;
use crate::page::Page;
use crate::problem::Problem;
use crate::random;
use crate::request::Data;
use crate::request::Fields;
use crate::request::Path;
use crate::request::parameters;
use crate::state::Storefront;
use crate::time;

/// `POST /v2/customers`. An access token is enough: the customer has not signed in yet.
pub(crate) async fn register(
    State(store): State<Storefront>,
    head: Parts,
    data: Data,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut fields = data.fields("customer");
    let name = fields.required("name", MAX_NAME);
    let email = fields.required("email", MAX_EMAIL).filter(|email| check_email(&mut fields, email));
    let password = fields.required("password", MAX_PASSWORD);
    let password = password.filter(|password| check_password(&mut fields, password));
    fields.finish()?;
    // Invariant: if one were missing, `finish` would have failed.
    let (Some(name), Some(email), Some(password)) = (name, email, password) else {
        return Err(Problem::internal());
    };

    let password = hash(&store, &head, password).await?;
    let id = random::uuid().map_err(|error| Problem::unavailable(&error))?;
    let id = id.parse().map_err(|error| Problem::unavailable(&error))?;
    let customer = Customer::new(id, name, email);
    let record = store.customers.insert(&customer, &password).await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": document(&record) }))))
}

/// `GET /v2/customers`, only for the store itself.
pub(crate) async fn list(
    caller: Caller,
    RawQuery(query): RawQuery,
    State(store): State<Storefront>,
) -> Result<Json<Value>, Problem> {
    caller.must_be_the_store()?;
    let parameters = parameters(query.as_deref().unwrap_or_default())?;
    let page = Page::parse(&parameters)?;
    let all = store.customers.count().await?;
    let records = store.customers.list(page.limit, page.offset).await?;
    let records: Vec<_> = records.iter().map(document).collect();
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    let mut list = json!({ "data": records });
    page.describe(&mut list, "/v2/customers", &parameters, all, all);
    Ok(Json(list))
}

/// `GET /v2/customers/:customer`
pub(crate) async fn get(customer: OwnCustomer) -> Json<Value> {
    Json(json!({ "data": document(&customer.record) }))
}

/// `PUT /v2/customers/:customer`. Members that are left out keep their values.
pub(crate) async fn update(
    customer: OwnCustomer,
    State(store): State<Storefront>,
    head: Parts,
    data: Data,
) -> Result<Json<Value>, Problem> {
    let mut fields = data.fields("customer");
    let mut update = CustomerUpdate::new();
    if let Some(name) = fields.changed("name", MAX_NAME) {
        update = update.name(name);
    }
    if let Some(email) = fields.changed("email", MAX_EMAIL)
        && check_email(&mut fields, &email)
    {
        update = update.email(email);
    }
    let password = fields.changed("password", MAX_PASSWORD);
    let password = password.filter(|password| check_password(&mut fields, password));
    fields.finish()?;

    if let Some(password) = password {
        // Ends the customer's tokens: one of them may be the reason for the change.
        update = update.password(hash(&store, &head, password).await?);
    }
    let mut transaction = store.begin_for(&customer.caller).await?;
    let record = transaction.update(customer.record.customer().id(), &update).await?;
    let record = record.ok_or_else(Problem::not_found)?;
    transaction.commit().await?;
    Ok(Json(json!({ "data": document(&record) })))
}

/// `DELETE /v2/customers/:customer`, only for the store itself. Orders are kept for accounting.
pub(crate) async fn delete(
    caller: Caller,
    path: Path,
    State(store): State<Storefront>,
) -> Result<StatusCode, Problem> {
    caller.must_be_the_store()?;
    let id: CustomerId = path.get("customer")?;
    let mut transaction = store.begin_for(&caller).await?;
    if !transaction.delete(&id).await? {
        return Err(Problem::not_found());
    }
    let addresses = sqlx::query(DELETE_ADDRESSES).bind(id.to_string());
    addresses.execute(transaction.connection()).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hashes a new password. Limited by source, together with failed logins: both cost a hash.
async fn hash(store: &Storefront, head: &Parts, password: String) -> Result<PasswordHash, Problem> {
    let attempt = store.throttle.reserve(head).await?;
    let hash = store.hasher.hash_for(attempt.flow(), Secret::from(password)).await?;
    // Counted also if the e-mail is taken: otherwise a client could look up any number of e-mails.
    attempt.failure();
    Ok(hash)
}

/// The customer in the path, who exists and may be seen by the caller.
pub(crate) struct OwnCustomer {
    record: CustomerRecord,
    caller: Caller,
}

impl OwnCustomer {
    /// Returns the identifier as it is in the tables.
    pub(crate) fn id(&self) -> String {
        self.record.customer().id().to_string()
    }

    /// Returns who sent the request, which may be the store itself.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl FromRequestParts<Storefront> for OwnCustomer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, store: &Storefront) -> Result<Self, Response> {
        let caller = Caller::from_request_parts(parts, store).await?;
        let path = Path::from_request_parts(parts, store).await;
        let path = path.map_err(IntoResponse::into_response)?;
        Self::find(caller, &path, store).await.map_err(IntoResponse::into_response)
    }
}

impl OwnCustomer {
    async fn find(caller: Caller, path: &Path, store: &Storefront) -> Result<Self, Problem> {
        let id: CustomerId = path.get("customer")?;
        caller.may_see(&id)?;
        let record = store.customers.get(&id).await?.ok_or_else(Problem::not_found)?;
        Ok(Self { record, caller })
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error.kind() {
            // The queue is full. Nothing is broken, so nothing is logged.
            HashErrorKind::Overloaded => Self::busy(),
            _ => Self::unavailable(&error),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error.kind() {
            ChangeErrorKind::DuplicateEmail => Self::conflict("email", "is already in use"),
            _ => Self::unavailable(&error),
        }
    }
}

/// Checks the parts that every address has. Only sending mail there could check more. Invisible
/// characters are rejected: the address would look like that of another customer.
fn check_email(fields: &mut Fields<'_>, email: &str) -> bool {
    let parts = email.rsplit_once('@');
    let whole = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let readable = !email_has_invisible_characters(email) && !email.contains(char::is_whitespace);
    let valid = whole && email.len() <= MAX_EMAIL && readable;
    if !valid {
        fields.invalid("email", "must be an e-mail address");
    }
    valid
}

/// Checks the length and nothing else (NIST SP 800-63B-4 section 3.1.1.2).
fn check_password(fields: &mut Fields<'_>, password: &str) -> bool {
    let valid = password.chars().count() >= MIN_PASSWORD && password.len() <= MAX_PASSWORD;
    if !valid {
        fields.invalid("password", "must have 8 characters or more, and at most 1024 bytes");
    }
    valid
}

fn document(record: &CustomerRecord) -> Value {
    json!({
        "type": "customer",
        "id": record.customer().id(),
        "name": record.customer().name(),
        "email": record.customer().email(),
        "external_ref": null,
        // Only whether there is one.
        "password": record.has_password(),
        "meta": {
            "timestamps": {
                "created_at": time::from_system(record.created_at()),
                "updated_at": time::from_system(record.updated_at()),
            },
        },
    })
}

const MAX_NAME: usize = 255;
const MAX_EMAIL: usize = 254;
const MIN_PASSWORD: usize = 8;
const MAX_PASSWORD: usize = 1024;

const DELETE_ADDRESSES: &str = "DELETE FROM storefront_addresses WHERE customer_id = ?1";
