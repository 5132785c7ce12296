//! Random bytes and identifiers.

use std::fmt::Write;
use std::io;

use tower_customer_auth::CustomerId;

/// Bytes of the operating system's generator.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Invariant: writing to a `String` never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The text of a random UUID (RFC 9562 section 5.4).
pub(crate) fn uuid() -> io::Result<String> {
    Ok(uuid_of(bytes()?))
}

/// The text of the version 4 UUID that has these bytes.
pub(crate) fn uuid_of(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    CustomerId::from_uuid_bytes(bytes).to_string()
}
