use serde_json::Value;
use serde_json::json;

use super::Answer;
use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;
use super::fields;

const REQUIRED: [&str; 6] = ["first_name", "last_name", "line_1", "county", "postcode", "country"];

fn cabin() -> Value {
    json!({
        "type": "address",
        "name": "Cabin",
        "first_name": "Ron",
        "last_name": "Swanson",
        "company_name": "Very Good Building",
        "phone_number": "(555) 555-0100",
        "line_1": "1 Lakeside Road",
        "line_2": "Ääkkölä 東京 🏔 \" \u{0} <b>",
        "city": "Pawnee",
        "county": "Wamapoke",
        "region": "Indiana",
        "postcode": "47998",
        "country": "US",
        "instructions": "No visitors",
    })
}

fn book(customer: &str) -> String {
    format!("/v2/customers/{customer}/addresses")
}

async fn create(client: &Client<'_>, data: Value) -> Answer {
    client.post(&book(RON), data).await
}

/// The path of a new address.
async fn cabin_of(client: &Client<'_>) -> (String, Value) {
    let data = create(client, cabin()).await.data(201);
    (format!("{}/{}", book(RON), data["id"].as_str().unwrap()), data)
}

#[tokio::test]
async fn an_address_is_kept_as_it_was_sent_and_unknown_members_are_ignored() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let mut sent = cabin();
    sent["id"] = json!("mine");
    sent["customer_id"] = json!(LESLIE);
    sent["unknown"] = json!({});
    let mut expected = cabin();
    let data = create(&ron, sent).await.data(201);
    expected["id"] = data["id"].clone();
    let now = json!("2026-05-28T20:26:40.250Z");
    expected["meta"] = json!({ "timestamps": { "created_at": now, "updated_at": now } });
    assert_eq!(data, expected);
    let path = format!("{}/{}", book(RON), data["id"].as_str().unwrap());
    assert_eq!(ron.get(&path).await.data(200), expected);
    let all = ron.get(&book(RON)).await.data(200);
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    assert_eq!(all[2], expected);
}

#[tokio::test]
async fn what_may_be_left_out_is_an_empty_text() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let mut sent = cabin();
    sent.as_object_mut().unwrap().retain(|name, _| REQUIRED.contains(&name.as_str()));
    sent["line_2"] = Value::Null;
    let data = create(&ron, sent).await.data(201);
    for name in ["name", "line_2", "city", "region", "company_name", "instructions", "phone_number"]
    {
        assert_eq!(data[name], "", "{name}");
    }
}

#[tokio::test]
async fn each_missing_field_has_an_error_of_its_own() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    assert_eq!(create(&ron, json!({ "name": "Nothing" })).await.refused(400), fields(REQUIRED));
    for name in REQUIRED {
        for bad in [Value::Null, json!(""), json!(7), json!("x".repeat(256))] {
            let mut sent = cabin();
            sent[name] = bad.clone();
            assert_eq!(create(&ron, sent).await.refused(400), fields([name]), "{name} {bad}");
        }
    }
    let mut sent = cabin();
    sent["type"] = json!("customer");
    sent["city"] = json!([]);
    assert_eq!(create(&ron, sent).await.refused(400), fields(["type", "city"]));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let (path, mut expected) = cabin_of(&ron).await;
    shop.clock.advance(std::time::Duration::from_secs(60));
    let change = json!({ "type": "address", "line_2": "Mind the bear", "city": null });
    expected["line_2"] = json!("Mind the bear");
    expected["city"] = json!("");
    expected["meta"]["timestamps"]["updated_at"] = json!("2026-05-28T20:27:40.250Z");
    assert_eq!(ron.put(&path, change).await.data(200), expected);
    assert_eq!(ron.get(&path).await.data(200), expected);

    assert_eq!(ron.put(&path, json!({ "line_1": "" })).await.refused(400), fields(["line_1"]));
    assert_eq!(ron.get(&path).await.data(200), expected);
}

#[tokio::test]
async fn a_deleted_address_is_gone() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let (path, _) = cabin_of(&ron).await;
    let deleted = ron.delete(&path).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    for answer in [
        ron.get(&path).await,
        ron.put(&path, json!({ "line_2": "x" })).await,
        ron.delete(&path).await,
    ] {
        answer.plainly_refused(404);
    }
}

