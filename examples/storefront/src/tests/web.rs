//! The shop's page: what it may do, and that it keeps to that.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use axum::http::header;

use super::Answer;
use super::Shop;
use crate::web::FILES;

async fn get(shop: &Shop, path: &str) -> Answer {
    shop.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_page_and_what_it_loads_need_no_token_and_come_with_every_guard() {
    let shop = Shop::open().await;
    for (path, content_type, text) in FILES {
        let answer = get(&shop, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text, text);
        for (name, expected) in [
            ("content-type", content_type),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], expected, "{path}");
        }
        let features = answer.headers["permissions-policy"].to_str().unwrap();
        for feature in features.split(", ") {
            assert!(feature.ends_with("=()"), "{feature}");
        }
    }
}

#[tokio::test]
async fn the_policy_allows_what_the_page_needs_and_nothing_else() {
    let shop = Shop::open().await;
    let answer = get(&shop, "/").await;
    let mut policies = answer.headers.get_all(header::CONTENT_SECURITY_POLICY).iter();
    let policy = policies.next().unwrap().to_str().unwrap();
    assert_eq!(policies.next(), None);
    let directives: BTreeSet<_> = policy.split("; ").collect();
    let expected = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ];
    assert_eq!(directives, BTreeSet::from(expected));
}

#[test]
fn the_page_has_no_script_and_no_style_of_its_own() {
    let html = FILES.iter().find(|(path, ..)| *path == "/").unwrap().2;
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        assert!(!tag.contains("style="), "{tag}");
        assert!(!tag.split_whitespace().any(|attribute| attribute.starts_with("on")), "{tag}");
        assert!(!tag.contains("javascript:"), "{tag}");
        assert!(!tag.starts_with("style"), "{tag}");
        assert!(!tag.starts_with("script") || tag.contains(" src="), "{tag}");
    }
}

#[test]
fn the_page_parses_no_html_and_keeps_nothing_but_a_sign_in_that_has_begun() {
    for (path, _, text) in FILES {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "localStorage.",
            "document.cookie",
            "indexedDB",
        ] {
            assert!(!text.contains(forbidden), "{path}: {forbidden}");
        }
        assert_eq!(text.contains("sessionStorage."), path == "/web/provider.js", "{path}");
    }
}

#[test]
fn everything_that_the_page_names_is_served() {
    let served: BTreeSet<_> = FILES.iter().map(|(path, ..)| (*path).to_owned()).collect();
    let mut named = BTreeSet::from(["/".to_owned()]);
    for (path, content_type, text) in FILES {
        if content_type.starts_with("text/html") {
            let quoted = text.split('"').filter(|piece| piece.starts_with("/web/"));
            named.extend(quoted.map(str::to_owned));
        } else if content_type.starts_with("text/javascript") {
            let imports = text.lines().filter_map(|line| line.split(" from './").nth(1));
            let imports = imports.map(|rest| format!("/web/{}", rest.trim_end_matches("';")));
            let imports: Vec<_> = imports.collect();
            assert!(!imports.contains(&path.to_owned()), "{path}");
            named.extend(imports);
        }
    }
    assert_eq!(named, served);
}
