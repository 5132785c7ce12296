//! The registration of a client at a provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::url::Url;

use crate::error::ConfigError;
use crate::oidc::url;
use crate::secret::Secret;

/// Client authentication at the token endpoint (OpenID Connect Core section 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthMethod {
    /// `client_secret_basic`: in the header `Authorization` (RFC 6749 section 2.3.1).
    #[default]
    Basic,
    /// `client_secret_post`: in the form body.
    Post,
}

/// Requirement on an ID token's `nonce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoncePolicy {
    /// The `nonce` is ignored.
    ///
    /// The token request has no parameter for it, and PKCE binds the code, and so the ID token, to
    /// the front end that began the login.
    #[default]
    Ignore,
    /// The `nonce` must be the code challenge: BASE64URL(SHA-256(verifier)), RFC 7636 section 4.2.
    ///
    /// The front end sends its code challenge as `nonce` too. Checking it needs no state.
    EqualsCodeChallenge,
}

/// Registration of a client at an OpenID provider, with its redirect URIs.
///
/// Cloning is cheap.
///
/// # Example
///
/// ```
/// use tower_customer_auth::oidc::OidcProfile;
///
/// let profile = OidcProfile::new("https://id.example", "storefront")
///     .client_secret("5ae6e0b5c7a14c6b")
///     .redirect_uri("https://shop.example/");
/// assert_eq!(profile.metadata_url(), "https://id.example/.well-known/openid-configuration");
/// ```
#[derive(Clone)]
#[must_use]
pub struct OidcProfile(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    issuer: String,
    discovery_url: Option<String>,
    client_id: String,
    client_secret: Option<Secret>,
    auth_method: ClientAuthMethod,
    redirect_uris: Vec<String>,
    scopes: Vec<String>,
    trusted_audiences: Vec<String>,
    nonce: NoncePolicy,
    clock_skew: Duration,
    max_in_flight: usize,
    http_on_loopback: bool,
}