#[tokio::test]
async fn a_customer_has_at_most_25_addresses_even_when_they_come_at_once() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let tries = (0..30).map(|_| create(&ron, cabin()));
    let answers = futures_util::future::join_all(tries).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 23);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.plainly_refused(422);
    }
    let all = ron.get(&book(RON)).await.data(200);
    assert_eq!(all.as_array().map(Vec::len), Some(25));
}

#[tokio::test]
async fn another_customers_addresses_are_answered_as_if_they_did_not_exist() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let leslie = shop.signed_in(LESLIE).await;
    let theirs = leslie.get(&book(LESLIE)).await.data(200);
    let address = theirs[0]["id"].as_str().unwrap();
    // Existing and not existing, under the other customer's name and under one's own.
    let pairs = [
        (format!("{}/{address}", book(LESLIE)), format!("{}/{UNKNOWN}", book(UNKNOWN))),
        (format!("{}/{address}", book(RON)), format!("{}/{UNKNOWN}", book(RON))),
        (book(LESLIE), book(UNKNOWN)),
    ];
    for (existing, absent) in pairs {
        for method in ["GET", "PUT", "DELETE", "POST"] {
            let existing = ron.call(method, &existing, Some(cabin())).await;
            let absent = ron.call(method, &absent, Some(cabin())).await;
            if existing.status != 405 {
                existing.plainly_refused(404);
            }
            assert_eq!((existing.status, existing.text), (absent.status, absent.text), "{method}");
            assert_eq!(existing.headers, absent.headers, "{method}");
        }
    }
    assert_eq!(leslie.get(&book(LESLIE)).await.data(200), theirs);
}

#[tokio::test]
async fn the_back_office_sees_and_changes_every_address_book() {
    let shop = Shop::open().await;
    let office = shop.client(&shop.office().await);
    let (path, created) = cabin_of(&office).await;
    assert_eq!(shop.signed_in(RON).await.get(&path).await.data(200), created);
    assert_eq!(office.get(&book(LESLIE)).await.data(200).as_array().map(Vec::len), Some(1));
    for answer in [office.get(&book(UNKNOWN)).await, office.post(&book(UNKNOWN), cabin()).await] {
        answer.plainly_refused(404);
    }
    // With a customer's token it sees what that customer does.
    let acting = Client { customer: Some(shop.customer_token(LESLIE)), ..office };
    acting.get(&path).await.plainly_refused(404);
}

#[tokio::test]
async fn an_access_token_alone_opens_no_address() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    for method in ["GET", "POST"] {
        anybody.call(method, &book(RON), Some(cabin())).await.plainly_refused(403);
    }
}

#[tokio::test]
async fn an_address_survives_a_restart() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let (path, created) = cabin_of(&shop.signed_in(RON).await).await;
    shop.pool.close().await;
    let shop = Shop::open_file(&folder.file()).await;
    assert_eq!(shop.signed_in(RON).await.get(&path).await.data(200), created);
}

#[tokio::test]
async fn a_database_that_fails_is_a_503_that_says_nothing() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let drop = sqlx::query("DROP TABLE storefront_addresses").execute(&shop.pool).await;
    assert_eq!(drop.err().map(|error| error.to_string()), None);
    let answer = ron.get(&book(RON)).await;
    answer.plainly_refused(503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(!answer.text.contains("storefront_addresses"));
}

#[tokio::test]
async fn a_commit_that_fails_is_not_acknowledged() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    // The constraint is deferred: the row is there, and then the commit fails, as it would on a
    // full disk.
    for sql in [
        "CREATE TABLE missing (id INTEGER PRIMARY KEY)",
        "CREATE TABLE broken (id INTEGER REFERENCES missing (id) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER breaks AFTER INSERT ON storefront_addresses
            BEGIN INSERT INTO broken VALUES (1); END",
    ] {
        let done = sqlx::query(sql).execute(&shop.pool).await;
        assert_eq!(done.err().map(|error| error.to_string()), None, "{sql}");
    }
    create(&ron, cabin()).await.plainly_refused(503);
    assert_eq!(ron.get(&book(RON)).await.data(200).as_array().map(Vec::len), Some(2));
}
