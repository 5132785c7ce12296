//! Secret bytes.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes, such as a password or a key.
///
/// `Debug` prints `[redacted]`, there is no `Display`, no `PartialEq` (it would not compare in
/// constant time) and no `Serialize`, and the bytes are overwritten when the value is dropped.
///
/// # Example
///
/// ```
/// # use tower_customer_auth::Secret;
/// let password = Secret::from("mysecretpassword");
/// assert_eq!(format!("{password:?}"), "[redacted]");
/// assert_eq!(password.expose(), b"mysecretpassword");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Returns the secret bytes.
    ///
    /// The name makes uses easy to find in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        // `into_boxed_slice` would copy a vector with spare capacity and leave the original bytes
        // behind, not overwritten.
        let bytes = Zeroizing::new(bytes);
        Self(Zeroizing::new(Box::from(bytes.as_slice())))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(Box::from(text.as_bytes())))
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(Box::from(bytes)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
