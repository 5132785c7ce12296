//! Parsing and publication of JSON Web Keys (RFC 7517).

use std::collections::BTreeMap;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::error::ConfigError;
use crate::key::VerifyingKey;
use crate::key::algorithm::KeyType;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::public::Numbers;
use crate::key::public::PublicKey;

/// The most keys in a set: a token without a `kid` may be tried with all of them.
const MAX_KEYS: usize = 32;

/// Reason why a key of a set is not used.
enum Unusable {
    /// It has another use or type. The rest of the set is valid.
    PassedOver,
    /// It is for verification and unsafe. The other keys may still be used.
    Unfit(ConfigError),
    /// The set as a whole can't be trusted.
    Refused(ConfigError),
}

/// How a set with an unfit key is handled.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unfit {
    /// The set is rejected: it is our own configuration.
    Refused,
    /// The key is ignored: the set is a provider's, which may have better ones.
    PassedOver,
}

/// Parses the keys of a JWK Set that are for verifying signatures.
///
/// Keys of other types and uses are ignored (RFC 7517 section 5). An RSA key that names no
/// algorithm is for RS256, the default of OpenID Connect.
pub(super) fn read_set(json: &[u8], unfit: Unfit) -> Result<Vec<VerifyingKey>, ConfigError> {
    let invalid = |reason| ConfigError::InvalidKey { reason };
    let document: Value =
        serde_json::from_slice(json).map_err(|_| invalid("the JWK Set is not JSON"))?;
    let keys = document.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| invalid("the JWK Set has no array `keys`"))?;
    let mut usable = Vec::new();
    for key in keys {
        match read(key) {
            Ok(_) if usable.len() == MAX_KEYS => {
                return Err(invalid("the JWK Set has more than 32 keys"));
            }
            Ok(key) => usable.push(key),
            Err(Unusable::PassedOver) => {}
            Err(Unusable::Unfit(_)) if unfit == Unfit::PassedOver => {}
            Err(Unusable::Unfit(error) | Unusable::Refused(error)) => return Err(error),
        }
    }
    Ok(usable)
}

/// Parses one key, which must be usable.
pub(super) fn read_one(json: &[u8]) -> Result<VerifyingKey, ConfigError> {
    let invalid = |reason| ConfigError::InvalidKey { reason };
    let key: Value = serde_json::from_slice(json).map_err(|_| invalid("the JWK is not JSON"))?;
    read(&key).map_err(|unusable| match unusable {
        Unusable::PassedOver => invalid("the JWK is not for verifying signatures of a known kind"),
        Unusable::Unfit(error) | Unusable::Refused(error) => error,
    })
}

fn read(value: &Value) -> Result<VerifyingKey, Unusable> {
    let refused = |reason| Unusable::Refused(ConfigError::InvalidKey { reason });
    // A symmetric key in a public set is no longer secret, and a confusion of the two types would
    // let an attacker sign (RFC 8725 section 3.1).
    if value.get("kty").and_then(Value::as_str) == Some("oct") || value.get("k").is_some() {
        return Err(refused("the JWK Set holds a symmetric key"));
    }
    let unfit = |reason| Unusable::Unfit(ConfigError::InvalidKey { reason });
    let text = |name: &str| match value.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(unfit("a member of the JWK is not a string")),
    };
    if text("use")?.is_some_and(|usage| usage != "sig") {
        return Err(Unusable::PassedOver);
    }
    if let Some(operations) = value.get("key_ops") {
        let operations = operations.as_array().ok_or_else(|| unfit("`key_ops` is no array"))?;
        if !operations.iter().any(|operation| operation == "verify") {
            return Err(Unusable::PassedOver);
        }
    }
    let jwk: Jwk = serde_json::from_value(value.clone()).map_err(|_| Unusable::PassedOver)?;
    let alg = text("alg")?;
    let key_type = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => KeyType::Rsa,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            KeyType::P256
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            KeyType::Ed25519
        }
        _ => return Err(Unusable::PassedOver),
    };
    let algorithm = PublicAlgorithm::of_jwk(key_type, alg).ok_or(Unusable::PassedOver)?;
    let key =
        DecodingKey::from_jwk(&jwk).map_err(|_| refused("a number of the JWK is not base64url"))?;
    // Every reader of the set can sign with it.
    if value.get("d").is_some() {
        return Err(unfit("the JWK is a private key"));
    }
    let numbers = Numbers::of(&key, algorithm).map_err(Unusable::Refused)?;
    let is_rsa = matches!(numbers, Numbers::Rsa { .. });
    let key = PublicKey::new(algorithm, numbers).map_err(|error| match is_rsa {
        true => Unusable::Unfit(error),
        // A point that is not on its curve is an attack, not a weak key (CVE-2015-7940).
        false => Unusable::Refused(error),
    });
    let key = VerifyingKey::public(key?);
    // Keeps the algorithm's name when the key is published again.
    let key = if alg == Some("Ed25519") { key.fully_specified() } else { key };
    match text("kid")? {
        Some(id) => key.try_with_id(id).map_err(Unusable::Unfit),
        None => Ok(key),
    }
}

/// Writes a public key; `None` for an HMAC key, which is never published.
pub(super) fn write(key: &VerifyingKey) -> Option<Value> {
    let mut jwk = required_members(key)?;
    jwk["use"] = "sig".into();
    jwk["alg"] = key.alg().into();
    if let Some(id) = key.id() {
        jwk["kid"] = id.into();
    }
    Some(jwk)
}

/// RFC 7638: the hash of the required members, in the order of their names and without white space.
pub(super) fn thumbprint(key: &VerifyingKey) -> Option<String> {
    let members: BTreeMap<_, _> = match required_members(key)? {
        Value::Object(members) => members.into_iter().collect(),
        _ => return None,
    };
    // Invariant: these are strings under names that are strings; nothing there can fail.
    let text = serde_json::to_vec(&members).expect("a map of strings serializes");
    Some(base64(&Sha256::digest(text)))
}

fn required_members(key: &VerifyingKey) -> Option<Value> {
    Some(match key.as_public()?.numbers() {
        Numbers::Rsa { n, e } => json!({ "kty": "RSA", "n": base64(n), "e": base64(e) }),
        Numbers::P256(point) => {
            let (x, y) = point[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
        }
        Numbers::Ed25519(point) => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(point) }),
    })
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}
