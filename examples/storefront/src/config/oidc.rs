//! The provider that customers may sign in with: the variables `STOREFRONT_OIDC_…`.

use std::fmt;

use tower_customer_auth::Secret;
use tower_customer_auth::customer::DuplicateEmail;
use tower_customer_auth::oidc::ClientAuthMethod;
use tower_customer_auth::oidc::NoncePolicy;
use tower_customer_auth::oidc::OidcProfile;

use crate::config::InvalidVariable;
use crate::config::Variables;
use crate::config::invalid;

/// An OpenID provider, and how the store is registered there.
#[derive(Debug)]
pub(crate) struct Provider {
    /// `STOREFRONT_OIDC_ISSUER`: its name for itself, a URL.
    issuer: String,
    /// `STOREFRONT_OIDC_CLIENT_ID`: its name for the store.
    client_id: String,
    /// `STOREFRONT_OIDC_CLIENT_SECRET`, and `STOREFRONT_OIDC_AUTH_METHOD`, which tells how it is
    /// sent. A public client has none.
    client_secret: Option<(Secret, ClientAuthMethod)>,
    /// `STOREFRONT_OIDC_REDIRECT_URI`: where it sends the browser back to.
    redirect_uri: String,
    /// `STOREFRONT_OIDC_INSECURE_LOOPBACK`: whether `http://` will do for one on this machine.
    insecure_loopback: bool,
    /// `STOREFRONT_OIDC_NONCE`: what the nonce of an ID token has to be. The SDKs send none, and PKCE
    /// binds their sign-ins; the store's own page sends its code challenge.
    nonce: NoncePolicy,
    /// `STOREFRONT_OIDC_DUPLICATE_EMAIL`: what becomes of a newcomer whose e-mail is known.
    pub(crate) duplicate_email: DuplicateEmail,
}

impl Provider {
    /// What the crate makes of it.
    pub(crate) fn profile(&self) -> OidcProfile {
        let mut profile = OidcProfile::new(&self.issuer, &self.client_id)
            .redirect_uri(&self.redirect_uri)
            .nonce(self.nonce);
        if let Some((secret, method)) = &self.client_secret {
            profile = profile.client_secret(secret.clone()).auth_method(*method);
        }
        if self.insecure_loopback {
            profile = profile.dangerously_allow_http_on_loopback();
        }
        profile
    }

    /// Reads the variables; `None` without an issuer.
    pub(super) fn read(variables: &Variables<'_>) -> Result<Option<Self>, InvalidVariable> {
        let Some(issuer) = variables.text(ISSUER)? else {
            // Somebody who has set them up to the issuer would find the store without a provider.
            return match OTHERS.into_iter().find(|name| variables.set(name).is_some()) {
                Some(name) => Err(invalid(name, format_args!("needs {ISSUER}"))),
                None => Ok(None),
            };
        };
        let needed = |name| {
            let missing = || invalid(name, format_args!("is needed with {ISSUER}"));
            variables.text(name)?.ok_or_else(missing)
        };
        let method = match variables.text(AUTH_METHOD)?.as_deref() {
            None => None,
            Some("client_secret_basic") => Some(ClientAuthMethod::Basic),
            Some("client_secret_post") => Some(ClientAuthMethod::Post),
            Some(other) => {
                let expected = "client_secret_basic or client_secret_post";
                return Err(unknown(AUTH_METHOD, expected, other));
            }
        };
        // Any bytes are a secret.
        let secret = variables.set(CLIENT_SECRET).map(|bytes| bytes.into_encoded_bytes().into());
        let client_secret = match (secret, method) {
            (Some(secret), method) => Some((secret, method.unwrap_or(ClientAuthMethod::Basic))),
            (None, Some(_)) => {
                return Err(invalid(AUTH_METHOD, format_args!("needs {CLIENT_SECRET}")));
            }
            (None, None) => None,
        };
        let duplicate_email = match variables.text(DUPLICATE_EMAIL)?.as_deref() {
            None | Some("allowed") => DuplicateEmail::Allowed,
            Some("api_only") => DuplicateEmail::ApiOnly,
            Some("disallowed") => DuplicateEmail::Disallowed,
            Some(other) => {
                return Err(unknown(DUPLICATE_EMAIL, "allowed, api_only or disallowed", other));
            }
        };
        let nonce = match variables.text(NONCE)?.as_deref() {
            None => NoncePolicy::Ignore,
            Some("code_challenge") => NoncePolicy::EqualsCodeChallenge,
            Some(other) => return Err(unknown(NONCE, "code_challenge or unset", other)),
        };
        Ok(Some(Self {
            issuer,
            client_id: needed(CLIENT_ID)?,
            client_secret,
            redirect_uri: needed(REDIRECT_URI)?,
            insecure_loopback: variables.switch(INSECURE_LOOPBACK)?,
            duplicate_email,
            nonce,
        }))
    }
}

fn unknown(variable: &'static str, expected: impl fmt::Display, value: &str) -> InvalidVariable {
    invalid(variable, format_args!("is {expected}, not {value:?}"))
}

