//! What the crate tells about itself, and that no secret is in it: everything is captured at TRACE.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::Mutex;

use bytes::Bytes;
use http::Request;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::Full;
use metrics_util::debugging::DebugValue;
use metrics_util::debugging::DebuggingRecorder;
use tower::Layer;
use tower::ServiceExt;
use tower_customer_auth::CustomerAuthLayer;
use tower_customer_auth::Rejection;
use tower_customer_auth::VerifiedToken;
use tower_customer_auth::testing::TestToken;

use crate::fixtures::CUSTOMER;
use crate::fixtures::NOW;
use crate::fixtures::SECRET;
use crate::fixtures::TOKEN_HEADER;
use crate::fixtures::expired_token;
use crate::fixtures::good_token;
use crate::fixtures::key;
use crate::fixtures::verifier;
use crate::support::capture::Captured;

/// Runs with every event and every counter captured; answers them as text.
fn captured(run: impl Future<Output = ()>) -> (String, Vec<(String, u64)>) {
    let (events, _capturing) = Captured::begin();
    let recorder = DebuggingRecorder::new();
    let counters = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(run));
    let mut counters: Vec<(String, u64)> = counters
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => (key.key().to_string(), count),
            other => panic!("{key:?} is no counter: {other:?}"),
        })
        .collect();
    counters.sort_unstable();
    (events.text(), counters)
}

/// Sends a request with these tokens; answers `Debug` of the response, its body and its reason.
async fn send(layer: &CustomerAuthLayer, tokens: &[String]) -> String {
    let mut request = Request::get("/v2/orders").body(Full::<Bytes>::default()).unwrap();
    for token in tokens {
        request.headers_mut().append(TOKEN_HEADER, token.parse().unwrap());
    }
    let seen = Arc::new(Mutex::new(String::new()));
    let record = seen.clone();
    let inner = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let token = request.extensions().get::<VerifiedToken>();
        *record.lock().unwrap() = format!("{request:?} {token:?}");
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let shown = format!("{response:?} {:?}", response.extensions().get::<Rejection>());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    format!("{shown} {body:?} {} {layer:?}", seen.lock().unwrap())
}

#[test]
fn refusals_are_told_by_reason_in_one_target_and_one_counter() {
    let (events, counters) = captured(async {
        let required = CustomerAuthLayer::required(verifier());
        let observe = CustomerAuthLayer::observe(verifier());
        send(&required, &[good_token()]).await;
        send(&required, &[expired_token()]).await;
        send(&required, &[]).await;
        send(&observe, &["a.b.c".to_owned()]).await;
        send(&CustomerAuthLayer::optional(verifier()), &[]).await;
    });
    assert_eq!(
        events.lines().collect::<Vec<_>>(),
        [
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="refused" reason="expired""#,
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="refused" reason="missing_token""#,
            r#"DEBUG tower_customer_auth: customer token not accepted verdict="would_refuse" reason="malformed""#,
        ]
    );
    let counter = |verdict: &str, reason: &str| {
        let name = "customer_auth_requests_total";
        (format!("Key({name}, [verdict = {verdict}, reason = {reason}])"), 1)
    };
    assert_eq!(
        counters,
        [
            counter("accepted", "none"),
            counter("refused", "expired"),
            counter("refused", "missing_token"),
            counter("would_refuse", "malformed"),
        ]
    );
}

#[test]
fn no_token_and_no_secret_is_in_logs_debug_or_answers_t36() {
    let hostile = TestToken::new("hostile-sub", NOW).header("alg", "hostile-alg");
    let hostile = hostile.header("kid", "hostile-kid").claim("name", "hostile-name");
    let hostile = hostile.sign(&key(), tower_customer_auth::TokenForm::Compact);
    let shown = Arc::new(Mutex::new(String::new()));
    let record = shown.clone();
    let (events, counters) = captured(async move {
        for layer in
            [CustomerAuthLayer::required(verifier()), CustomerAuthLayer::observe(verifier())]
        {
            for tokens in [
                vec![good_token()],
                vec![expired_token()],
                vec![hostile.clone()],
                vec![good_token(), hostile.clone()],
            ] {
                let shown = send(&layer, &tokens).await;
                record.lock().unwrap().push_str(&shown);
            }
        }
    });
    let shown = shown.lock().unwrap();
    let told = format!("{events} {counters:?} {shown}");
    assert!(shown.contains(CUSTOMER), "the capture shows what the handler saw");
    for secret in ["eyJ", SECRET, "hostile"] {
        assert!(!told.contains(secret), "`{secret}` is in: {told}");
    }
}

