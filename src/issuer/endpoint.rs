//! Dispatch by method and path.

use http::HeaderValue;
use http::Method;

use crate::id::CustomerId;
use crate::issuer::response::Refusal;

/// Operation of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `POST`: issue a token, for a login or for a customer token.
    IssueToken,
    /// `DELETE` of tokens.
    Logout(Logout),
}

/// What a logout ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Logout {
    /// `.../customers/tokens`: the session of the request's customer token.
    Session,
    /// `.../customers/{id}/tokens`: all tokens of a customer. `None` is an id that no customer can
    /// have.
    Customer(Option<CustomerId>),
}

/// The methods of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allow {
    Post,
    DeleteAndPost,
    Delete,
}

impl Endpoint {
    /// Returns the operation for a request, of a service with logout and refresh or without.
    pub(super) fn of(method: &Method, path: &str, has_sessions: bool) -> Result<Self, Refusal> {
        if !has_sessions {
            return match *method {
                Method::POST => Ok(Self::IssueToken),
                _ => Err(Refusal::Method(Allow::Post)),
            };
        }
        match (customer_segment(path), method) {
            (None, &Method::POST) => Ok(Self::IssueToken),
            (None, &Method::DELETE) => Ok(Self::Logout(Logout::Session)),
            (None, _) => Err(Refusal::Method(Allow::DeleteAndPost)),
            (Some(id), &Method::DELETE) => Ok(Self::Logout(Logout::Customer(customer_id(id)))),
            (Some(_), _) => Err(Refusal::Method(Allow::Delete)),
        }
    }
}

impl Allow {
    /// The value of the header.
    pub(super) const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Post => "POST",
            Self::DeleteAndPost => "DELETE, POST",
            Self::Delete => "DELETE",
        })
    }

    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::Post => "Only POST is allowed",
            Self::DeleteAndPost => "Only DELETE and POST are allowed",
            Self::Delete => "Only DELETE is allowed",
        }
    }
}

/// Returns the `id` of a path that ends in `/customers/{id}/tokens`.
///
/// The last segments decide, because routers cut prefixes off. A slash at the end is ignored.
fn customer_segment(path: &str) -> Option<&str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (parent, id) = path.strip_suffix("/tokens")?.rsplit_once('/')?;
    parent.ends_with("/customers").then_some(id)
}

/// Reads an id as it is in a path.
fn customer_id(segment: &str) -> Option<CustomerId> {
    String::from_utf8(percent_decoded(segment)?).ok()?.parse().ok()
}

/// Decodes a segment of a path (RFC 3986 section 2.1), unless an escape is invalid.
fn percent_decoded(segment: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => 16 * hex(bytes.next()?)? + hex(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    // Invariant: below 16.
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(id: &str) -> Result<Endpoint, Refusal> {
        Ok(Endpoint::Logout(Logout::Customer(Some(id.parse().unwrap()))))
    }

    #[test]
    fn the_last_segments_of_the_path_decide_what_a_logout_ends() {
        let session = || Ok(Endpoint::Logout(Logout::Session));
        let unknown = || Ok(Endpoint::Logout(Logout::Customer(None)));
        let longest = "x".repeat(256);
        for (path, expected) in [
            ("/v2/customers/tokens", session()),
            ("/v2/customers/tokens/", session()),
            ("/customers/tokens", session()),
            ("/tokens", session()),
            ("/", session()),
            ("*", session()),
            ("", session()),
            ("/ron/tokens", session()),
            ("/v2/customer/ron/tokens", session()),
            ("/v2/mycustomers/ron/tokens", session()),
            ("/v2/Customers/ron/tokens", session()),
            ("/v2/customers/ron", session()),
            ("/v2/customers/ron/tokens/x", session()),
            ("/v2/customers/ron/mytokens", session()),
            ("/v2/customers/ron/tokens", customer("ron")),
            ("/v2/customers/ron/tokens/", customer("ron")),
            ("/customers/ron/tokens", customer("ron")),
            ("/a/b/customers/ron/tokens", customer("ron")),
            ("/v2/customers/tokens/tokens", customer("tokens")),
            ("/v2/customers/customers/tokens", customer("customers")),
            ("/v2/customers/auth0%7C1/tokens", customer("auth0|1")),
            ("/v2/customers/auth0%7c1/tokens", customer("auth0|1")),
            ("/v2/customers/auth0|1/tokens", customer("auth0|1")),
            ("/v2/customers/a%2Fb/tokens", customer("a/b")),
            ("/v2/customers/a%252Fb/tokens", customer("a%2Fb")),
            ("/v2/customers/a+b/tokens", customer("a+b")),
            (&format!("/v2/customers/{longest}/tokens"), customer(&longest)),
            // What no customer can have.
            ("/v2/customers//tokens", unknown()),
            (&format!("/v2/customers/{longest}x/tokens"), unknown()),
            ("/v2/customers/a%20b/tokens", unknown()),
            ("/v2/customers/%00/tokens", unknown()),
            ("/v2/customers/%C3%A9/tokens", unknown()),
            ("/v2/customers/%FF/tokens", unknown()),
            ("/v2/customers/%/tokens", unknown()),
            ("/v2/customers/%7/tokens", unknown()),
            ("/v2/customers/%7g/tokens", unknown()),
            ("/v2/customers/%+7/tokens", unknown()),
        ] {
            assert_eq!(Endpoint::of(&Method::DELETE, path, true), expected, "{path}");
        }
    }

    #[test]
    fn each_resource_has_its_methods() {
        let (base, customer) = ("/v2/customers/tokens", "/v2/customers/ron/tokens");
        for method in ["GET", "HEAD", "PUT", "PATCH", "OPTIONS", "delete", "BREW"] {
            let method = method.parse().unwrap();
            for (path, has_sessions, allow) in [
                (base, true, Allow::DeleteAndPost),
                (customer, true, Allow::Delete),
                (base, false, Allow::Post),
                (customer, false, Allow::Post),
            ] {
                let expected = Err(Refusal::Method(allow));
                assert_eq!(Endpoint::of(&method, path, has_sessions), expected, "{method} {path}");
            }
        }
        assert_eq!(Endpoint::of(&Method::POST, base, true), Ok(Endpoint::IssueToken));
        let expected = Err(Refusal::Method(Allow::Delete));
        assert_eq!(Endpoint::of(&Method::POST, customer, true), expected);
        for path in [base, customer] {
            assert_eq!(Endpoint::of(&Method::POST, path, false), Ok(Endpoint::IssueToken));
            let expected = Err(Refusal::Method(Allow::Post));
            assert_eq!(Endpoint::of(&Method::DELETE, path, false), expected);
        }
    }
}
