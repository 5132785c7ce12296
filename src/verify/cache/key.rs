//! The key of the fingerprint hash.

use std::hash::Hasher;

use siphasher::sip128::Hasher128;
use siphasher::sip128::SipHasher13;

use crate::key::KeyVersion;
use crate::verify::cache::fingerprint::Fingerprint;

/// Secret key of a cache's fingerprints.
///
/// SipHash-1-3 with 128 bits was the fastest of the measured hashes that need no special CPU
/// instructions: `docs/design.md` has the figures and the security argument.
pub(super) struct FingerprintKey(SipHasher13);

impl FingerprintKey {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&key))
    }

    /// Returns the fingerprint of a token under the keys of this version.
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