#[cfg(feature = "issuer")]
mod logins {
    use std::fmt::Debug;

    use std::time::Duration;

    use tower_customer_auth::Customer;
    use tower_customer_auth::CustomerStore;
    use tower_customer_auth::PasswordGrant;
    use tower_customer_auth::Revocations;
    use tower_customer_auth::StaticBearer;
    use tower_customer_auth::TokenIssuer;
    use tower_customer_auth::customer::Admission;
    use tower_customer_auth::customer::DuplicateEmail;
    use tower_customer_auth::customer::Identity;
    use tower_customer_auth::customer::IdentityStore;
    use tower_customer_auth::customer::LinkDecision;
    use tower_customer_auth::customer::Newcomer;
    use tower_customer_auth::customer::StoreError;
    use tower_customer_auth::customer::StoredCustomer;
    use tower_customer_auth::issuer::Sessions;
    use tower_customer_auth::password::PasswordHash;
    use tower_customer_auth::testing::MemoryCustomers;
    use tower_customer_auth::throttle::Backoff;
    use tower_customer_auth::throttle::LoginThrottle;
    use tower_customer_auth::throttle::ThrottleLimits;

    use super::*;
    use crate::fixtures::keys;
    use crate::support::accounts;
    use crate::support::accounts::PASSWORD;

    /// Finds what the store behind it finds, but for one e-mail, where it fails.
    struct Failing<S>(S);

    impl<S: CustomerStore> CustomerStore for Failing<S> {
        async fn find_by_email(&self, email: &str) -> Result<Option<StoredCustomer>, StoreError> {
            match email {
                "failing@example.com" => Err(StoreError::new("connection lost")),
                _ => self.0.find_by_email(email).await,
            }
        }

        async fn replace_password_hash(
            &self,
            id: &tower_customer_auth::CustomerId,
            old: &PasswordHash,
            new: &PasswordHash,
        ) -> Result<bool, StoreError> {
            self.0.replace_password_hash(id, old, new).await
        }
    }

    /// Logs in under each of these e-mails; answers `Debug` of everything, and the bodies.
    async fn log_in(store: impl CustomerStore, emails: &[&str]) -> String {
        let issuer = TokenIssuer::builder(keys(), StaticBearer::new(["hidden-bearer"]))
            .password(PasswordGrant::new(Failing(store)).hasher(accounts::hasher()))
            .throttle(one_failure())
            .build()
            .unwrap();
        let mut shown = format!("{issuer:?}");
        for email in emails {
            for bearer in ["Bearer hidden-bearer", "Bearer hidden-stranger"] {
                let login = format!(
                    r#"{{"data":{{"type":"token","email":"{email}","password":"{PASSWORD}"}}}}"#
                );
                let request = Request::post("/v2/customers/tokens")
                    .header("authorization", bearer)
                    .header("content-type", "application/json")
                    .body(Full::<Bytes>::from(login))
                    .unwrap();
                let response = issuer.clone().oneshot(request).await.unwrap();
                let accepted = response.status() == 200;
                shown.push_str(&format!("{response:?}"));
                let body = response.into_body().collect().await.unwrap().to_bytes();
                // Only the body of an accepted login may hold the token: that is what it is for.
                if !accepted {
                    shown.push_str(&format!("{body:?}"));
                }
            }
        }
        shown
    }

    /// A throttle that knows no source, and refuses an account after one failure.
    fn one_failure() -> LoginThrottle {
        let second = Duration::from_secs(1);
        let limits = ThrottleLimits::default().account(Backoff::new(1, second, second));
        LoginThrottle::builder().limits(limits).build().unwrap()
    }

