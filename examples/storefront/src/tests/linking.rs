//! Links, which revoke the customer's earlier tokens.

use tower_customer_auth::Customer;
use tower_customer_auth::CustomerId;
use tower_customer_auth::customer::Admission;
use tower_customer_auth::customer::Identity;
use tower_customer_auth::customer::IdentityStore;
use tower_customer_auth::customer::Newcomer;
use tower_customer_auth::store::SqliteCustomers;

use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;
use crate::config::Database;
use crate::database;
use crate::problem::Problem;

/// The customers as another process has them.
async fn customers(folder: &Folder, shop: &Shop) -> SqliteCustomers {
    let customers = database::open(&Database::File(folder.file())).await.unwrap();
    customers.clock(shop.clock.clone())
}

/// A new identity whose e-mail the provider has verified.
fn newcomer(email: &str) -> Newcomer {
    let identity = Identity::new("https://id.example", "ron").unwrap();
    let customer = Customer::new(UNKNOWN.parse().unwrap(), "Ron", email);
    Newcomer::new(identity, customer).email_verified(true)
}

fn ron() -> CustomerId {
    RON.parse().unwrap()
}

async fn link(customers: &SqliteCustomers) {
    let linked = customers.link(&newcomer("ron@swanson.com"), &ron()).await.unwrap();
    assert!(matches!(&linked, Admission::Admitted(customer) if *customer.id() == ron()));
}

#[tokio::test]
async fn tokens_from_before_a_link_are_refused_after_a_restart() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let token = shop.customer_token(RON);
    link(&customers(&folder, &shop).await).await;
    assert_eq!(shop.revoked().await, 1);
    shop.pool.close().await;

    let again = Shop::open_file(&folder.file()).await;
    let client = again.client(&again.implicit().await);
    let ron = Client { customer: Some(token), ..client };
    ron.get("/v2/orders").await.plainly_refused(403);
    assert_eq!(again.signed_in(LESLIE).await.get("/v2/orders").await.status, 200);
}

#[tokio::test]
async fn a_link_that_is_outdated_revokes_nothing() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    // Ron has never had this e-mail.
    let stale = customers(&folder, &shop).await.link(&newcomer("duke@swanson.com"), &ron()).await;
    assert_eq!(stale.unwrap(), Admission::Stale);
    assert_eq!(shop.revoked().await, 0);
}

#[tokio::test]
async fn a_request_that_was_accepted_before_a_link_in_another_process_does_not_write() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let caller = shop.caller(&shop.customer_token(RON));
    assert_eq!(shop.store.begin_for(&caller).await.map(drop).ok(), Some(()));
    link(&customers(&folder, &shop).await).await;
    let refused = shop.store.begin_for(&caller).await.map(drop).unwrap_err();
    let expected = Problem::forbidden("the customer token has been revoked");
    assert_eq!(format!("{refused:?}"), format!("{expected:?}"));
}
