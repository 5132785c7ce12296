//! Why an identity is not proven.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What stands between a code and an identity.
///
/// The causes are the transport's own words. What a provider says about a failure is not among them,
/// beyond the error code's name: such texts repeat codes and tokens.
#[derive(Clone)]
pub struct OidcError(Arc<Inner>);

struct Inner {
    kind: OidcErrorKind,
    what: &'static str,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of an [`OidcError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OidcErrorKind {
    /// The provider doesn't take the code, its verifier or its redirect URI; or the code was tried
    /// before.
    CodeRefused,
    /// The provider's ID token, or its userinfo, is well formed and not acceptable.
    IdentityRefused,
    /// As many logins as may be are waiting for the provider already.
    Overloaded,
    /// The provider can't be reached, is slow, or answers with what can't be read; or it doesn't know
    /// this client.
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

    /// Returns the kind.
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
