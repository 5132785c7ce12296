//! Refreshed tokens: later tokens of the same login.

use std::time::SystemTime;

use crate::clock::since_epoch;
use crate::id::CustomerId;
use crate::id::TokenId;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::sign::TokenSigner;
use crate::sign::signer::NewClaims;

/// Session of a customer: a login, and all tokens that are refreshed from it.
///
/// Fractions of a second are dropped, as in the claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session<'a> {
    /// The id of the login's token: `sid`.
    pub(crate) id: &'a TokenId,
    /// When the customer logged in: `auth_time`.
    pub(crate) authenticated_at: SystemTime,
    /// When the session ends. No token of the session is valid after that.
    pub(crate) ends_at: SystemTime,
}

impl TokenSigner {
    /// Signs another token for a session.
    ///
    /// `sub` and `name` are as given, `jti` is a random UUID (version 4), `iat` is now, and `exp`
    /// one lifetime later, or the end of the session if that is earlier. The caller has verified a
    /// token of this session.
    ///
    /// # Errors
    ///
    /// - [`SignError::SessionEnded`] from the end of the session on,
    /// - [`SignError::Revoked`] if the customer's tokens were revoked after the login. Unlike a
    ///   login, a refresh is never told to wait: its `auth_time` stays revoked.
    /// - [`SignError::Key`], [`SignError::TooLong`], [`SignError::Signature`] and
    ///   [`SignError::Random`] as [`sign`](Self::sign).
    ///
    /// # Security
    ///
    /// Verifiers compare a revocation with `auth_time`. So a token that is signed while its session
    /// is being revoked is rejected too, and the check of the list here only saves the client from a
    /// token that does not work.
    pub(crate) fn refresh(
        &self,
        customer_id: &CustomerId,
        name: Option<&str>,
        session: Session<'_>,
    ) -> Result<IssuedToken, SignError> {
        let key = self.signing_key().map_err(SignError::Key)?;
        let token_id = TokenId::random().map_err(SignError::Random)?;
        let [issued_at, auth_time, ends_at] =
            [self.clock.now(), session.authenticated_at, session.ends_at]
                .map(|time| since_epoch(time).as_secs());
        // Verifiers reject a token that is older than its login. The clock may be a little behind that
        // of the node where the customer logged in. Revocation goes by `auth_time` alone.
        let issued_at = issued_at.max(auth_time);
        if issued_at >= ends_at {
            return Err(SignError::SessionEnded);
        }
        if self.cut_off(customer_id).is_some_and(|cut_off| auth_time < cut_off.valid_from) {
            return Err(SignError::Revoked);
        }
        let claims = NewClaims {
            sub: customer_id,
            name,
            exp: issued_at.saturating_add(self.lifetime.as_secs()).min(ends_at),
            iat: issued_at,
            jti: &token_id,
            aud: self.audience.as_deref(),
            iss: self.issuer.as_deref(),
            auth_time: Some(auth_time),
            sid: Some(session.id),
        };
        self.write(&key, &claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jsonwebtoken::Algorithm;
    use jsonwebtoken::DecodingKey;
    use jsonwebtoken::Validation;
    use serde_json::Value;
    use serde_json::json;

    use crate::clock::from_epoch;
    use crate::id::CustomerId;
    use crate::key::KeyRing;
    use crate::key::SigningKey;
    use crate::revocation::Revocations;
    use crate::sign::IssuedToken;
    use crate::sign::Session;
    use crate::sign::SignError;
    use crate::sign::TokenSigner;
    use crate::testing::ManualClock;
    use crate::token::HeaderRoom;
    use crate::token::IssuedClaims;
    use crate::token::MAX_NUMERIC_DATE;
    use crate::token::MAX_TOKEN_LEN;
    use crate::token::Room;
    use crate::token::TokenForm;
    use crate::token::UnverifiedToken;
    use crate::verify::VerifiedToken;
    use crate::verify::Verifier;
    use crate::verify::VerifyErrorKind;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const LOGIN: u64 = 1_510_597_800;
    const HOUR: u64 = 3_600;
    const DAY: u64 = 86_400;
    const MONTH: u64 = 30 * DAY;

    fn customer() -> CustomerId {
        "79cc0486-bbdf-491b-a0a2-722383b6288b".parse().unwrap()
    }

    /// A signer and a verifier with one clock, which starts at `LOGIN`, and one list.
    struct Shop {
        clock: Arc<ManualClock>,
        revocations: Revocations,
        signer: TokenSigner,
        verifier: Verifier,
    }

    impl Shop {
        fn open() -> Self {
            Self::of(TokenForm::Compact, false)
        }

        fn of(form: TokenForm, names_parties: bool) -> Self {
            let keys = KeyRing::hs256(SECRET).unwrap();
            let revocations = Revocations::in_memory();
            let clock = Arc::new(ManualClock::at_epoch_seconds(LOGIN));
            let mut signer = TokenSigner::builder(keys.clone()).form(form).clock(clock.clone());
            let mut verifier = Verifier::builder(keys).clock(clock.clone());
            if names_parties {
                signer = signer.audience("store").issuer("us");
                verifier = verifier.audience("store").issuer("us");
            }
            Self {
                clock,
                signer: signer.revocations(revocations.clone()).build().unwrap(),
                verifier: verifier.revocations(revocations.clone()).build().unwrap(),
                revocations,
            }
        }

        fn log_in(&self) -> VerifiedToken {
            self.verify(&self.signer.sign(&customer(), Some("Ron Swanson")).unwrap()).unwrap()
        }

        fn refresh(&self, token: &VerifiedToken) -> Result<IssuedToken, SignError> {
            let session = Session {
                id: token.session_id(),
                authenticated_at: token.authenticated_at(),
                ends_at: token.authenticated_at() + Duration::from_secs(MONTH),
            };
            self.signer.refresh(token.customer_id(), token.name(), session)
        }

        fn verify(&self, token: &IssuedToken) -> Result<VerifiedToken, VerifyErrorKind> {
            self.verifier.verify(token.token().as_bytes()).map_err(|error| error.kind())
        }

        fn set(&self, seconds: u64) {
            self.clock.set(from_epoch(seconds));
        }
    }

    fn claims(token: &IssuedToken) -> String {
        let (mut header, mut room) = (HeaderRoom::new(), Room::new());
        let token =
            UnverifiedToken::parse_any_length(token.token().as_bytes(), &mut header).unwrap();
        let decoded = token.decode(&mut room).unwrap();
        String::from_utf8(decoded.unverified_claims.to_vec()).unwrap()
    }

    #[test]
    fn a_token_refreshed_five_times_keeps_its_session_and_its_login() {
        for form in [TokenForm::Compact, TokenForm::Legacy] {
            for names_parties in [false, true] {
                let shop = Shop::of(form, names_parties);
                let login = shop.log_in();
                assert_eq!(login.session_id(), login.token_id());
                assert_eq!(login.authenticated_at(), from_epoch(LOGIN));

                let (mut token, mut ids) = (login.clone(), vec![login.token_id().clone()]);
                for hours in 1..=5 {
                    let now = LOGIN + hours * HOUR;
                    shop.set(now);
                    let issued = shop.refresh(&token).unwrap();
                    token = shop.verify(&issued).unwrap();
                    assert_eq!(token.session_id(), login.token_id());
                    assert_eq!(token.authenticated_at(), from_epoch(LOGIN));
                    assert_eq!(token.customer_id(), login.customer_id());
                    assert_eq!(token.name(), Some("Ron Swanson"));
                    assert_eq!(token.token_id(), issued.token_id());
                    assert_eq!(token.issued_at(), from_epoch(now));
                    assert_eq!(token.expires_at(), from_epoch(now + DAY));
                    ids.push(token.token_id().clone());
                }
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), 6);
            }
        }
    }

