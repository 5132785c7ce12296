//! The SQLite file, which holds the crate's tables and those of the storefront.

use std::io;
use std::path::PathBuf;

use tower_customer_auth::customer::StoreError;
use tower_customer_auth::store::SqliteCustomers;

use crate::config::Database;
use crate::secret_file;

/// Error of a database that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the database {} can't be created", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("the database {} can't be opened", path.display())]
    Open { path: PathBuf, source: StoreError },
    #[error("the tables of the database can't be created")]
    Schema(#[source] StoreError),
}

/// Opens the database, and creates the tables that are missing.
///
/// The crate opens it in WAL mode, and flushes each commit to the disk before it is acknowledged.
pub(crate) async fn open(database: &Database) -> Result<SqliteCustomers, OpenError> {
    let path = match database {
        Database::Memory => PathBuf::from(":memory:"),
        Database::File(path) => {
            create_private(path)
                .map_err(|source| OpenError::Create { path: path.clone(), source })?;
            path.clone()
        }
    };
    let customers = SqliteCustomers::open(&path).await;
    let customers = customers.map_err(|source| OpenError::Open { path, source })?;
    create_tables(&customers).await.map_err(OpenError::Schema)?;
    Ok(customers)
}

/// Creates the file before SQLite does, readable only by its owner. SQLite creates the files beside
/// it with the same permissions.
fn create_private(path: &PathBuf) -> io::Result<()> {
    match secret_file::private().open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn create_tables(customers: &SqliteCustomers) -> Result<(), StoreError> {
    // One transaction: two processes that open a new file at once create the tables in turn.
    let mut transaction = customers.begin().await?;
    for table in TABLES {
        let create = sqlx::query(table).execute(transaction.connection()).await;
        create.map_err(StoreError::new)?;
    }
    transaction.commit().await
}

const TABLES: [&str; 8] = [
    "CREATE TABLE IF NOT EXISTS storefront_seed (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        done INTEGER NOT NULL
    ) STRICT",
    "CREATE TABLE IF NOT EXISTS storefront_clients (
        id TEXT PRIMARY KEY NOT NULL,
        -- NULL: only the implicit grant.
        secret_digest BLOB
    ) STRICT",
    // Of earlier versions, which stored hashes of access tokens. Stop such a version before this
    // one starts, because it needs the table.
    "DROP TABLE IF EXISTS storefront_access_tokens",
    "CREATE TABLE IF NOT EXISTS storefront_addresses (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        customer_id TEXT NOT NULL,
        name TEXT NOT NULL,
        first_name TEXT NOT NULL,
        last_name TEXT NOT NULL,
        company_name TEXT NOT NULL,
        phone_number TEXT NOT NULL,
        line_1 TEXT NOT NULL,
        line_2 TEXT NOT NULL,
        city TEXT NOT NULL,
        county TEXT NOT NULL,
        region TEXT NOT NULL,
        postcode TEXT NOT NULL,
        country TEXT NOT NULL,
        instructions TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT",
    "CREATE INDEX IF NOT EXISTS storefront_addresses_of
        ON storefront_addresses (customer_id, position)",
    "CREATE TABLE IF NOT EXISTS storefront_orders (
        id TEXT PRIMARY KEY NOT NULL,
        customer_id TEXT NOT NULL,
        -- As of the order.
        customer_name TEXT NOT NULL,
        customer_email TEXT NOT NULL,
        status TEXT NOT NULL,
        payment TEXT NOT NULL,
        shipping TEXT NOT NULL,
        -- Cents.
        amount INTEGER NOT NULL,
        -- In a fixed width, so that texts sort as the times do.
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    ) STRICT",
    "CREATE INDEX IF NOT EXISTS storefront_orders_of
        ON storefront_orders (customer_id, created_at)",
    "CREATE TABLE IF NOT EXISTS storefront_order_items (
        id TEXT PRIMARY KEY NOT NULL,
        order_id TEXT NOT NULL REFERENCES storefront_orders (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        sku TEXT NOT NULL,
        quantity INTEGER NOT NULL,
        -- Cents a piece.
        amount INTEGER NOT NULL,
        UNIQUE (order_id, position)
    ) STRICT",
];
