//! The header with the customer token.

#[cfg(feature = "issuer")]
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;

/// Default name of the header with the customer token.
pub(crate) const CUSTOMER_TOKEN: HeaderName = HeaderName::from_static("x-moltin-customer-token");

/// The token header of a request, by how often it occurs.
///
/// Only a single line is a token: if a proxy or a client sent two, picking either would be a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenHeader<'a> {
    Missing,
    Single(&'a HeaderValue),
    Repeated,
}

impl<'a> TokenHeader<'a> {
    /// Reads the header of a request.
    #[cfg(feature = "issuer")]
    pub(crate) fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        headers.get_all(name).iter().fold(Self::Missing, Self::and)
    }

    /// Adds another line of the header.
    #[inline]
    pub(crate) fn and(self, line: &'a HeaderValue) -> Self {
        match self {
            Self::Missing => Self::Single(line),
            Self::Single(_) | Self::Repeated => Self::Repeated,
        }
    }
}

#[cfg(all(test, feature = "issuer"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_line_is_a_token_t27() {
        let line = HeaderValue::from_static("a, b");
        for (lines, expected) in [
            (0, TokenHeader::Missing),
            // Neither split nor trimmed: the whole value is the token.
            (1, TokenHeader::Single(&line)),
            (2, TokenHeader::Repeated),
            (3, TokenHeader::Repeated),
        ] {
            let mut headers = HeaderMap::new();
            for _ in 0..lines {
                headers.append(CUSTOMER_TOKEN, line.clone());
            }
            headers.append("x_moltin_customer_token", HeaderValue::from_static("c"));
            assert_eq!(TokenHeader::of(&headers, &CUSTOMER_TOKEN), expected, "{lines}");
        }
    }
}
