//! The address of a client behind proxies.
//!
//! Each proxy appends the address of its own peer. So the last `N` elements come from the `N` trusted
//! proxies, and everything before them from the client, which may send anything. Elements are
//! therefore split off from the right, where the bytes come from trusted proxies: what a client
//! sends, such as an opening quote, changes nothing about the elements to its right.

use std::iter;
use std::net::IpAddr;
use std::net::Ipv6Addr;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::FORWARDED;
use memchr::memchr;
use memchr::memchr2_iter;
use memchr::memrchr;
use memchr::memrchr2;

/// Header in which proxies append the address of their peer.
///
/// An element without an address, such as `unknown`, is replaced by the nearest address to its
/// right, and finally by the peer. At most 100 elements and 8 KiB are read, from the right.
///
/// # Security
///
/// It must be the header that your proxies append to. Proxies pass the other header on as the
/// client sent it, with any address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, a list of addresses, each with or without a port.
    ///
    /// It has no specification; [RFC 7239 section 7.4][rfc] describes it.
    ///
    /// [rfc]: https://www.rfc-editor.org/rfc/rfc7239#section-7.4
    XForwardedFor,
    /// `Forwarded` ([RFC 7239 section 4][rfc]), of which the parameter `for` is read.
    ///
    /// [rfc]: https://www.rfc-editor.org/rfc/rfc7239#section-4
    Forwarded,
}

/// Returns the address of the client of a request that came through `trusted_hops` proxies.
///
/// The proxy that is the peer counts as one of them, so the client is the element `trusted_hops`
/// from the right. Lines of the header are one list, in their order (RFC 9110 section 5.3). With
/// fewer elements, the client is the leftmost one; without the header, or with no trusted hops, it
/// is the peer.
///
/// An element without an address (`unknown`, an obfuscated identifier, an empty or malformed one) is
/// replaced by the nearest address to its right, and finally by the peer.
/// NB: never by one to its left, which the client may have written.
///
/// At most 100 elements and 8 KiB are read, from the right. An IPv4-mapped IPv6 address is returned
/// as IPv4, that of the peer too.
pub(crate) fn client_address(
    headers: &HeaderMap,
    header: ForwardingHeader,
    trusted_hops: u8,
    peer: IpAddr,
) -> IpAddr {
    let hops = usize::from(trusted_hops).min(MAX_ELEMENTS);
    let lines = headers.get_all(header.name()).iter().rev().map(HeaderValue::as_bytes);
    let client = elements_from_the_right(lines, header)
        .take(hops)
        .fold(peer, |nearest, element| header.address(element).unwrap_or(nearest));
    client.to_canonical()
}

/// Returns whether a request has a header of a proxy, so that its peer may not be the client.
pub(crate) fn has_forwarding_header(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

impl ForwardingHeader {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }

    /// The position of the last comma that separates elements.
    fn last_separator(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::XForwardedFor => memrchr(b',', text),
            Self::Forwarded => last_comma_outside_quotes(text),
        }
    }

    /// The address in an element, if it has one.
    fn address(self, element: &[u8]) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => node(element.trim_ascii()),
            Self::Forwarded => forwarded_for(element),
        }
    }
}

/// The elements of the list, beginning with the last one of the first of `lines`.
///
/// An element that is cut by the limit of bytes is the last one, and is empty.
fn elements_from_the_right<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
    header: ForwardingHeader,
) -> impl Iterator<Item = &'a [u8]> {
    let mut line = None;
    let mut budget = MAX_BYTES;
    iter::from_fn(move || {
        // The end of a line ends an element, also within quotes.
        let rest = line.take().or_else(|| lines.next())?;
        let unread = rest.len().saturating_sub(budget);
        let readable = &rest[unread..];
        let Some(comma) = header.last_separator(readable) else {
            budget -= readable.len();
            return Some(if unread == 0 { readable } else { b"" });
        };
        let element = &readable[comma + 1..];
        budget -= element.len() + 1;
        line = Some(&rest[..unread + comma]);
        Some(element)
    })
}

