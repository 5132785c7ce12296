//! The identity headers: the one with the token, and the one that is forwarded.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::CONNECTION;

use crate::wire::TokenHeader;
use crate::wire::is_tchar;

/// Names of the two headers.
#[derive(Clone, Debug)]
pub(super) struct IdentityHeaders {
    pub(super) token: HeaderName,
    pub(super) forward_as: Option<HeaderName>,
}

/// Result of one pass over the headers of a request.
pub(super) struct Scan<'a> {
    pub(super) token: TokenHeader<'a>,
    pub(super) untrusted: Untrusted,
}

/// Client input that must not reach the inner service.
#[derive(Clone, Copy, Default)]
pub(super) struct Untrusted {
    /// A header that is an identity header, or may be read as one.
    headers: bool,
    /// `Connection` lists an identity header.
    connection: bool,
}

impl IdentityHeaders {
    /// Finds the token and marks each occurrence sensitive (a dry run passes several on).
    ///
    /// One pass finds everything: hashing a name as long as the token's takes longer than comparing
    /// the lengths of the dozen headers of a typical request.
    pub(super) fn scan<'a>(&self, headers: &'a mut HeaderMap) -> Scan<'a> {
        let names = self.names();
        let mut token = TokenHeader::Missing;
        let mut untrusted = Untrusted::default();
        for (name, value) in headers.iter_mut() {
            let name = name.as_str();
            // Most headers are skipped here.
            if !names.lengths.contains(&name.len()) {
                continue;
            }
            if name == names.token {
                value.set_sensitive(true);
                token = token.and(value);
            } else if name == CONNECTION_NAME {
                untrusted.connection |= names.are_listed_in(value);
            }
            untrusted.headers |= names.must_be_removed(name);
        }
        Scan { token, untrusted }
    }

    /// Removes the untrusted input that was found.
    pub(super) fn remove(&self, untrusted: Untrusted, headers: &mut HeaderMap) {
        let names = self.names();
        if untrusted.headers {
            // Collected first: one pass, however many spellings there are.
            let found = headers.keys().filter(|name| names.must_be_removed(name.as_str()));
            let found: Vec<HeaderName> = found.cloned().collect();
            for name in found {
                headers.remove(name);
            }
        }
        if untrusted.connection {
            names.clean_connection(headers);
        }
    }

    fn names(&self) -> Names<'_> {
        let token = self.token.as_str();
        let forward_as = self.forward_as.as_ref().map(HeaderName::as_str);
        let forwarded = forward_as.unwrap_or(token).len();
        Names { token, forward_as, lengths: [token.len(), forwarded, CONNECTION_NAME.len()] }
    }
}

const CONNECTION_NAME: &str = "connection";

/// The two names as text, read once per request: reading them for each header would dominate.
#[derive(Clone, Copy)]
struct Names<'a> {
    token: &'a str,
    forward_as: Option<&'a str>,
    /// Lengths of the names to look for.
    lengths: [usize; 3],
}

impl Names<'_> {
    /// Returns whether a header must not reach the inner service.
    ///
    /// Only this crate sets the forwarded header, and only the spelling of the token header that
    /// was verified is passed on.
    fn must_be_removed(self, name: &str) -> bool {
        name != self.token && is_spelling(name.as_bytes(), self.token)
            || self.forward_as.is_some_and(|own| is_spelling(name.as_bytes(), own))
    }

    /// Returns whether a `Connection` value lists an identity header. The usual `keep-alive` is too
    /// short.
    fn are_listed_in(self, connection: &HeaderValue) -> bool {
        connection.len() >= self.lengths[0].min(self.lengths[1])
            && options(connection).any(|option| self.contain(option))
    }

    fn contain(self, name: &[u8]) -> bool {
        is_spelling(name, self.token) || self.forward_as.is_some_and(|own| is_spelling(name, own))
    }

    /// Removes the identity headers from `Connection`.
    ///
    /// The next hop removes each header listed there (RFC 9110 section 7.6.1), so a client could
    /// have the identity dropped on the way.
    fn clean_connection(self, headers: &mut HeaderMap) {
        let mut lines = Vec::new();
        for line in headers.get_all(CONNECTION) {
            if !self.are_listed_in(line) {
                lines.push(line.clone());
                continue;
            }
            let kept = options(line).filter(|option| !self.contain(option));
            let kept = kept.collect::<Vec<_>>().join(b", ".as_slice());
            if !kept.is_empty() {
                // Invariant: consists of parts of a header value.
                lines.push(HeaderValue::from_bytes(&kept).expect("a shorter header value"));
            }
        }
        headers.remove(CONNECTION);
        for line in lines {
            headers.append(CONNECTION, line);
        }
    }
}

/// Splits a `Connection` value into its options.
///
/// RFC 9110 section 5.6.1 separates them by commas. Real hops also split at white space or `;`
/// (Apache httpd), or strip more than ASCII white space, so every byte that no token has separates.
fn options(connection: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let options = connection.as_bytes().split(|byte| !is_tchar(*byte));
    options.filter(|option| !option.is_empty())
}

