//! Validation of provider URLs.

use std::net::IpAddr;

use http::Uri;
use url::Host;
use url::Url;

/// Parses the URL of a provider: absolute, `https`, without credentials or fragment. With
/// `http_on_loopback` also `http` to a loopback address or `localhost`: no other name, because the
/// network controls what names resolve to.
pub(super) fn read(text: &str, http_on_loopback: bool) -> Result<Url, &'static str> {
    // The parser, like browsers, accepts white space, backslashes and missing slashes. They are
    // rejected here because the text is compared byte by byte later.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err("it has white space, a backslash, or other than ASCII");
    }
    let url = Url::parse(text).map_err(|_| "it is not an absolute URL")?;
    if !text.starts_with(&format!("{}://", url.scheme())) {
        return Err("it is not an absolute URL");
    }
    match url.scheme() {
        "https" => {}
        "http" if http_on_loopback && is_loopback(&url) => {}
        "http" if http_on_loopback => return Err("it is neither https nor on this machine"),
        _ => return Err("it is not https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has credentials");
    }
    if url.fragment().is_some() {
        return Err("it has a fragment");
    }
    Ok(url)
}

/// Invariant: a URL from `read` is a URI as well; `None` if the two standards differ.
pub(super) fn to_uri(url: &Url) -> Option<Uri> {
    url.as_str().parse().ok()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_https_and_http_to_this_machine_where_that_is_allowed() {
        for good in ["https://id.example", "https://id.example:8443/realm/", "https://[::1]/"] {
            assert_eq!(read(good, false).map(|_| ()), Ok(()), "{good}");
        }
        for good in
            ["http://127.0.0.1:3000", "http://127.8.9.1", "http://[::1]:1", "http://localhost/x"]
        {
            assert_eq!(read(good, true).map(|_| ()), Ok(()), "{good}");
            assert_eq!(read(good, false).unwrap_err(), "it is not https", "{good}");
        }
    }

    #[test]
    fn refuses_every_other_url_t32() {
        for (url, why) in [
            ("", "it is not an absolute URL"),
            ("/token", "it is not an absolute URL"),
            ("https://", "it is not an absolute URL"),
            ("https:id.example", "it is not an absolute URL"),
            ("HTTPS://id.example", "it is not an absolute URL"),
            ("https:\\\\id.example", "it has white space, a backslash, or other than ASCII"),
            (" https://id.example", "it has white space, a backslash, or other than ASCII"),
            ("https://id.example\n", "it has white space, a backslash, or other than ASCII"),
            ("https://id.exämple", "it has white space, a backslash, or other than ASCII"),
            ("ftp://127.0.0.1", "it is not https"),
            ("file:///etc/passwd", "it is not https"),
            ("http://id.example", "it is neither https nor on this machine"),
            ("http://localhost.example", "it is neither https nor on this machine"),
            ("http://127.0.0.1.example", "it is neither https nor on this machine"),
            ("http://10.0.0.1", "it is neither https nor on this machine"),
            ("http://0.0.0.0", "it is neither https nor on this machine"),
            ("http://169.254.169.254/latest", "it is neither https nor on this machine"),
            ("http://[::ffff:127.0.0.1]", "it is neither https nor on this machine"),
            ("https://a:b@id.example", "it has credentials"),
            ("https://a@id.example", "it has credentials"),
            ("https://id.example/#x", "it has a fragment"),
        ] {
            assert_eq!(read(url, true).unwrap_err(), why, "{url}");
        }
    }
}