const ISSUER: &str = "STOREFRONT_OIDC_ISSUER";
const CLIENT_ID: &str = "STOREFRONT_OIDC_CLIENT_ID";
const CLIENT_SECRET: &str = "STOREFRONT_OIDC_CLIENT_SECRET";
const AUTH_METHOD: &str = "STOREFRONT_OIDC_AUTH_METHOD";
const REDIRECT_URI: &str = "STOREFRONT_OIDC_REDIRECT_URI";
const INSECURE_LOOPBACK: &str = "STOREFRONT_OIDC_INSECURE_LOOPBACK";
const DUPLICATE_EMAIL: &str = "STOREFRONT_OIDC_DUPLICATE_EMAIL";
const NONCE: &str = "STOREFRONT_OIDC_NONCE";

const OTHERS: [&str; 7] = [
    CLIENT_ID,
    CLIENT_SECRET,
    AUTH_METHOD,
    REDIRECT_URI,
    INSECURE_LOOPBACK,
    DUPLICATE_EMAIL,
    NONCE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const LEAST: [(&str, &str); 3] = [
        (ISSUER, "https://id.example"),
        (CLIENT_ID, "shop"),
        (REDIRECT_URI, "https://shop.example/"),
    ];

    /// Reads the least that a provider needs and `more`; an empty value takes one away.
    fn read(more: &[(&str, &str)]) -> Result<Option<Provider>, InvalidVariable> {
        let config = Config::read(|name| {
            let mut set = more.iter().chain(&LEAST);
            let (_, value) = set.find(|(known, _)| *known == name)?;
            Some(value.into())
        });
        config.map(|config| config.provider)
    }

    #[test]
    fn without_any_there_is_no_provider() {
        let none = [ISSUER, CLIENT_ID, REDIRECT_URI].map(|name| (name, ""));
        assert!(read(&none).unwrap().is_none());
    }

    #[test]
    fn the_least_is_a_public_client_over_https() {
        let provider = read(&[]).unwrap().unwrap();
        assert_eq!(provider.issuer, "https://id.example");
        assert_eq!(provider.client_id, "shop");
        assert_eq!(provider.redirect_uri, "https://shop.example/");
        assert!(provider.client_secret.is_none());
        assert!(!provider.insecure_loopback);
        assert_eq!(provider.duplicate_email, DuplicateEmail::Allowed);
        assert_eq!(provider.nonce, NoncePolicy::Ignore);
    }

    #[test]
    fn reads_what_is_set() {
        let provider = read(&[
            (CLIENT_SECRET, "hunter2"),
            (AUTH_METHOD, "client_secret_post"),
            (INSECURE_LOOPBACK, "1"),
            (DUPLICATE_EMAIL, "api_only"),
            (NONCE, "code_challenge"),
        ]);
        let provider = provider.unwrap().unwrap();
        let (secret, method) = provider.client_secret.as_ref().unwrap();
        assert_eq!((secret.expose(), *method), (&b"hunter2"[..], ClientAuthMethod::Post));
        assert!(provider.insecure_loopback);
        assert_eq!(provider.duplicate_email, DuplicateEmail::ApiOnly);
        assert_eq!(provider.nonce, NoncePolicy::EqualsCodeChallenge);
        assert!(!format!("{provider:?}").contains("hunter2"));
        let disallowed = read(&[(DUPLICATE_EMAIL, "disallowed")]).unwrap().unwrap();
        assert_eq!(disallowed.duplicate_email, DuplicateEmail::Disallowed);
    }

    #[test]
    fn a_secret_is_sent_as_basic_unless_told_otherwise_and_an_empty_one_is_none() {
        let provider = read(&[(CLIENT_SECRET, "hunter2")]).unwrap().unwrap();
        assert_eq!(provider.client_secret.unwrap().1, ClientAuthMethod::Basic);
        assert!(read(&[(CLIENT_SECRET, "")]).unwrap().unwrap().client_secret.is_none());
    }

    #[test]
    fn says_which_variable_is_wrong_and_what_it_takes() {
        for (name, value, expected) in [
            (CLIENT_ID, "", "is needed with STOREFRONT_OIDC_ISSUER"),
            (REDIRECT_URI, "", "is needed with STOREFRONT_OIDC_ISSUER"),
            (AUTH_METHOD, "client_secret_basic", "needs STOREFRONT_OIDC_CLIENT_SECRET"),
            (AUTH_METHOD, "none", "is client_secret_basic or client_secret_post, not \"none\""),
            (INSECURE_LOOPBACK, "yes", "is 0 or 1, not \"yes\""),
            (DUPLICATE_EMAIL, "no", "is allowed, api_only or disallowed, not \"no\""),
            (NONCE, "ignore", "is code_challenge or unset, not \"ignore\""),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} {expected}"));
        }
    }

    #[test]
    fn without_an_issuer_each_of_the_others_is_a_mistake() {
        for name in OTHERS {
            let alone =
                Config::read(|asked| (asked == name).then(|| "x".into())).unwrap_err().to_string();
            assert_eq!(alone, format!("{name} needs STOREFRONT_OIDC_ISSUER"));
        }
    }
}
