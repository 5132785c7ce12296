//! Recognises the text of an asymmetric key where an HMAC secret is expected.
//!
//! A *public* key used as an HMAC secret lets anyone sign (CVE-2015-9235, CVE-2022-29217,
//! CVE-2024-33663): such a configuration must not start.

use crate::token::Json;
use crate::token::each_member;

/// Returns the format of the key whose text `secret` is.
pub(super) fn format_of(secret: &[u8]) -> Option<&'static str> {
    let text = secret.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(secret).trim_ascii();
    if contains(text, b"-----BEGIN ") || contains(text, b"---- BEGIN ") {
        return Some("PEM");
    }
    let ssh_types: [&[u8]; 4] = [b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"];
    // Every OpenSSH blob begins with the length and the name of its type.
    let ssh_blobs: [&[u8]; 4] =
        [b"AAAAB3NzaC1", b"AAAAC3NzaC1", b"AAAAE2VjZHNhLXNoYTIt", b"AAAAIHNrLX"];
    if ssh_types.iter().chain(&ssh_blobs).any(|prefix| text.starts_with(prefix)) {
        return Some("SSH");
    }
    if is_jwk(text) {
        return Some("JWK");
    }
    if is_der(secret) || is_base64_der(text) {
        return Some("DER");
    }
    None
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

fn is_jwk(text: &[u8]) -> bool {
    let mut has_key = false;
    // A malformed JWK is rejected too: it is not a better secret.
    each_member(text, 16, |name, _: Json<'_>| {
        has_key |= name == "kty" || name == "keys";
    });
    has_key
}

fn is_base64_der(text: &[u8]) -> bool {
    let letters: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64_simd::forgiving_decode_to_vec(&letters).is_ok_and(|bytes| is_der(&bytes))
}

/// Returns whether these bytes are a DER `SEQUENCE` of well-formed values, as each public or
/// private key is.
///
/// Requiring that the lengths inside add up too leaves random bytes a chance of less than one in
/// ten million to be taken for a key.
fn is_der(bytes: &[u8]) -> bool {
    let Some((0x30, mut content, [])) = der_value(bytes) else {
        return false;
    };
    let begins_like_a_key = matches!(content.first(), Some(0x30 | 0x02));
    while !content.is_empty() {
        let Some((_, _, rest)) = der_value(content) else {
            return false;
        };
        content = rest;
    }
    begins_like_a_key
}

/// Returns the tag and the content of the first value, and the bytes after it.
fn der_value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ed25519 public key (RFC 8410 section 10.1).
    const ED25519: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn recognises_each_format_and_its_disguises_t02() {
        let der = base64_simd::STANDARD.decode_to_vec(ED25519).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{ED25519}\n-----END PUBLIC KEY-----\n");
        let wrapped = format!("{}\n{}", &ED25519[..32], &ED25519[32..]);
        for (format, text) in [
            ("PEM", pem.as_bytes()),
            ("PEM", format!(" \r\n\t{pem}").as_bytes()),
            ("PEM", format!("\u{feff}{pem}").as_bytes()),
            ("PEM", format!("# our key\n{pem}").as_bytes()),
            ("PEM", b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3NzaC1lZDI1NTE5AAAAIA"),
            ("DER", &der),
            ("DER", ED25519.as_bytes()),
            ("DER", ED25519.trim_end_matches('=').as_bytes()),
            ("DER", wrapped.as_bytes()),
            ("SSH", b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 ron@pawnee"),
            ("SSH", b"  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9ECWmEzf6 ron"),
            ("SSH", b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY ron"),
            ("SSH", b"AAAAC3NzaC1lZDI1NTE5AAAAIBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxc"),
            ("JWK", br#" {"kty":"OKP","crv":"Ed25519","x":"Gb9ECWmEzf6FQbrBZ9w7lshQh"}"#),
            ("JWK", br#"{"keys":[{"kty":"RSA","n":"0vx7","e":"AQAB"}]}"#),
            ("JWK", br#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} x"#),
        ] {
            assert_eq!(format_of(text), Some(format), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn random_secrets_in_every_usual_spelling_are_none() {
        for secret in [
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
            "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
            "correct horse battery staple and some more",
            "{not json, but 32 bytes of something}",
        ] {
            assert_eq!(format_of(secret.as_bytes()), None, "{secret}");
        }
        // The first two bytes of a DER value of this length, and nothing else of one.
        let mut secret: Vec<u8> = (0..32).collect();
        secret[..2].copy_from_slice(&[0x30, 30]);
        assert_eq!(format_of(&secret), None);
    }
}
