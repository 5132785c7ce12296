use std::time::Duration;

use axum::http::header;
use serde_json::Value;
use serde_json::json;
use tower_customer_auth::Customer;
use tower_customer_auth::password::PasswordHasher;

use super::Client;
use super::Folder;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;
use super::fields;
use crate::config::Database;
use crate::database;

fn april() -> Value {
    json!({
        "type": "customer",
        "name": "April Ludgate",
        "email": "april@pawnee.gov",
        "password": "i hate everything",
    })
}

fn ron_path() -> String {
    format!("/v2/customers/{RON}")
}

#[tokio::test]
async fn whoever_registers_can_sign_in_and_see_their_own_empty_account() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    let answer = anybody.post("/v2/customers", april()).await;
    let data = answer.data(201);
    let now = "2026-05-28T20:26:40.250Z";
    assert_eq!(
        data,
        json!({
            "type": "customer",
            "id": data["id"].as_str().unwrap(),
            "name": "April Ludgate",
            "email": "april@pawnee.gov",
            "external_ref": null,
            "password": true,
            "meta": { "timestamps": { "created_at": now, "updated_at": now } },
        })
    );
    assert!(!answer.text.contains("i hate everything"));

    let token = anybody.login("April@Pawnee.gov", "i hate everything").await.data(200);
    assert_eq!(token["customer_id"], data["id"]);
    assert_eq!(token["expires"], super::START + 86_400);
    let token = token["token"].as_str().map(str::to_owned);
    let own = Client { customer: token, ..anybody };
    let path = format!("/v2/customers/{}", data["id"].as_str().unwrap());
    assert_eq!(own.get(&path).await.data(200), data);
    assert_eq!(own.get(&format!("{path}/addresses")).await.data(200), json!([]));
    assert_eq!(own.get("/v2/orders").await.data(200), json!([]));
}

#[tokio::test]
async fn a_registration_is_refused_with_each_field_that_is_missing_or_bad() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    let all = anybody.post("/v2/customers", json!({})).await;
    assert_eq!(all.refused(400), fields(["name", "email", "password"]));
    let long = format!("{}@pawnee.gov", "a".repeat(250));
    for (name, bad) in [
        ("type", json!("token")),
        ("name", json!("")),
        ("name", json!(["April"])),
        ("email", json!("april")),
        ("email", json!("@pawnee.gov")),
        ("email", json!("april@")),
        ("email", json!("april ludgate@pawnee.gov")),
        ("email", json!("april@pawnee.gov\n")),
        ("email", json!(long)),
        ("password", json!("seven77")),
        ("password", json!("äöüäöüä")),
        ("password", json!("x".repeat(1025))),
        ("password", json!("ä".repeat(513))),
        ("password", Value::Null),
    ] {
        let mut person = april();
        person[name] = bad.clone();
        let answer = anybody.post("/v2/customers", person).await;
        assert_eq!(answer.refused(400), fields([name]), "{name} {bad}");
    }
}

#[tokio::test]
async fn an_e_mail_with_invisible_characters_is_refused_at_registration_and_change() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    for invisible in [
        '\u{AD}',
        '\u{61C}',
        '\u{180E}',
        '\u{200B}',
        '\u{200F}',
        '\u{202A}',
        '\u{202E}',
        '\u{2060}',
        '\u{2064}',
        '\u{2066}',
        '\u{206F}',
        '\u{FE0F}',
        '\u{FEFF}',
        '\u{FFF9}',
        '\u{FFFB}',
        '\u{1D173}',
        '\u{E0001}',
        '\u{E007F}',
        '\u{E0100}',
    ] {
        let email = format!("april{invisible}@pawnee.gov");
        let mut person = april();
        person["email"] = json!(email);
        let registered = ron.post("/v2/customers", person).await;
        assert_eq!(registered.refused(400), fields(["email"]), "{email:?}");
        let changed = ron.put(&ron_path(), json!({ "email": email })).await;
        assert_eq!(changed.refused(400), fields(["email"]), "{email:?}");
    }
    assert_eq!(ron.get(&ron_path()).await.data(200)["email"], "ron@swanson.com");
}

