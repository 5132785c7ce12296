//! Settings that are refused, and what is shown of a throttle.

use super::*;
use crate::error::ConfigError;
use crate::throttle::Backoff;
use crate::throttle::ForwardingHeader;
use crate::throttle::LoginThrottle;

#[test]
fn refuses_settings_outside_their_bounds() {
    let (milli, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
    let rejected = |limits: ThrottleLimits| {
        LoginThrottle::builder().limits(limits).build().err().map(|error| error.to_string())
    };
    let limits = ThrottleLimits::default;
    let message = |text: &str| Some(text.to_owned());
    assert_eq!(rejected(limits().source(0, day)), message("source must be 1 to 65535, not 0"));
    assert_eq!(
        rejected(limits().source(1, Duration::ZERO)),
        message("source must be 1ms to 86400s, not 0ns")
    );
    let backoff = |free, first, max| Backoff::new(free, first, max);
    assert_eq!(
        rejected(limits().pair(backoff(0, milli, day))),
        message("pair must be 1 to 65535, not 0")
    );
    assert_eq!(
        rejected(limits().account(backoff(1, day, milli))),
        message("account must be 86400s to 86400s, not 1ms")
    );
    assert_eq!(
        rejected(limits().account(backoff(1, milli, day).forget_after(milli))),
        message("account must be 86400s to 86400s, not 1ms")
    );
    assert_eq!(
        rejected(limits().max_consecutive(0)),
        message("max_consecutive must be 1 to 65535, not 0")
    );
    assert_eq!(
        rejected(limits().known_source(367 * day)),
        message("known_source must be 0ns to 31622400s, not 31708800s")
    );
    assert_eq!(rejected(limits().source(1, milli).pair(backoff(1, milli, milli))), None);
    let key = |length| LoginThrottle::builder().key(vec![7; length]).build().err();
    let too_short =
        ConfigError::NumberOutOfRange { setting: "key", value: 31, min: 32, max: u64::MAX };
    assert_eq!((key(31), key(32)), (Some(too_short), None));
    let hops = |hops| {
        let header = ForwardingHeader::XForwardedFor;
        LoginThrottle::builder().source_behind_proxies(hops, header, |_| None).build().err()
    };
    let out_of_range = |value| {
        Some(ConfigError::NumberOutOfRange {
            setting: "source_behind_proxies",
            value,
            min: 1,
            max: 100,
        })
    };
    assert_eq!((hops(0), hops(101), hops(100)), (out_of_range(0), out_of_range(101), None));
}

#[test]
fn neither_keys_nor_e_mails_are_shown() {
    let throttle = LoginThrottle::builder().source(|_| None).build().unwrap();
    let shown = format!("{throttle:?} {:?}", ThrottleKey::from_bytes([7; 8]));
    assert!(
        shown.starts_with("LoginThrottle { is_limiting: true, limits: ThrottleLimits {"),
        "{shown}"
    );
    assert!(shown.ends_with("source: Peer, .. } ThrottleKey([redacted])"), "{shown}");
}
