//! `/v2/customers/:customer/addresses`: a customer's address book.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sqlx::QueryBuilder;
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

use crate::customers::OwnCustomer;
use crate::problem::Problem;
use crate::random;
use crate::request::Data;
use crate::request::Fields;
use crate::request::Path;
use crate::state::Storefront;
use crate::time;

/// `GET /v2/customers/:customer/addresses`
pub(crate) async fn list(
    customer: OwnCustomer,
    State(pool): State<SqlitePool>,
) -> Result<Json<Value>, Problem> {
    let rows = sqlx::query(LIST).bind(customer.id()).fetch_all(&pool).await?;
    let addresses: Result<Vec<_>, _> = rows.iter().map(address).collect();
    Ok(Json(json!({ "data": addresses? })))
}

/// `POST /v2/customers/:customer/addresses`
pub(crate) async fn create(
    customer: OwnCustomer,
    State(store): State<Storefront>,
    data: Data,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut fields = data.fields("address");
    let values = COLUMNS.map(|column| match column.presence {
        Presence::Required => fields.required(column.name, column.max),
        Presence::Optional => fields.optional(column.name, column.max),
    });
    fields.finish()?;

    let id = random::uuid().map_err(|error| Problem::unavailable(&error))?;
    let now = time::from_system(store.now());
    let mut insert = QueryBuilder::new("INSERT INTO storefront_addresses (id, customer_id, ");
    insert.push("created_at, updated_at");
    for column in COLUMNS {
        insert.push(", ").push(column.name);
    }
    insert.push(") SELECT ").push_bind(id).push(", ").push_bind(customer.id());
    insert.push(", ").push_bind(now.clone()).push(", ").push_bind(now);
    for value in values {
        insert.push(", ").push_bind(value.unwrap_or_default());
    }
    // Counted in the statement that inserts, so that concurrent requests can't exceed the limit.
    insert.push(" WHERE (SELECT count(*) FROM storefront_addresses WHERE customer_id = ");
    insert.push_bind(customer.id()).push(") < ").push_bind(MAX_ADDRESSES).push(" RETURNING *");
    let row = written(insert, &customer, &store).await?.ok_or_else(|| {
        let detail = format!("a customer has at most {MAX_ADDRESSES} addresses");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Too many addresses", &detail)
    })?;
    Ok((StatusCode::CREATED, Json(json!({ "data": address(&row)? }))))
}

/// `GET /v2/customers/:customer/addresses/:address`
pub(crate) async fn get(
    customer: OwnCustomer,
    path: Path,
    State(pool): State<SqlitePool>,
) -> Result<Json<Value>, Problem> {
    let id: String = path.get("address")?;
    let found = sqlx::query(GET).bind(id).bind(customer.id()).fetch_optional(&pool).await?;
    let row = found.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "data": address(&row)? })))
}

/// `PUT /v2/customers/:customer/addresses/:address`. Members that are left out keep their values.
pub(crate) async fn update(
    customer: OwnCustomer,
    path: Path,
    State(store): State<Storefront>,
    data: Data,
) -> Result<Json<Value>, Problem> {
    let id: String = path.get("address")?;
    let mut fields = data.fields("address");
    let values = COLUMNS.map(|column| (column.name, column.changed(&mut fields)));
    fields.finish()?;

    let mut update = QueryBuilder::new("UPDATE storefront_addresses SET updated_at = ");
    update.push_bind(time::from_system(store.now()));
    for (name, value) in values {
        if let Some(value) = value {
            update.push(", ").push(name).push(" = ").push_bind(value);
        }
    }
    update.push(" WHERE id = ").push_bind(id);
    update.push(" AND customer_id = ").push_bind(customer.id()).push(" RETURNING *");
    let row = written(update, &customer, &store).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "data": address(&row)? })))
}

/// `DELETE /v2/customers/:customer/addresses/:address`
pub(crate) async fn delete(
    customer: OwnCustomer,
    path: Path,
    State(store): State<Storefront>,
) -> Result<StatusCode, Problem> {
    let id: String = path.get("address")?;
    let delete = sqlx::query(DELETE).bind(id).bind(customer.id());
    let mut transaction = store.begin_for(customer.caller()).await?;
    if delete.execute(transaction.connection()).await?.rows_affected() == 0 {
        return Err(Problem::not_found());
    }
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs a statement with `RETURNING` in a transaction of the caller.
async fn written(
    mut statement: QueryBuilder<Sqlite>,
    customer: &OwnCustomer,
    store: &Storefront,
) -> Result<Option<SqliteRow>, Problem> {
    let mut transaction = store.begin_for(customer.caller()).await?;
    // Not `fetch_optional`, which leaves the statement unfinished after the first row: SQLite reports
    // errors when the statement is run to its end.
    let row = statement.build().fetch_all(transaction.connection()).await?.pop();
    transaction.commit().await?;
    Ok(row)
}

fn address(row: &SqliteRow) -> Result<Value, sqlx::Error> {
    let text = |column| row.try_get::<String, _>(column).map(Value::from);
    let mut address = Map::new();
    address.insert("type".to_owned(), "address".into());
    address.insert("id".to_owned(), text("id")?);
    for column in COLUMNS {
        address.insert(column.name.to_owned(), text(column.name)?);
    }
    let timestamps =
        json!({ "created_at": text("created_at")?, "updated_at": text("updated_at")? });
    address.insert("meta".to_owned(), json!({ "timestamps": timestamps }));
    Ok(address.into())
}

/// A member of an address, and the column of the same name.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    max: usize,
    presence: Presence,
}

#[derive(Clone, Copy)]
enum Presence {
    Required,
    /// Empty if it is left out.
    Optional,
}

impl Column {
    const fn required(name: &'static str, max: usize) -> Self {
        Self { name, max, presence: Presence::Required }
    }

    const fn optional(name: &'static str, max: usize) -> Self {
        Self { name, max, presence: Presence::Optional }
    }

    fn changed(&self, fields: &mut Fields<'_>) -> Option<String> {
        match self.presence {
            Presence::Required => fields.changed(self.name, self.max),
            Presence::Optional => fields.optional(self.name, self.max),
        }
    }
}

pub(crate) const COLUMNS: [Column; 13] = [
    Column::optional("name", 255),
    Column::required("first_name", 255),
    Column::required("last_name", 255),
    Column::optional("company_name", 255),
    Column::optional("phone_number", 64),
    Column::required("line_1", 255),
    Column::optional("line_2", 255),
    Column::optional("city", 255),
    Column::required("county", 255),
    Column::optional("region", 255),
    Column::required("postcode", 32),
    Column::required("country", 64),
    Column::optional("instructions", 1000),
];

const MAX_ADDRESSES: u32 = 25;

// In the order of their creation.
const LIST: &str = "SELECT * FROM storefront_addresses WHERE customer_id = ?1 ORDER BY position";
const GET: &str = "SELECT * FROM storefront_addresses WHERE id = ?1 AND customer_id = ?2";
const DELETE: &str = "DELETE FROM storefront_addresses WHERE id = ?1 AND customer_id = ?2";
