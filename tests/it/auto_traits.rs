//! Every public type is `Debug`, `Send`, `Sync` and `Unpin`, so that it fits into any program.

use tower_customer_auth as auth;

fn holds<T: std::fmt::Debug + Send + Sync + Unpin>() {}

#[test]
fn the_core() {
    holds::<auth::layer::AuthBody<()>>();
    holds::<auth::ConfigError>();
    holds::<auth::CustomerAuth<()>>();
    holds::<auth::CustomerAuthLayer>();
    holds::<auth::CustomerId>();
    holds::<auth::id::InvalidId>();
    holds::<auth::KeyRing>();
    holds::<auth::layer::NoIdentity>();
    holds::<auth::Rejection>();
    holds::<auth::RejectionKind>();
    holds::<auth::revocation::Reservation>();
    holds::<auth::layer::ResponseFuture<()>>();
    holds::<auth::Revocations>();
    holds::<auth::revocation::RevokeError>();
    holds::<auth::revocation::RevokeErrorKind>();
    holds::<auth::Secret>();
    holds::<auth::SigningKey>();
    holds::<auth::clock::CoarseClock>();
    holds::<auth::clock::SystemClock>();
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
    holds::<auth::extract::ExtractRejection>();
}

#[cfg(feature = "issuer")]
#[test]
fn the_throttle() {
    holds::<auth::password::Flow>();
    holds::<auth::throttle::Attempt>();
    holds::<auth::throttle::AttemptOutcome>();
    holds::<auth::throttle::Backoff>();
    holds::<auth::throttle::Decision>();
    holds::<auth::throttle::ForwardingHeader>();
    holds::<auth::throttle::LoginThrottle>();
    holds::<auth::throttle::LoginThrottleBuilder>();
    holds::<auth::throttle::MemoryCounters>();
    holds::<auth::throttle::ReservedAttempt>();
    holds::<auth::throttle::ThrottleError>();
    holds::<auth::throttle::ThrottleErrorKind>();
    holds::<auth::throttle::ThrottleKey>();
    holds::<auth::throttle::ThrottleLimits>();
    holds::<auth::throttle::ThrottleTier>();
}

#[cfg(feature = "issuer")]
#[test]
fn the_issuer() {
    holds::<auth::customer::ChangeError>();
    holds::<auth::customer::ChangeErrorKind>();
    holds::<auth::issuer::ClientDecision>();
    holds::<auth::Customer>();
    holds::<auth::customer::CustomerRecord>();
    holds::<auth::customer::CustomerUpdate>();
    holds::<auth::password::HashError>();
    holds::<auth::password::HashErrorKind>();
    holds::<auth::password::InvalidPasswordHash>();
    holds::<auth::IssuedToken>();
    holds::<auth::IssuerBody>();
    holds::<auth::issuer::IssuerFuture<()>>();
    holds::<auth::testing::MemoryCustomers>();
    holds::<auth::PasswordGrant>();
    holds::<auth::password::PasswordHash>();
    holds::<auth::password::PasswordHasher>();
    holds::<auth::password::PasswordHasherBuilder>();
    holds::<auth::password::PasswordParams>();
    holds::<auth::sign::SignError>();
    holds::<auth::StaticBearer>();
    holds::<auth::customer::StoreError>();
    holds::<auth::customer::StoredCustomer>();
    holds::<auth::issuer::Sessions>();
    holds::<auth::TokenIssuer>();
    holds::<auth::TokenIssuerBuilder>();
    holds::<auth::sign::TokenSigner>();
    holds::<auth::sign::TokenSignerBuilder>();
}

#[cfg(feature = "oidc")]
#[test]
fn the_openid_connect_grant() {
    holds::<auth::customer::Admission>();
    holds::<auth::customer::DuplicateEmail>();
    holds::<auth::customer::EmailHolder>();
    holds::<auth::customer::Identity>();
    holds::<auth::customer::InvalidIdentity>();
    holds::<auth::customer::LinkDecision>();
    holds::<auth::customer::LinkRefusal>();
    holds::<auth::customer::Newcomer>();
    holds::<auth::oidc::ClientAuthMethod>();
    holds::<auth::oidc::HttpClient>();
    holds::<auth::oidc::NoncePolicy>();
    holds::<auth::oidc::OidcError>();
    holds::<auth::oidc::OidcErrorKind>();
    holds::<auth::OidcGrant>();
    holds::<auth::issuer::OidcGrantBuilder>();
    holds::<auth::oidc::OidcProfile>();
}

#[cfg(feature = "postgres")]
#[test]
fn types_of_the_feature_postgres_are_debug_send_sync_and_unpin() {
    holds::<auth::database::PostgresBuilder>();
    holds::<auth::database::PostgresDatabase>();
    holds::<auth::database::PostgresTransaction>();
    holds::<auth::revocation::PostgresRevocationLog>();
    holds::<auth::store::PostgresCustomers>();
    holds::<auth::store::PostgresCustomersTransaction>();
}

#[cfg(feature = "sqlite")]
#[test]
fn the_stores() {
    holds::<auth::database::SqliteDatabase>();
    holds::<auth::store::SqliteCustomers>();
}

#[cfg(feature = "asymmetric")]
#[test]
fn the_published_keys() {
    holds::<auth::jwk_set::JwkSetBody>();
    holds::<auth::jwk_set::JwkSetService>();
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