/// Returns whether `other` may be read as the header `name`.
///
/// They match if they are equal when every byte other than an ASCII letter or digit counts as `-`.
///
/// CGI replaces `-` with `_` in variable names (RFC 3875 section 4.1.18), and its successors
/// replace `.` and other bytes too: in PHP, a client's `X.Customer.Id` becomes
/// `HTTP_X_CUSTOMER_ID`, as our own header does.
fn is_spelling(other: &[u8], name: &str) -> bool {
    let fold =
        |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    other.len() == name.len() && other.iter().copied().map(fold).eq(name.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CUSTOMER_TOKEN;

    const TOKEN: HeaderName = CUSTOMER_TOKEN;
    const FORWARDED: HeaderName = HeaderName::from_static("x-customer-id");

    fn after_removal(connection: &[&'static str]) -> Vec<String> {
        let ours = IdentityHeaders { token: TOKEN, forward_as: Some(FORWARDED) };
        let mut headers = HeaderMap::new();
        for line in connection {
            headers.append(CONNECTION, HeaderValue::from_static(line));
        }
        let untrusted = ours.scan(&mut headers).untrusted;
        ours.remove(untrusted, &mut headers);
        let lines = headers.get_all(CONNECTION).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_spelling_differs_only_in_what_is_no_letter_and_no_digit() {
        for (other, expected) in [
            ("x-customer-id", true),
            ("X-CUSTOMER-ID", true),
            ("x_customer_id", true),
            ("x.customer.id", true),
            ("x!customer~id", true),
            ("x#customer-id", true),
            ("xxcustomer-id", false),
            ("x0customer-id", false),
            ("-x-customer-i", false),
            ("x-customer-id-", false),
            ("x-customerid", false),
            ("y-customer-id", false),
            ("", false),
        ] {
            assert_eq!(is_spelling(other.as_bytes(), FORWARDED.as_str()), expected, "{other}");
        }
        for byte in u8::MIN..=u8::MAX {
            let name = [b"x".as_slice(), &[byte], b"customer-id"].concat();
            assert_eq!(
                is_spelling(&name, FORWARDED.as_str()),
                !byte.is_ascii_alphanumeric(),
                "{byte}"
            );
        }
    }

    #[test]
    fn only_our_names_go_from_connection() {
        for (why, before, after) in [
            ("none of ours", vec!["keep-alive, Upgrade"], vec!["keep-alive, Upgrade"]),
            ("ours alone", vec!["X-Customer-Id"], vec![]),
            ("both", vec!["x_customer_id,X-Moltin.Customer-Token"], vec![]),
            ("amid others", vec!["close ,\tx-customer-id ,  TE"], vec!["close, TE"]),
            ("twice", vec!["x-customer-id, x-customer-id, TE"], vec!["TE"]),
            ("empty options", vec![", x-customer-id,, TE ,"], vec!["TE"]),
            ("only empty ones are left", vec![",x-customer-id, ,"], vec![]),
            ("several lines", vec!["a,b", "x-customer-id", "c,x-customer-id"], vec!["a,b", "c"]),
            ("a longer name", vec!["x-customer-ids"], vec!["x-customer-ids"]),
            ("behind white space", vec!["close x-customer-id\tTE"], vec!["close, TE"]),
            ("behind a semicolon", vec!["keep-alive; X-Customer-Id"], vec!["keep-alive"]),
            ("in quotes", vec!["\"x-customer-id\", TE"], vec!["TE"]),
            ("with a value", vec!["x-customer-id=1"], vec!["1"]),
        ] {
            assert_eq!(after_removal(&before), after, "{why}");
        }
    }

    #[test]
    fn a_name_goes_from_connection_whatever_byte_beyond_a_token_is_beside_it() {
        for byte in (b'\t'..=u8::MAX).filter(|byte| !is_tchar(*byte)) {
            let Ok(line) =
                HeaderValue::from_bytes(&[b"TE", [byte].as_slice(), b"x-customer-id"].concat())
            else {
                continue;
            };
            let ours = IdentityHeaders { token: TOKEN, forward_as: Some(FORWARDED) };
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, line);
            let untrusted = ours.scan(&mut headers).untrusted;
            ours.remove(untrusted, &mut headers);
            assert_eq!(headers[CONNECTION], "TE", "{byte:#x}");
        }
    }

    #[test]
    fn thousands_of_spellings_all_go() {
        const OTHERS: &[u8; 15] = b"!#$%&'*+-.^_`|~";
        let ours = IdentityHeaders { token: TOKEN, forward_as: Some(FORWARDED) };
        let mut headers = HeaderMap::new();
        for (first, second) in OTHERS.iter().flat_map(|a| OTHERS.iter().map(move |b| (*a, *b))) {
            let forwarded = [b"x".as_slice(), &[first], b"customer", &[second], b"id"].concat();
            headers.insert(HeaderName::from_bytes(&forwarded).unwrap(), "a".parse().unwrap());
            for third in OTHERS {
                let name =
                    [b"x".as_slice(), &[first], b"moltin", &[second], b"customer", &[*third]];
                let name = HeaderName::from_bytes(&[&name.concat(), b"token".as_slice()].concat());
                headers.insert(name.unwrap(), "b".parse().unwrap());
            }
        }
        headers.insert("accept", "c".parse().unwrap());
        assert_eq!(headers.len(), 15 * 15 + 15 * 15 * 15 + 1);
        let untrusted = ours.scan(&mut headers).untrusted;
        ours.remove(untrusted, &mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-moltin-customer-token"]);
    }
}
