//! Contents of a new store. Ids and times are computed, so they are the same on every machine.

use std::error::Error;

use jiff::Timestamp;
use jiff::ToSpan;
use sha2::Digest;
use sha2::Sha256;
use sqlx::QueryBuilder;
use sqlx::SqliteConnection;
use tower_customer_auth::Customer;
use tower_customer_auth::Secret;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::store::SqliteCustomers;

use crate::access;
use crate::random;
use crate::time;

/// Fills the database if it is empty.
///
/// A start that was interrupted is completed by the next one. A database that had customers before
/// is left as it is, because the passwords of the seeded customers are public.
pub(crate) async fn fill(
    customers: &SqliteCustomers,
    hasher: &PasswordHasher,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let pool = customers.pool();
    if sqlx::query_scalar::<_, bool>(IS_DONE).fetch_optional(pool).await?.is_none() {
        let empty = customers.count().await? == 0;
        let mut transaction = customers.begin().await?;
        sqlx::query(BEGIN).bind(!empty).execute(transaction.connection()).await?;
        transaction.commit().await?;
    }
    // Read again: the customers that were counted may be those of a process that starts at the same
    // time.
    if sqlx::query_scalar(IS_DONE).fetch_one(pool).await? {
        return Ok(());
    }
    for person in &PEOPLE {
        insert_person(customers, hasher, person).await?;
    }
    fill_own_tables(customers).await
}

