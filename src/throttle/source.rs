//! The address of the client that sent a request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;

use crate::error::ConfigError;
use crate::throttle::ForwardingHeader;
use crate::throttle::forwarded::client_address;
use crate::throttle::forwarded::has_forwarding_header;

type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// Where to find the address of a client.
pub(super) enum Source {
    Unknown,
    Peer(Peer),
    BehindProxies { peer: Peer, header: ForwardingHeader, hops: u8 },
}

impl Source {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::BehindProxies { hops, .. } => {
                ConfigError::check_number("source_behind_proxies", (*hops).into(), 1..=100)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn of(&self, head: &Parts) -> Option<IpAddr> {
        match self {
            Self::Unknown => None,
            Self::Peer(peer) => peer(&head.extensions),
            Self::BehindProxies { peer, header, hops } => {
                let peer = peer(&head.extensions)?;
                Some(client_address(&head.headers, *header, *hops, peer))
            }
        }
    }

    /// Returns whether a proxy seems to be in front, although the peer is taken for the client.
    pub(super) fn ignores_forwarding_header(&self, head: &Parts) -> bool {
        matches!(self, Self::Peer(_)) && has_forwarding_header(&head.headers)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Peer(_) => f.write_str("Peer"),
            Self::BehindProxies { header, hops, .. } => {
                f.debug_struct("BehindProxies").field("header", header).field("hops", hops).finish()
            }
        }
    }
}
