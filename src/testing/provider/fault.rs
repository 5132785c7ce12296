//! Endpoints and their faults.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

/// Endpoint of a [`ScriptedProvider`](crate::testing::ScriptedProvider).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 section 4).
    Discovery,
    /// `/jwks`: the public keys.
    Jwks,
    /// `/token`: exchanges codes for tokens.
    Token,
    /// `/userinfo` (OpenID Connect Core section 5.3).
    Userinfo,
    /// Any other path, such as the one a [`Fault::Redirect`] leads to.
    Elsewhere,
}

/// Misbehaviour of an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is refused: the service fails, and no endpoint sees the request.
    Refused,
    /// The request is accepted and never answered.
    Hang,
    /// The correct response, computed on arrival and sent after this delay.
    Slow(Duration),
    /// This status with a short text; the request has no effect.
    Status(StatusCode),
    /// A redirect with this status to [`Endpoint::Elsewhere`]; the request has no effect.
    Redirect(StatusCode),
    /// 200 and `application/json`, with bytes that are not UTF-8; the request has no effect.
    Garbage,
    /// 200 with a web page, like a captive portal's; the request has no effect.
    Html,
    /// 200 and JSON of an unexpected structure; the request has no effect.
    WrongShape,
    /// A custom response; the request has no effect.
    Answer {
        /// The status.
        status: StatusCode,
        /// The `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// The correct response with this `Content-Type`.
    ContentType(&'static str),
    /// The correct response, of which half arrives before an orderly end.
    ///
    /// `Content-Length` is the full length.
    CutShort,
    /// The correct response, of which half arrives before the connection breaks.
    ///
    /// `Content-Length` is the full length.
    Broken,
    /// The correct response after 64 MiB of white space, generated as it is read.
    Huge,
    /// The correct response, at one byte a second.
    Drip,
}

impl Endpoint {
    pub(super) const ALL: [Self; 5] =
        [Self::Discovery, Self::Jwks, Self::Token, Self::Userinfo, Self::Elsewhere];

    /// Returns the endpoint of a path below the issuer's.
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
