//! A small store whose customers sign in with `tower-customer-auth`.
//!
//! It serves what the JavaScript SDKs of the original API ask for, so that a shop's page written
//! for that API can be pointed at it: access tokens, registration, login by e-mail and password or
//! at an OpenID provider, the customer's own record, addresses and orders. At `/` it has a page of
//! its own, of which `docs/browser.md` tells.
//!
//! ```sh
//! cargo run --release -p storefront
//! ```
//!
//! The first line on standard output is `listening on http://ADDR`; what follows are lines to paste
//! into a shell. SIGTERM and Ctrl-C let the requests that have begun finish, for 10 s at most.
//!
//! | variable | default | |
//! |---|---|---|
//! | `STOREFRONT_ADDR` | `127.0.0.1:8080` | where to listen; port 0 lets the system choose |
//! | `STOREFRONT_DB` | `storefront.sqlite3` | the data; `:memory:` keeps none |
//! | `STOREFRONT_SECRET` | made and kept in `DB.secret`, mode 0600 | the key of the customer tokens, 32 bytes or more. That of the access tokens is derived from it: another secret ends both |
//! | `STOREFRONT_SIGNING_KEY` | | a private key (PKCS#8, PEM) for them instead, in a file of mode 0600: P-256, Ed25519 or RSA; its public half is then at `/.well-known/jwks.json`. The secret in `DB.secret` is for access tokens alone then |
//! | `STOREFRONT_TOKEN_FORM` | `compact` | how customer tokens are written, `compact` or `legacy`; both are accepted |
//! | `STOREFRONT_LOG` | `0` | with `1`, a line on standard error for each request: method, route, status |
//! | `STOREFRONT_OIDC_ISSUER` | | the OpenID provider that customers may sign in with |
//! | `STOREFRONT_OIDC_CLIENT_ID` | | the store's client id there; needed with an issuer |
//! | `STOREFRONT_OIDC_REDIRECT_URI` | | where it sends the browser back to; needed with an issuer. For the page at `/`: the store's origin and a slash |
//! | `STOREFRONT_OIDC_CLIENT_SECRET` | | the client's secret; a public client has none |
//! | `STOREFRONT_OIDC_AUTH_METHOD` | `client_secret_basic` | how the secret is shown; or `client_secret_post` |
//! | `STOREFRONT_OIDC_NONCE` | | with `code_challenge`, an ID token needs the nonce that the page sends. The SDKs send none |
//! | `STOREFRONT_OIDC_DUPLICATE_EMAIL` | `allowed` | what becomes of a newcomer with a customer's e-mail: `allowed`, `api_only` or `disallowed` |
//! | `STOREFRONT_OIDC_INSECURE_LOOPBACK` | `0` | with `1`, an issuer on this machine may do without `https` |
//!
//! An empty variable counts as unset. An empty database is filled with two customers, their
//! addresses and orders, and two API clients, whose passwords and secrets stand in `seed.rs`: they
//! are for trying it out, and not for the internet.
//!
//! The one part that is not like the rest of a store is `app.rs`: there the issuer and the layer of
//! the crate are put into the router.

mod access;
mod addresses;
mod app;
mod body;
mod config;
mod customers;
mod cutoffs;
mod database;
mod json;
mod linking;
mod log;
mod orders;
mod page;
mod problem;
mod random;
mod request;
mod secret_file;
mod seed;
mod serve;
mod settings;
mod signing_key;
mod state;
#[cfg(test)]
mod tests;
mod time;
mod try_it;
mod web;
mod writes;

use std::error::Error;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::io::stdout;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tower_customer_auth::Clock;
use tower_customer_auth::ConfigError;
use tower_customer_auth::KeyRing;
use tower_customer_auth::OidcGrant;
use tower_customer_auth::PasswordGrant;
use tower_customer_auth::Revocations;
use tower_customer_auth::TokenForm;
use tower_customer_auth::TokenIssuer;
use tower_customer_auth::Verifier;
use tower_customer_auth::clock::SystemClock;
use tower_customer_auth::customer::DuplicateEmail;
use tower_customer_auth::jwk_set::JwkSetService;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::store::SqliteCustomers;

use crate::access::AccessKey;
use crate::access::AccessTokens;
use crate::config::Config;
use crate::config::Database;
use crate::config::Provider;
use crate::linking::LinkingCustomers;
use crate::serve::Patience;
use crate::serve::listen;
use crate::serve::serve;
use crate::state::Storefront;
use crate::try_it::TryIt;
use crate::writes::Customers;
use crate::writes::Writes;

