//! Verification of ID tokens (OpenID Connect Core section 2).

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;

use crate::customer::Identity;
use crate::customer::email_has_invisible_characters;
use crate::key::PublicKeys;
use crate::key::SignatureError;
use crate::key::SupportedAlgorithm;
use crate::key::VerifyingKey;
use crate::oidc::NoncePolicy;
use crate::oidc::OidcError;
use crate::oidc::OidcProfile;
use crate::token::HeaderRoom;
use crate::token::Json;
use crate::token::Room;
use crate::token::TokenForm;
use crate::token::UnverifiedToken;
use crate::token::each_member;

/// The longest ID token, in bytes. Some providers list all groups of a user in it.
const MAX_ID_TOKEN_LEN: usize = 64 * 1024;

pub(super) const MAX_CLAIMS_DEPTH: usize = 32;

/// The greatest age of an ID token from the token endpoint. It was issued for this request; one
/// older than a code's ten minutes would be a replay.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Values that an ID token is verified against.
pub(super) struct Expectations<'a> {
    pub(super) profile: &'a OidcProfile,
    /// The client secret as a key, if the client is confidential.
    pub(super) client_key: Option<&'a VerifyingKey>,
    pub(super) access_token: &'a str,
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    /// Since 1970-01-01T00:00:00Z.
    pub(super) now: Duration,
}

/// Error of verifying an ID token.
#[derive(Debug)]
pub(super) enum IdTokenError {
    /// No cached key matches: the provider may have rotated its keys.
    UnknownKey,
    Refused(OidcError),
}

/// Claims about the user, all optional.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Person {
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    preferred_username: Option<String>,
}

