//! Errors of logins at a provider.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Error of a login at an OpenID provider.
///
/// The `source()` is the transport's error. It never contains the provider's error texts, because
/// these may repeat codes and tokens.
#[derive(Clone)]
pub struct OidcError(Arc<Inner>);

struct Inner {
    kind: OidcErrorKind,
    what: &'static str,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// Kind of an [`OidcError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OidcErrorKind {
    /// The provider rejects the code, its verifier or its redirect URI, or the code was used
    /// before.
    CodeRefused,
    /// The provider's ID token or userinfo is well formed and failed verification.
    IdentityRefused,
    /// Too many logins are waiting for the provider already.
    Overloaded,
    /// The provider is unreachable, slow, sends a malformed answer or rejects this client.
    Unavailable,
}

impl OidcError {
    pub(super) fn new(kind: OidcErrorKind, what: &'static str) -> Self {
        Self(Arc::new(Inner { kind, what, cause: None }))
    }

    pub(super) fn unavailable(what: &'static str) -> Self {
        Self::new(OidcErrorKind::Unavailable, what)
    }

    pub(super) fn unavailable_because(
        what: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        let kind = OidcErrorKind::Unavailable;
        Self(Arc::new(Inner { kind, what, cause: Some(cause.into()) }))
    }

    pub(crate) fn slow() -> Self {
        Self::unavailable("the provider has not answered in time")
    }

    pub(super) fn identity_refused(what: &'static str) -> Self {
        Self::new(OidcErrorKind::IdentityRefused, what)
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> OidcErrorKind {
        self.0.kind
    }
}

impl fmt::Display for OidcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.what)
    }
}

impl fmt::Debug for OidcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcError")
            .field("kind", &self.0.kind)
            .field("what", &self.0.what)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for OidcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}
