use serde_json::Value;
use serde_json::json;

use super::Client;
use super::LESLIE;
use super::RON;
use super::Shop;
use super::UNKNOWN;

async fn list(client: &Client<'_>, query: &str) -> Value {
    let answer = client.get(&format!("/v2/orders?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json()
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap()).collect()
}

fn created(order: &Value) -> &str {
    order["meta"]["timestamps"]["created_at"].as_str().unwrap()
}

/// When the twenty-first order was placed.
const PIVOT: &str = "2021-09-15T12:15:00.000Z";

#[tokio::test]
async fn the_newest_25_of_a_customers_45_orders_come_first() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let all = list(&ron, "page[limit]=100").await;
    assert_eq!(ids(&all).len(), 45);
    let first = list(&ron, "").await;
    assert_eq!(ids(&first), ids(&all)[..25]);
    assert_eq!(
        first["meta"],
        json!({
            "page": { "limit": 25, "offset": 0, "current": 1, "total": 2 },
            "results": { "total": 45, "all": 45 },
        })
    );
    let mut times: Vec<_> = all["data"].as_array().unwrap().iter().map(created).collect();
    assert!(times.is_sorted_by(|a, b| a >= b));
    times.dedup();
    assert_eq!(times.len(), 45);
}

#[tokio::test]
async fn an_order_has_the_members_that_pages_show() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let list = list(&ron, "sort=created_at&page[limit]=2&include=items").await;
    let order = &list["data"][1];
    let items = list["included"]["items"].as_array().unwrap();
    let own: Vec<_> = items.iter().filter(|item| item["order_id"] == order["id"]).collect();
    assert_eq!(
        *order,
        json!({
            "type": "order",
            "id": order["id"].as_str().unwrap(),
            "status": "processing",
            "payment": "paid",
            "shipping": "unfulfilled",
            "customer": { "name": "Ron Swanson", "email": "ron@swanson.com" },
            "meta": {
                "display_price": {
                    "with_tax": { "amount": 23947, "currency": "USD", "formatted": "$239.47" },
                },
                "timestamps": {
                    "created_at": "2019-10-09T13:15:00.000Z",
                    "updated_at": "2019-10-10T15:15:00.000Z",
                },
            },
            "relationships": {
                "customer": { "data": { "type": "customer", "id": RON } },
                "items": {
                    "data": [
                        { "type": "item", "id": own[0]["id"] },
                        { "type": "item", "id": own[1]["id"] },
                    ],
                },
            },
        })
    );
    let price = |item: &Value, kind: &str| {
        item["meta"]["display_price"]["with_tax"][kind]["amount"].as_i64().unwrap()
    };
    for item in &own {
        assert_eq!(price(item, "unit") * item["quantity"].as_i64().unwrap(), price(item, "value"));
    }
    assert_eq!(own.iter().map(|item| price(item, "value")).sum::<i64>(), 23947);
}

#[tokio::test]
async fn pages_hold_each_order_once_and_link_to_each_other() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    for sort in ["created_at", "-created_at", "status", "-status"] {
        let mut seen = Vec::new();
        let mut next = Some(format!("/v2/orders?sort={sort}&page[limit]=20"));
        while let Some(path) = next {
            let page = ron.get(&path).await.json();
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            next = page["links"]["next"].as_str().map(str::to_owned);
        }
        let whole = list(&ron, &format!("sort={sort}&page[limit]=100")).await;
        assert_eq!(seen, ids(&whole), "{sort}");
        assert_eq!(seen.len(), 45);
    }
}

#[tokio::test]
async fn sorting_by_status_and_back_is_the_exact_reverse() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let rising = list(&ron, "page[limit]=100&sort=status").await;
    let falling = list(&ron, "page[limit]=100&sort=-status").await;
    let statuses: Vec<_> =
        rising["data"].as_array().unwrap().iter().map(|o| o["status"].as_str().unwrap()).collect();
    assert!(statuses.is_sorted());
    let mut reversed = ids(&falling);
    reversed.reverse();
    assert_eq!(ids(&rising), reversed);
}

