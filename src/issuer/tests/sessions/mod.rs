//! Logout and refresh.

mod configuration;
mod everywhere;
mod faults;
mod logout;
mod races;
mod refresh;

use futures_util::future::BoxFuture;

use super::*;
use crate::clock::from_epoch;
use crate::customer::CustomerLookup;
use crate::customer::CustomerUpdate;
use crate::id::TokenId;
use crate::issuer::ClientAuthenticator;
use crate::issuer::ClientDecision;
use crate::issuer::Sessions;
use crate::key::SigningKey;
use crate::testing::TestToken;
use crate::token::TokenForm;
use crate::verify::VerifiedToken;
use crate::verify::VerifyErrorKind;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const MS: Duration = Duration::from_millis(1);

/// The bearer token `XXXX` is that of a page, `STORE` that of a back office.
struct Clients;

impl ClientAuthenticator for Clients {
    async fn authenticate(&self, bearer: &str) -> Result<ClientDecision, StoreError> {
        match bearer {
            "XXXX" => Ok(ClientDecision::Accepted),
            "STORE" => Ok(ClientDecision::AcceptedAsStore),
            "BROKEN" => Err(StoreError::new("connection lost")),
            _ => Ok(ClientDecision::Refused),
        }
    }
}

/// A store in which something happens right after the look-up of a customer.
#[derive(Clone)]
struct Lookup {
    customers: MemoryCustomers,
    script: Arc<Mutex<Script>>,
    meanwhile: Arc<Mutex<Option<BoxFuture<'static, ()>>>>,
}

impl Lookup {
    fn meanwhile(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Box::pin(what));
    }
}

impl CustomerLookup for Lookup {
    async fn find_by_id(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let script = *self.script.lock().unwrap();
        Scripted::play(script).await?;
        let found = self.customers.find_by_id(id).await;
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        found
    }
}

struct Shop {
    customers: MemoryCustomers,
    lookup: Lookup,
    revocations: Revocations,
    clock: Arc<ManualClock>,
    issuer: TokenIssuer,
    verifier: Verifier,
}

impl Shop {
    /// A shop with Ron and Leslie as its customers, for which it is `NOW`.
    async fn open() -> Self {
        Self::with(Revocations::in_memory(), |issuer| issuer, |sessions| sessions).await
    }

    async fn with(
        revocations: Revocations,
        configure: impl FnOnce(TokenIssuerBuilder) -> TokenIssuerBuilder,
        sessions: impl FnOnce(Sessions) -> Sessions,
    ) -> Self {
        let customers = customers().await;
        customers.insert(&leslie(), None).await.unwrap();
        let lookup = Lookup {
            customers: customers.clone(),
            script: Arc::new(Mutex::new(Script::Works)),
            meanwhile: Arc::default(),
        };
        let clock = Arc::new(ManualClock::at_epoch_seconds(NOW));
        let builder = TokenIssuer::builder(keys(), Clients)
            .password(PasswordGrant::new(customers.clone()).hasher(hasher()))
            .revocations(revocations.clone())
            .sessions(sessions(Sessions::new(lookup.clone())))
            .clock(clock.clone());
        let verifier = Verifier::builder(keys())
            .revocations(revocations.clone())
            .clock(clock.clone())
            .clock_skew(Duration::ZERO)
            .build()
            .unwrap();
        let issuer = configure(builder).build().unwrap();
        Self { customers, lookup, revocations, clock, issuer, verifier }
    }

    fn set(&self, script: Script) {
        *self.lookup.script.lock().unwrap() = script;
    }

    /// Returns the token of a new login.
    fn log_in(&self, customer: &Customer) -> String {
        self.issuer.issue(customer).unwrap().token().to_owned()
    }

    async fn refresh(&self, token: &str) -> Answer {
        Answer::of(&self.issuer, with_tokens(refresh_request(), &[token])).await
    }

    /// Returns the token of a refresh that succeeds.
    async fn refreshed(&self, token: &str) -> String {
        token_of(&self.refresh(token).await)
    }

    async fn log_out(&self, token: &str) -> Answer {
        Answer::of(&self.issuer, with_tokens(logout_request("XXXX"), &[token])).await
    }