    fn check_told(events: &str, counters: &[(String, u64)], shown: &str) {
        let told = format!("{events} {counters:?} {shown}");
        for secret in ["eyJ", SECRET, PASSWORD, "argon2id$", "hidden", "swanson", "nobody"] {
            assert!(!told.to_lowercase().contains(secret), "`{secret}` is in: {told}");
        }
    }

    #[test]
    fn logins_are_told_by_outcome_and_without_secrets() {
        let shown = Arc::new(Mutex::new(String::new()));
        let record = shown.clone();
        let (events, counters) = captured(async move {
            let nobody = "nobody@example.com";
            let emails = ["ron@swanson.com", nobody, nobody, "failing@example.com", ""];
            *record.lock().unwrap() = log_in(accounts::customers().await, &emails).await;
        });
        check_told(&events, &counters, &shown.lock().unwrap());
        let refused =
            r#"DEBUG tower_customer_auth: customer token requested outcome="client_refused""#;
        assert_eq!(
            events.lines().collect::<Vec<_>>(),
            [
                r#" WARN tower_customer_auth: login throttle what="no source is known, so logins are limited by account only: set LoginThrottleBuilder::source""#,
                r#"DEBUG tower_customer_auth: customer token requested outcome="issued""#,
                refused,
                r#"DEBUG tower_customer_auth: customer token requested outcome="credentials_refused""#,
                refused,
                r#"DEBUG tower_customer_auth: login attempt refused by the throttle tier="account""#,
                r#"DEBUG tower_customer_auth: customer token requested outcome="throttled""#,
                refused,
                r#" WARN tower_customer_auth: customer authentication fault what="the customer store failed" error=the store is unavailable error.sources=[connection lost]"#,
                r#"DEBUG tower_customer_auth: customer token requested outcome="fault""#,
                refused,
                r#"DEBUG tower_customer_auth: customer token requested outcome="bad_request""#,
                refused,
            ]
        );
        let counter = |outcome: &str, count| {
            let name = "customer_auth_token_requests_total";
            (format!("Key({name}, [outcome = {outcome}])"), count)
        };
        let fault = "Key(customer_auth_faults_total, [what = the customer store failed])";
        assert_eq!(
            counters,
            [
                (fault.to_owned(), 1),
                ("Key(customer_auth_throttled_total, [tier = account])".to_owned(), 1),
                counter("bad_request", 1),
                counter("client_refused", 5),
                counter("credentials_refused", 1),
                counter("fault", 1),
                counter("issued", 1),
                counter("throttled", 1),
            ]
        );
    }

