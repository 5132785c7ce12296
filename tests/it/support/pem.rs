//! Private keys, and PEM.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::RsaKeyPair;

/// DER in PEM (RFC 7468), with this label.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// The bytes of a PEM text.
pub(crate) fn pem_to_der(pem: &str) -> Vec<u8> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64_simd::STANDARD.decode_to_vec(base64).unwrap()
}

/// Two RSA keys of 2048 bits. There are no more, because a key takes long to find.
pub(crate) static RSA: LazyLock<[String; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        pem("PRIVATE KEY", pair.as_der().unwrap().as_ref())
    })
});

/// A new key on P-256.
pub(crate) fn p256() -> String {
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
    pem("PRIVATE KEY", der.as_ref())
}

/// A new Ed25519 key.
pub(crate) fn ed25519() -> String {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    pem("PRIVATE KEY", der.as_ref())
}
