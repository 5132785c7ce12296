//! The keys of somebody else's JWK Set.

use crate::error::ConfigError;
use crate::key::SignatureError;
use crate::key::VerifyingKey;
use crate::key::algorithm::PublicAlgorithm;
use crate::key::jwk;
use crate::key::ring::distinct;
use crate::token::UnverifiedToken;

/// Public keys as a provider publishes them, for the tokens that it signs.
///
/// A [`KeyRing`](super::KeyRing) is ours: its keys without an id are for tokens without one. A provider's
/// tokens may lack the `kid` although its keys have one (OpenID Connect Core section 10.1).
#[derive(Debug)]
pub(crate) struct PublicKeys(Vec<VerifyingKey>);

impl PublicKeys {
    /// Reads a JWK Set.
    ///
    /// A set with a symmetric key, two keys of one id or a point off its curve is refused, as
    /// [`KeyRing::from_jwk_set`](super::KeyRing::from_jwk_set) does. A key that is only weak or malformed
    /// is passed over: it must not lock out the customers of a provider that has good ones.
    pub(crate) fn from_jwk_set(json: &[u8]) -> Result<Self, ConfigError> {
        distinct(jwk::read_set(json, jwk::Unfit::PassedOver)?).map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks for the one key that may vouch for the token, and asks it.
    pub(crate) fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        // NB: before the search, so that no `none` and no HS256 is taken for a key still to be fetched.
        if PublicAlgorithm::named(token.unverified_alg()).is_none() {
            return Err(SignatureError::DisallowedAlgorithm);
        }
        if let Some(kid) = token.unverified_kid() {
            let key = self.0.iter().find(|key| key.id() == Some(kid));
            return key.ok_or(SignatureError::UnknownKey)?.vouches_for(token, signature);
        }
        // Exactly one that fits: to try them all would let any key sign for any other.
        let mut fitting = self.0.iter().filter(|key| key.is_named(token.unverified_alg()));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => key.vouches_for(token, signature),
            _ => Err(SignatureError::UnknownKey),
        }
    }
}
