//! A small store whose customers sign in with `tower-customer-auth`.
//!
//! It serves the calls of the JavaScript SDKs of the original API, so a shop's page that was written
//! for that API works with it: access tokens, registration, login by e-mail and password or with an
//! OpenID provider, the customer's record, addresses and orders. It also has a page at `/`, which
//! `docs/browser.md` describes.
//!
//! ```sh
//! cargo run --release -p storefront
//! ```
//!
//! The first line on standard output is `listening on http://ADDR`. Lines to paste into a shell
//! follow. On SIGTERM and Ctrl-C, requests that have begun may finish, for 10 s at most.
//!
//! `GET /healthz` responds with 200 while the process serves. `GET /readyz` does so while the list of
//! revocations is loaded and fresh, and otherwise responds with 503 and the reason.
//!
//! | variable | default | |
//! |---|---|---|
//! | `STOREFRONT_ADDR` | `127.0.0.1:8080` | where to listen; with port 0, the system chooses one |
//! | `STOREFRONT_DB` | `storefront.sqlite3` | the file of the data, including revocations; `:memory:` stores nothing |
//! | `STOREFRONT_SECRET` | generated and stored in `DB.secret`, mode 0600 | the key of the customer tokens, 32 bytes or more. The key of the access tokens is derived from it: another secret ends both |
//! | `STOREFRONT_SIGNING_KEY` | | a file of mode 0600 with a private key that signs the customer tokens instead (PKCS#8, PEM; P-256, Ed25519 or RSA). Its public key is published at `/.well-known/jwks.json`. The secret in `DB.secret` is then used for access tokens only |
//! | `STOREFRONT_TOKEN_FORM` | `compact` | the form of issued customer tokens, `compact` or `legacy`; both are accepted |
//! | `STOREFRONT_MAX_STALENESS` | `10` | for how many seconds the revocations may not have been read from the database before customer tokens are answered with 503; 2 to 86400 |
//! | `STOREFRONT_TRUSTED_HOPS` | `0` | how many proxies are in front of the storefront, 0 to 100, each of which appends the address of its client to `X-Forwarded-For`. Failed logins are limited by that address, or with `0` by that of the peer |
//! | `STOREFRONT_THROTTLE` | `on` | with `off`, failed logins are not limited: for measurements only |
//! | `STOREFRONT_LOG` | `0` | with `1`, a line on standard error for each request: method, route, status |
//! | `STOREFRONT_OIDC_ISSUER` | | the OpenID provider that customers may sign in with |
//! | `STOREFRONT_OIDC_CLIENT_ID` | | the store's client id at the provider; required with an issuer |
//! | `STOREFRONT_OIDC_REDIRECT_URI` | | where the provider redirects the browser to; required with an issuer. For the page at `/`: the store's origin and a slash |
//! | `STOREFRONT_OIDC_CLIENT_SECRET` | | the client's secret; a public client has none |
//! | `STOREFRONT_OIDC_AUTH_METHOD` | `client_secret_basic` | how the secret is sent; or `client_secret_post` |
//! | `STOREFRONT_OIDC_NONCE` | | with `code_challenge`, an ID token needs the nonce that the page sends. The SDKs send none |
//! | `STOREFRONT_OIDC_DUPLICATE_EMAIL` | `allowed` | what happens to a new identity with a customer's e-mail: `allowed`, `api_only` or `disallowed` |
//! | `STOREFRONT_OIDC_INSECURE_LOOPBACK` | `0` | with `1`, an issuer on this machine may use `http` |
//!
//! An empty variable counts as unset. An empty database is filled with two customers, their
//! addresses and orders, and two API clients. Their passwords and secrets are in `seed.rs`: they are
//! for trying the storefront, not for the internet.
//!
//! `app.rs` puts the crate's issuer and layer into the router. `state.rs` has the transaction that
//! handlers write in.

mod access;
mod addresses;
mod app;
mod body;
mod config;
mod customers;
mod database;
mod health;
mod json;
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
mod upgrade;
mod web;

use std::error::Error;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::io::stdout;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Extensions;
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
use tower_customer_auth::issuer::Sessions;
use tower_customer_auth::jwk_set::JwkSetService;
use tower_customer_auth::password::PasswordHasher;
use tower_customer_auth::store::SqliteCustomers;
use tower_customer_auth::throttle::ForwardingHeader;
use tower_customer_auth::throttle::LoginThrottle;

use crate::access::AccessKey;
use crate::access::AccessTokens;
use crate::config::Config;
use crate::config::Database;
use crate::config::Provider;
use crate::serve::Patience;
use crate::serve::listen;
use crate::serve::serve;
use crate::state::Customers;
use crate::state::Storefront;
use crate::try_it::TryIt;

#[tokio::main]
async fn main() -> ExitCode {
    // Events of the crate: a provider or a store that is down (feature `tracing`).
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
    // First, because a start that can't listen must not leave a database and a secret behind.
    let listener = listen(&config.addr).await;
    let listener =
        listener.map_err(|error| format!("can't listen on {:?}: {error}", config.addr))?;
    let origin = format!("http://{}", listener.local_addr()?);

    let (keys, access_key) = keys(&config)?;
    let customers = database::open(&config.database).await?;
    let pool = customers.pool().clone();
    let (hasher, clock) = (PasswordHasher::new(), system_clock());
    let (provider, max_staleness) = (config.provider, config.max_staleness);
    let throttle = throttle(config.throttle, config.trusted_hops)?;
    let parts =
        Parts { keys, access_key, customers, hasher, throttle, clock, provider, max_staleness };
    let (router, _) = parts.assemble(config.token_form, config.log).await?;

    // Before the first line of output, after which the process may be stopped at any time.
    let stop = shutdown_signal()?;
    // A closed standard output is no reason to end.
    let _ = writeln!(stdout(), "listening on {origin}");
    let _ = write!(stdout(), "{}", TryIt { origin: &origin });

    serve(listener, router, Patience::default(), stop).await;
    // SQLite merges its write-ahead log into the file.
    pool.close().await;
    Ok(())
}

