//! Parser of private JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use std::borrow::Cow;

use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::signature::EcdsaSigningAlgorithm;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use aws_lc_rs::signature::RsaSignatureEncoding;
use zeroize::Zeroizing;

use crate::error::ConfigError;
use crate::key::VerifyingKey;
use crate::key::algorithm::KeyType;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::algorithm::Scheme;
use crate::key::private::PrivateKey;
use crate::key::public::Numbers;
use crate::key::public::PublicKey;
use crate::key::public::without_leading_zeros;
use crate::token::Json;
use crate::token::each_member;

/// Certificates (`x5c`) and further primes (`oth`) are arrays, the latter of objects.
const MAX_DEPTH: usize = 3;

/// Parses a private key for signing, and its public half.
pub(super) fn read(json: &[u8]) -> Result<(PrivateKey, VerifyingKey), ConfigError> {
    let jwk = Members::of(json)?;
    if jwk.get("use")?.is_some_and(|usage| usage != "sig") || !jwk.may_sign {
        return Err(invalid("the JWK is not for signing"));
    }
    let alg = jwk.get("alg")?;
    let key_type = match (jwk.get("kty")?, jwk.get("crv")?) {
        (Some("RSA"), _) => Some(KeyType::Rsa),
        (Some("EC"), Some("P-256")) => Some(KeyType::P256),
        (Some("OKP"), Some("Ed25519")) => Some(KeyType::Ed25519),
        _ => None,
    };
    let algorithm = key_type.and_then(|key_type| PublicAlgorithm::of_jwk(key_type, alg));
    let algorithm =
        algorithm.ok_or_else(|| invalid("the JWK is not for signing by a known algorithm"))?;
    let (private, public) = match algorithm.scheme() {
        Scheme::Rsa { signing, .. } => rsa(&jwk, algorithm, signing)?,
        Scheme::P256 { signing, .. } => p256(&jwk, algorithm, signing)?,
        Scheme::Ed25519 { .. } => ed25519(&jwk, algorithm)?,
    };
    let key = VerifyingKey::public(public);
    let key = if alg == Some("Ed25519") { key.fully_specified() } else { key };
    let key = match jwk.get("kid")? {
        Some(id) => key.try_with_id(id)?,
        None => key,
    };
    Ok((private, key))
}

fn rsa(
    jwk: &Members<'_>,
    algorithm: &'static PublicAlgorithm,
    signing: &'static RsaSignatureEncoding,
) -> Result<(PrivateKey, PublicKey), ConfigError> {
    if jwk.has("oth") {
        return Err(invalid("the JWK has more than two primes"));
    }
    let [n, e] = [jwk.number("n")?, jwk.number("e")?];
    let [n, e] = [&n, &e].map(|number| without_leading_zeros(number));
    // First, so that errors of the public half are the same as for a public key.
    let public = PublicKey::new(algorithm, Numbers::Rsa { n: n.to_vec(), e: e.to_vec() })?;
    let [d, p, q] = [jwk.number("d")?, jwk.number("p")?, jwk.number("q")?];
    let [dp, dq, qi] = [jwk.number("dp")?, jwk.number("dq")?, jwk.number("qi")?];
    let numbers = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n, e },
        d: &d[..],
        p: &p[..],
        q: &q[..],
        dP: &dp[..],
        dQ: &dq[..],
        qInv: &qi[..],
    };
    Ok((PrivateKey::from_rsa_numbers(signing, &numbers)?, public))
}

fn p256(
    jwk: &Members<'_>,
    algorithm: &'static PublicAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
) -> Result<(PrivateKey, PublicKey), ConfigError> {
    let [x, y, d] = [jwk.number("x")?, jwk.number("y")?, jwk.number("d")?];
    let point = [&[4], &x[..], &y[..]].concat();
    // Each at its full length (RFC 7518 section 6.2.1.2): otherwise two points would have one
    // spelling.
    if x.len() != 32 || y.len() != 32 || d.len() != 32 {
        return Err(invalid("a number of the JWK has not the length of its curve"));
    }
    let public = PublicKey::new(algorithm, Numbers::P256(point.clone()))?;
    Ok((PrivateKey::from_p256_numbers(signing, &d, &point)?, public))
}