impl Expectations<'_> {
    /// Verifies an ID token (OpenID Connect Core section 3.1.3.7).
    pub(super) fn verify(
        &self,
        token: &str,
        keys: &PublicKeys,
    ) -> Result<(Identity, Person), IdTokenError> {
        let refused = |what| IdTokenError::Refused(OidcError::identity_refused(what));

        // 1. Split and decode, in the one spelling of RFC 7515. An encrypted one has five parts.
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        if token.len() > MAX_ID_TOKEN_LEN {
            return Err(refused("the ID token is longer than 65536 bytes"));
        }
        let token = UnverifiedToken::parse_any_length(token.as_bytes(), &mut header)
            .map_err(|malformed| refused(malformed.0))?;
        let decoded = token.decode(&mut room).map_err(|malformed| refused(malformed.0))?;
        if token.form() != TokenForm::Compact {
            return Err(refused("the ID token is not in compact form"));
        }

        // 2. The signature, always: TLS does not prove who issued the token. NB: HS256 is only for
        //    the client secret; a public key is never used as a secret.
        let algorithm = SupportedAlgorithm::named(token.unverified_alg())
            .ok_or_else(|| refused("the ID token's algorithm is not allowed"))?;
        let verified = match (algorithm, self.client_key) {
            (SupportedAlgorithm::Hs256, Some(key)) => key.verify_token(&token, decoded.signature),
            (SupportedAlgorithm::Hs256, None) => Err(SignatureError::DisallowedAlgorithm),
            (SupportedAlgorithm::Public(_), _) => keys.verify(&token, decoded.signature),
        };
        verified.map_err(|refusal| match (refusal, token.unverified_kid()) {
            (SignatureError::UnknownKey, _) => IdTokenError::UnknownKey,
            // A provider without key ids rotates its keys too; the client secret does not change.
            (SignatureError::InvalidSignature, None) if algorithm != SupportedAlgorithm::Hs256 => {
                IdTokenError::UnknownKey
            }
            (SignatureError::InvalidSignature, _) => refused("the ID token's signature is wrong"),
            (SignatureError::DisallowedAlgorithm, _) => {
                refused("the ID token's algorithm is not allowed")
            }
        })?;

        let claims = IdTokenClaims::parse(decoded.unverified_claims).map_err(refused)?;

        // 3. The issuer and the audience (Core section 3.1.3.7, steps 2 to 5).
        self.check_parties(&claims).map_err(refused)?;

        // 4. The times (steps 9 and 10).
        self.check_times(&claims).map_err(refused)?;

        // 5. The binding to this login (step 11), access token (section 3.1.3.8) and code.
        self.check_bindings(&claims, algorithm).map_err(refused)?;

        // 6. The subject: 1 to 255 ASCII characters (section 2).
        let subject = claims.sub.ok_or_else(|| refused("the ID token's `sub` is missing"))?;
        let identity = Identity::new(self.profile.issuer(), subject)
            .map_err(|_| refused("the ID token's `sub` is not 1 to 255 ASCII characters"))?;
        Ok((identity, claims.person))
    }

    fn check_parties(&self, claims: &IdTokenClaims<'_>) -> Result<(), &'static str> {
        let client_id = self.profile.client_id();
        if claims.iss.as_deref() != Some(self.profile.issuer()) {
            return Err("the ID token's `iss` is another issuer");
        }
        if !claims.aud.iter().any(|audience| audience == client_id) {
            return Err("the ID token's `aud` is not this client");
        }
        let foreign = |audience: &&Cow<'_, str>| {
            *audience != client_id && !self.profile.trusts_audience(audience)
        };
        if claims.aud.iter().any(|audience| foreign(&audience)) {
            return Err("the ID token's `aud` names an audience that is not trusted");
        }
        match &claims.azp {
            Some(azp) if azp == client_id => Ok(()),
            Some(_) => Err("the ID token's `azp` is another client"),
            None if claims.aud.len() > 1 => Err("the ID token has several audiences and no `azp`"),
            None => Ok(()),
        }
    }

    /// Compares durations with saturating arithmetic, so that no clock or claim can overflow.
    fn check_times(&self, claims: &IdTokenClaims<'_>) -> Result<(), &'static str> {
        let Self { now, .. } = *self;
        let skew = self.profile.skew();
        let seconds = Duration::from_secs;
        if now >= seconds(claims.exp) {
            return Err("the ID token has expired");
        }
        let iat = seconds(claims.iat);
        if iat > now.saturating_add(skew) {
            return Err("the ID token was issued in the future");
        }
        if iat.saturating_add(MAX_AGE).saturating_add(skew) < now {
            return Err("the ID token was issued too long ago");
        }
        if claims.exp <= claims.iat {
            return Err("the ID token expires before it was issued");
        }
        if claims.nbf.is_some_and(|nbf| seconds(nbf) > now.saturating_add(skew)) {
            return Err("the ID token is not valid yet");
        }
        Ok(())
    }

    fn check_bindings(
        &self,
        claims: &IdTokenClaims<'_>,
        algorithm: SupportedAlgorithm,
    ) -> Result<(), &'static str> {
        let base64 = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        let equal = |one: &str, other: &str| bool::from(one.as_bytes().ct_eq(other.as_bytes()));
        if self.profile.nonce_policy() == NoncePolicy::EqualsCodeChallenge {
            let challenge = digest::digest(&digest::SHA256, self.verifier.as_bytes());
            let nonce = claims.nonce.as_deref().ok_or("the ID token's `nonce` is missing")?;
            if !equal(nonce, &base64(challenge.as_ref())) {
                return Err("the ID token's `nonce` is not the code challenge");
            }
        }
        for (claim, value, refusal) in [
            (
                &claims.at_hash,
                self.access_token,
                "the ID token's `at_hash` is another access token's",
            ),
            (&claims.c_hash, self.code, "the ID token's `c_hash` is another code's"),
        ] {
            let hash = digest::digest(algorithm.hash(), value.as_bytes());
            let (left_half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
            if claim.as_ref().is_some_and(|claim| !equal(claim, &base64(left_half))) {
                return Err(refusal);
            }
        }
        Ok(())
    }
}

/// The claims that are verified, in their types.
struct IdTokenClaims<'a> {
    iss: Option<Cow<'a, str>>,
    sub: Option<Cow<'a, str>>,
    aud: Vec<Cow<'a, str>>,
    azp: Option<Cow<'a, str>>,
    exp: u64,
    iat: u64,
    nbf: Option<u64>,
    nonce: Option<Cow<'a, str>>,
    at_hash: Option<Cow<'a, str>>,
    c_hash: Option<Cow<'a, str>>,
    person: Person,
}