/// Returns the keys of customer tokens and of access tokens. Like the data, they may be in memory only.
fn keys(config: &Config) -> Result<(KeyRing, AccessKey), Box<dyn Error + Send + Sync>> {
    // First, because a start that fails here must not leave a secret file behind.
    let signing_key = config.signing_key.as_deref().map(signing_key::load).transpose()?;
    let (secret, from) = match (&config.secret, &config.database) {
        (Some(secret), _) => (secret.clone(), "STOREFRONT_SECRET"),
        (None, Database::Memory) => (secret_file::fresh()?, "the secret of this run"),
        (None, Database::File(path)) => (secret_file::load_or_create(path)?, "the secret file"),
    };
    // Also checked if a private key signs the customer tokens: access tokens depend on it.
    let keys =
        KeyRing::hs256(secret.expose()).map_err(|error| format!("{from} is not safe: {error}"))?;
    let keys = signing_key.map_or(keys, KeyRing::new);
    Ok((keys, AccessKey::derive(&secret)))
}

/// Returns the throttle of logins, registrations and changes of passwords.
fn throttle(is_on: bool, trusted_hops: u8) -> Result<LoginThrottle, ConfigError> {
    let peer = |extensions: &Extensions| {
        let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(address.ip())
    };
    let throttle = LoginThrottle::builder();
    let throttle = match trusted_hops {
        0 => throttle.source(peer),
        hops => throttle.source_behind_proxies(hops, ForwardingHeader::XForwardedFor, peer),
    };
    if is_on {
        return throttle.build();
    }
    log::warning("STOREFRONT_THROTTLE=off: passwords can be guessed without a limit");
    throttle.danger_unlimited().build()
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// Parts of a store.
struct Parts {
    keys: KeyRing,
    access_key: AccessKey,
    customers: SqliteCustomers,
    hasher: PasswordHasher,
    throttle: LoginThrottle,
    clock: Arc<dyn Clock>,
    provider: Option<Provider>,
    max_staleness: Duration,
}

impl Parts {
    /// Upgrades or fills the database, loads the revocations, and creates the service. Issuer and
    /// layer share the key ring, the clock and the list of revocations.
    async fn assemble(
        self,
        token_form: TokenForm,
        log: bool,
    ) -> Result<(Router, Storefront), Box<dyn Error + Send + Sync>> {
        let Self { keys, access_key, customers, hasher, throttle, clock, provider, max_staleness } =
            self;
        let customers = customers.clock(Arc::clone(&clock));
        upgrade::move_cut_offs(&customers, clock.now()).await?;
        seed::fill(&customers, &hasher).await?;
        let pool = customers.pool().clone();
        let revocations = Revocations::durable(customers.revocation_log())
            .max_staleness(max_staleness)
            .clock(Arc::clone(&clock))
            .start()?;
        // Before it serves: until the list is loaded, every customer token is answered with 503.
        revocations.ready().await?;
        let customers = customers.revocations(revocations.clone());

        let jwk_set = signing_key::is_public(&keys)
            .then(|| JwkSetService::new(keys.clone()).clock(Arc::clone(&clock)));
        let access_tokens = AccessTokens::new(access_key, Arc::clone(&clock));
        let verifier = Verifier::builder(keys.clone())
            .revocations(revocations.clone())
            .clock(Arc::clone(&clock))
            .build()?;
        let mut issuer = TokenIssuer::builder(keys, access_tokens.clone())
            .password(PasswordGrant::new(customers.clone()).hasher(hasher.clone()))
            .revocations(revocations.clone())
            .sessions(Sessions::new(customers.clone()))
            .throttle(throttle.clone())
            .form(token_form)
            .lifetime(TOKEN_LIFETIME)
            .clock(Arc::clone(&clock));
        let oidc = provider.map(|provider| oidc(&provider, customers.clone(), &revocations));
        let oidc = oidc.transpose()?;
        if let Some(grant) = &oidc {
            issuer = issuer.oidc(grant.clone());
        }
        let issuer = issuer.build()?;
        let customers = Customers::new(customers);
        let store = Storefront {
            pool,
            customers,
            access_tokens,
            hasher,
            throttle,
            revocations,
            max_staleness,
            oidc,
            clock,
        };
        Ok((app::app(store.clone(), verifier, issuer, jwk_set, log), store))
    }
}

/// Returns the grant for logins with a provider, and begins to fetch the provider's metadata and keys.
fn oidc(
    provider: &Provider,
    customers: SqliteCustomers,
    revocations: &Revocations,
) -> Result<OidcGrant, ConfigError> {
    let grant = OidcGrant::builder(customers).profile(provider.profile());
    let grant = match provider.duplicate_email {
        DuplicateEmail::ApiOnly => grant.link_by_verified_email(revocations.clone()),
        DuplicateEmail::Disallowed => grant.refuse_duplicate_email(),
        // The default.
        _ => grant,
    };
    let grant = grant.build()?;
    grant.prefetch();
    Ok(grant)
}

/// Completes on SIGTERM or Ctrl-C.
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