#[tokio::test]
async fn a_customer_whose_e_mail_has_invisible_characters_already_can_still_sign_in() {
    let customers = database::open(&Database::Memory).await.unwrap();
    let hasher = super::fast_hasher();
    let password = hasher.hash("i hate everything".into()).await.unwrap();
    let april = Customer::new(UNKNOWN.parse().unwrap(), "April", "april\u{200B}@pawnee.gov");
    customers.insert(&april, Some(&password)).await.unwrap();
    let shop = Shop::over(customers, hasher).await;
    // This store was no new one, and has no clients.
    let client = "INSERT INTO storefront_clients (id) VALUES ('X')";
    assert_eq!(sqlx::query(client).execute(&shop.pool).await.unwrap().rows_affected(), 1);
    let anybody = shop.client(&shop.implicit().await);
    let token = anybody.login("april\u{200B}@pawnee.gov", "i hate everything").await.data(200);
    assert_eq!(token["customer_id"], UNKNOWN);
    anybody.login("april@pawnee.gov", "i hate everything").await.plainly_refused(403);
}

#[tokio::test]
async fn an_e_mail_registers_once_whatever_its_case_and_even_when_it_comes_at_once() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    let mut duke = april();
    duke["email"] = json!("RON@Swanson.COM");
    assert_eq!(anybody.post("/v2/customers", duke).await.refused(409), fields(["email"]));

    let tries = (0..4).map(|_| anybody.post("/v2/customers", april()));
    let answers = futures_util::future::join_all(tries).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
}

#[tokio::test]
async fn a_customer_reads_and_changes_their_own_record() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let mut expected = ron.get(&ron_path()).await.data(200);
    assert_eq!(
        [&expected["name"], &expected["email"], &expected["password"], &expected["external_ref"]],
        [&json!("Ron Swanson"), &json!("ron@swanson.com"), &json!(true), &Value::Null]
    );
    shop.clock.advance(Duration::from_secs(60));
    let change = json!({ "type": "customer", "name": "Duke Silver", "external_ref": "ignored" });
    expected["name"] = json!("Duke Silver");
    expected["meta"]["timestamps"]["updated_at"] = json!("2026-05-28T20:27:40.250Z");
    assert_eq!(ron.put(&ron_path(), change).await.data(200), expected);
    assert_eq!(ron.get(&ron_path()).await.data(200), expected);

    let taken = json!({ "email": "Leslie@pawnee.gov" });
    assert_eq!(ron.put(&ron_path(), taken).await.refused(409), fields(["email"]));
    let bad = json!({ "name": null, "email": "x", "password": "short" });
    assert_eq!(ron.put(&ron_path(), bad).await.refused(400), fields(["name", "email", "password"]));
    assert_eq!(ron.get(&ron_path()).await.data(200), expected);
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_every_earlier_token_of_that_customer_alone() {
    let shop = Shop::open().await;
    let (ron, leslie) = (shop.signed_in(RON).await, shop.signed_in(LESLIE).await);
    let change = json!({ "type": "customer", "password": "a better secret" });
    let answer = ron.put(&ron_path(), change).await;
    assert_eq!(answer.data(200)["password"], true);
    assert!(!answer.text.contains("a better secret"));

    ron.get(&ron_path()).await.plainly_refused(403);
    assert_eq!(leslie.get("/v2/orders").await.status, 200);
    ron.login("ron@swanson.com", "mysecretpassword").await.plainly_refused(403);
    // In this second the login would wait for its end.
    shop.clock.advance(Duration::from_millis(750));
    let token = ron.login("ron@swanson.com", "a better secret").await.data(200);
    let again = Client { customer: token["token"].as_str().map(str::to_owned), ..ron };
    assert_eq!(again.get(&ron_path()).await.status, 200);
}