    async fn log_out_everywhere(&self, customer: &Customer, token: &str) -> Answer {
        let request = everywhere_request("XXXX", &customer.id().to_string());
        Answer::of(&self.issuer, with_tokens(request, &[token])).await
    }

    /// The back office logs a customer out everywhere.
    async fn expel(&self, id: &str) -> Answer {
        Answer::of(&self.issuer, everywhere_request("STORE", id)).await
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, VerifyErrorKind> {
        self.verifier.verify(token.as_bytes()).map_err(|error| error.kind())
    }

    /// Why these tokens are refused; `None` for an accepted one.
    fn verdicts<const N: usize>(&self, tokens: [&str; N]) -> [Option<VerifyErrorKind>; N] {
        tokens.map(|token| self.verify(token).err())
    }
}

const REVOKED: Option<VerifyErrorKind> = Some(VerifyErrorKind::Revoked);

fn leslie() -> Customer {
    Customer::new("leslie".parse().unwrap(), "Leslie Knope", "leslie@pawnee.gov")
}

fn refresh_request() -> Request<Full<Bytes>> {
    request(r#"{"data":{"type":"token","authentication_mechanism":"customer_token"}}"#)
}

fn logout_request(bearer: &str) -> Request<Full<Bytes>> {
    delete("/v2/customers/tokens", bearer)
}

fn everywhere_request(bearer: &str, id: &str) -> Request<Full<Bytes>> {
    delete(&format!("/v2/customers/{id}/tokens"), bearer)
}

fn delete(path: &str, bearer: &str) -> Request<Full<Bytes>> {
    Request::delete(path)
        .header("authorization", format!("Bearer {bearer}"))
        .body(Full::default())
        .unwrap()
}

fn with_tokens(mut request: Request<Full<Bytes>>, tokens: &[&str]) -> Request<Full<Bytes>> {
    for token in tokens {
        request.headers_mut().append("x-moltin-customer-token", token.parse().unwrap());
    }
    request
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["data"]["token"].as_str().unwrap().to_owned()
}

/// The request headers that have no token in them which was ever valid, and why.
fn never_good() -> Vec<(&'static str, Vec<String>)> {
    let key = SigningKey::hs256(SECRET).unwrap();
    let good = || TestToken::new(RON, NOW);
    let sign = |token: TestToken| token.sign(&key, TokenForm::Compact);
    let other = SigningKey::hs256("fedcba9876543210fedcba9876543210").unwrap();
    let valid = sign(good());
    vec![
        ("none", vec![]),
        ("an empty one", vec![String::new()]),
        ("another scheme's", vec!["Bearer XXXX".to_owned()]),
        ("one twice", vec![valid.clone(), valid.clone()]),
        ("a valid one and another", vec![valid.clone(), "x".to_owned()]),
        ("two in one line", vec![format!("{valid}, {valid}")]),
        ("a padded one", vec![format!("{valid} x")]),
        ("one cut off", vec![valid[..valid.len() - 1].to_owned()]),
        ("another key's", vec![good().sign(&other, TokenForm::Compact)]),
        ("another audience's", vec![sign(good().claim("aud", "other"))]),
        ("one without an id", vec![sign(good().without("jti"))]),
        ("one from the future", vec![sign(TestToken::new(RON, NOW + 10 * 86_400))]),
        ("one that lives too long", vec![sign(good().claim("exp", NOW + 86_401))]),
    ]
}

fn ended() -> Answer {
    let headers = vec![("cache-control".to_owned(), "no-store".to_owned())];
    Answer { status: 204, headers, body: String::new() }
}

fn no_valid_token() -> Answer {
    Answer::refusal(
        403,
        None,
        r#"{"status":403,"title":"Forbidden","detail":"The X-Moltin-Customer-Token header must hold one valid customer token"}"#,
    )
}

fn unknown_customer() -> Answer {
    Answer::refusal(
        404,
        None,
        r#"{"status":404,"title":"Not Found","detail":"There is no such customer"}"#,
    )
}

/// The response to a logout that may or may not have ended something.
fn undecided() -> Answer {
    Answer::refusal(
        503,
        Some(("retry-after", "1")),
        r#"{"status":503,"title":"Service Unavailable","detail":"Whether the tokens have ended is unknown at the moment"}"#,
    )
}
