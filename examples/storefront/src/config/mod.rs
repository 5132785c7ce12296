//! Configuration from environment variables.

mod oidc;

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tower_customer_auth::Secret;
use tower_customer_auth::TokenForm;

pub(crate) use self::oidc::Provider;

/// How the storefront runs. An empty variable counts as unset.
#[derive(Debug)]
pub(crate) struct Config {
    /// `STOREFRONT_ADDR`: where to listen. With port 0, the system chooses one.
    pub(crate) addr: String,
    /// `STOREFRONT_DB`: the SQLite file.
    pub(crate) database: Database,
    /// `STOREFRONT_SECRET`: the key of the customer tokens. If absent, one is generated and stored.
    pub(crate) secret: Option<Secret>,
    /// `STOREFRONT_SIGNING_KEY`: the PEM file of a private key that signs them instead.
    pub(crate) signing_key: Option<PathBuf>,
    /// `STOREFRONT_TOKEN_FORM`: the form of issued customer tokens. Both forms are always accepted.
    pub(crate) token_form: TokenForm,
    /// `STOREFRONT_MAX_STALENESS`: how old the list of revocations may be.
    pub(crate) max_staleness: Duration,
    /// `STOREFRONT_THROTTLE`: whether failed logins are limited.
    pub(crate) throttle: bool,
    /// `STOREFRONT_TRUSTED_HOPS`: how many proxies append to `X-Forwarded-For`.
    pub(crate) trusted_hops: u8,
    /// `STOREFRONT_LOG`: whether to write a line for each request to standard error.
    pub(crate) log: bool,
    /// `STOREFRONT_OIDC_…`: the OpenID provider.
    pub(crate) provider: Option<Provider>,
}

/// Where the data is stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    File(PathBuf),
}

/// Error of a variable whose value can't be used. It never contains the value of a secret.
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
        // Any bytes are a key, not only text.
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
            max_staleness: variables
                .seconds(MAX_STALENESS, STALENESS)?
                .unwrap_or(DEFAULT_STALENESS),
            throttle: variables.on_or_off("STOREFRONT_THROTTLE")?,
            trusted_hops: variables.number("STOREFRONT_TRUSTED_HOPS", 0..=100)?.unwrap_or(0),
            log: variables.switch("STOREFRONT_LOG")?,
            provider: Provider::read(&variables)?,
        })
    }
}

/// The environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    fn set(&self, name: &str) -> Option<OsString> {
        self.0(name).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, InvalidVariable> {
        let value = self.set(name).map(OsString::into_string).transpose();
        value.map_err(|_| invalid(name, "is not UTF-8"))
    }

    fn seconds(
        &self,
        name: &'static str,
        allowed: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, InvalidVariable> {
        Ok(self.whole(name, "of seconds ", allowed)?.map(Duration::from_secs))
    }

    fn number(
        &self,
        name: &'static str,
        allowed: RangeInclusive<u8>,
    ) -> Result<Option<u8>, InvalidVariable> {
        self.whole(name, "", allowed)
    }

    fn whole<N: Copy + FromStr + PartialOrd + fmt::Display>(
        &self,
        name: &'static str,
        of: &str,
        allowed: RangeInclusive<N>,
    ) -> Result<Option<N>, InvalidVariable> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        let (min, max) = allowed.into_inner();
        let problem = || format!("is a whole number {of}from {min} to {max}, not {text:?}");
        number.map(Some).ok_or_else(|| invalid(name, problem()))
    }

    fn on_or_off(&self, name: &'static str) -> Result<bool, InvalidVariable> {
        match self.text(name)?.as_deref() {
            None | Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(other) => Err(invalid(name, format_args!("is on or off, not {other:?}"))),
        }
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

const MAX_STALENESS: &str = "STOREFRONT_MAX_STALENESS";
/// The bounds of `DurableBuilder::max_staleness`, in seconds. Checked here, so that the error names
/// the variable and comes before a database is created.
const STALENESS: RangeInclusive<u64> = 2..=24 * 60 * 60;
const DEFAULT_STALENESS: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use tower_customer_auth::Revocations;
    use tower_customer_auth::store::SqliteCustomers;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, InvalidVariable> {
        Config::read(|name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.into())
        })
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let names = [
            "ADDR",
            "DB",
            "SECRET",
            "SIGNING_KEY",
            "TOKEN_FORM",
            "MAX_STALENESS",
            "LOG",
            "THROTTLE",
            "TRUSTED_HOPS",
        ]
        .map(|n| format!("STOREFRONT_{n}"));
        let empty: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        for variables in [&[][..], &empty] {
            let config = read(variables).unwrap();
            assert_eq!(config.addr, "127.0.0.1:8080");
            assert_eq!(config.database, Database::File("storefront.sqlite3".into()));
            assert!(config.secret.is_none());
            assert_eq!(config.signing_key, None);
            assert_eq!(config.token_form, TokenForm::Compact);
            assert_eq!(config.max_staleness, Duration::from_secs(10));
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
            ("STOREFRONT_MAX_STALENESS", "60"),
            ("STOREFRONT_LOG", "1"),
        ])
        .unwrap();
        assert_eq!(config.addr, "[::1]:0");
        assert_eq!(config.database, Database::Memory);
        assert_eq!(config.secret.as_ref().map(Secret::expose), Some(&b"hunter2"[..]));
        assert_eq!(config.token_form, TokenForm::Legacy);
        assert_eq!(config.max_staleness, Duration::from_secs(60));
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

    #[test]
    fn the_staleness_is_a_whole_number_of_seconds_within_bounds() {
        for (value, expected) in [("2", 2), ("86400", 86_400)] {
            let config = read(&[(MAX_STALENESS, value)]).unwrap();
            assert_eq!(config.max_staleness, Duration::from_secs(expected));
        }
        for value in ["0", "1", "86401", "-10", "2.5", "10s", " 10", "ten", "99999999999999999999"]
        {
            let error = read(&[(MAX_STALENESS, value)]).unwrap_err().to_string();
            let expected = format!(
                "STOREFRONT_MAX_STALENESS is a whole number of seconds from 2 to 86400, not {value:?}"
            );
            assert_eq!(error, expected);
        }
    }

    #[tokio::test]
    async fn the_bounds_of_the_staleness_are_those_of_the_crate() {
        let log = SqliteCustomers::open(":memory:").await.unwrap().revocation_log();
        let starts = |seconds| {
            let list = Revocations::durable(log.clone());
            list.max_staleness(Duration::from_secs(seconds)).start().is_ok()
        };
        let (min, max) = STALENESS.into_inner();
        assert_eq!([min - 1, min, max, max + 1].map(starts), [false, true, true, false]);
    }
}
