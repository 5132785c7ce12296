//! Comparison of e-mail addresses, and detection of look-alikes.

/// Returns the key by which an e-mail address is compared: its Unicode lower case.
///
/// Stores keep the address as given and look it up by this key. The key is computed here because
/// the case folding of many databases covers ASCII only. Each character is mapped on its own,
/// without regard to language or position; the two lower-case sigmas map to one. Nothing is trimmed
/// and nothing is normalized: composed and decomposed accents stay different.
///
/// # Security
///
/// Use the key for comparison only, and send mail to the stored address. A few non-ASCII letters
/// have an ASCII lower case (the Kelvin sign becomes `k`), so a different address may have the same
/// key.
///
/// # Example
///
/// ```
/// use tower_customer_auth::customer::email_key;
///
/// assert_eq!(email_key("Ron@Swanson.COM"), "ron@swanson.com");
/// assert_eq!(email_key("ÅSE@Example.no"), "åse@example.no");
/// ```
#[must_use]
pub fn email_key(email: &str) -> String {
    email
        .chars()
        .flat_map(char::to_lowercase)
        // `char::to_lowercase` never produces a final sigma, but the address may contain one.
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

/// Returns whether an e-mail address contains characters that are invisible when it is displayed.
///
/// These are the control and format characters of Unicode 18.0 (General_Category Cc and Cf,
/// including zero-width, bidirectional and tag characters), the line and paragraph separators (Zl,
/// Zp), and the characters that renderers show as nothing (Default_Ignorable_Code_Point, for
/// example variation selectors and Hangul fillers). Spaces are not included.
///
/// # Security
///
/// [`email_key`] treats an address with such characters as different from the same address without
/// them, while a person sees the same text, or sees it in another order than it is stored. An
/// attacker can so register a second `ron@swanson.com`. Reject such an address when a customer
/// registers or changes their e-mail. An OpenID Connect login ignores an e-mail claim that contains
/// such characters. The password login does not check, so that existing customers with such an
/// address can still sign in.
///
/// Letters of different scripts that look alike are not detected. Unicode Technical Standard 39
/// covers them; the rules depend on the languages of a shop's customers.
///
/// # Example
///
/// ```
/// use tower_customer_auth::customer::email_has_invisible_characters;
///
/// assert!(!email_has_invisible_characters("élodie@example.fr"));
/// // A zero-width space, and a right-to-left override.
/// assert!(email_has_invisible_characters("ron\u{200B}@swanson.com"));
/// assert!(email_has_invisible_characters("ron\u{202E}moc.nosnaws@example.com"));
/// ```
#[must_use]
pub fn email_has_invisible_characters(email: &str) -> bool {
    email.chars().any(is_invisible)
}

fn is_invisible(character: char) -> bool {
    // The ranges are sorted: only the last range that starts at or before the character can contain
    // it.
    let above = INVISIBLE.partition_point(|(first, _)| *first <= character);
    above > 0 && character <= INVISIBLE[above - 1].1
}

/// First and last character of each range. From DerivedGeneralCategory.txt and
/// DerivedCoreProperties.txt of
/// the Unicode Character Database, version 18.0; a test compares them with `icu_properties`.
const INVISIBLE: [(char, char); 27] = [
    ('\u{0000}', '\u{001F}'),
    ('\u{007F}', '\u{009F}'),
    ('\u{00AD}', '\u{00AD}'),
    ('\u{034F}', '\u{034F}'),
    ('\u{0600}', '\u{0605}'),
    ('\u{061C}', '\u{061C}'),
    ('\u{06DD}', '\u{06DD}'),
    ('\u{070F}', '\u{070F}'),
    ('\u{0890}', '\u{0891}'),
    ('\u{08E2}', '\u{08E2}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{17B4}', '\u{17B5}'),
    ('\u{180B}', '\u{180F}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{2028}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFA0}', '\u{FFA0}'),
    ('\u{FFF0}', '\u{FFFB}'),
    ('\u{110BD}', '\u{110BD}'),
    ('\u{110CD}', '\u{110CD}'),
    ('\u{13430}', '\u{1343F}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D173}', '\u{1D17A}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

#[cfg(test)]
mod tests {
    use icu_properties::CodePointMapData;
    use icu_properties::CodePointSetData;
    use icu_properties::props::DefaultIgnorableCodePoint;
    use icu_properties::props::GeneralCategory;

    use super::email_has_invisible_characters;
    use super::email_key;

    #[test]
    fn spellings_that_differ_in_case_alone_share_a_key() {
        for (one, other) in [
            ("ron@swanson.com", "RON@SWANSON.COM"),
            ("élodie@example.fr", "ÉLODIE@EXAMPLE.FR"),
            ("ΟΔΟΣ@example.gr", "οδος@example.gr"),
            ("οδοσ@example.gr", "οδος@example.gr"),
            ("ЖЕНЯ@пример.рф", "женя@ПРИМЕР.рф"),
        ] {
            assert_eq!(email_key(one), email_key(other));
        }
    }

    #[test]
    fn other_differences_make_another_key() {
        for (one, other) in [
            ("ron@swanson.com", " ron@swanson.com"),
            ("ron@swanson.com", "ron@swanson.com."),
            ("ron+1@swanson.com", "ron@swanson.com"),
            ("e\u{301}@example.fr", "é@example.fr"),
            ("ron\0@swanson.com", "ron@swanson.com"),
        ] {
            assert_ne!(email_key(one), email_key(other));
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        for email in ["Ron@Swanson.com", "İ@example.tr", "ΣΣς@example.gr", ""] {
            let key = email_key(email);
            assert_eq!(email_key(&key), key);
        }
    }

    #[test]
    fn the_invisible_characters_are_those_of_unicode() {
        let categories = CodePointMapData::<GeneralCategory>::new();
        let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        for character in '\0'..=char::MAX {
            let category = matches!(
                categories.get(character),
                GeneralCategory::Control
                    | GeneralCategory::Format
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
            );
            let expected = category || ignorable.contains(character);
            let email = format!("r{character}n@swanson.com");
            assert_eq!(email_has_invisible_characters(&email), expected, "{email:?}");
        }
    }

    #[test]
    fn an_invisible_character_is_found_wherever_it_stands() {
        for email in
            ["\u{FEFF}ron@swanson.com", "ron@\u{AD}swanson.com", "ron@swanson.com\u{E0041}"]
        {
            assert!(email_has_invisible_characters(email), "{email:?}");
        }
        for email in
            ["", "ron@swanson.com", "ÅSE@Example.no", "ЖЕНЯ@пример.рф", "李@例え.jp", "a b@c"]
        {
            assert!(!email_has_invisible_characters(email), "{email:?}");
        }
    }
}
