//! A private key for the customer tokens, from a PEM file.

use std::path::Path;
use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use tower_customer_auth::KeyRing;
use tower_customer_auth::SigningKey;

use crate::secret_file;
use crate::secret_file::SecretFileError;

/// A key file that can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningKeyError {
    #[error(transparent)]
    File(#[from] SecretFileError),
    #[error("there is no key file {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} holds no private key for the customer tokens; {reasons}", path.display())]
    Unusable { path: PathBuf, reasons: String },
}

/// Reads a private key, which says by its kind what it signs by: P-256 by ES256, Ed25519 by EdDSA, RSA
/// by RS256. Its id is its thumbprint, so that the same file has the same id after each start.
pub(crate) fn load(path: &Path) -> Result<SigningKey, SigningKeyError> {
    let pem = secret_file::load(path)?;
    let pem = pem.ok_or_else(|| SigningKeyError::Missing { path: path.to_owned() })?;
    let mut reasons = Vec::new();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        match SigningKey::from_pem(algorithm, pem.expose()) {
            Ok(key) => {
                // Invariant: every key but an HMAC one has a thumbprint, which is 43 letters and digits.
                let id = key.verifying_key().thumbprint().expect("a public key");
                return Ok(key.with_id(id));
            }
            Err(error) => reasons.push(format!("for {algorithm:?}: {error}")),
        }
    }
    Err(SigningKeyError::Unusable { path: path.to_owned(), reasons: reasons.join("; ") })
}

/// Whether others may verify by these keys: by a secret they could sign as well.
pub(crate) fn is_public(keys: &KeyRing) -> bool {
    keys.signing_key().is_some_and(|key| key.algorithm() != Algorithm::HS256)
}
