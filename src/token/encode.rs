//! Writing a token.

use serde::Serialize;

use super::TokenForm;
use super::base64;
use super::header::COMPACT_HEADER;
use super::header::LEGACY_HEADER;
use crate::id::CustomerId;
use crate::id::TokenId;

/// The claims of a token to be issued, in the order of the seed's samples.
#[derive(Debug, Serialize)]
pub(crate) struct NewClaims<'a> {
    pub(crate) sub: &'a CustomerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) jti: &'a TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iss: Option<&'a str>,
}

#[derive(Serialize)]
struct HeaderWithKeyId<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// Writes a token, asking `sign` for the signature of its signing input.
pub(crate) fn encode(
    form: TokenForm,
    kid: Option<&str>,
    claims: &NewClaims<'_>,
    sign: impl FnOnce(&[u8]) -> [u8; 32],
) -> String {
    // Room for a token with UUIDs and a name of usual length.
    let mut token = String::with_capacity(384);
    match (form, kid) {
        (TokenForm::Legacy, _) => token.push_str(LEGACY_HEADER),
        (TokenForm::Compact, None) => token.push_str(COMPACT_HEADER),
        (TokenForm::Compact, Some(kid)) => {
            let header = HeaderWithKeyId {
                alg: "HS256",
                typ: "JWT",
                kid,
            };
            base64::URL_SAFE.encode_append(json(&header), &mut token);
        }
    }
    token.push('.');
    match form {
        TokenForm::Compact => base64::URL_SAFE.encode_append(json(claims), &mut token),
        TokenForm::Legacy => base64::STANDARD.encode_append(json(claims), &mut token),
    }
    let signature = sign(token.as_bytes());
    token.push('.');
    match form {
        TokenForm::Compact => base64::URL_SAFE.encode_append(signature, &mut token),
        TokenForm::Legacy => {
            for byte in signature {
                for digit in [byte >> 4, byte & 0xF] {
                    // Invariant: four bits are a digit of base 16.
                    token.push(char::from_digit(digit.into(), 16).expect("four bits"));
                }
            }
        }
    }
    token
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Invariant: strings and numbers under names that are strings; nothing there can fail.
    serde_json::to_vec(value).expect("plain structs serialize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Claims;
    use crate::token::Scratch;
    use crate::token::UnverifiedToken;

    /// The seed's two sample tokens, with what they say.
    const SAMPLES: [(&str, &str, &str, &str, u64, u64); 2] = [
        (
            "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiI3OWNjMDQ4Ni1iYmRmLTQ5MWItYTBhMi03MjIzODNiNjI4OGIiLCJuYW1lIjoiUm9uIFN3YW5zb24iLCJleHAiOjE1MTA2ODQyMDAsImlhdCI6MTUxMDU5NzgwMCwianRpIjoiMzZmMDU5NDAtMGQzOC00MTFhLTg5MDktM2FlYTU4YmMxZjA5In0=.ea948e346d0683803aa4a2c09441bcbf7c79bd9234bed2ce8456ab3af257ea9f",
            "79cc0486-bbdf-491b-a0a2-722383b6288b",
            "Ron Swanson",
            "36f05940-0d38-411a-8909-3aea58bc1f09",
            1_510_684_200,
            1_510_597_800,
        ),
        (
            "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiJiZTA3NmViOS02ODllLTRjZmUtODI5OS04NDg5Zjk5YTE0ZTYiLCJuYW1lIjoiUm9uIFN3YW5zb24rNSIsImV4cCI6MTYwNTM4NDMxOSwiaWF0IjoxNjA1Mjk3OTE5LCJqdGkiOiI1MjY2ZDZkYS1hNWUyLTRmNzktOWU4Yy02ZDA1MGZmZTdmZWUifQ==.2af503b27022df40c769ac49d85802d0319d7ed14547c843c254d73f8107d8cd",
            "be076eb9-689e-4cfe-8299-8489f99a14e6",
            "Ron Swanson+5",
            "5266d6da-a5e2-4f79-9e8c-6d050ffe7fee",
            1_605_384_319,
            1_605_297_919,
        ),
    ];

    #[test]
    fn the_sample_tokens_parse_to_their_fields_and_are_written_again_byte_for_byte() {
        for (sample, customer_id, name, token_id, exp, iat) in SAMPLES {
            let mut scratch = Scratch::new();
            let token = UnverifiedToken::parse(sample.as_bytes(), &mut scratch).unwrap();
            assert_eq!(token.form(), TokenForm::Legacy);
            assert_eq!(
                (token.unverified_alg(), token.unverified_kid()),
                ("HS256", None)
            );

            let claims = Claims::parse(token.unverified_claims()).unwrap();
            let expected = Claims {
                customer_id: customer_id.parse().unwrap(),
                token_id: token_id.parse().unwrap(),
                name: Some(name.into()),
                exp,
                iat,
                nbf: None,
                audiences: None,
                issuer: None,
            };
            assert_eq!(claims, expected);
            assert_eq!(exp - iat, 86_400);

            let new = NewClaims {
                sub: &claims.customer_id,
                name: Some(name),
                exp,
                iat,
                jti: &claims.token_id,
                aud: None,
                iss: None,
            };
            let signature = token.signature().try_into().unwrap();
            let again = encode(TokenForm::Legacy, None, &new, |signing_input| {
                assert_eq!(signing_input, token.signing_input());
                signature
            });
            assert_eq!(again, sample);
        }
    }

    #[test]
    fn a_compact_token_has_the_documented_header_and_claims_without_white_space() {
        let claims = NewClaims {
            sub: &"c".parse().unwrap(),
            name: Some("\"Ron\" é"),
            exp: 2,
            iat: 1,
            jti: &"t".parse().unwrap(),
            aud: Some("store"),
            iss: Some("us"),
        };
        for (kid, header) in [
            (None, r#"{"alg":"HS256","typ":"JWT"}"#),
            (Some("k1"), r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#),
        ] {
            let token = encode(TokenForm::Compact, kid, &claims, |_| [0xFB; 32]);
            let parts: Vec<Vec<u8>> = token
                .split('.')
                .map(|part| base64::URL_SAFE.decode_to_vec(part).unwrap())
                .collect();
            assert_eq!(String::from_utf8(parts[0].clone()).unwrap(), header);
            let json = r#"{"sub":"c","name":"\"Ron\" é","exp":2,"iat":1,"jti":"t","aud":"store","iss":"us"}"#;
            assert_eq!(String::from_utf8(parts[1].clone()).unwrap(), json);
            assert_eq!(parts[2], [0xFB; 32]);
        }
    }
}
