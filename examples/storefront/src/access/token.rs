//! Access tokens as text: what one says, and a MAC that only this store can make.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version of this format: 1 |
//! | 1 | grant: 1 for implicit, 2 for client credentials |
//! | 8 | expiry, in seconds since 1970, big-endian |
//! | 16 | random id, so that no two tokens are equal |
//! | 1 to 255 | id of the client |
//! | 32 | HMAC-SHA-256 of all bytes before |
//!
//! That is written in base64url without padding (RFC 4648 section 5), in 79 to 418 characters. To
//! clients it is opaque (RFC 6749 section 1.4).
//!
//! The MAC's key is derived from the store's secret by HKDF-SHA-256 (RFC 5869). So it is the same
//! after a restart and on each node that has the secret, and it is no key that signs customer
//! tokens: neither kind of token can be made into the other. Another secret ends all access tokens
//! at once; clients fetch new ones, as they do each hour.

use std::fmt;

use hkdf::Hkdf;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;
use tower_customer_auth::Secret;
use zeroize::Zeroizing;

use crate::access::Grant;

/// The longest id of a client, in bytes.
pub(super) const MAX_CLIENT_LEN: usize = 255;

/// Key that access tokens are made and checked with. A clone is the same key.
#[derive(Clone)]
pub(crate) struct AccessKey(Hmac<Sha256>);

impl AccessKey {
    /// Derives the key from the store's secret.
    pub(crate) fn derive(secret: &Secret) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(None, secret.expose()).expand(PURPOSE, &mut *key);
        // Invariant: HKDF fails past 255 hashes alone, and HMAC takes a key of any length.
        derived.expect("one hash");
        Self(Hmac::new_from_slice(&*key).expect("a key of any length"))
    }

    /// Writes a token.
    pub(super) fn issue(&self, grant: Grant, expires: u64, id: [u8; 16], client: &str) -> String {
        let mut token = Vec::with_capacity(FIXED_LEN + client.len());
        token.extend([VERSION, code(grant)]);
        token.extend(expires.to_be_bytes());
        token.extend(id);
        token.extend(client.as_bytes());
        let mac = self.0.clone().chain_update(&token).finalize();
        token.extend(mac.into_bytes());
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(token)
    }

    /// Returns the grant of a token that this key has made and that has not expired at `now`, in
    /// seconds since 1970.
    pub(super) fn check(&self, token: &str, now: u64) -> Option<Grant> {
        if token.len() > MAX_TEXT_LEN {
            return None;
        }
        // The one canonical spelling: nothing but the text that was issued is the token.
        let token = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).ok()?;
        let (content, mac) = token.split_last_chunk::<MAC_LEN>()?;
        // In constant time, and before anything of the content is believed.
        self.0.clone().chain_update(content).verify_slice(mac).ok()?;
        let ([version, grant], rest) = content.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let grant = [Grant::Implicit, Grant::ClientCredentials]
            .into_iter()
            .find(|known| code(*known) == *grant)?;
        let has_client = rest.len() > ID_LEN;
        let good = *version == VERSION && has_client && now < u64::from_be_bytes(*expires);
        good.then_some(grant)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey([redacted])")
    }
}

const fn code(grant: Grant) -> u8 {
    match grant {
        Grant::Implicit => 1,
        Grant::ClientCredentials => 2,
    }
}

const PURPOSE: &[u8] = b"tower-customer-auth storefront access token 1";
const VERSION: u8 = 1;
const ID_LEN: usize = 16;
const MAC_LEN: usize = 32;
/// All of a token but its client's id.
const FIXED_LEN: usize = 2 + 8 + ID_LEN + MAC_LEN;
const MAX_TEXT_LEN: usize = ((FIXED_LEN + MAX_CLIENT_LEN) * 4).div_ceil(3);

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret that these tests alone use";

    fn key() -> AccessKey {
        AccessKey::derive(&Secret::from(SECRET))
    }

    fn token() -> String {
        key().issue(Grant::Implicit, 1000, [7; 16], "X")
    }

    #[test]
    fn a_token_says_its_grant_until_it_expires() {
        for grant in [Grant::Implicit, Grant::ClientCredentials] {
            let token = key().issue(grant, 1000, [7; 16], "X");
            for (now, expected) in
                [(0, Some(grant)), (999, Some(grant)), (1000, None), (u64::MAX, None)]
            {
                assert_eq!(key().check(&token, now), expected, "{now}");
            }
        }
    }

    #[test]
    fn the_format_is_the_documented_one() {
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token()).unwrap();
        let mut content = vec![1, 1, 0, 0, 0, 0, 0, 0, 3, 232];
        content.extend([7; 16]);
        content.push(b'X');
        assert_eq!(bytes[..27], content);
        // As RFC 5869 and RFC 2104 by hand, in another language.
        assert_eq!(
            crate::random::hex(&bytes[27..]),
            "fcc7e764bc7d9be73f33fad513f292457758ba54b57cacbe008b8c3b9c05b5b3"
        );
        assert_eq!(token().len(), 79);
        let longest = key().issue(Grant::Implicit, 1000, [7; 16], &"x".repeat(MAX_CLIENT_LEN));
        assert_eq!((longest.len(), MAX_TEXT_LEN), (418, 418));
        assert_eq!(key().check(&longest, 0), Some(Grant::Implicit));
    }

    #[test]
    fn a_token_with_any_character_changed_added_or_taken_away_is_none() {
        let token = token();
        for at in 0..token.len() {
            for other in ["A", "B", "_", "-", "+", "=", "", "\u{e9}"] {
                let mut tampered = token.clone();
                tampered.replace_range(at..=at, other);
                let expected = (tampered == token).then_some(Grant::Implicit);
                assert_eq!(key().check(&tampered, 0), expected, "{tampered}");
            }
        }
        for other in [String::new(), token[..43].to_owned(), format!("{token}="), "A".repeat(4096)]
        {
            assert_eq!(key().check(&other, 0), None, "{other}");
        }
    }

    #[test]
    fn a_token_of_another_secret_is_none() {
        let other = AccessKey::derive(&Secret::from("another secret of these tests alone"));
        assert_eq!(other.check(&token(), 0), None);
    }

    /// Signed by the key, but by another version of this program perhaps.
    #[test]
    fn content_of_another_format_is_none() {
        let good = [&[1, 1, 0, 0, 0, 0, 0, 0, 3, 232][..], &[7; 16], b"X"].concat();
        let sealed = |content: &[u8]| {
            let mac = key().0.chain_update(content).finalize().into_bytes();
            base64_simd::URL_SAFE_NO_PAD.encode_to_string([content, &mac].concat())
        };
        assert_eq!(key().check(&sealed(&good), 0), Some(Grant::Implicit));
        for (at, byte) in [(0, 0), (0, 2), (1, 0), (1, 3)] {
            let mut other = good.clone();
            other[at] = byte;
            assert_eq!(key().check(&sealed(&other), 0), None, "{at} {byte}");
        }
        for len in [0, 1, 2, 9, 10, 25, 26] {
            assert_eq!(key().check(&sealed(&good[..len]), 0), None, "{len}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        assert_eq!(format!("{:?}", key()), "AccessKey([redacted])");
    }
}
