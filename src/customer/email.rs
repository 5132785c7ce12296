//! When two e-mail addresses are one.

/// Returns the key under which an e-mail address is compared: its Unicode lower case.
///
/// Stores keep the address as it was given and look it up by this key, computed here and not by the
/// database, whose own folding often knows only ASCII. The mapping is by character, without regard
/// to language or position in the word; the two lower-case sigmas count as one. Nothing is trimmed,
/// and composed and decomposed accents stay different.
///
/// # Security
///
/// The key decides who is who, it is never an address to write to: a few foreign letters have an
/// ASCII lower case (the Kelvin sign becomes `k`), so another spelling may reach the same customer,
/// and mail must go to the stored address alone.
///
/// # Example
///
/// ```
/// use tower_customer_auth::email_key;
///
/// assert_eq!(email_key("Ron@Swanson.COM"), "ron@swanson.com");
/// assert_eq!(email_key("ÅSE@Example.no"), "åse@example.no");
/// ```
#[must_use]
pub fn email_key(email: &str) -> String {
    email
        .chars()
        .flat_map(char::to_lowercase)
        // `char::to_lowercase` never makes a final sigma, but the address may hold one.
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
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
}
