use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;

use super::Answer;
use super::Folder;
use super::Shop;
use super::access_token_request;
use super::fields;

async fn ask(shop: &Shop, form: &str) -> Answer {
    shop.send(access_token_request(form)).await
}

#[tokio::test]
async fn an_access_token_is_answered_flat_and_lives_an_hour() {
    let shop = Shop::open().await;
    let office =
        "grant_type=client_credentials&client_id=storefront&client_secret=storefront%2Dsecret";
    for (form, identifier) in
        [("grant_type=implicit&client_id=X", "implicit"), (office, "client_credentials")]
    {
        let answer = ask(&shop, form).await;
        let document = answer.json();
        assert_eq!(
            document,
            json!({
                "access_token": document["access_token"].as_str().unwrap(),
                "token_type": "Bearer",
                "expires": super::START + 3600,
                "expires_in": 3600,
                "identifier": identifier,
            })
        );
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn the_body_is_a_form_whatever_its_type_says() {
    let shop = Shop::open().await;
    for content_type in [Some("application/json"), Some("text/plain"), None] {
        let mut request = Request::post("/oauth/access_token/");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let form = "client_id=X&grant_type=implicit";
        let answer = shop.send(request.body(Body::from(form)).unwrap()).await;
        assert_eq!(answer.status, 200, "{content_type:?}");
    }
}

#[tokio::test]
async fn an_unknown_client_a_wrong_secret_and_a_wrong_grant_get_one_answer() {
    let shop = Shop::open().await;
    let mut answers = Vec::new();
    for form in [
        "grant_type=implicit&client_id=Y",
        "grant_type=implicit&client_id=storefront",
        "grant_type=client_credentials&client_id=Y&client_secret=storefront-secret",
        "grant_type=client_credentials&client_id=X&client_secret=storefront-secret",
        "grant_type=client_credentials&client_id=storefront&client_secret=storefront-secrex",
    ] {
        let answer = ask(&shop, form).await;
        answer.plainly_refused(403);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_form_without_its_parameters_is_refused_with_their_names() {
    let shop = Shop::open().await;
    for (form, name) in [
        ("", "grant_type"),
        ("{\"grant_type\":\"implicit\"}", "grant_type"),
        ("grant_type=password&client_id=X", "grant_type"),
        ("grant_type=implicit", "client_id"),
        ("grant_type=implicit&client_id=", "client_id"),
        ("grant_type=implicit&client_id=X&client_id=X", "client_id"),
        ("grant_type=client_credentials&client_id=storefront", "client_secret"),
    ] {
        assert_eq!(ask(&shop, form).await.refused(400), fields([name]), "{form}");
    }
    ask(&shop, "grant_type=implicit&client_id=%FF").await.plainly_refused(400);
}

#[tokio::test]
async fn one_access_token_does_not_end_another() {
    let shop = Shop::open().await;
    let settings = "/v2/settings/customer-authentication";
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(shop.implicit().await);
    }
    for token in &tokens {
        assert_eq!(shop.client(token).get(settings).await.status, 200);
    }
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 5);
}

#[tokio::test]
async fn a_missing_unknown_or_expired_access_token_is_a_401_before_anything_else() {
    let shop = Shop::open().await;
    let expired = shop.implicit().await;
    shop.clock.advance(Duration::from_secs(3599));
    assert_eq!(shop.client(&expired).get("/v2/orders").await.status, 403);
    shop.clock.advance(Duration::from_secs(1));
    let expired = format!("Bearer {expired}");
    for authorization in [None, Some("Bearer unknown"), Some("Basic WDo="), Some(expired.as_str())]
    {
        for (method, uri) in
            [("GET", "/v2/orders"), ("POST", "/v2/customers"), ("PUT", "/v2/customers/%FF")]
        {
            let mut request = Request::builder().method(method).uri(uri);
            // A bad customer token and a bad body must not come to speech.
            request = request.header("X-Moltin-Customer-Token", "bad");
            if let Some(value) = authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            let answer = shop.send(request.body(Body::from("{")).unwrap()).await;
            answer.plainly_refused(401);
            assert_eq!(answer.json()["errors"][0]["title"], "Unable to validate access token");
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
    }
}

#[tokio::test]
async fn a_tampered_access_token_is_a_401() {
    let shop = Shop::open().await;
    let settings = "/v2/settings/customer-authentication";
    let token = shop.implicit().await;
    assert_eq!(shop.client(&token).get(settings).await.status, 200);
    let mut bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(&token).unwrap();
    // The grant, the expiry, the id, the client, the MAC.
    for at in [1, 9, 20, 26, 58] {
        bytes[at] ^= 3;
        let tampered = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&bytes);
        shop.client(&tampered).get(settings).await.plainly_refused(401);
        bytes[at] ^= 3;
    }
    let other_end = format!("{token}A");
    for tampered in [&token[..token.len() - 1], &other_end, &token.to_uppercase(), "A"] {
        shop.client(tampered).get(settings).await.plainly_refused(401);
    }
}

#[tokio::test]
async fn an_access_token_is_good_on_every_node_that_has_the_secret_and_on_no_other() {
    let (shop, node) = (Shop::open().await, Shop::open().await);
    let stranger = Shop::with_secret("a secret of another store altogether").await;
    let settings = "/v2/settings/customer-authentication";
    let token = shop.implicit().await;
    assert_eq!(node.client(&token).get(settings).await.status, 200);
    stranger.client(&token).get(settings).await.plainly_refused(401);
}

#[tokio::test]
async fn an_access_token_survives_a_restart_and_is_kept_nowhere() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let token = shop.implicit().await;
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let settings = "/v2/settings/customer-authentication";
    assert_eq!(shop.client(&token).get(settings).await.status, 200);
    shop.pool.close().await;
    let file = std::fs::read(folder.file()).unwrap();
    let id = &base64_simd::URL_SAFE_NO_PAD.decode_to_vec(&token).unwrap()[10..26];
    for text in [token.as_bytes(), id] {
        assert!(!file.windows(text.len()).any(|window| window == text));
    }
}

#[tokio::test]
async fn issuing_access_tokens_writes_nothing() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let log = folder.file().with_extension("sqlite3-wal");
    let size = || std::fs::metadata(&log).unwrap().len();
    let before = size();
    for _ in 0..100 {
        shop.implicit().await;
        shop.office().await;
    }
    assert_eq!(size(), before);
    // Not even where the file is another process's to write.
    let mut other = SqliteConnectOptions::new().filename(folder.file()).connect().await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    shop.implicit().await;
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn the_table_of_access_tokens_of_earlier_versions_goes() {
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let table = "CREATE TABLE storefront_access_tokens (digest BLOB PRIMARY KEY NOT NULL)";
    sqlx::query(table).execute(&shop.pool).await.unwrap();
    shop.pool.close().await;

    let shop = Shop::open_file(&folder.file()).await;
    let tables = "SELECT name FROM sqlite_schema WHERE name LIKE 'storefront_access%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&shop.pool).await.unwrap();
    assert_eq!(tables, Vec::<String>::new());
    shop.implicit().await;
}

#[tokio::test]
async fn a_client_id_that_is_too_long_for_a_token_is_unknown() {
    let shop = Shop::open().await;
    for (len, status) in [(255, 200), (256, 403)] {
        let client = "x".repeat(len);
        let insert = sqlx::query("INSERT INTO storefront_clients (id) VALUES (?1)").bind(&client);
        assert_eq!(insert.execute(&shop.pool).await.unwrap().rows_affected(), 1);
        let answer = ask(&shop, &format!("grant_type=implicit&client_id={client}")).await;
        assert_eq!(answer.status, status, "{len}");
    }
}

#[tokio::test]
async fn old_clients_may_write_a_colon_behind_bearer() {
    let shop = Shop::open().await;
    let value = format!("Bearer: {} ", shop.implicit().await);
    let request = Request::get("/v2/settings/customer-authentication/");
    let request = request.header(header::AUTHORIZATION, value).body(Body::empty()).unwrap();
    assert_eq!(shop.send(request).await.status, 200);
}