impl<'a> IdTokenClaims<'a> {
    /// Parses the claims. One of the wrong type is rejected if it is verified, and ignored if it
    /// only describes the user: `email_verified` is a string at some providers.
    fn parse(json: &'a [u8]) -> Result<Self, &'static str> {
        let mut person = Person::default();
        let [
            mut iss,
            mut sub,
            mut aud,
            mut azp,
            mut exp,
            mut iat,
            mut nbf,
            mut nonce,
            mut at_hash,
            mut c_hash,
        ] = [const { None }; 10];
        let mut is_event = false;
        let strict = each_member(json, MAX_CLAIMS_DEPTH, |claim, value| match &*claim {
            "iss" => iss = Some(value),
            "sub" => sub = Some(value),
            "aud" => aud = Some(value),
            "azp" => azp = Some(value),
            "exp" => exp = Some(value),
            "iat" => iat = Some(value),
            "nbf" => nbf = Some(value),
            "nonce" => nonce = Some(value),
            "at_hash" => at_hash = Some(value),
            "c_hash" => c_hash = Some(value),
            // In a logout token, which is signed with the same keys (Back-Channel Logout section
            // 2.4).
            "events" => is_event = true,
            claim => person.read(claim, value),
        });
        if !strict {
            return Err("the ID token's claims are not one strict JSON object");
        }
        if is_event {
            return Err("the token is an event token, not an ID token");
        }
        Ok(Self {
            iss: text(iss).map_err(|()| "the ID token's `iss` is not a string")?,
            sub: text(sub).map_err(|()| "the ID token's `sub` is not a string")?,
            aud: match aud {
                Some(Json::Text(audience)) => vec![audience],
                Some(Json::Texts(audiences)) => audiences,
                Some(_) => return Err("the ID token's `aud` is no string and no array of strings"),
                None => return Err("the ID token's `aud` is missing"),
            },
            azp: text(azp).map_err(|()| "the ID token's `azp` is not a string")?,
            exp: seconds(exp)?.ok_or("the ID token's `exp` is missing")?,
            iat: seconds(iat)?.ok_or("the ID token's `iat` is missing")?,
            nbf: seconds(nbf)?,
            nonce: text(nonce).map_err(|()| "the ID token's `nonce` is not a string")?,
            at_hash: text(at_hash).map_err(|()| "the ID token's `at_hash` is not a string")?,
            c_hash: text(c_hash).map_err(|()| "the ID token's `c_hash` is not a string")?,
            person,
        })
    }
}

impl Person {
    /// Reads a claim of OpenID Connect Core section 5.1.
    pub(super) fn read(&mut self, claim: &str, value: Json<'_>) {
        // The text will be displayed: no line breaks, no escape sequences.
        let text = |value| match value {
            Json::Text(text) if !text.is_empty() && !text.contains(char::is_control) => {
                Some(text.into_owned())
            }
            _ => None,
        };
        match claim {
            "email" => self.email = text(value).filter(|email| is_usable(email)),
            "email_verified" => self.email_verified = value == Json::Boolean(true),
            "name" => self.name = text(value),
            "given_name" => self.given_name = text(value),
            "family_name" => self.family_name = text(value),
            "preferred_username" => self.preferred_username = text(value),
            _ => {}
        }
    }

    /// Returns whether userinfo may have missing claims.
    pub(super) fn lacks_something(&self) -> bool {
        self.email.is_none() || self.full_name().is_none()
    }

    /// Fills missing claims from another source. The e-mail and `email_verified` belong together.
    pub(super) fn or(self, other: Self) -> Self {
        let (email, email_verified) = match self.email {
            Some(email) => (Some(email), self.email_verified),
            None => (other.email, other.email_verified),
        };
        Self {
            email,
            email_verified,
            name: self.name.or(other.name),
            given_name: self.given_name.or(other.given_name),
            family_name: self.family_name.or(other.family_name),
            preferred_username: self.preferred_username.or(other.preferred_username),
        }
    }

    /// Returns the user's display name, at most 255 characters.
    pub(super) fn full_name(&self) -> Option<String> {
        let parts: Vec<&str> = [&self.given_name, &self.family_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let from_parts = (!parts.is_empty()).then(|| parts.join(" "));
        let name = self.name.clone().or(from_parts).or_else(|| self.preferred_username.clone());
        name.map(|name| name.chars().take(MAX_NAME_LEN).collect())
    }
}

/// Returns whether a customer can have this address. Lookalikes of other addresses are rejected.
fn is_usable(email: &str) -> bool {
    email.len() <= MAX_EMAIL_LEN && !email_has_invisible_characters(email)
}

fn text(value: Option<Json<'_>>) -> Result<Option<Cow<'_, str>>, ()> {
    match value {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "read as the other claims are")]
fn seconds(value: Option<Json<'_>>) -> Result<Option<u64>, &'static str> {
    match value {
        None => Ok(None),
        Some(Json::Integer(seconds)) => Ok(Some(seconds)),
        Some(_) => Err("a time in the ID token is not a whole number of seconds"),
    }
}

/// RFC 5321 section 4.5.3.1.3. A longer address is invalid, and could not be used to log in.
const MAX_EMAIL_LEN: usize = 254;
const MAX_NAME_LEN: usize = 255;