    /// Refreshes and ends tokens in each way; answers `Debug` of everything, and the bodies that hold
    /// no token.
    async fn use_sessions() -> String {
        let customers = accounts::customers().await;
        let sessions = Sessions::new(customers.clone());
        let mut shown = format!("{sessions:?}");
        let issuer = TokenIssuer::builder(keys(), StaticBearer::new(["hidden-bearer"]))
            .password(PasswordGrant::new(customers.clone()).hasher(accounts::hasher()))
            .revocations(Revocations::in_memory())
            .sessions(sessions)
            .build()
            .unwrap();
        let tokens = [(); 2].map(|()| issuer.issue(&accounts::ron()).unwrap().token().to_owned());
        let (base, own) = ("/v2/customers/tokens", format!("/v2/customers/{CUSTOMER}/tokens"));
        let refresh = r#"{"data":{"type":"token","authentication_mechanism":"customer_token"}}"#;
        for (method, path, token) in [
            ("POST", base, tokens[0].as_str()),
            ("POST", base, "hidden-token"),
            ("DELETE", base, "hidden-token"),
            ("DELETE", base, &tokens[0]),
            ("DELETE", base, &tokens[0]),
            ("DELETE", "/v2/customers/hidden-customer/tokens", &tokens[1]),
            ("DELETE", &own, &tokens[1]),
            ("POST", base, &tokens[1]),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", "Bearer hidden-bearer")
                .header("content-type", "application/json")
                .header(TOKEN_HEADER, token)
                .body(Full::<Bytes>::from(refresh))
                .unwrap();
            let future = tower::Service::call(&mut issuer.clone(), request);
            shown.push_str(&format!("{future:?}"));
            let response = future.await.unwrap();
            let issued = response.status() == 200;
            shown.push_str(&format!("{response:?}"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            if !issued {
                shown.push_str(&format!("{body:?}"));
            }
        }
        format!("{shown}{issuer:?}")
    }

    #[test]
    fn logouts_and_refreshes_are_told_by_outcome_and_without_secrets_t36() {
        let shown = Arc::new(Mutex::new(String::new()));
        let record = shown.clone();
        let (events, counters) = captured(async move {
            *record.lock().unwrap() = use_sessions().await;
        });
        check_told(&events, &counters, &shown.lock().unwrap());
        let outcomes = [
            "refreshed",
            "token_refused",
            "token_refused",
            "logged_out",
            "logged_out",
            "unknown_customer",
            "logged_out_everywhere",
            "token_refused",
        ];
        let event = |outcome| {
            format!("DEBUG tower_customer_auth: customer token requested outcome={outcome:?}")
        };
        assert_eq!(events.lines().collect::<Vec<_>>(), outcomes.map(event));
        let counter = |outcome: &str, count| {
            let name = "customer_auth_token_requests_total";
            (format!("Key({name}, [outcome = {outcome}])"), count)
        };
        assert_eq!(
            counters,
            [
                counter("logged_out", 2),
                counter("logged_out_everywhere", 1),
                counter("refreshed", 1),
                counter("token_refused", 3),
                counter("unknown_customer", 1),
            ]
        );
    }

    /// Does all that a store of identities can do, and fail at; answers `Debug` of everything.
    async fn sign_in(store: impl IdentityStore + Debug) -> String {
        let newcomer = |subject: &str, id: &str| {
            let identity = Identity::new("https://login.example", subject).unwrap();
            let customer = Customer::new(id.parse().unwrap(), "Swanson", "ron@swanson.com");
            Newcomer::new(identity, customer).email_verified(true)
        };
        let (first, second) = (newcomer("hidden-1", "1"), newcomer("hidden-2", "2"));
        let created = store.create(&first, true).await.unwrap();
        let fault = store.create(&newcomer("hidden-3", "1"), false).await.unwrap_err();
        let holder = store.email_holder("ron@swanson.com").await.unwrap();
        let linked = store.link(&second, first.customer().id()).await.unwrap();
        let stale = store.link(&second, first.customer().id()).await.unwrap();
        let found = store.find_by_identity(second.identity()).await.unwrap();
        assert_eq!(found.as_ref(), Some(first.customer()));
        assert_eq!(stale, Admission::Stale);
        let invalid = Identity::new("", "hidden").unwrap_err();
        let decision = LinkDecision::of(DuplicateEmail::ApiOnly, None, true, &holder);
        format!(
            "{store:?} {first:?} {created:?} {fault:?} {fault} {holder:?} {linked:?} {found:?} \
             {invalid:?} {invalid} {decision:?}"
        )
    }

    #[test]
    fn stores_of_identities_tell_no_subject_and_no_e_mail() {
        let shown = Arc::new(Mutex::new(String::new()));
        let record = shown.clone();
        let (events, counters) = captured(async move {
            let shown = sign_in(MemoryCustomers::new()).await;
            #[cfg(feature = "sqlite")]
            let shown = {
                let store =
                    tower_customer_auth::store::SqliteCustomers::open(":memory:").await.unwrap();
                shown + &sign_in(store).await
            };
            *record.lock().unwrap() = shown;
        });
        check_told(&events, &counters, &shown.lock().unwrap());
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn the_database_tells_no_secret_either() {
        let shown = Arc::new(Mutex::new(String::new()));
        let record = shown.clone();
        let (events, counters) = captured(async move {
            let customers =
                tower_customer_auth::store::SqliteCustomers::open(":memory:").await.unwrap();
            customers.insert(&accounts::ron(), Some(&accounts::password())).await.unwrap();
            let duplicate =
                customers.insert(&accounts::ron(), Some(&accounts::password())).await.unwrap_err();
            let told = format!("{duplicate:?} {customers:?}");
            let emails = ["ron@swanson.com", "nobody@example.com"];
            *record.lock().unwrap() = told + &log_in(customers, &emails).await;
        });
        check_told(&events, &counters, &shown.lock().unwrap());
    }
}
