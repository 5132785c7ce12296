//! A link to a customer ends the customer's earlier tokens, and a restart doesn't give them back.

use serde_json::json;
use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;

use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use crate::config::Database;
use crate::database;
use crate::linking::LinkingCustomers;
use crate::writes::Writes;

async fn customers(folder: &Folder, shop: &Shop) -> LinkingCustomers {
    let customers = database::open(&Database::File(folder.file())).await.unwrap();
    LinkingCustomers { customers, writes: Writes::default(), clock: shop.clock.clone() }
}

/// Somebody whose e-mail a provider has verified.
fn newcomer(email: &str) -> Newcomer {
    let identity = Identity::new("https://id.example", "ron").unwrap();
    let id = super::NOBODY.parse().unwrap();
    Newcomer::new(identity, Customer::new(id, "Ron", email)).email_verified(true)
}

async fn count(shop: &Shop, table: &str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(&shop.pool).await.unwrap()
}

#[tokio::test]
async fn a_link_keeps_a_cut_off_that_the_next_start_knows() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let token = shop.customer_token(RON);
    let linked = customers(&folder, &shop).await;
    let ron = id();
    let Admission::Admitted(admitted) =
        linked.link(&newcomer("ron@swanson.com"), &ron).await.unwrap()
    else {
        panic!("nobody else has this e-mail");
    };
    assert_eq!(admitted.id(), &ron);
    assert_eq!(count(&shop, "storefront_changes_begun").await, 0);
    linked.customers.pool().close().await;
    shop.pool.close().await;

    let again = Shop::open_file(&folder.file()).await;
    let mut client = again.client(&again.implicit().await);
    client.customer = Some(token);
    client.get("/v2/orders").await.plainly_refused(403);
    client.customer = Some(again.customer_token(LESLIE));
    assert_eq!(client.get("/v2/orders").await.status, 200);
}

#[tokio::test]
async fn a_link_that_comes_too_late_keeps_none() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let linked = customers(&folder, &shop).await;
    let ron = id();
    // Ron has never had this e-mail.
    let stale = linked.link(&newcomer("somebody@swanson.com"), &ron).await.unwrap();
    assert_eq!(stale, Admission::Stale);
    for table in ["storefront_changes_begun", "storefront_token_cutoffs"] {
        assert_eq!(count(&shop, table).await, 0, "{table}");
    }
}

/// The list in memory learns of a link only after it.
#[tokio::test]
async fn a_token_that_a_link_has_ended_writes_no_more_even_where_the_list_has_not_heard_of_it() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let record = format!("/v2/customers/{RON}");
    let linked = customers(&folder, &shop).await.link(&newcomer("ron@swanson.com"), &id()).await;
    assert!(matches!(linked, Ok(Admission::Admitted(_))), "{linked:?}");
    assert_eq!(ron.get(&record).await.status, 200);
    ron.put(&record, json!({ "email": "thief@example.com" })).await.plainly_refused(403);
    assert_eq!(ron.get(&record).await.data(200)["email"], "ron@swanson.com");
}

fn id() -> CustomerId {
    RON.parse().unwrap()
}
