//! What is read from requests: names in the path, parameters in the query, members of the body.

use axum::extract::FromRequestParts;
use axum::extract::RawPathParams;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Map;
use serde_json::Value;

use crate::body::WholeBody;
use crate::json;
use crate::problem::FieldError;
use crate::problem::Problem;

/// The names in the path.
pub(crate) struct Path(RawPathParams);

impl Path {
    /// Returns one of them. What is not written as an identifier names nothing.
    pub(crate) fn get<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let mut names = self.0.iter().filter(|(known, _)| *known == name);
        let found = names.next().and_then(|(_, text)| text.parse().ok());
        found.ok_or_else(Problem::not_found)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = RawPathParams::from_request_parts(parts, state).await;
        names.map(Self).map_err(|_| Problem::bad_request("the path is not UTF-8"))
    }
}

/// One parameter of a query or of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    /// As it was sent.
    pub(crate) raw: &'a str,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads `name=value&…`, percent-encoded or not. The SDKs send `[ ] ( ) , :` as they are, some
/// clients encode them.
pub(crate) fn parameters(text: &str) -> Result<Vec<Parameter<'_>>, Problem> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    let decoded = pieces.map(|raw| {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        Some(Parameter { raw, name: decode(name)?, value: decode(value)? })
    });
    let decoded: Option<Vec<_>> = decoded.collect();
    decoded.ok_or_else(|| Problem::bad_request("the parameters are not UTF-8"))
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

/// The object under `data` in a JSON body.
pub(crate) struct Data(Map<String, Value>);

impl<S: Send + Sync> FromRequestParts<S> for Data {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !is_json(&parts.headers) {
            let title = "Unsupported Media Type";
            let detail = "the content type must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, title, detail));
        }
        let WholeBody(body) = WholeBody::from_request_parts(parts, state).await?;
        let Some(Value::Object(mut document)) = json::parse(&body) else {
            let detail = "the body must be a JSON object without duplicate member names";
            return Err(Problem::bad_request(detail));
        };
        match document.remove("data") {
            Some(Value::Object(data)) => Ok(Self(data)),
            Some(_) => Err(Problem::field(FieldError::invalid("data", "must be an object"))),
            None => Err(Problem::field(FieldError::required("data"))),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return false;
    };
    // Parameters don't matter: JSON is UTF-8 whatever its `charset` says (RFC 8259 section 8.1).
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

impl Data {
    /// Begins to read the members of a `kind`. A body that leaves its `type` out is taken at the
    /// path's word.
    pub(crate) fn fields(&self, kind: &'static str) -> Fields<'_> {
        let mut fields = Fields { data: &self.0, errors: Vec::new() };
        if fields.data.get("type").is_some_and(|named| named != kind) {
            fields.errors.push(FieldError::invalid("type", format_args!("must be {kind}")));
        }
        fields
    }
}

/// Reads members of a body, and collects what is wrong with them.
pub(crate) struct Fields<'a> {
    data: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields<'_> {
    /// Returns a text that must be there and must not be empty. `None` has left an error.
    pub(crate) fn required(&mut self, name: &'static str, max: usize) -> Option<String> {
        if !self.has(name) {
            self.errors.push(FieldError::required(name));
            return None;
        }
        self.changed(name, max)
    }

    /// Returns a text that may be left out, but not emptied. `None` without an error was left out.
    pub(crate) fn changed(&mut self, name: &'static str, max: usize) -> Option<String> {
        let text = self.optional(name, max)?;
        if text.is_empty() {
            self.errors.push(FieldError::required(name));
            return None;
        }
        Some(text)
    }

    /// Returns a text that may be left out or empty; `null` empties it.
    pub(crate) fn optional(&mut self, name: &'static str, max: usize) -> Option<String> {
        match self.data.get(name)? {
            Value::Null => Some(String::new()),
            // No character has less than one byte: most texts are not counted.
            Value::String(text) if text.len() <= max || text.chars().count() <= max => {
                Some(text.clone())
            }
            Value::String(_) => {
                self.invalid(name, &format!("must have at most {max} characters"));
                None
            }
            _ => {
                self.invalid(name, "must be a string");
                None
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.data.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn invalid(&mut self, name: &'static str, detail: &str) {
        self.errors.push(FieldError::invalid(name, detail));
    }

    /// Ends with one error for each field that was wrong.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn reads_brackets_raw_and_encoded() {
        for query in ["page[limit]=5&x", "page%5Blimit%5D=5&x", "&page%5blimit%5d=%35&&x="] {
            let read: Vec<_> = parameters(query).unwrap();
            let read: Vec<_> = read.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
            assert_eq!(read, [("page[limit]", "5"), ("x", "")], "{query}");
        }
    }

    #[test]
    fn refuses_what_is_not_utf_8() {
        let refused = parameters("a=%FF").err().map(|problem| problem.into_response().status());
        assert_eq!(refused, Some(StatusCode::BAD_REQUEST));
    }
}
