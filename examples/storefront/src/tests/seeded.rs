use futures_util::future::join_all;
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::SqlitePool;
use tower_customer_auth::Customer;

use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use crate::config::Database;
use crate::database;

/// Of Ron and of Leslie.
const PASSWORDS: [(&str, &str); 2] =
    [("ron@swanson.com", "mysecretpassword"), ("leslie@pawnee.gov", "waffles-and-work")];

#[tokio::test]
async fn the_seeded_customers_sign_in_with_their_passwords() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    for ((email, password), id) in PASSWORDS.into_iter().zip([RON, LESLIE]) {
        let token = anybody.login(email, password).await.data(200);
        assert_eq!(token["customer_id"], id);
        assert_eq!(token["type"], "token");
    }
}

#[tokio::test]
async fn every_new_store_holds_the_same() {
    let (one, other) = (Shop::open().await, Shop::open().await);
    for path in ["/v2/orders?page[limit]=100&include=items".to_owned(), addresses(RON)] {
        let (one, other) = (one.signed_in(RON).await, other.signed_in(RON).await);
        assert_eq!(one.get(&path).await.text, other.get(&path).await.text);
    }
    let leslie = one.signed_in(LESLIE).await;
    assert_eq!(leslie.get(&addresses(LESLIE)).await.data(200).as_array().map(Vec::len), Some(1));
    assert_eq!(leslie.get("/v2/orders").await.json()["meta"]["results"]["total"], 7);
}

fn addresses(customer: &str) -> String {
    format!("/v2/customers/{customer}/addresses")
}

#[tokio::test]
async fn a_database_that_has_been_filled_is_not_filled_again() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let change = json!({ "name": "Duke Silver", "password": "a better secret" });
    assert_eq!(ron.put(&format!("/v2/customers/{RON}"), change).await.status, 200);
    let office = shop.client(&shop.office().await);
    assert_eq!(office.delete(&format!("/v2/customers/{LESLIE}")).await.status, 204);
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let office = shop.client(&shop.office().await);
    let customers = office.get("/v2/customers").await.data(200);
    assert_eq!(customers.as_array().map(Vec::len), Some(1));
    assert_eq!(customers[0]["name"], "Duke Silver");
    office.login("ron@swanson.com", "mysecretpassword").await.plainly_refused(403);
}

#[tokio::test]
async fn a_start_that_died_half_way_is_completed_by_the_next() {
    for people in [&[][..], &[RON], &[RON, LESLIE]] {
        let folder = Folder::new();
        // What is left where a start dies after its last customer, or before.
        let shop = Shop::open_file(&folder.file()).await;
        for table in ["storefront_clients", "storefront_addresses", "storefront_orders"] {
            execute(&shop.pool, &format!("DELETE FROM {table}")).await;
        }
        for missing in [RON, LESLIE].iter().filter(|id| !people.contains(id)) {
            execute(
                &shop.pool,
                &format!("DELETE FROM customer_auth_customers WHERE id = '{missing}'"),
            )
            .await;
        }
        execute(&shop.pool, "UPDATE storefront_seed SET done = 0").await;
        shop.pool.close().await;

        let shop = Shop::open_file(&folder.file()).await;
        is_whole(&shop).await;
    }
}

async fn execute(pool: &SqlitePool, sql: &str) {
    let done = sqlx::query(AssertSqlSafe(sql)).execute(pool).await;
    assert_eq!(done.err().map(|error| error.to_string()), None, "{sql}");
}

/// Asserts that the store holds all that a new one holds, and that its customers can sign in.
async fn is_whole(shop: &Shop) {
    let office = shop.client(&shop.office().await);
    assert_eq!(office.get("/v2/customers").await.json()["meta"]["results"]["total"], 2);
    assert_eq!(office.get("/v2/orders").await.json()["meta"]["results"]["total"], 52);
    let anybody = shop.client(&shop.implicit().await);
    for (email, password) in PASSWORDS {
        assert_eq!(anybody.login(email, password).await.status, 200, "{email}");
    }
    assert_eq!(office.get(&addresses(RON)).await.data(200).as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn of_many_first_starts_at_once_each_serves_the_whole_store() {
    let folder = Folder::new();
    let starts = (0..6).map(async |_| is_whole(&Shop::open_file(&folder.file()).await).await);
    join_all(starts).await;
}

#[tokio::test]
async fn a_database_with_other_customers_gets_nobody_whose_password_everybody_knows() {
    let folder = Folder::new();
    let customers = database::open(&Database::File(folder.file())).await.unwrap();
    let ann = Customer::new("ann".parse().unwrap(), "Ann Perkins", "ann@pawnee.gov");
    assert_eq!(customers.insert(&ann, None).await.unwrap().customer(), &ann);
    customers.pool().close().await;

    for _ in 0..2 {
        let shop = Shop::open_file(&folder.file()).await;
        let form = "grant_type=implicit&client_id=X";
        shop.send(super::access_token_request(form)).await.plainly_refused(403);
        shop.pool.close().await;
    }
}
