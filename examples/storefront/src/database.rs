//! The one SQLite file: the crate's customers, and the storefront's own tables beside them.

use std::io;
use std::path::PathBuf;

use sqlx::SqlitePool;
use tower_customer_auth::customer::StoreError;
use tower_customer_auth::store::SqliteCustomers;

use crate::config::Database;
use crate::secret_file;

/// A database that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the database {} can't be made", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("the database {} can't be opened", path.display())]
    Open { path: PathBuf, source: StoreError },
    #[error("the database's tables can't be made")]
    Schema(#[source] sqlx::Error),
}

/// Opens the database and makes the tables that are missing.
///
/// The pool is the crate's: in WAL mode, each commit flushed to the disk before it is acknowledged.
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
    create_tables(customers.pool()).await.map_err(OpenError::Schema)?;
    Ok(customers)
}

/// Makes the file before SQLite would, so that nobody else can read the customers in it. The files
/// that SQLite keeps beside it get the same rights.
fn create_private(path: &PathBuf) -> io::Result<()> {
    match secret_file::private().open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

async fn create_tables(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    // Two processes that open a new file at once make the tables one after the other.
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    for table in TABLES {
        sqlx::query(table).execute(&mut *transaction).await?;
    }
    for (table, column, add) in LATER_COLUMNS {
        let known = sqlx::query_scalar(HAS_COLUMN).bind(table).bind(column);
        if !known.fetch_one(&mut *transaction).await? {
            sqlx::query(add).execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}

const TABLES: [&str; 10] = [
    "CREATE TABLE IF NOT EXISTS storefront_seed (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        done INTEGER NOT NULL
    ) STRICT",
    "CREATE TABLE IF NOT EXISTS storefront_clients (
        id TEXT PRIMARY KEY NOT NULL,
        -- NULL: the implicit grant alone.
        secret_digest BLOB
    ) STRICT",
    // Of earlier versions. It held hashes of access tokens that lived an hour: nothing in it is
    // read any more, and strangers have filled it. An earlier version makes it anew if it is
    // started again; but stop the one that runs first, because it can't do without.
    "DROP TABLE IF EXISTS storefront_access_tokens",
    "CREATE TABLE IF NOT EXISTS storefront_changes_begun (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        customer_id TEXT NOT NULL,
        -- Nanoseconds since 1970.
        begun_at INTEGER
    ) STRICT",
    "CREATE TABLE IF NOT EXISTS storefront_token_cutoffs (
        customer_id TEXT PRIMARY KEY NOT NULL,
        -- Seconds since 1970. Tokens issued earlier are not good.
        valid_from INTEGER NOT NULL,
        -- What it is rounded up from, in nanoseconds since 1970.
        moment INTEGER
    ) STRICT",
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
        -- As they were when the order was placed.
        customer_name TEXT NOT NULL,
        customer_email TEXT NOT NULL,
        status TEXT NOT NULL,
        payment TEXT NOT NULL,
        shipping TEXT NOT NULL,
        -- Cents.
        amount INTEGER NOT NULL,
        -- Texts of one width, whose order is that of the times.
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

/// Columns that tables of earlier versions lack. There they are NULL.
const LATER_COLUMNS: [(&str, &str, &str); 2] = [
    (
        "storefront_changes_begun",
        "begun_at",
        "ALTER TABLE storefront_changes_begun ADD COLUMN begun_at INTEGER",
    ),
    (
        "storefront_token_cutoffs",
        "moment",
        "ALTER TABLE storefront_token_cutoffs ADD COLUMN moment INTEGER",
    ),
];

const HAS_COLUMN: &str = "SELECT count(*) > 0 FROM pragma_table_info(?1) WHERE name = ?2";
