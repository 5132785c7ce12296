//! What the environment says.

mod oidc;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use tower_customer_auth::Secret;
use tower_customer_auth::TokenForm;

pub(crate) use self::oidc::Provider;

/// How the storefront runs. An empty variable counts as unset.
#[derive(Debug)]
pub(crate) struct Config {
    /// `STOREFRONT_ADDR`: where to listen. Port 0 lets the system choose one.
    pub(crate) addr: String,
    /// `STOREFRONT_DB`: the SQLite file.
    pub(crate) database: Database,
    /// `STOREFRONT_SECRET`: the key of the customer tokens; when absent, one is made and kept.
    pub(crate) secret: Option<Secret>,
    /// `STOREFRONT_SIGNING_KEY`: the PEM file of a private key that signs them instead.
    pub(crate) signing_key: Option<PathBuf>,
    /// `STOREFRONT_TOKEN_FORM`: how customer tokens are written. Both forms are always accepted.
    pub(crate) token_form: TokenForm,
    /// `STOREFRONT_LOG`: whether to write one line a request to standard error.
    pub(crate) log: bool,
    /// `STOREFRONT_OIDC_…`: whom customers may sign in with, if not by password.
    pub(crate) provider: Option<Provider>,
}

/// Where the data is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    File(PathBuf),
}

/// A variable with a value that can't be used. The value of a secret is never in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub(crate) struct InvalidVariable {
    variable: &'static str,
    problem: String,
}

impl Config {
    pub(crate) fn from_env() -> Result<Self, InvalidVariable> {
        Self::read(|name| std::env::var_os(name))
    }

    pub(crate) fn read(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, InvalidVariable> {
        let variables = Variables(&variable);
        let database = match variables.set("STOREFRONT_DB") {
            Some(name) if name == ":memory:" => Database::Memory,
            Some(name) => Database::File(name.into()),
            None => Database::File("storefront.sqlite3".into()),
        };
        let token_form = match variables.text("STOREFRONT_TOKEN_FORM")?.as_deref() {
            None | Some("compact") => TokenForm::Compact,
            Some("legacy") => TokenForm::Legacy,
            Some(other) => {
                let problem = format_args!("is compact or legacy, not {other:?}");
                return Err(invalid("STOREFRONT_TOKEN_FORM", problem));
            }
        };
        let addr = variables.text("STOREFRONT_ADDR")?;
        // Any bytes are a key: they are not asked to be text.
        let secret = variables.set("STOREFRONT_SECRET");
        let secret = secret.map(|bytes| Secret::from(bytes.into_encoded_bytes()));
        let signing_key = variables.set("STOREFRONT_SIGNING_KEY").map(PathBuf::from);
        if signing_key.is_some() && secret.is_some() {
            let problem = "and STOREFRONT_SECRET are two keys for one purpose, set one of them";
            return Err(invalid("STOREFRONT_SIGNING_KEY", problem));
        }
        if signing_key.is_some() && token_form == TokenForm::Legacy {
            let problem = "is compact where STOREFRONT_SIGNING_KEY is set: \
                           the legacy form is signed with a secret";
            return Err(invalid("STOREFRONT_TOKEN_FORM", problem));
        }
        Ok(Self {
            addr: addr.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            database,
            secret,
            signing_key,
            token_form,
            log: variables.switch("STOREFRONT_LOG")?,
            provider: Provider::read(&variables)?,
        })
    }
}

/// The environment, of which nothing is kept but what is asked for.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    fn set(&self, name: &str) -> Option<OsString> {
        self.0(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, InvalidVariable> {
        let value = self.set(name).map(OsString::into_string).transpose();
        value.map_err(|_| invalid(name, "is not UTF-8"))
    }

    fn switch(&self, name: &'static str) -> Result<bool, InvalidVariable> {
        match self.text(name)?.as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(other) => Err(invalid(name, format_args!("is 0 or 1, not {other:?}"))),
        }
    }
}

fn invalid(variable: &'static str, problem: impl fmt::Display) -> InvalidVariable {
    InvalidVariable { variable, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, InvalidVariable> {
        Config::read(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.into())
        })
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let names = ["ADDR", "DB", "SECRET", "SIGNING_KEY", "TOKEN_FORM", "LOG"]
            .map(|n| format!("STOREFRONT_{n}"));
        let empty: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        for variables in [&[][..], &empty] {
            let config = read(variables).unwrap();
            assert_eq!(config.addr, "127.0.0.1:8080");
            assert_eq!(config.database, Database::File("storefront.sqlite3".into()));
            assert!(config.secret.is_none());
            assert_eq!(config.signing_key, None);
            assert_eq!(config.token_form, TokenForm::Compact);
            assert!(!config.log);
        }
    }

    #[test]
    fn reads_what_is_set() {
        let config = read(&[
            ("STOREFRONT_ADDR", "[::1]:0"),
            ("STOREFRONT_DB", ":memory:"),
            ("STOREFRONT_SECRET", "hunter2"),
            ("STOREFRONT_TOKEN_FORM", "legacy"),
            ("STOREFRONT_LOG", "1"),
        ])
        .unwrap();
        assert_eq!(config.addr, "[::1]:0");
        assert_eq!(config.database, Database::Memory);
        assert_eq!(config.secret.as_ref().map(Secret::expose), Some(&b"hunter2"[..]));
        assert_eq!(config.token_form, TokenForm::Legacy);
        assert!(config.log);
        assert!(!format!("{config:?}").contains("hunter2"));
        let config = read(&[("STOREFRONT_SIGNING_KEY", "keys/es256.pem")]).unwrap();
        assert_eq!(config.signing_key, Some("keys/es256.pem".into()));
    }

    #[test]
    fn a_signing_key_goes_with_no_secret_and_no_legacy_form() {
        let key = ("STOREFRONT_SIGNING_KEY", "es256.pem");
        for (other, expected) in [
            (
                ("STOREFRONT_SECRET", "hunter2"),
                "STOREFRONT_SIGNING_KEY and STOREFRONT_SECRET are two keys for one purpose, \
                 set one of them",
            ),
            (
                ("STOREFRONT_TOKEN_FORM", "legacy"),
                "STOREFRONT_TOKEN_FORM is compact where STOREFRONT_SIGNING_KEY is set: \
                 the legacy form is signed with a secret",
            ),
        ] {
            assert_eq!(read(&[key, other]).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn says_which_variable_is_wrong_and_what_it_takes() {
        for (name, value, expected) in [
            ("STOREFRONT_TOKEN_FORM", "jwt", r#"is compact or legacy, not "jwt""#),
            ("STOREFRONT_LOG", "yes", r#"is 0 or 1, not "yes""#),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} {expected}"));
        }
    }
}