/// The position of the last comma that is not in a quoted string (RFC 9110 section 5.6.4).
///
/// Read from the right, a quote closes a string, and the next one that is not escaped opens it.
fn last_comma_outside_quotes(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    let mut is_quoted = false;
    while let Some(at) = memrchr2(b',', b'"', &text[..end]) {
        match text[at] {
            b',' if !is_quoted => return Some(at),
            b',' => {}
            _ => is_quoted = !is_quoted || is_escaped(text, at),
        }
        end = at;
    }
    None
}

/// Whether the byte at this position of a quoted string is escaped: behind an odd number of
/// backslashes.
fn is_escaped(text: &[u8], at: usize) -> bool {
    text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The address in the parameter `for` of an element (RFC 7239 sections 4, 5.2 and 6).
///
/// `None` for an element that is malformed in any place, or that has the parameter twice.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = Some(element);
    while let Some(text) = rest {
        let (pair, after) = first_pair(text)?;
        rest = after;
        let pair = pair.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_at(memchr(b'=', pair)?);
        if name.eq_ignore_ascii_case(b"for") && found.replace(&value[1..]).is_some() {
            return None;
        }
    }
    let value = found?;
    match value.strip_prefix(b"\"") {
        Some(rest) => {
            let mut buffer = [0; MAX_NODE];
            node(unescaped(rest.strip_suffix(b"\"")?, &mut buffer)?)
        }
        // Some proxies send IPv6 without quotes. It can't be mistaken for anything else.
        None => node(value),
    }
}

/// Splits at the first semicolon that is not in a quoted string. `None` if a string has no end.
fn first_pair(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut is_quoted = false;
    for at in memchr2_iter(b';', b'"', text) {
        match text[at] {
            b';' if !is_quoted => return Some((&text[..at], Some(&text[at + 1..]))),
            b';' => {}
            _ => is_quoted = !is_quoted || is_escaped(text, at),
        }
    }
    (!is_quoted).then_some((text, None))
}

/// The text of a quoted string (RFC 9110 section 5.6.4), if it is short enough for a node.
fn unescaped<'a>(quoted: &[u8], buffer: &'a mut [u8; MAX_NODE]) -> Option<&'a [u8]> {
    let mut bytes = quoted.iter();
    let mut length = 0;
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'\\' => bytes.next()?,
            // The string has ended before.
            b'"' => return None,
            byte => byte,
        };
        *buffer.get_mut(length)? = *byte;
        length += 1;
    }
    Some(&buffer[..length])
}

/// The address of a node, with or without a port (RFC 7239 section 6).
///
/// IPv6 without brackets is accepted, as `X-Forwarded-For` has it. A zone (RFC 4007 section 11) is
/// not: it means nothing on another machine.
fn node(text: &[u8]) -> Option<IpAddr> {
    if text.len() > MAX_NODE {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Some(text) = text.strip_prefix('[') {
        let (address, after) = text.split_once(']')?;
        let is_whole = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_whole).map(IpAddr::V6);
    }
    match text.split_once(':') {
        // With a second colon, it is IPv6.
        Some((address, port)) if !port.contains(':') => {
            address.parse().ok().filter(|_| is_port(port)).map(IpAddr::V4)
        }
        _ => text.parse().ok(),
    }
}

/// Whether this is the port of a node, as a number or obfuscated (RFC 7239 section 6).
fn is_port(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_part),
        None => matches!(text.len(), 1..=5) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Elements that are read. More proxies than that are a loop.
const MAX_ELEMENTS: usize = 100;

/// Bytes that are read.
const MAX_BYTES: usize = 8 * 1024;

/// Bytes of a node. The longest IPv6 address with brackets and a port has 53, or more if the port
/// is obfuscated.
const MAX_NODE: usize = 128;

#[cfg(test)]
mod tests;