#[tokio::test]
async fn filters_choose_exactly_the_orders_for_which_they_hold() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let all = list(&ron, "page[limit]=100").await;
    let all = all["data"].as_array().unwrap();
    assert_eq!(all.iter().filter(|order| created(order) == PIVOT).count(), 1);
    type Holds = fn(&Value) -> bool;
    let cases: [(&str, Holds); 10] = [
        ("eq(status,complete)", |o| o["status"] == "complete"),
        ("eq(payment,unpaid)", |o| o["payment"] == "unpaid"),
        ("like(status,comp*)", |o| o["status"] == "complete"),
        ("like(status,*o*)", |o| o["status"].as_str().unwrap().contains('o')),
        ("ge(created_at,2021-09-15T12:15:00Z)", |o| created(o) >= PIVOT),
        ("gt(created_at,2021-09-15T12:15:00Z)", |o| created(o) > PIVOT),
        ("le(created_at,2021-09-15T12:15:00Z)", |o| created(o) <= PIVOT),
        ("lt(created_at,2021-09-15T14:15:00%2B02:00)", |o| created(o) < PIVOT),
        ("eq(created_at,2021-09-15T12:15:00.000Z)", |o| created(o) == PIVOT),
        ("ge(created_at,2020-01-01):eq(status,complete)", |o| {
            created(o) >= "2020" && o["status"] == "complete"
        }),
    ];
    for (filter, holds) in cases {
        let expected: Vec<_> =
            all.iter().filter(|o| holds(o)).map(|o| o["id"].as_str().unwrap()).collect();
        assert!(!expected.is_empty() && expected.len() < 45, "{filter}");
        let encoded = filter.replace('(', "%28").replace(')', "%29").replace(',', "%2C");
        for filter in [filter, &encoded] {
            let found = list(&ron, &format!("page%5Blimit%5D=100&filter={filter}")).await;
            assert_eq!(ids(&found), expected, "{filter}");
            assert_eq!(found["meta"]["results"]["total"], expected.len());
            assert_eq!(found["meta"]["results"]["all"], 45);
        }
    }
    let none = list(&ron, "filter=eq(status,'+OR+true+--)").await;
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_a_400_that_names_the_parameter() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    for (query, name) in [
        ("sort=total", "sort"),
        ("filter=eq(total,1)", "filter"),
        ("filter=ge(created_at,yesterday)", "filter"),
        ("filter=ge(created_at,2020-01-01T00:00[Europe/Berlin])", "filter"),
        ("include=customers", "include"),
        ("page[limit]=101", "page[limit]"),
        ("page[limit]=0", "page[limit]"),
        ("page[offset]=10001", "page[offset]"),
    ] {
        let answer = ron.get(&format!("/v2/orders?{query}")).await;
        assert_eq!(answer.refused(400), super::fields([name]), "{query}");
    }
    ron.get("/v2/orders?filter=%FF").await.plainly_refused(400);
}

#[tokio::test]
async fn one_order_is_the_same_as_in_the_list_and_has_its_items_if_asked() {
    let shop = Shop::open().await;
    let ron = shop.signed_in(RON).await;
    let first = list(&ron, "page[limit]=1&include=items").await;
    let path = format!("/v2/orders/{}", ids(&first)[0]);
    let bare = ron.get(&path).await.json();
    assert_eq!(bare, json!({ "data": first["data"][0] }));
    let whole = ron.get(&format!("{path}/?include=items")).await.json();
    assert_eq!(whole, json!({ "data": first["data"][0], "included": first["included"] }));
    assert_eq!(
        ron.get(&format!("{path}?include=x")).await.refused(400),
        super::fields(["include"])
    );
}

#[tokio::test]
async fn another_customers_order_is_answered_as_one_that_does_not_exist() {
    let shop = Shop::open().await;
    let (ron, leslie) = (shop.signed_in(RON).await, shop.signed_in(LESLIE).await);
    let theirs = list(&leslie, "").await;
    let existing = ron.get(&format!("/v2/orders/{}", ids(&theirs)[0])).await;
    existing.plainly_refused(404);
    for absent in [UNKNOWN, "no-uuid"] {
        let absent = ron.get(&format!("/v2/orders/{absent}")).await;
        assert_eq!((&existing.text, &existing.headers), (&absent.text, &absent.headers));
    }
    let mine = list(&ron, "page[limit]=100").await;
    for id in ids(&theirs) {
        assert!(!ids(&mine).contains(&id));
    }
}

#[tokio::test]
async fn the_back_office_sees_all_orders_and_with_a_customer_token_that_customers_alone() {
    let shop = Shop::open().await;
    let office = shop.client(&shop.office().await);
    let all = list(&office, "").await;
    assert_eq!(all["meta"]["results"]["total"], 52);
    let leslie = list(&shop.signed_in(LESLIE).await, "").await;
    let path = format!("/v2/orders/{}", ids(&leslie)[0]);
    assert_eq!(office.get(&path).await.data(200), leslie["data"][0]);

    let acting = Client { customer: Some(shop.customer_token(RON)), ..office };
    assert_eq!(list(&acting, "").await, list(&shop.signed_in(RON).await, "").await);
    acting.get(&path).await.plainly_refused(404);
}

#[tokio::test]
async fn an_access_token_alone_opens_no_order() {
    let shop = Shop::open().await;
    let anybody = shop.client(&shop.implicit().await);
    for path in ["/v2/orders", "/v2/orders/x", "/v2/orders?page[limit]=0"] {
        anybody.get(path).await.plainly_refused(403);
    }
}