impl OidcProfile {
    /// Creates the profile of a public client, without redirect URIs.
    ///
    /// `issuer` must be identical in the provider's metadata and in `iss`, including a trailing
    /// slash.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self(Arc::new(Settings {
            issuer: issuer.into(),
            discovery_url: None,
            client_id: client_id.into(),
            client_secret: None,
            auth_method: ClientAuthMethod::Basic,
            redirect_uris: Vec::new(),
            scopes: ["openid", "profile", "email"].map(str::to_owned).into(),
            trusted_audiences: Vec::new(),
            nonce: NoncePolicy::Ignore,
            clock_skew: Duration::from_secs(60),
            max_in_flight: 128,
            http_on_loopback: false,
        }))
    }

    /// Sets the client secret of a confidential client. Default: none, a public client.
    ///
    /// A secret of at least 32 bytes also verifies ID tokens signed with HS256 (OpenID Connect Core
    /// section 10.1). With a shorter one, or none, such ID tokens are rejected.
    pub fn client_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.settings().client_secret = Some(secret.into());
        self
    }

    /// Sets how a confidential client authenticates. Default: [`ClientAuthMethod::Basic`].
    pub fn auth_method(mut self, method: ClientAuthMethod) -> Self {
        self.settings().auth_method = method;
        self
    }

    /// Adds a redirect URI registered at the provider. Default: none; at least one is required.
    ///
    /// The redirect URI of a login selects the profile. It is compared byte by byte.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.settings().redirect_uris.push(uri.into());
        self
    }

    /// Sets the URL of the provider's metadata.
    ///
    /// Default: the issuer without a trailing slash, followed by
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery section 4).
    pub fn discovery_url(mut self, url: impl Into<String>) -> Self {
        self.settings().discovery_url = Some(url.into());
        self
    }

    /// Sets the scopes that front ends request. Default: `openid`, `profile`, `email`.
    ///
    /// Front ends read them from the profile; this crate does not send them.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings().scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an audience allowed beside the client id in an ID token's `aud`. Default: none.
    ///
    /// ID tokens with any other audience are rejected (OpenID Connect Core section 3.1.3.7).
    pub fn trusted_audience(mut self, audience: impl Into<String>) -> Self {
        self.settings().trusted_audiences.push(audience.into());
        self
    }

    /// Sets the requirement on an ID token's `nonce`. Default: [`NoncePolicy::Ignore`].
    pub fn nonce(mut self, policy: NoncePolicy) -> Self {
        self.settings().nonce = policy;
        self
    }

    /// Sets the clock skew allowed for `iat` and `nbf`, up to 5 minutes. Default: 60 s.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.settings().clock_skew = skew;
        self
    }

    /// Sets the maximum number of concurrent logins of this profile, 1 to 10 000. Default: 128.
    ///
    /// As many again wait for a place, for at most 1 s. They take turns between sources, like the
    /// jobs of a [`PasswordHasher`](crate::password::PasswordHasher). Further logins are answered
    /// with 503, or displace one that is.
    pub fn max_in_flight(mut self, logins: usize) -> Self {
        self.settings().max_in_flight = logins;
        self
    }

    /// Allows `http` URLs to this machine, for tests only. Default: only `https`.
    ///
    /// The host must be `localhost` or a loopback address such as `127.0.0.1`.
    pub fn dangerously_allow_http_on_loopback(mut self) -> Self {
        self.settings().http_on_loopback = true;
        self
    }

    /// Returns the issuer URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    /// Returns the redirect URIs.
    #[must_use]
    pub fn redirect_uris(&self) -> &[String] {
        &self.0.redirect_uris
    }

    /// Returns the scopes that front ends request.
    #[must_use]
    pub fn scope_list(&self) -> &[String] {
        &self.0.scopes
    }

    /// Returns the URL of the provider's metadata.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        self.0.discovery_url.clone().unwrap_or_else(|| {
            let issuer = self.0.issuer.trim_end_matches('/');
            format!("{issuer}/.well-known/openid-configuration")
        })
    }

    pub(super) fn secret(&self) -> Option<&Secret> {
        self.0.client_secret.as_ref()
    }

    pub(super) fn method(&self) -> ClientAuthMethod {
        self.0.auth_method
    }

    pub(super) fn nonce_policy(&self) -> NoncePolicy {
        self.0.nonce
    }

    pub(super) fn skew(&self) -> Duration {
        self.0.clock_skew
    }

    pub(super) fn in_flight_limit(&self) -> usize {
        self.0.max_in_flight
    }

    /// Returns whether the endpoints may have `http` URLs. Not if the issuer's is `https`: metadata
    /// must not send codes and secrets in clear to another listener on this machine.
    pub(super) fn http_on_loopback(&self) -> bool {
        self.0.http_on_loopback && self.0.issuer.starts_with("http:")
    }

    pub(super) fn trusts_audience(&self, audience: &str) -> bool {
        self.0.trusted_audiences.iter().any(|trusted| trusted == audience)
    }

    /// Returns whether the default HTTP client needs root certificates for this provider.
    pub(crate) fn needs_tls(&self) -> bool {
        [self.issuer(), &self.metadata_url()].iter().any(|url| !url.starts_with("http:"))
    }

    /// Checks the profile, and returns the URL of the provider's metadata.
    pub(super) fn check(&self) -> Result<Url, ConfigError> {
        let settings = &*self.0;
        ConfigError::check_not_empty("client_id", &settings.client_id)?;
        if settings.client_id.contains(char::is_control) {
            return Err(ConfigError::NotText { setting: "client_id" });
        }
        if let Some(secret) = &settings.client_secret {
            // The secret is sent in a header or a form, so it must be text.
            if secret.expose().is_empty() {
                return Err(ConfigError::Empty { setting: "client_secret" });
            }
            // A trailing line break, as in files, is not a part of a secret.
            let text = std::str::from_utf8(secret.expose());
            if text.map_or(true, |text| text.contains(char::is_control)) {
                return Err(ConfigError::NotText { setting: "client_secret" });
            }
        }
        let provider = |setting, text: &str| {
            url::read(text, self.http_on_loopback())
                .map_err(|reason| ConfigError::invalid_url(setting, text, reason))
        };
        let issuer = provider("issuer", &settings.issuer)?;
        if issuer.query().is_some() || settings.issuer.len() > MAX_ISSUER_LEN {
            let reason = "it has a query, or more than 2048 bytes";
            return Err(ConfigError::invalid_url("issuer", &settings.issuer, reason));
        }
        if settings.redirect_uris.is_empty() {
            return Err(ConfigError::NoRedirectUris { client_id: settings.client_id.clone() });
        }
        for uri in &settings.redirect_uris {
            let invalid = |reason| ConfigError::invalid_url("redirect_uri", uri, reason);
            // Any scheme: native apps have private-use schemes (RFC 8252 section 7.1).
            let parsed = Url::parse(uri).map_err(|_| invalid("it is not an absolute URL"))?;
            if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(invalid("it has white space, or other than ASCII"));
            }
            if ["javascript", "data", "blob", "file", "about"].contains(&parsed.scheme()) {
                return Err(invalid("it is not a redirection target"));
            }
            if parsed.fragment().is_some() {
                return Err(invalid("it has a fragment"));
            }
        }
        ConfigError::check_duration("clock_skew", settings.clock_skew, Duration::ZERO..=MAX_SKEW)?;
        let in_flight = settings.max_in_flight as u64;
        ConfigError::check_number("max_in_flight", in_flight, 1..=MAX_IN_FLIGHT)?;
        provider("discovery_url", &self.metadata_url())
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for OidcProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProfile")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client_id)
            .field("client_secret", &self.0.client_secret)
            .field("auth_method", &self.0.auth_method)
            .field("redirect_uris", &self.0.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// The limit of [`Identity`](crate::customer::Identity).
const MAX_ISSUER_LEN: usize = 2048;
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);
const MAX_IN_FLIGHT: u64 = 10_000;
