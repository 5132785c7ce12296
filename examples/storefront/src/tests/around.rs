//! What stands around the routes: CORS, fallbacks, limits, panics.

use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use axum::http::Request;
use axum::http::header;
use axum::routing::get;
use serde_json::json;
use tower::ServiceExt;

use super::Answer;
use super::Folder;
use super::RON;
use super::Shop;
use crate::app::wrap;
use crate::log;
use crate::secret_file;

const ASKED: &str = "authorization,content-type,x-moltin-application,x-moltin-customer-token,\
    x-moltin-sdk-language,x-moltin-sdk-version,x-moltin-currency,x-moltin-language";

#[tokio::test]
async fn a_browser_may_call_everything_that_it_asks_for_beforehand() {
    let shop = Shop::open().await;
    for (path, method) in [
        ("/oauth/access_token", "POST"),
        ("/v2/customers/tokens", "POST"),
        ("/v2/customers/tokens", "DELETE"),
        ("/v2/customers/x/tokens", "DELETE"),
        ("/v2/customers/x/addresses/y/", "PUT"),
        ("/v2/customers/x/addresses/y", "DELETE"),
        ("/v2/orders", "GET"),
    ] {
        let request = Request::options(path)
            .header(header::ORIGIN, "https://shop.example")
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, ASKED);
        let answer = shop.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let list = |name| answer.headers[name].to_str().unwrap().split(',').collect::<Vec<_>>();
        assert!(list(header::ACCESS_CONTROL_ALLOW_METHODS).contains(&method), "{path}");
        let allowed = list(header::ACCESS_CONTROL_ALLOW_HEADERS);
        for name in ASKED.split(',') {
            assert!(allowed.contains(&name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_page_may_read_every_refusal() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let bare = Request::get("/v2/orders").body(Body::empty()).unwrap();
    let answers = [
        shop.send(bare).await,
        shop.client(&ron.access).get("/v2/orders").await,
        ron.get("/v2/orders/x").await,
        ron.get("/nowhere").await,
        ron.delete("/v2/orders").await,
    ];
    for (answer, status) in answers.iter().zip([401, 403, 404, 404, 405]) {
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{status}");
        let exposed = answer.headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
        assert!(exposed.contains("retry-after"), "{status}");
    }
}

#[tokio::test]
async fn whatever_has_no_route_is_answered_in_json() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let record = format!("/v2/customers/{RON}");
    for (method, path, status) in [
        ("GET", "/index.html", 404),
        ("GET", "/web/", 404),
        ("GET", "/web/passwords", 404),
        ("GET", "/v2/carts/1", 404),
        ("GET", "/v2/customers/x/y/z", 404),
        ("POST", "//", 405),
        ("DELETE", "/v2/orders", 405),
        ("PATCH", &record, 405),
        ("GET", "/oauth/access_token", 405),
        ("GET", "/v2/customers/tokens", 405),
        ("GET", "/v2/customers/%FF", 400),
        ("GET", "/v2/orders/%FF", 400),
    ] {
        ron.call(method, path, None).await.plainly_refused(status);
    }
    let answer = ron.delete("/v2/orders").await;
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_are_answered_in_json() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let path = format!("/v2/customers/{RON}/addresses");
    for body in ["", "$", "{", "[]", "null", "\u{1}", "{\"data\":{}} {}"] {
        ron.call_raw("POST", &path, body.to_owned()).await.plainly_refused(400);
    }
    let twice = r#""first_name":"Ron","first_name":"Duke""#;
    for body in [format!(r#"{{"data":{{{twice}}}}}"#), r#"{"data":{},"data":{}}"#.to_owned()] {
        ron.call_raw("POST", &path, body).await.plainly_refused(400);
    }
    for body in ["{}", "{\"data\":[]}", "{\"data\":null}"] {
        let answer = ron.call_raw("POST", &path, body.to_owned()).await;
        assert_eq!(answer.refused(400), super::fields(["data"]), "{body}");
    }
    let deep = format!("{{\"data\":{}", "[".repeat(10_000));
    ron.call_raw("POST", &path, deep).await.plainly_refused(400);
    let large = format!("{{\"data\":{{\"name\":\"{}\"}}}}", "x".repeat(64 * 1024));
    for (method, path) in [("POST", path.as_str()), ("POST", "/oauth/access_token")] {
        ron.call_raw(method, path, large.clone()).await.plainly_refused(413);
    }
    let typed = |content_type: &str| {
        Request::post(&path)
            .header(header::AUTHORIZATION, format!("Bearer {}", ron.access))
            .header("X-Moltin-Customer-Token", ron.customer.as_deref().unwrap())
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from("{}"))
            .unwrap()
    };
    for content_type in ["text/plain", "application/jsonp", ""] {
        shop.send(typed(content_type)).await.plainly_refused(415);
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(shop.send(typed(content_type)).await.refused(400), super::fields(["data"]));
    }
}

#[tokio::test]
async fn the_log_has_nothing_of_what_the_client_wrote_into_the_path() {
    let shop = Shop::open().await;
    for (method, uri, expected) in [
        (Method::PUT, "/v2/customers/ron@swanson.com", "PUT /v2/customers/{customer} 401"),
        (Method::GET, "/v2/orders/ron@swanson.com/?filter=x", "GET /v2/orders/{order} 401"),
        (Method::POST, "/v2/customers/tokens", "POST /v2/customers/tokens 401"),
        (Method::DELETE, "/v2/customers/tokens", "DELETE /v2/customers/tokens 401"),
        (
            Method::DELETE,
            "/v2/customers/ron@swanson.com/tokens",
            "DELETE /v2/customers/{customer}/tokens 401",
        ),
        (Method::POST, "/oauth/access_token", "POST /oauth/access_token 400"),
        (Method::PATCH, "/v2/customers/ron@swanson.com", "PATCH /v2/customers/{customer} 405"),
        (Method::GET, "/ron@swanson.com", "GET - 404"),
    ] {
        let request = Request::builder().method(&method).uri(uri).body(Body::empty()).unwrap();
        let response = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(log::line(&method, &response), expected);
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    for path in [
        "/v2/orders".to_owned(),
        "/v2/settings/customer-authentication".to_owned(),
        format!("/v2/customers/{RON}"),
        format!("/v2/customers/{RON}/addresses"),
    ] {
        let bare = ron.get(&path).await;
        assert_eq!(bare.status, 200, "{path}");
        assert_eq!(ron.get(&format!("{path}/")).await.text, bare.text);
    }
    let login =
        json!({ "type": "token", "email": "ron@swanson.com", "password": "mysecretpassword" });
    assert_eq!(ron.post("/v2/customers/tokens/", login).await.status, 200);
}

#[tokio::test]
async fn answers_are_kept_by_no_cache() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    for answer in [ron.get("/v2/orders").await, ron.get("/nowhere").await] {
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_a_500_in_json_that_a_page_may_read() {
    async fn handler() {
        panic!("the password is swordfish");
    }
    let router = wrap(Router::new().route("/", get(handler)));
    let answer = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let answer = Answer::read(answer).await;
    answer.plainly_refused(500);
    assert!(!answer.text.contains("swordfish"));
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

#[test]
fn the_secret_is_made_once_and_is_nobody_elses_to_read() {
    let folder = Folder::new();
    let database = folder.file();
    let made = secret_file::load_or_create(&database).unwrap();
    assert_eq!(made.expose().len(), 64);
    let again = secret_file::load_or_create(&database).unwrap();
    assert_eq!(made.expose(), again.expose());
    // No draft is left behind.
    let mut files = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(files.next(), Some("store.sqlite3.secret".into()));
    assert_eq!(files.next(), None);

    let other = secret_file::load_or_create(&folder.0.join("other")).unwrap();
    assert_ne!(made.expose(), other.expose());
}

#[test]
fn of_many_starts_at_once_all_get_one_secret() {
    let folder = Folder::new();
    let database = &folder.file();
    let secrets = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(move || secret_file::load_or_create(database).unwrap()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    for secret in &secrets {
        assert_eq!(secret.expose(), secrets[0].expose());
    }
}

#[test]
fn a_secret_file_that_is_too_long_is_refused_and_not_cut_off() {
    let folder = Folder::new();
    let made = secret_file::load_or_create(&folder.file()).unwrap();
    let path = folder.0.join("store.sqlite3.secret");
    let mut text = [made.expose(), "\n".repeat(4096 - 64).as_bytes()].concat();
    fs::write(&path, &text).unwrap();
    let read = secret_file::load_or_create(&folder.file()).unwrap();
    assert_eq!(read.expose(), made.expose());

    text.push(b'\n');
    fs::write(&path, &text).unwrap();
    let refused = secret_file::load_or_create(&folder.file()).unwrap_err().to_string();
    let path = path.display();
    assert_eq!(refused, format!("{path} is no secret file, it has more than 4096 bytes"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_secret_and_the_database_are_files_of_mode_0600() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = Folder::new();
    let shop = Shop::open_file(&folder.file()).await;
    let secret = folder.0.join("store.sqlite3.secret");
    assert_eq!(secret_file::load_or_create(&folder.file()).unwrap().expose().len(), 64);
    for entry in fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    shop.pool.close().await;

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = secret_file::load_or_create(&folder.file()).unwrap_err().to_string();
    let expected = "is open to other users, make it yours alone: chmod 600";
    assert_eq!(refused, format!("the secret file {} {expected}", secret.display()));
}