#[tokio::test]
async fn a_password_that_is_refused_ends_no_token() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let short = json!({ "password": "seven77" });
    assert_eq!(ron.put(&ron_path(), short).await.refused(400), fields(["password"]));
    let taken = json!({ "password": "long enough", "email": "leslie@pawnee.gov" });
    assert_eq!(ron.put(&ron_path(), taken).await.refused(409), fields(["email"]));
    assert_eq!(ron.get(&ron_path()).await.status, 200);
    assert_eq!(ron.login("ron@swanson.com", "mysecretpassword").await.status, 200);
    assert_eq!(shop.revoked().await, 0);
}

#[tokio::test]
async fn tokens_that_a_new_password_ended_stay_ended_after_a_restart() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let ron = shop.signed_in(RON).await;
    let old = ron.customer.clone();
    assert_eq!(ron.put(&ron_path(), json!({ "password": "a better secret" })).await.status, 200);
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let ron = Client { customer: old, ..shop.client(&shop.implicit().await) };
    ron.get(&ron_path()).await.plainly_refused(403);
    assert_eq!(shop.signed_in(LESLIE).await.get("/v2/orders").await.status, 200);
}

#[tokio::test]
async fn of_two_new_passwords_at_once_the_first_ends_the_token_of_the_second() {
    let customers = database::open(&Database::Memory).await.unwrap();
    // Hashes that take their time, so that both tokens have been judged before either is ended.
    let shop = Shop::over(customers, PasswordHasher::new()).await;
    let ron = shop.signed_in(RON).await;
    let passwords = ["of its owner", "of a thief"];
    let path = ron_path();
    let changes = passwords.map(|password| ron.put(&path, json!({ "password": password })));
    let changes = futures_util::future::join_all(changes).await;
    let statuses: Vec<_> = changes.iter().map(|answer| answer.status.as_u16()).collect();
    assert!(statuses == [200, 403] || statuses == [403, 200], "{statuses:?}");
    shop.clock.advance(Duration::from_millis(750));
    for (password, status) in passwords.into_iter().zip(statuses) {
        assert_eq!(ron.login("ron@swanson.com", password).await.status, status);
    }
}

#[tokio::test]
async fn after_many_changes_in_one_second_the_last_password_is_good_in_the_next() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let office = shop.client(&shop.office().await);
    for change in 0..6 {
        let password = format!("password {change}");
        assert_eq!(office.put(&ron_path(), json!({ "password": password })).await.status, 200);
        shop.clock.advance(Duration::from_millis(68));
    }
    let between = Some(shop.customer_token(RON));
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    shop.clock.advance(Duration::from_millis(750));
    let ron = Client { customer: between, ..shop.client(&shop.implicit().await) };
    ron.get(&ron_path()).await.plainly_refused(403);
    let again = ron.login("ron@swanson.com", "password 5").await.data(200);
    let again = Client { customer: again["token"].as_str().map(str::to_owned), ..ron };
    assert_eq!(again.get(&ron_path()).await.status, 200);
}

#[tokio::test]
async fn another_customer_is_answered_as_one_that_does_not_exist() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let change = json!({ "name": "Ron was here", "password": "ron was here" });
    for method in ["GET", "PUT"] {
        let answers = [LESLIE, UNKNOWN, "%5Bobject%20Object%5D", "x"].map(|id| {
            let path = format!("/v2/customers/{id}");
            let change = change.clone();
            let ron = &ron;
            async move { ron.call(method, &path, Some(change)).await }
        });
        for answer in futures_util::future::join_all(answers).await {
            answer.plainly_refused(404);
            let absent = shop.signed_in(UNKNOWN).await.get(&ron_path()).await;
            assert_eq!((answer.text, answer.headers), (absent.text, absent.headers));
        }
    }
    let leslie = shop.signed_in(LESLIE).await.get(&format!("/v2/customers/{LESLIE}")).await;
    assert_eq!(leslie.data(200)["name"], "Leslie Knope");
}

