//! `/v2/orders`: what customers bought.

mod filter;
mod query;

use axum::Json;
use axum::extract::RawQuery;
use axum::extract::State;
use serde_json::Value;
use serde_json::json;
use sqlx::QueryBuilder;
use sqlx::Row;
use sqlx::Sqlite;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteRow;

use self::query::ListQuery;
use crate::access::Caller;
use crate::problem::Problem;
use crate::request::Path;
use crate::request::parameters;

/// `GET /v2/orders`
pub(crate) async fn list(
    caller: Caller,
    RawQuery(query): RawQuery,
    State(pool): State<SqlitePool>,
) -> Result<Json<Value>, Problem> {
    let parameters = parameters(query.as_deref().unwrap_or_default())?;
    let query = ListQuery::parse(&parameters)?;

    let all = count(&pool, &caller, None).await?;
    let matching = count(&pool, &caller, Some(&query)).await?;
    let mut select = QueryBuilder::new("SELECT * FROM storefront_orders WHERE true");
    push_scope(&mut select, &caller);
    query.filter.push_to(&mut select);
    select.push(query.order.sql());
    select.push(" LIMIT ").push_bind(query.page.limit);
    select.push(" OFFSET ").push_bind(query.page.offset);
    let rows = select.build().fetch_all(&pool).await?;

    let items = Items::of(&pool, &rows).await?;
    let orders: Result<Vec<_>, _> = rows.iter().map(|row| order(row, &items)).collect();
    let mut document = json!({ "data": orders? });
    query.page.describe(&mut document, "/v2/orders", &parameters, matching, all);
    if query.include_items {
        document["included"] = json!({ "items": items.0 });
    }
    Ok(Json(document))
}

/// `GET /v2/orders/:order`
pub(crate) async fn get(
    caller: Caller,
    path: Path,
    RawQuery(query): RawQuery,
    State(pool): State<SqlitePool>,
) -> Result<Json<Value>, Problem> {
    let parameters = parameters(query.as_deref().unwrap_or_default())?;
    let include_items = query::include_items(&parameters)?;

    let mut select = QueryBuilder::new("SELECT * FROM storefront_orders WHERE id = ");
    select.push_bind(path.get::<String>("order")?);
    // Another customer's order is not found, and not refused: a refusal would tell that it exists.
    push_scope(&mut select, &caller);
    let row = select.build().fetch_optional(&pool).await?.ok_or_else(Problem::not_found)?;

    let items = Items::of(&pool, std::slice::from_ref(&row)).await?;
    let mut document = json!({ "data": order(&row, &items)? });
    if include_items {
        document["included"] = json!({ "items": items.0 });
    }
    Ok(Json(document))
}

async fn count(
    pool: &SqlitePool,
    caller: &Caller,
    query: Option<&ListQuery>,
) -> Result<u32, sqlx::Error> {
    let mut select = QueryBuilder::new("SELECT count(*) FROM storefront_orders WHERE true");
    push_scope(&mut select, caller);
    if let Some(query) = query {
        query.filter.push_to(&mut select);
    }
    select.build_query_scalar().fetch_one(pool).await
}

/// Limits a query to what the caller may see.
fn push_scope(query: &mut QueryBuilder<Sqlite>, caller: &Caller) {
    match caller {
        Caller::Store => {}
        Caller::Customer(token) => {
            query.push(" AND customer_id = ").push_bind(token.customer_id().to_string());
        }
    }
}

/// The items of some orders, as documents.
struct Items(Vec<Value>);

impl Items {
    async fn of(pool: &SqlitePool, orders: &[SqliteRow]) -> Result<Self, sqlx::Error> {
        if orders.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut select =
            QueryBuilder::new("SELECT * FROM storefront_order_items WHERE order_id IN (");
        let mut ids = select.separated(", ");
        for order in orders {
            ids.push_bind(order.try_get::<String, _>("id")?);
        }
        select.push(") ORDER BY order_id, position");
        let rows = select.build().fetch_all(pool).await?;
        let items: Result<_, _> = rows.iter().map(item).collect();
        Ok(Self(items?))
    }
}

fn order(row: &SqliteRow, items: &Items) -> Result<Value, sqlx::Error> {
    let text = |column| row.try_get::<String, _>(column);
    let id = text("id")?;
    let own = items.0.iter().filter(|item| item["order_id"] == *id);
    let own: Vec<_> = own.map(|item| json!({ "type": "item", "id": item["id"] })).collect();
    Ok(json!({
        "type": "order",
        "id": id,
        "status": text("status")?,
        "payment": text("payment")?,
        "shipping": text("shipping")?,
        "customer": { "name": text("customer_name")?, "email": text("customer_email")? },
        "meta": {
            "display_price": { "with_tax": price(row.try_get("amount")?) },
            "timestamps": { "created_at": text("created_at")?, "updated_at": text("updated_at")? },
        },
        "relationships": {
            "customer": { "data": { "type": "customer", "id": text("customer_id")? } },
            "items": { "data": own },
        },
    }))
}

fn item(row: &SqliteRow) -> Result<Value, sqlx::Error> {
    let text = |column| row.try_get::<String, _>(column);
    let (amount, quantity): (i64, i64) = (row.try_get("amount")?, row.try_get("quantity")?);
    Ok(json!({
        "type": "order_item",
        "id": text("id")?,
        "order_id": text("order_id")?,
        "name": text("name")?,
        "sku": text("sku")?,
        "quantity": quantity,
        "meta": {
            "display_price": {
                "with_tax": { "unit": price(amount), "value": price(amount * quantity) },
            },
        },
    }))
}

/// An amount in cents.
fn price(amount: i64) -> Value {
    let formatted = format!("${}.{:02}", amount / 100, amount % 100);
    json!({ "amount": amount, "currency": "USD", "formatted": formatted })
}
