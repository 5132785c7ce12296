//! Both of jsonwebtoken's crypto providers in one process.
//!
//! It has one a process, chosen once. Ours passes each call on to whichever is asked for at the
//! moment, so that both run in the same race, for the price of reading a flag.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::aws_lc;
use jsonwebtoken::crypto::rust_crypto;

#[derive(Clone, Copy)]
pub enum Provider {
    AwsLcRs,
    RustCrypto,
}

/// Installs both; `choose` tells which one works.
pub fn install() {
    let both = CryptoProvider {
        signer_factory: aws_lc::DEFAULT_PROVIDER.signer_factory,
        verifier_factory: |algorithm, key| {
            let chosen = if IS_RUST_CRYPTO.load(Relaxed) {
                &rust_crypto::DEFAULT_PROVIDER
            } else {
                &aws_lc::DEFAULT_PROVIDER
            };
            (chosen.verifier_factory)(algorithm, key)
        },
        key_utils: aws_lc::DEFAULT_PROVIDER.key_utils.clone(),
    };
    assert!(Box::leak(Box::new(both)).install_default().is_ok(), "a provider is there already");
}

pub fn choose(provider: Provider) {
    IS_RUST_CRYPTO.store(matches!(provider, Provider::RustCrypto), Relaxed);
}

static IS_RUST_CRYPTO: AtomicBool = AtomicBool::new(false);
