//! A customer's name, which is short as a rule.

use std::fmt;
use std::sync::Arc;

/// Text that is kept in place up to [`MAX_SHORT_LEN`] bytes, so that neither making nor cloning one of usual
/// length allocates; longer text is shared by all clones.
#[derive(Clone)]
pub(super) enum Name {
    Short { len: u8, bytes: [u8; MAX_SHORT_LEN] },
    Long(Arc<str>),
}

/// With the length and the variant, four words.
const MAX_SHORT_LEN: usize = 30;

impl Name {
    #[inline]
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; MAX_SHORT_LEN];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(short), Ok(len)) => {
                short.copy_from_slice(text.as_bytes());
                Self::Short { len, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Short { len, bytes } => {
                let text = std::str::from_utf8(&bytes[..usize::from(*len)]);
                // Invariant: `new` copied the whole of a text.
                text.expect("the text that was copied")
            }
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_length_is_shown_as_it_came() {
        for text in
            ["", "R", "Zoë", &"ë".repeat(15), &"n".repeat(31), &"ë".repeat(16), &"n".repeat(999)]
        {
            let name = Name::new(text);
            assert_eq!(name.as_str(), text);
            assert_eq!(name.clone(), name);
            assert_ne!(name, Name::new("other"));
            assert_eq!(matches!(name, Name::Short { .. }), text.len() <= 30, "{text}");
        }
    }
}
