//! Every public type is `Debug`, `Send`, `Sync` and `Unpin`, so that it fits into any program.

use tower_customer_auth as auth;

fn holds<T: std::fmt::Debug + Send + Sync + Unpin>() {}

#[test]
fn the_core() {
    holds::<auth::AuthBody<()>>();
    holds::<auth::ConfigError>();
    holds::<auth::CustomerAuth<()>>();
    holds::<auth::CustomerAuthLayer>();
    holds::<auth::CustomerId>();
    holds::<auth::InvalidId>();
    holds::<auth::KeyRing>();
    holds::<auth::NoIdentity>();
    holds::<auth::Rejection>();
    holds::<auth::RejectionKind>();
    holds::<auth::Reservation>();
    holds::<auth::ResponseFuture<()>>();
    holds::<auth::Revocations>();
    holds::<auth::RevokeError>();
    holds::<auth::RevokeErrorKind>();
    holds::<auth::Secret>();
    holds::<auth::SigningKey>();
    holds::<auth::CoarseClock>();
    holds::<auth::SystemClock>();
    holds::<auth::TokenForm>();
    holds::<auth::TokenId>();
    holds::<auth::VerifiedToken>();
    holds::<auth::Verifier>();
    holds::<auth::VerifierBuilder>();
    holds::<auth::VerifyError>();
    holds::<auth::VerifyErrorKind>();
    holds::<auth::VerifyingKey>();
    holds::<auth::testing::ManualClock>();
    holds::<auth::testing::TestToken>();
}

#[cfg(feature = "axum")]
#[test]
fn the_extractors() {
    holds::<auth::ExtractRejection>();
}

#[cfg(feature = "issuer")]
#[test]
fn the_issuer() {
    holds::<auth::Admission>();
    holds::<auth::ChangeError>();
    holds::<auth::ChangeErrorKind>();
    holds::<auth::ClientDecision>();
    holds::<auth::Customer>();
    holds::<auth::CustomerRecord>();
    holds::<auth::CustomerUpdate>();
    holds::<auth::DuplicateEmail>();
    holds::<auth::EmailHolder>();
    holds::<auth::HashError>();
    holds::<auth::HashErrorKind>();
    holds::<auth::Identity>();
    holds::<auth::InvalidIdentity>();
    holds::<auth::InvalidPasswordHash>();
    holds::<auth::IssuedToken>();
    holds::<auth::IssuerBody>();
    holds::<auth::IssuerFuture<()>>();
    holds::<auth::LinkDecision>();
    holds::<auth::LinkRefusal>();
    holds::<auth::MemoryCustomers>();
    holds::<auth::Newcomer>();
    holds::<auth::PasswordGrant>();
    holds::<auth::PasswordHash>();
    holds::<auth::PasswordHasher>();
    holds::<auth::PasswordHasherBuilder>();
    holds::<auth::PasswordParams>();
    holds::<auth::SignError>();
    holds::<auth::StaticBearer>();
    holds::<auth::StoreError>();
    holds::<auth::StoredCustomer>();
    holds::<auth::TokenIssuer>();
    holds::<auth::TokenIssuerBuilder>();
    holds::<auth::TokenSigner>();
}

#[cfg(feature = "oidc")]
#[test]
fn the_openid_connect_grant() {
    holds::<auth::ClientAuthMethod>();
    holds::<auth::HttpClient>();
    holds::<auth::NoncePolicy>();
    holds::<auth::OidcError>();
    holds::<auth::OidcErrorKind>();
    holds::<auth::OidcGrant>();
    holds::<auth::OidcGrantBuilder>();
    holds::<auth::OidcProfile>();
}

#[cfg(feature = "sqlite")]
#[test]
fn the_stores() {
    holds::<auth::SqliteCustomers>();
}

#[cfg(all(feature = "issuer", feature = "asymmetric"))]
#[test]
fn the_published_keys() {
    holds::<auth::JwkSetService>();
}

#[cfg(feature = "oidc")]
#[test]
fn the_scripted_provider() {
    holds::<auth::testing::Consent>();
    holds::<auth::testing::Endpoint>();
    holds::<auth::testing::Fault>();
    holds::<auth::testing::IdToken>();
    holds::<auth::testing::ScriptedBody>();
    holds::<auth::testing::ScriptedProvider>();
    holds::<auth::testing::TokenRequest>();
}
