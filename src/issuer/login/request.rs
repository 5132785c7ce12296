//! Parsing of login requests: headers, JSON and fields.

use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use zeroize::Zeroizing;

use crate::issuer::response::Refusal;
#[cfg(feature = "oidc")]
use crate::oidc::CodeExchange;
use crate::secret::Secret;
use crate::token::each_member;
use crate::wire::ErrorObject;

/// Maximum length of the body, in bytes.
pub(in crate::issuer) const MAX_BODY_LEN: usize = 16 * 1024;

/// Maximum length of an e-mail address, in bytes (RFC 5321 section 4.5.3.1.3, without the
/// brackets).
const MAX_EMAIL_LEN: usize = 254;

/// Maximum nesting of the body: the document, `data`, and members that a client may add.
const MAX_DEPTH: usize = 16;

/// A login with all required fields.
pub(in crate::issuer) enum Login {
    Password(PasswordLogin),
    #[cfg(feature = "oidc")]
    Oidc(CodeExchange),
    /// By a customer token, which is in the header of the request.
    Refresh,
}

pub(in crate::issuer) struct PasswordLogin {
    pub(in crate::issuer) email: Zeroizing<String>,
    pub(in crate::issuer) password: Secret,
}

/// The configured mechanisms.
#[derive(Clone, Copy, Debug)]
pub(in crate::issuer) struct Mechanisms {
    pub(in crate::issuer) password: bool,
    pub(in crate::issuer) oidc: bool,
    pub(in crate::issuer) refresh: bool,
}

/// Returns whether the declared length of the body exceeds the limit.
pub(in crate::issuer) fn declares_too_much(headers: &HeaderMap) -> bool {
    // An invalid number is ignored: the server has framed the body already.
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.is_some_and(|length: u64| length > MAX_BODY_LEN as u64)
}

/// Returns whether the body is `application/json` (RFC 8259) in UTF-8.
pub(in crate::issuer) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(value)), None) = (values.next().map(|value| value.to_str()), values.next()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let utf8 = value.trim_matches('"').eq_ignore_ascii_case("utf-8");
        // RFC 8259 section 11 defines no parameters; others than `charset` have no effect.
        utf8 || !name.eq_ignore_ascii_case("charset")
    })
}

/// Parses the body of a login by one of these mechanisms.
pub(in crate::issuer) fn login(body: &[u8], mechanisms: Mechanisms) -> Result<Login, Refusal> {
    // A strict check first: reject what two parsers may read differently.
    if !each_member(body, MAX_DEPTH, |_, _| {}) {
        return Err(Refusal::Json);
    }
    // The body is a JSON object, so only `data` can be invalid here: missing, or not an object.
    let Ok(Body { data: fields }) = serde_json::from_slice(body) else {
        return Err(Refusal::Fields(vec![required("data", "data is required")]));
    };
    let mut errors = Vec::new();
    match &fields.r#type {
        Value::Text(kind) if kind.as_str() == "token" => {}
        Value::Absent => errors.push(required("type", "type is required")),
        _ => errors.push(invalid("type", "type must be token")),
    }
    let mechanism = match &fields.authentication_mechanism {
        Value::Absent => Some("password"),
        Value::Text(mechanism) => Some(mechanism.as_str()),
        _ => None,
    };
    let login = match mechanism {
        Some("password") if mechanisms.password => {
            Login::Password(password_login(fields, &mut errors))
        }
        #[cfg(feature = "oidc")]
        Some("oidc") if mechanisms.oidc => Login::Oidc(code_exchange(fields, &mut errors)),
        Some("customer_token") if mechanisms.refresh => Login::Refresh,
        _ => {
            // The mechanism decides which other fields are required.
            errors.push(invalid("authentication_mechanism", mechanisms.must_be_one()));
            return Err(Refusal::Fields(errors));
        }
    };
    if errors.is_empty() { Ok(login) } else { Err(Refusal::Fields(errors)) }
}

fn password_login(fields: Members, errors: &mut Vec<ErrorObject>) -> PasswordLogin {
    let email = EMAIL.text(fields.email, errors);
    if email.len() > MAX_EMAIL_LEN {
        errors.push(invalid("email", "email must have at most 254 bytes"));
    }
    // No upper bound: an over-long password is a wrong password.
    let password = PASSWORD.text(fields.password, errors);
    PasswordLogin { email, password: Secret::from(password.as_str()) }
}

#[cfg(feature = "oidc")]
fn code_exchange(fields: Members, errors: &mut Vec<ErrorObject>) -> CodeExchange {
    let code = CODE.text(fields.oauth_authorization_code, errors);
    let redirect_uri = REDIRECT_URI.text(fields.oauth_redirect_uri, errors).to_string();
    let verifier = VERIFIER.text(fields.oauth_code_verifier, errors);
    // RFC 7636 section 4.1. An invalid verifier must not cost a request to the provider.
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_verifier = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
    // A missing verifier has been reported already.
    if !verifier.is_empty() && !is_verifier {
        let detail = "oauth_code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~";
        errors.push(invalid("oauth_code_verifier", detail));
    }
    CodeExchange { code, redirect_uri, verifier }
}