#[tokio::main]
async fn main() -> ExitCode {
    // What no client is told: a provider that is down, a store that can't tell (feature `tracing`).
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::fault(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error + Send + Sync>> {
    let config = Config::from_env()?;
    // First of all: a start that can't listen must not leave a database and a secret behind.
    let listener = listen(&config.addr).await;
    let listener =
        listener.map_err(|error| format!("can't listen on {:?}: {error}", config.addr))?;
    let origin = format!("http://{}", listener.local_addr()?);

    let (keys, access_key) = keys(&config)?;
    let customers = database::open(&config.database).await?;
    let pool = customers.pool().clone();
    let (hasher, clock) = (PasswordHasher::new(), system_clock());
    let provider = config.provider;
    let parts = Parts { keys, access_key, customers, hasher, clock, provider };
    let (router, _) = parts.assemble(config.token_form, config.log).await?;

    // Before anybody is told that there is a server: whoever waits for that may stop it at once.
    let stop = shutdown_signal()?;
    // A closed standard output is no reason to end.
    let _ = writeln!(stdout(), "listening on {origin}");
    let _ = write!(stdout(), "{}", TryIt { origin: &origin });

    serve(listener, router, Patience::default(), stop).await;
    // Lets SQLite fold its log into the file.
    pool.close().await;
    Ok(())
}

/// The keys of customer tokens and of access tokens. Held in memory alone where the data is.
fn keys(config: &Config) -> Result<(KeyRing, AccessKey), Box<dyn Error + Send + Sync>> {
    // First of the two: a start without it must not leave a secret file behind.
    let signing_key = config.signing_key.as_deref().map(signing_key::load).transpose()?;
    let (secret, from) = match (&config.secret, &config.database) {
        (Some(secret), _) => (secret.clone(), "STOREFRONT_SECRET"),
        (None, Database::Memory) => (secret_file::fresh()?, "the secret of this run"),
        (None, Database::File(path)) => (secret_file::load_or_create(path)?, "the secret file"),
    };
    // Checked too where a private key signs the customer tokens: then it is for access tokens alone.
    let keys =
        KeyRing::hs256(secret.expose()).map_err(|error| format!("{from} is not safe: {error}"))?;
    let keys = signing_key.map_or(keys, KeyRing::new);
    Ok((keys, AccessKey::derive(&secret)))
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// What a store is put together from.
struct Parts {
    keys: KeyRing,
    access_key: AccessKey,
    customers: SqliteCustomers,
    hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
    provider: Option<Provider>,
}

impl Parts {
    /// Fills an empty database, and makes the one service. The issuer and the layer share one key
    /// ring, one clock and one list of revocations.
    async fn assemble(
        self,
        token_form: TokenForm,
        log: bool,
    ) -> Result<(Router, Storefront), Box<dyn Error + Send + Sync>> {
        let Self { keys, access_key, customers, hasher, clock, provider } = self;
        seed::fill(&customers, &hasher).await?;
        let pool = customers.pool().clone();
        let revocations = Revocations::in_memory();
        cutoffs::replay(&pool, &revocations, clock.now()).await?;

        let jwk_set = signing_key::is_public(&keys)
            .then(|| JwkSetService::new(keys.clone()).clock(Arc::clone(&clock)));
        let writes = Writes::default();
        let access_tokens = AccessTokens::new(access_key, Arc::clone(&clock));
        let verifier = Verifier::builder(keys.clone())
            .revocations(revocations.clone())
            .clock(Arc::clone(&clock))
            .build()?;
        let mut issuer = TokenIssuer::builder(keys, access_tokens.clone())
            .password(PasswordGrant::new(customers.clone()).hasher(hasher.clone()))
            .revocations(revocations.clone())
            .form(token_form)
            .lifetime(TOKEN_LIFETIME)
            .clock(Arc::clone(&clock));
        let oidc = provider.map(|provider| {
            let (customers, writes) = (customers.clone(), writes.clone());
            let customers = LinkingCustomers { customers, writes, clock: Arc::clone(&clock) };
            oidc(&provider, customers, &revocations)
        });
        let oidc = oidc.transpose()?;
        if let Some(grant) = &oidc {
            issuer = issuer.oidc(grant.clone());
        }
        let issuer = issuer.build()?;
        let customers = Customers::new(customers);
        let store =
            Storefront { pool, writes, customers, access_tokens, hasher, revocations, oidc, clock };
        Ok((app::app(store.clone(), verifier, issuer, jwk_set, log), store))
    }
}

/// Sign-ins at a provider, of which it is found out already now where its pages and keys are.
fn oidc(
    provider: &Provider,
    customers: LinkingCustomers,
    revocations: &Revocations,
) -> Result<OidcGrant, ConfigError> {
    let grant = OidcGrant::builder(customers).profile(provider.profile());
    let grant = match provider.duplicate_email {
        DuplicateEmail::ApiOnly => grant.link_by_verified_email(revocations.clone()),
        DuplicateEmail::Disallowed => grant.refuse_duplicate_email(),
        // What a grant does by itself.
        _ => grant,
    };
    let grant = grant.build()?;
    grant.prefetch();
    Ok(grant)
}

/// Comes with SIGTERM or Ctrl-C.
#[cfg(unix)]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
