//! The secretly keyed hash.

use std::hash::Hasher;

use siphasher::sip128::Hasher128;
use siphasher::sip128::SipHasher13;

use super::fingerprint::Fingerprint;
use crate::key::KeyVersion;

/// Secret key of a cache's fingerprints.
///
/// SipHash-1-3 with 128 bits was the fastest of those measured that need no special instructions of
/// the processor: `docs/design.md` has the figures, and the argument for its strength.
pub(super) struct FingerprintKey(SipHasher13);

impl FingerprintKey {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&key))
    }

    /// Returns the fingerprint of a token that the keys of this version have verified.
    #[inline]
    pub(super) fn fingerprint(&self, version: KeyVersion, token: &[u8]) -> Fingerprint {
        let mut hasher = self.0;
        let [change, ended] = version.words();
        hasher.write_u64(change);
        hasher.write_u64(ended);
        hasher.write(token);
        let hash = hasher.finish128();
        Fingerprint::new(hash.h1, hash.h2)
    }
}