impl Mechanisms {
    /// Returns whether no customer can log in. Nor can a token be refreshed then: there is none.
    pub(in crate::issuer) fn has_no_grant(self) -> bool {
        !self.password && !self.oidc
    }

    fn must_be_one(self) -> &'static str {
        match (self.password, self.oidc, self.refresh) {
            (true, false, false) => "authentication_mechanism must be password",
            (false, true, false) => "authentication_mechanism must be oidc",
            (true, false, true) => "authentication_mechanism must be password or customer_token",
            (false, true, true) => "authentication_mechanism must be oidc or customer_token",
            // Invariant: an issuer has at least one grant.
            (_, _, false) => "authentication_mechanism must be password or oidc",
            (_, _, true) => "authentication_mechanism must be password, oidc or customer_token",
        }
    }
}

/// A required text field, with its error details.
struct TextField {
    name: &'static str,
    missing: &'static str,
    no_text: &'static str,
}

impl TextField {
    /// Returns the text, or records the error and returns an empty string.
    fn text(&self, value: Value, errors: &mut Vec<ErrorObject>) -> Zeroizing<String> {
        match value {
            Value::Text(text) if !text.is_empty() => return text,
            Value::Text(_) | Value::Absent => errors.push(required(self.name, self.missing)),
            Value::Other => errors.push(invalid(self.name, self.no_text)),
        }
        Zeroizing::default()
    }
}

const EMAIL: TextField =
    TextField { name: "email", missing: "email is required", no_text: "email must be a string" };

const PASSWORD: TextField = TextField {
    name: "password",
    missing: "password is required",
    no_text: "password must be a string",
};

#[cfg(feature = "oidc")]
const CODE: TextField = TextField {
    name: "oauth_authorization_code",
    missing: "oauth_authorization_code is required",
    no_text: "oauth_authorization_code must be a string",
};

#[cfg(feature = "oidc")]
const REDIRECT_URI: TextField = TextField {
    name: "oauth_redirect_uri",
    missing: "oauth_redirect_uri is required",
    no_text: "oauth_redirect_uri must be a string",
};

#[cfg(feature = "oidc")]
const VERIFIER: TextField = TextField {
    name: "oauth_code_verifier",
    missing: "oauth_code_verifier is required",
    no_text: "oauth_code_verifier must be a string",
};

fn required(source: &'static str, detail: &'static str) -> ErrorObject {
    ErrorObject { status: 400, source: Some(source), title: "required", detail }
}

fn invalid(source: &'static str, detail: &'static str) -> ErrorObject {
    ErrorObject { status: 400, source: Some(source), title: "invalid", detail }
}

/// The body. Members other than `data` are skipped.
#[derive(Deserialize)]
struct Body {
    #[serde(deserialize_with = "object")]
    data: Members,
}

/// Deserializes an object only: the derived implementation would accept an array as well.
///
/// It requests a map, not any type: with `serde_json/arbitrary_precision`, a visitor for any type
/// receives the number 1.5 as a map.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = Members;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Members, A::Error> {
            Members::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object)
}

/// The known members of `data`. Others are skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    r#type: Value,
    authentication_mechanism: Value,
    email: Value,
    password: Value,
    #[cfg(feature = "oidc")]
    oauth_authorization_code: Value,
    #[cfg(feature = "oidc")]
    oauth_redirect_uri: Value,
    #[cfg(feature = "oidc")]
    oauth_code_verifier: Value,
}

/// The value of a member. A wrong type is an error of this field only, not of the whole body.
#[derive(Default)]
enum Value {
    /// Missing, or `null`, which some clients send instead.
    #[default]
    Absent,
    Text(Zeroizing<String>),
    Other,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(Zeroizing::new(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value::Absent)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn content_type(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
        }
        is_json(&headers)
    }

    #[test]
    fn takes_json_in_utf_8_and_no_other_type() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=UTF-8",
            "application/json ; Charset=\"utf-8\"",
            "application/json; profile=x",
            "application/json;",
        ] {
            assert!(content_type(&[good]), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/vnd.api+json",
            "application/jsonp",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json; charset",
            "application/json; profile=x; charset=latin1",
            "application/json, application/json",
        ] {
            assert!(!content_type(&[bad]), "{bad}");
        }
        assert!(!content_type(&[]));
        assert!(!content_type(&["application/json", "application/json"]));
    }

    #[test]
    fn believes_a_length_only_to_refuse_by_it() {
        for (length, too_much) in [
            ("0", false),
            ("16384", false),
            ("16385", true),
            ("18446744073709551615", true),
            ("18446744073709551616", false),
            ("-1", false),
            ("x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(length));
            assert_eq!(declares_too_much(&headers), too_much, "{length}");
        }
        assert!(!declares_too_much(&HeaderMap::new()));
    }
}