#[tokio::test]
async fn a_token_of_a_customer_who_does_not_exist_opens_nothing() {
    let shop = Shop::open().await;
    let nobody = shop.signed_in(UNKNOWN).await;
    for path in [format!("/v2/customers/{UNKNOWN}"), format!("/v2/customers/{UNKNOWN}/addresses")] {
        nobody.get(&path).await.plainly_refused(404);
    }
    assert_eq!(nobody.get("/v2/orders").await.data(200), json!([]));
}

#[tokio::test]
async fn an_access_token_alone_opens_no_customer() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    for (method, path) in [
        ("GET", "/v2/customers".to_owned()),
        ("GET", ron_path()),
        ("PUT", ron_path()),
        ("DELETE", ron_path()),
        ("GET", "/v2/customers/[object%20Object]".to_owned()),
    ] {
        anybody.call(method, &path, Some(json!({}))).await.plainly_refused(403);
    }
}

#[tokio::test]
async fn a_bad_customer_token_is_a_403_that_tells_expired_from_invalid() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let good = ron.customer.clone().unwrap();
    shop.clock.advance(Duration::from_secs(86_400));
    let access = shop.implicit().await;
    let expired = Client { customer: Some(good.clone()), ..shop.client(&access) };
    let forged = Client { customer: Some(format!("{good}A")), ..shop.client(&access) };
    let (expired, forged) = (expired.get(&ron_path()).await, forged.get(&ron_path()).await);
    expired.plainly_refused(403);
    forged.plainly_refused(403);
    assert_ne!(expired.text, forged.text);
    assert_eq!(expired.headers.get(header::WWW_AUTHENTICATE), None);
}

#[tokio::test]
async fn only_the_back_office_lists_and_deletes_customers() {
    let shop = Shop::open().await;
    let office = shop.client(&shop.office().await);
    let list = office.get("/v2/customers/?page[limit]=1&page[offset]=1").await.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["data"][0]["id"], LESLIE);
    assert_eq!(list["meta"]["results"]["total"], 2);
    assert_eq!(list["links"]["prev"], "/v2/customers?page[limit]=1&page[offset]=0");

    let ron = shop.signed_in(RON).await;
    ron.get("/v2/customers").await.plainly_refused(403);
    for id in [RON, LESLIE, UNKNOWN] {
        ron.delete(&format!("/v2/customers/{id}")).await.plainly_refused(403);
    }

    let deleted = office.delete(&ron_path()).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    office.delete(&ron_path()).await.plainly_refused(404);
    office.get(&ron_path()).await.plainly_refused(404);
    ron.get("/v2/orders").await.plainly_refused(403);
    office.login("ron@swanson.com", "mysecretpassword").await.plainly_refused(403);
    let count =
        sqlx::query_scalar("SELECT count(*) FROM storefront_addresses WHERE customer_id = ?1");
    assert_eq!(count.bind(RON).fetch_one(&shop.pool).await.ok(), Some(0_i64));
    assert_eq!(office.get("/v2/orders").await.json()["meta"]["results"]["total"], 52);
}

#[tokio::test]
async fn a_registration_that_finds_the_hashing_queue_full_is_a_503_with_retry_after() {
    let customers = database::open(&Database::Memory).await.unwrap();
    let hasher = PasswordHasher::builder().threads(1).max_waiting(0).build().unwrap();
    let shop = Shop::over(customers, hasher).await;
    let anybody = shop.client(&shop.implicit().await);
    let tries = (0..8).map(|n| {
        let mut person = april();
        person["email"] = json!(format!("april.{n}@pawnee.gov"));
        anybody.post("/v2/customers", person)
    });
    let answers = futures_util::future::join_all(tries).await;
    let (created, shed): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 201);
    assert_eq!((created.len(), shed.len()), (1, 7));
    for answer in shed {
        answer.plainly_refused(503);
        assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    }
}
