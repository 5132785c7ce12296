//! The public keys of an OpenID provider's JWK Set.

use crate::error::ConfigError;
use crate::key::SignatureError;
use crate::key::VerifyingKey;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::jwk;
use crate::key::ring::distinct;
use crate::token::UnverifiedToken;

/// Public keys that a provider publishes for its tokens.
///
/// In a [`KeyRing`](super::KeyRing), keys without an id are for tokens without a `kid`. A
/// provider's tokens may lack the `kid` although its keys have one (OpenID Connect Core section
/// 10.1).
#[derive(Debug)]
pub(crate) struct PublicKeys(Vec<VerifyingKey>);

impl PublicKeys {
    /// Reads a JWK Set.
    ///
    /// A set with a symmetric key, two keys of one id or a point off its curve is rejected, as in
    /// [`KeyRing::from_jwk_set`](super::KeyRing::from_jwk_set). A weak or malformed key is ignored:
    /// it must not lock out customers when the provider has other keys.
    pub(crate) fn from_jwk_set(json: &[u8]) -> Result<Self, ConfigError> {
        distinct(jwk::read_set(json, jwk::Unfit::PassedOver)?).map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the one key that may have signed the token, and verifies the signature with it.
    pub(crate) fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        // NB: before the search, so that `none` and HS256 never cause a fetch of unknown keys.
        if PublicAlgorithm::named(token.unverified_alg()).is_none() {
            return Err(SignatureError::DisallowedAlgorithm);
        }
        if let Some(kid) = token.unverified_kid() {
            let key = self.0.iter().find(|key| key.id() == Some(kid));
            return key.ok_or(SignatureError::UnknownKey)?.verify_token(token, signature);
        }
        // Exactly one match: trying all of them would let any key sign in place of another.
        let mut fitting = self.0.iter().filter(|key| key.is_named(token.unverified_alg()));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => key.verify_token(token, signature),
            _ => Err(SignatureError::UnknownKey),
        }
    }
}