fn ed25519(
    jwk: &Members<'_>,
    algorithm: &'static PublicAlgorithm,
) -> Result<(PrivateKey, PublicKey), ConfigError> {
    let [x, d] = [jwk.number("x")?, jwk.number("d")?];
    if x.len() != 32 || d.len() != 32 {
        return Err(invalid("a number of the JWK has not the length of its curve"));
    }
    let public = PublicKey::new(algorithm, Numbers::Ed25519(x.to_vec()))?;
    Ok((PrivateKey::from_ed25519_seed(&d, &x)?, public))
}

/// The members of a JWK, borrowed: a private number is copied only to decode it.
struct Members<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    may_sign: bool,
}

impl<'a> Members<'a> {
    fn of(json: &'a [u8]) -> Result<Self, ConfigError> {
        let mut members = Vec::new();
        if !each_member(json, MAX_DEPTH, |name, value| members.push((name, value))) {
            return Err(invalid("the JWK is no JSON object, or has a member twice"));
        }
        let operations = members.iter().find(|(name, _)| name == "key_ops");
        let may_sign = match operations {
            None => true,
            Some((_, Json::Texts(operations))) => operations.iter().any(|name| name == "sign"),
            Some(_) => return Err(invalid("`key_ops` is no array of names")),
        };
        Ok(Self { members, may_sign })
    }

    fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| known == name)
    }

    fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.members.iter().find(|(known, _)| known == name) {
            None => Ok(None),
            Some((_, Json::Text(text))) => Ok(Some(text)),
            Some(_) => Err(invalid("a member of the JWK is not a string")),
        }
    }

    fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let text = self.get(name)?.ok_or_else(|| invalid("the JWK lacks a number of its kind"))?;
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text);
        bytes.map(Zeroizing::new).map_err(|_| invalid("a number of the JWK is not base64url"))
    }
}