    #[test]
    fn the_claims_of_a_refreshed_token_are_those_of_a_login_and_two_more() {
        for form in [TokenForm::Compact, TokenForm::Legacy] {
            for (names_parties, parties) in [(false, ""), (true, r#","aud":"store","iss":"us""#)] {
                let shop = Shop::of(form, names_parties);
                let login = shop.log_in();
                shop.set(LOGIN + HOUR);
                let issued = shop.refresh(&login).unwrap();
                let claims = claims(&issued);
                let expected = format!(
                    r#"{{"sub":"{}","name":"Ron Swanson","exp":{},"iat":{},"jti":"{}"{parties},"auth_time":{LOGIN},"sid":"{}"}}"#,
                    customer(),
                    LOGIN + HOUR + DAY,
                    LOGIN + HOUR,
                    issued.token_id(),
                    login.token_id(),
                );
                assert_eq!(claims, expected);
                let is_of_the_shape = IssuedClaims::parse_refreshed(claims.as_bytes()).is_some();
                assert_eq!(is_of_the_shape, !names_parties);
            }
        }
    }

    #[test]
    fn jsonwebtoken_reads_the_same_claims() {
        let shop = Shop::open();
        let login = shop.log_in();
        shop.set(LOGIN + HOUR);
        let issued = shop.refresh(&login).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        // Its clock is that of the system.
        validation.validate_exp = false;
        let secret = DecodingKey::from_secret(SECRET.as_bytes());
        let decoded = jsonwebtoken::decode::<Value>(issued.token(), &secret, &validation).unwrap();
        let expected = json!({
            "sub": customer(),
            "name": "Ron Swanson",
            "exp": LOGIN + HOUR + DAY,
            "iat": LOGIN + HOUR,
            "jti": issued.token_id(),
            "auth_time": LOGIN,
            "sid": login.token_id(),
        });
        assert_eq!(decoded.claims, expected);
    }

    #[test]
    fn no_token_outlives_its_session_and_none_is_signed_after_its_end() {
        let shop = Shop::open();
        let login = shop.log_in();
        let end = LOGIN + MONTH;
        for (now, exp) in
            [(end - DAY - 1, end - 1), (end - DAY, end), (end - DAY + 1, end), (end - 1, end)]
        {
            shop.set(now);
            let issued = shop.refresh(&login).unwrap();
            assert_eq!(issued.expires_at(), from_epoch(exp), "{now}");
            assert_eq!(shop.verify(&issued).map(|token| token.expires_at()), Ok(from_epoch(exp)));
        }
        for now in [end, end + 1, end + MONTH] {
            shop.set(now);
            let refused = shop.refresh(&login).map(|token| token.expires_at());
            assert!(matches!(refused, Err(SignError::SessionEnded)), "{now}: {refused:?}");
        }
    }

    #[test]
    fn fractions_of_a_second_are_dropped_from_the_times_of_a_session() {
        let shop = Shop::open();
        let id = shop.log_in().session_id().clone();
        let half = Duration::from_millis(500);
        let session = Session {
            id: &id,
            authenticated_at: from_epoch(LOGIN) + half,
            ends_at: from_epoch(LOGIN + 10) + half,
        };
        let issued = shop.signer.refresh(&customer(), None, session).unwrap();
        assert_eq!(issued.expires_at(), from_epoch(LOGIN + 10));
        let verified = shop.verify(&issued).unwrap();
        assert_eq!(verified.authenticated_at(), from_epoch(LOGIN));
        // With an `exp` in the same second the token would be worthless.
        shop.set(LOGIN + 10);
        let refused = shop.signer.refresh(&customer(), None, session);
        assert!(matches!(refused, Err(SignError::SessionEnded)), "{refused:?}");
    }

    #[tokio::test]
    async fn a_cut_off_after_the_login_ends_what_was_refreshed_before_and_lets_nothing_be_after() {
        let shop = Shop::open();
        let login = shop.log_in();
        shop.set(LOGIN + 2 * HOUR);
        let refreshed = shop.refresh(&login).unwrap();
        assert_eq!(shop.verify(&refreshed).map(drop), Ok(()));

        // Between the login and the `iat` of the refreshed token.
        let cut_off = from_epoch(LOGIN + HOUR) + Duration::from_nanos(1);
        shop.revocations.revoke_customer(&customer(), cut_off).await.unwrap();
        assert_eq!(shop.verify(&refreshed), Err(VerifyErrorKind::Revoked));
        for now in [LOGIN + HOUR, LOGIN + HOUR + 1, LOGIN + 2 * HOUR] {
            shop.set(now);
            let refused = shop.refresh(&login);
            assert!(matches!(refused, Err(SignError::Revoked)), "{now}: {refused:?}");
        }
        // A later login is another session.
        let later = shop.log_in();
        shop.set(LOGIN + 3 * HOUR);
        let refreshed = shop.verify(&shop.refresh(&later).unwrap());
        assert_eq!(refreshed.as_ref().map(VerifiedToken::session_id), Ok(later.token_id()));
    }

    #[tokio::test]
    async fn signer_and_verifier_agree_on_the_second_of_a_cut_off() {
        let shop = Shop::open();
        let login = shop.log_in();
        let revoke = |at| shop.revocations.revoke_customer(login.customer_id(), at);
        for (cut_off, is_revoked) in
            [(from_epoch(LOGIN), false), (from_epoch(LOGIN) + Duration::from_nanos(1), true)]
        {
            let before = shop.refresh(&login);
            revoke(cut_off).await.unwrap();
            let verdict = shop.verify(&before.unwrap()).map(drop);
            assert_eq!(verdict, if is_revoked { Err(VerifyErrorKind::Revoked) } else { Ok(()) });
            let after = shop.refresh(&login).map(drop);
            assert_eq!(matches!(after, Err(SignError::Revoked)), is_revoked, "{after:?}");
        }
    }

    #[test]
    fn a_token_is_never_older_than_its_login_nor_dated_beyond_all_dates_t23() {
        let shop = Shop::open();
        let login = shop.log_in();
        assert_eq!(shop.verify(&shop.refresh(&login).unwrap()).map(drop), Ok(()));
        // The clock of another node, a little behind.
        shop.set(LOGIN - 1);
        let refreshed = shop.refresh(&login).unwrap();
        assert_eq!(refreshed.issued_at(), from_epoch(LOGIN));
        shop.set(MAX_NUMERIC_DATE);
        let endless = Session {
            id: login.session_id(),
            authenticated_at: login.authenticated_at(),
            ends_at: from_epoch(MAX_NUMERIC_DATE + DAY),
        };
        let refused = shop.signer.refresh(&customer(), None, endless);
        assert!(matches!(refused, Err(SignError::ClockOutOfRange)), "{refused:?}");
    }

    #[test]
    fn refuses_to_refresh_to_a_token_that_no_verifier_takes() {
        let shop = Shop::open();
        let login = shop.log_in();
        let session = Session {
            id: login.session_id(),
            authenticated_at: login.authenticated_at(),
            ends_at: from_epoch(LOGIN + MONTH),
        };
        let long = "x".repeat(6_500);
        let refused = shop.signer.refresh(&customer(), Some(&long), session);
        assert!(matches!(refused, Err(SignError::TooLong { length }) if length > MAX_TOKEN_LEN));

        let keys = KeyRing::hs256(SECRET).unwrap();
        let legacy = TokenSigner::builder(keys.clone()).form(TokenForm::Legacy).build().unwrap();
        keys.rotate(SigningKey::hs256(SECRET).unwrap().with_id("k1"), Duration::ZERO);
        let refused = legacy.refresh(&customer(), None, session);
        assert!(matches!(refused, Err(SignError::Key(_))), "{refused:?}");
    }
}