/// Inserts a customer, unless an earlier start or another process has done it.
async fn insert_person(
    customers: &SqliteCustomers,
    hasher: &PasswordHasher,
    person: &Person,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let id = person.id.parse()?;
    if customers.get(&id).await?.is_some() {
        return Ok(());
    }
    let password = hasher.hash(Secret::from(person.password)).await?;
    let customer = Customer::new(id, person.name, person.email);
    match customers.insert(&customer, Some(&password)).await {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(_) if customers.get(customer.id()).await?.is_some() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn fill_own_tables(customers: &SqliteCustomers) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut transaction = customers.begin().await?;
    let connection = transaction.connection();
    // Another process may have been faster.
    if sqlx::query_scalar(IS_DONE).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    for (id, secret) in CLIENTS {
        let insert = sqlx::query(INSERT_CLIENT).bind(id).bind(secret.map(access::digest));
        insert.execute(&mut *connection).await?;
    }
    for person in &PEOPLE {
        for (n, address) in person.addresses.iter().enumerate() {
            insert_address(connection, person, n, address).await?;
        }
        for n in 0..person.orders {
            insert_order(connection, person, n).await?;
        }
    }
    sqlx::query(END).execute(&mut *connection).await?;
    transaction.commit().await?;
    Ok(())
}

async fn insert_address(
    connection: &mut SqliteConnection,
    person: &Person,
    n: usize,
    address: &[(&'static str, &'static str)],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut insert = QueryBuilder::new("INSERT INTO storefront_addresses (id, customer_id");
    for column in crate::addresses::COLUMNS {
        insert.push(", ").push(column.name);
    }
    insert.push(", created_at, updated_at) VALUES (");
    let mut values = insert.separated(", ");
    values.push_bind(id("address", person, n)).push_bind(person.id);
    for column in crate::addresses::COLUMNS {
        let mut named = address.iter().filter(|(name, _)| *name == column.name);
        values.push_bind(named.next().map_or("", |(_, value)| *value));
    }
    let opened = time::format(FIRST_ORDER.parse::<Timestamp>()?);
    values.push_bind(opened.clone()).push_bind(opened);
    insert.push(")").build().execute(connection).await?;
    Ok(())
}

async fn insert_order(
    connection: &mut SqliteConnection,
    person: &Person,
    n: usize,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // A little more than five weeks apart, at varying hours: 45 of them reach into 2024.
    let hours = i64::try_from(n)? * (37 * 24 + 5);
    let created = FIRST_ORDER.parse::<Timestamp>()?.checked_add(hours.hours())?;
    let updated = created.checked_add(26.hours())?;
    let (status, payment, shipping) = STATES[n % STATES.len()];
    let order = id("order", person, n);
    // One to three different things, one to four pieces of each.
    let items: Vec<_> = (0..=n % 3)
        .map(|position| {
            (position, PRODUCTS[(n + 2 * position) % PRODUCTS.len()], 1 + (n + position) % 4)
        })
        .collect();
    let amounts =
        items.iter().map(|(_, product, quantity)| Ok(product.2 * i64::try_from(*quantity)?));
    let amount: i64 = amounts.sum::<Result<_, std::num::TryFromIntError>>()?;
    sqlx::query(INSERT_ORDER)
        .bind(&order)
        .bind(person.id)
        .bind(person.name)
        .bind(person.email)
        .bind(status)
        .bind(payment)
        .bind(shipping)
        .bind(amount)
        .bind(time::format(created))
        .bind(time::format(updated))
        .execute(&mut *connection)
        .await?;
    for (position, (name, sku, price), quantity) in items {
        sqlx::query(INSERT_ITEM)
            .bind(id(&format!("item {position} of order"), person, n))
            .bind(&order)
            .bind(i64::try_from(position)?)
            .bind(name)
            .bind(sku)
            .bind(i64::try_from(quantity)?)
            .bind(price)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Returns the identifier of a customer's `n`-th item of a kind.
fn id(kind: &str, person: &Person, n: usize) -> String {
    let hash = Sha256::digest(format!("{kind} {n} of {}", person.id));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    random::uuid_of(bytes)
}

struct Person {
    id: &'static str,
    name: &'static str,
    email: &'static str,
    password: &'static str,
    addresses: &'static [&'static [(&'static str, &'static str)]],
    orders: usize,
}

const PEOPLE: [Person; 2] = [
    Person {
        id: "79cc0486-bbdf-491b-a0a2-722383b6288b",
        name: "Ron Swanson",
        email: "ron@swanson.com",
        password: "mysecretpassword",
        addresses: &[
            &[
                ("name", "Home"),
                ("first_name", "Ron"),
                ("last_name", "Swanson"),
                ("line_1", "12 Larch Road"),
                ("city", "Pawnee"),
                ("county", "Wamapoke"),
                ("region", "Indiana"),
                ("postcode", "47998"),
                ("country", "US"),
                ("instructions", "Leave it at the door and go."),
            ],
            &[
                ("name", "Office"),
                ("first_name", "Ron"),
                ("last_name", "Swanson"),
                ("company_name", "Parks and Recreation"),
                ("phone_number", "(555) 555-0142"),
                ("line_1", "1 City Hall Square"),
                ("line_2", "Second floor"),
                ("city", "Pawnee"),
                ("county", "Wamapoke"),
                ("region", "Indiana"),
                ("postcode", "47998"),
                ("country", "US"),
            ],
        ],
        orders: 45,
    },
    Person {
        id: "be076eb9-689e-4cfe-8299-8489f99a14e6",
        name: "Leslie Knope",
        email: "leslie@pawnee.gov",
        password: "waffles-and-work",
        addresses: &[&[
            ("name", "Home"),
            ("first_name", "Leslie"),
            ("last_name", "Knope"),
            ("line_1", "7 Harvest Lane"),
            ("city", "Pawnee"),
            ("county", "Wamapoke"),
            ("region", "Indiana"),
            ("postcode", "47998"),
            ("country", "US"),
        ]],
        orders: 7,
    },
];

/// Clients and their secrets. One without a secret has the implicit grant.
const CLIENTS: [(&str, Option<&str>); 2] = [("X", None), ("storefront", Some("storefront-secret"))];

const FIRST_ORDER: &str = "2019-09-02T08:15:00Z";

/// Status, payment and shipping of an order.
const STATES: [(&str, &str, &str); 7] = [
    ("complete", "paid", "fulfilled"),
    ("processing", "paid", "unfulfilled"),
    ("complete", "paid", "fulfilled"),
    ("incomplete", "unpaid", "unfulfilled"),
    ("processing", "authorized", "unfulfilled"),
    ("cancelled", "refunded", "unfulfilled"),
    ("complete", "refunded", "fulfilled"),
];

/// Name, article number and price in cents.
const PRODUCTS: [(&str, &str, i64); 5] = [
    ("Whittling knife", "KNIFE-01", 4_950),
    ("Maple board", "BOARD-07", 2_225),
    ("Canoe paddle", "PADDLE-02", 11_900),
    ("Waffle iron", "WAFFLE-11", 6_499),
    ("Ring binder", "BINDER-30", 799),
];

const IS_DONE: &str = "SELECT done FROM storefront_seed";
const BEGIN: &str = "INSERT INTO storefront_seed (id, done) VALUES (1, ?1) ON CONFLICT DO NOTHING";
const END: &str = "UPDATE storefront_seed SET done = 1";
const INSERT_CLIENT: &str = "INSERT INTO storefront_clients (id, secret_digest) VALUES (?1, ?2)";
const INSERT_ORDER: &str = "\
    INSERT INTO storefront_orders (id, customer_id, customer_name, customer_email, status, payment, \
    shipping, amount, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const INSERT_ITEM: &str = "\
    INSERT INTO storefront_order_items (id, order_id, position, name, sku, quantity, amount) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