fn invalid(reason: &'static str) -> ConfigError {
    ConfigError::InvalidKey { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Algorithm;
    use crate::key::SigningKey;

    /// RFC 7515 appendix A.2.1.
    const RSA: &str = r#"{
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
        "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
        "p": "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
        "q": "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        "dp": "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
        "dq": "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
        "qi": "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"
    }"#;
    /// The same, section A.3.1.
    const P256: &str = r#"{
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
    }"#;
    /// RFC 8037 appendix A.1.
    const ED25519: &str = r#"{
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    }"#;

    fn changed(jwk: &str, member: &str, value: &serde_json::Value) -> String {
        let mut jwk: serde_json::Value = serde_json::from_str(jwk).unwrap();
        jwk[member] = value.clone();
        jwk.to_string()
    }

    fn without(jwk: &str, member: &str) -> String {
        let mut jwk: serde_json::Value = serde_json::from_str(jwk).unwrap();
        jwk.as_object_mut().unwrap().remove(member).unwrap();
        jwk.to_string()
    }

    fn reason(jwk: &str) -> String {
        SigningKey::from_jwk(jwk).unwrap_err().to_string()
    }

    #[test]
    fn signs_as_the_standards_examples_do() {
        let rsa = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let by_rsa = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        // RFC 8037 appendix A.4.
        let ed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let by_ed = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        for (jwk, input, expected) in [(RSA, rsa, by_rsa), (ED25519, ed, by_ed)] {
            let signature = SigningKey::from_jwk(jwk).unwrap().sign(input.as_bytes()).unwrap();
            assert_eq!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(signature), expected);
        }
        // No two signatures by ECDSA are the same.
        let key = SigningKey::from_jwk(P256).unwrap();
        assert!(key.verifying_key().fits(b"input", &key.sign(b"input").unwrap()));
    }

    #[test]
    fn algorithm_id_and_name_are_the_ones_the_jwk_has() {
        for (jwk, alg, algorithm, name) in [
            (RSA, None, Algorithm::RS256, "RS256"),
            (RSA, Some("PS256"), Algorithm::PS256, "PS256"),
            (P256, None, Algorithm::ES256, "ES256"),
            (P256, Some("ES256"), Algorithm::ES256, "ES256"),
            (ED25519, None, Algorithm::EdDSA, "EdDSA"),
            (ED25519, Some("Ed25519"), Algorithm::EdDSA, "Ed25519"),
        ] {
            let jwk = changed(jwk, "kid", &"k1".into());
            let jwk = changed(&jwk, "key_ops", &["sign", "verify"].as_slice().into());
            let jwk = changed(&jwk, "use", &"sig".into());
            let jwk = alg.map_or(jwk.clone(), |alg| changed(&jwk, "alg", &alg.into()));
            let key = SigningKey::from_jwk(jwk).unwrap();
            assert_eq!((key.id(), key.algorithm()), (Some("k1"), algorithm));
            assert_eq!(key.verifying_key().alg(), name);
        }
        assert_eq!(SigningKey::from_jwk(P256).unwrap().id(), None);
        let id = "a b".to_owned();
        let refused = SigningKey::from_jwk(changed(P256, "kid", &"a b".into())).unwrap_err();
        assert_eq!(refused, ConfigError::InvalidKeyId { id });
    }

    #[test]
    fn refuses_a_key_that_is_for_something_else_t31() {
        for (jwk, member, value, expected) in [
            (P256, "use", "enc".into(), "the JWK is not for signing"),
            (P256, "key_ops", ["verify"].as_slice().into(), "the JWK is not for signing"),
            (P256, "key_ops", serde_json::json!([]), "the JWK is not for signing"),
            (P256, "key_ops", "sign".into(), "`key_ops` is no array of names"),
            (P256, "alg", "ES384".into(), "the JWK is not for signing by a known algorithm"),
            (P256, "alg", "HS256".into(), "the JWK is not for signing by a known algorithm"),
            (P256, "crv", "P-384".into(), "the JWK is not for signing by a known algorithm"),
            (P256, "kty", "oct".into(), "the JWK is not for signing by a known algorithm"),
            (P256, "alg", 7.into(), "a member of the JWK is not a string"),
            (RSA, "alg", "RS512".into(), "the JWK is not for signing by a known algorithm"),
            (ED25519, "crv", "X25519".into(), "the JWK is not for signing by a known algorithm"),
        ] {
            let refused = reason(&changed(jwk, member, &value));
            assert_eq!(refused, format!("the key is not usable: {expected}"), "{member}: {value}");
        }
    }

    #[test]
    fn refuses_numbers_that_lack_or_do_not_fit_each_other() {
        let unfit = "its private part does not fit its public one";
        let lacks = "the JWK lacks a number of its kind";
        let mut cases = Vec::new();
        for (jwk, numbers) in [
            (RSA, &["n", "e", "d", "p", "q", "dp", "dq", "qi"][..]),
            (P256, &["x", "y", "d"]),
            (ED25519, &["x", "d"]),
        ] {
            for number in numbers {
                cases.push((without(jwk, number), lacks));
                let spelled = changed(jwk, number, &"AQA+".into());
                cases.push((spelled, "a number of the JWK is not base64url"));
            }
        }
        for number in ["d", "p", "q", "dp", "dq", "qi"] {
            cases.push((changed(RSA, number, &"AQAB".into()), unfit));
        }
        let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE";
        let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        cases.push((changed(P256, "d", &other.into()), unfit));
        cases.push((changed(P256, "d", &zero.into()), unfit));
        cases.push((changed(P256, "y", &other.into()), "it is not a valid point or modulus"));
        cases.push((changed(ED25519, "d", &other.into()), unfit));
        let length = "a number of the JWK has not the length of its curve";
        for (jwk, number) in [(P256, "x"), (P256, "d"), (ED25519, "x"), (ED25519, "d")] {
            cases.push((changed(jwk, number, &"AQAB".into()), length));
        }
        let small = "its modulus has less than 2048 bits";
        cases.push((changed(RSA, "n", &"AQAB".into()), small));
        let exponent = "its exponent is not an odd number from 65537 to 2^33";
        cases.push((changed(RSA, "e", &"Aw".into()), exponent));
        let primes = serde_json::json!([{ "r": "AQAB", "d": "AQAB", "t": "AQAB" }]);
        cases.push((changed(RSA, "oth", &primes), "the JWK has more than two primes"));
        let twice = P256.replacen('{', r#"{ "kty": "EC","#, 1);
        cases.push((twice, "the JWK is no JSON object, or has a member twice"));
        cases.push(("[]".to_owned(), "the JWK is no JSON object, or has a member twice"));
        for (jwk, expected) in cases {
            assert_eq!(reason(&jwk), format!("the key is not usable: {expected}"), "{jwk}");
        }
    }
}
