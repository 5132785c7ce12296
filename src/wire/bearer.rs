//! The bearer token of a request.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Returns the bearer token of a request, if there is exactly one.
///
/// It reads `Authorization: Bearer TOKEN` (RFC 6750 section 2.1), with the scheme in any case, as
/// [`TokenIssuer`](crate::TokenIssuer) does. Use it for other endpoints of the same application.
///
/// `Bearer: TOKEN `, with a colon and a trailing space, is accepted as well: SDK versions 2 to 6
/// and the vendor's shell samples send it. Two headers, or two tokens in one header, return `None`:
/// if a proxy added one, picking either would be a guess.
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.trim_matches(' ').split_once(' ')?;
    let scheme = scheme.strip_suffix(':').unwrap_or(scheme);
    let token = token.trim_start_matches(' ');
    let one_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && one_token).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer_token(&headers).map(str::to_owned)
    }

    #[test]
    fn reads_one_bearer_token_as_clients_send_it() {
        for value in [
            "Bearer XXXX",
            "bearer XXXX",
            "BEARER XXXX",
            "Bearer  XXXX",
            "Bearer: XXXX",
            "Bearer: XXXX ",
            " Bearer XXXX ",
        ] {
            assert_eq!(read(&[value.as_bytes()]).as_deref(), Some("XXXX"), "{value:?}");
        }
        assert_eq!(read(&[b"Bearer a.b-c_d~e+f/g=="]).as_deref(), Some("a.b-c_d~e+f/g=="));
    }

    #[test]
    fn reads_nothing_else() {
        let refused: [&[&[u8]]; 14] = [
            &[],
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer:"],
            &[b"Bearer: "],
            &[b"BearerXXXX"],
            &[b"Bearer:: XXXX"],
            &[b"Basic XXXX"],
            &[b"XXXX"],
            &[b"Bearer XXXX YYYY"],
            &[b"Bearer XXXX, Bearer XXXX"],
            &[b"Bearer \xff"],
            &[b"Bearer XXXX", b"Bearer XXXX"],
        ];
        for values in refused {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
