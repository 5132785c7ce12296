//! Limits on failed logins.

#[cfg_attr(not(test), expect(dead_code, reason = "used with the throttle"))]
mod forwarded;

pub use self::forwarded::ForwardingHeader;
