//! Where something goes wrong, and what.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

/// Place of a [`ScriptedProvider`](crate::testing::ScriptedProvider) that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 4).
    Discovery,
    /// `/jwks`: the public keys.
    Jwks,
    /// `/token`: codes for tokens.
    Token,
    /// `/userinfo` (OpenID Connect Core section 5.3).
    Userinfo,
    /// Any other path, such as the one a [`Fault::Redirect`] leads to.
    Elsewhere,
}

/// What an [`Endpoint`] does in place of its duty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No connection: the service fails, and the request reaches nobody.
    Refused,
    /// The request is taken and never answered.
    Hang,
    /// The right answer of the moment in which the request came, sent after this time.
    Slow(Duration),
    /// This status with a short text, and nothing is done.
    Status(StatusCode),
    /// This status (302, 307, 308 …), to [`Endpoint::Elsewhere`] of the same provider, and nothing is
    /// done here.
    Redirect(StatusCode),
    /// 200 and `application/json`, with bytes that are not even text; nothing is done.
    Garbage,
    /// 200 with a web page, as a proxy that wants a log-in answers; nothing is done.
    Html,
    /// 200 and JSON of a shape that no endpoint has; nothing is done.
    WrongShape,
    /// An answer of one's own; nothing is done.
    Answer {
        /// The status.
        status: StatusCode,
        /// The `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// The right answer under this `Content-Type`.
    ContentType(&'static str),
    /// The right answer with its full `Content-Length`, of which half arrives before an orderly end.
    CutShort,
    /// The right answer with its full `Content-Length`, of which half arrives before the connection
    /// breaks.
    Broken,
    /// The right answer behind 64 MiB of white space, which are made as they are read.
    Huge,
    /// The right answer, a byte a second.
    Drip,
}

impl Endpoint {
    pub(super) const ALL: [Self; 5] =
        [Self::Discovery, Self::Jwks, Self::Token, Self::Userinfo, Self::Elsewhere];

    /// The endpoint of a path below the issuer's.
    pub(super) fn at(path: &str) -> Self {
        let named = Self::ALL.into_iter().find(|endpoint| endpoint.path() == path);
        named.unwrap_or(Self::Elsewhere)
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Jwks => "/jwks",
            Self::Token => "/token",
            Self::Userinfo => "/userinfo",
            Self::Elsewhere => "/elsewhere",
        }
    }
}
