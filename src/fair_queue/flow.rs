//! The source and the account of a job.

use std::fmt;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

/// Source and account of a job, between which a queue takes turns.
///
/// A queue that is full sheds the newest job of the source that has asked for most, and within this
/// source, of the account that has asked for most. So a client that floods the queue displaces its
/// own jobs, and not those of other clients.
///
/// Jobs whose source is unknown share one source, and those whose account is unknown share one
/// account of their source. [`Flow::new`] has neither.
///
/// Only hashes are kept, with a random key of the process.
///
/// # Example
///
/// ```
/// use std::net::Ipv4Addr;
/// use tower_customer_auth::customer::email_key;
/// use tower_customer_auth::password::Flow;
///
/// let peer = Ipv4Addr::new(192, 0, 2, 7).into();
/// let flow = Flow::new().source(peer).account(&email_key("Ron@Swanson.com"));
/// # let _ = flow;
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct Flow {
    source: u64,
    account: u64,
}

impl Flow {
    /// Creates the flow of jobs whose source and account are unknown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address that the job comes from. Default: unknown.
    ///
    /// One source is an IPv4 address, or the /64 network of an IPv6 address, which is what one
    /// customer of an access network is given. An IPv4-mapped IPv6 address is its IPv4 address.
    ///
    /// Set the address of the client: that of a proxy is the source of all clients behind it.
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = KEY.hash_one(network(address));
        self
    }

    /// Sets the account that the job is for. Default: unknown.
    ///
    /// Spellings of one account are different accounts, so pass a normalized text, for example that
    /// of [`email_key`](crate::customer::email_key).
    pub fn account(mut self, account: &str) -> Self {
        self.account = KEY.hash_one(account);
        self
    }

    pub(super) fn source_key(self) -> u64 {
        self.source
    }

    pub(super) fn account_key(self) -> u64 {
        self.account
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key, the hashes reveal nothing, but they would link the lines of a log.
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}

/// Returns the first address of the network that counts as one source: an IPv4 address itself, or
/// the /64 of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Keyed, so that a client cannot choose an address or an account that collides with another one.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            // IPv4-compatible addresses are no longer assigned, and are IPv6.
            ("::192.0.2.7", "::"),
        ] {
            assert_eq!(network(ip(address)), ip(expected), "{address}");
        }
    }

    #[test]
    fn a_flow_is_identified_by_its_source_and_its_account() {
        let keys = |flow: Flow| (flow.source_key(), flow.account_key());
        let flow = Flow::new().source(ip("2001:db8::1")).account("ron");
        assert_eq!(keys(flow), keys(Flow::new().account("ron").source(ip("2001:db8::2"))));
        assert_eq!(keys(Flow::new()), keys(Flow::default()));
        let others = [
            Flow::new(),
            Flow::new().account("ron"),
            Flow::new().source(ip("2001:db8::1")),
            Flow::new().source(ip("2001:db8::1")).account(""),
            Flow::new().source(ip("2001:db8::1")).account("Ron"),
            Flow::new().source(ip("2001:db8:0:1::1")).account("ron"),
        ];
        for other in others {
            assert_ne!(keys(flow), keys(other));
        }
    }

    #[test]
    fn nothing_of_a_flow_is_printed() {
        let flow = Flow::new().source(ip("192.0.2.7")).account("ron");
        assert_eq!(format!("{flow:?}"), "Flow { .. }");
    }
}
