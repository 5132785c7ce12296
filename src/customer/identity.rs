//! Identities of customers at OpenID Connect providers.

use std::fmt;

use crate::customer::Customer;

/// Identity of a user at an OpenID Connect provider: the issuer and the subject together.
///
/// Only this pair identifies a user (OpenID Connect Core 1.0, section 5.7): a subject is unique
/// within its issuer and is never reassigned. An e-mail address is not an identifier. It can change
/// owners, a provider may not have verified it, and providers assert it independently of each
/// other.
///
/// Both parts are compared byte by byte: the case of a subject is significant (section 2), and so
/// is a trailing slash of the issuer.
///
/// `Debug` shows the issuer only.
///
/// # Example
///
/// ```
/// use tower_customer_auth::customer::Identity;
///
/// let identity = Identity::new("https://login.example", "248289761001")?;
/// assert_eq!(identity.issuer(), "https://login.example");
/// assert_eq!(identity.subject(), "248289761001");
/// let other = Identity::new("https://login.example", "248289761001 ")?;
/// assert_ne!(identity, other);
/// # Ok::<(), tower_customer_auth::customer::InvalidIdentity>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    issuer: String,
    subject: String,
}

impl Identity {
    /// Creates an identity.
    ///
    /// # Errors
    ///
    /// [`InvalidIdentity`]: the issuer is empty or longer than 2048 bytes; or the subject is empty,
    /// longer than 255 characters, or not ASCII (OpenID Connect Core 1.0, section 2).
    pub fn new(
        issuer: impl Into<String>,
        subject: impl Into<String>,
    ) -> Result<Self, InvalidIdentity> {
        let (issuer, subject) = (issuer.into(), subject.into());
        let lengths = (1..=MAX_ISSUER_LEN).contains(&issuer.len())
            && (1..=MAX_SUBJECT_LEN).contains(&subject.len());
        if lengths && subject.is_ascii() {
            Ok(Self { issuer, subject })
        } else {
            Err(InvalidIdentity)
        }
    }

    /// Returns the issuer: the `iss` of the provider's ID tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the subject: the `sub` of the provider's ID tokens.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Error for an issuer or a subject that is empty, too long, or, for a subject, not ASCII.
///
/// The text itself is not kept: it is personal data, or comes from an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is 1 to 2048 bytes, a subject 1 to 255 ASCII characters")]
#[non_exhaustive]
pub struct InvalidIdentity;

/// User who signed in at a provider, with the customer to create if the identity is unknown.
///
/// The customer has a new random identifier. The name and the e-mail come from the provider; an
/// empty e-mail means that the provider sent none.
///
/// `Debug` shows neither the subject nor the e-mail.
///
/// # Example
///
/// ```
/// use tower_customer_auth::Customer;
/// use tower_customer_auth::customer::Identity;
/// use tower_customer_auth::customer::Newcomer;
///
/// let identity = Identity::new("https://login.example", "248289761001")?;
/// let id = "79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?;
/// let ron = Newcomer::new(identity, Customer::new(id, "Ron Swanson", "ron@swanson.com"));
/// assert!(!ron.has_verified_email());
/// assert!(ron.email_verified(true).has_verified_email());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Newcomer {
    identity: Identity,
    customer: Customer,
    email_verified: bool,
}

impl Newcomer {
    /// Creates a newcomer whose e-mail is unverified.
    pub fn new(identity: Identity, customer: Customer) -> Self {
        Self { identity, customer, email_verified: false }
    }

    /// Sets whether the provider has verified the e-mail. Default `false`.
    ///
    /// # Security
    ///
    /// A verified e-mail can give access to the account of the customer who has it. Pass `true`
    /// only if the claim `email_verified` is the boolean `true`.
    pub fn email_verified(mut self, verified: bool) -> Self {
        self.email_verified = verified;
        self
    }

    /// Returns the identity at the provider.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the customer to create.
    #[must_use]
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// Returns whether there is an e-mail and the provider has verified it.
    #[must_use]
    pub fn has_verified_email(&self) -> bool {
        self.email_verified && !self.customer.email().is_empty()
    }
}

const MAX_ISSUER_LEN: usize = 2048;
const MAX_SUBJECT_LEN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example";

    #[test]
    fn takes_issuers_and_subjects_up_to_their_longest() {
        for (issuer, subject) in [
            (ISSUER, "248289761001"),
            ("i", "s"),
            (&*"i".repeat(2048), &*"s".repeat(255)),
            ("https://ünïcode.example/realms/é", "auth0|5f7c8ec7c33c6c004bbafe82"),
            (ISSUER, " !\"\0\n\x7f"),
        ] {
            let identity = Identity::new(issuer, subject).unwrap();
            assert_eq!((identity.issuer(), identity.subject()), (issuer, subject));
        }
    }

    #[test]
    fn refuses_what_is_empty_too_long_or_beyond_ascii() {
        for (issuer, subject) in [
            ("", "248289761001"),
            (&*"i".repeat(2049), "248289761001"),
            (ISSUER, ""),
            (ISSUER, &*"s".repeat(256)),
            (ISSUER, "é"),
            (ISSUER, "ron\u{212a}"),
        ] {
            assert_eq!(Identity::new(issuer, subject), Err(InvalidIdentity), "{subject:?}");
        }
    }

    #[test]
    fn each_byte_of_issuer_and_subject_counts() {
        let identity = Identity::new(ISSUER, "ab").unwrap();
        for (issuer, subject) in [
            (ISSUER, "aB"),
            (ISSUER, "ab "),
            (ISSUER, "ab\0"),
            ("https://login.example/", "ab"),
            ("https://LOGIN.example", "ab"),
            // Not one text of the two.
            ("https://login.examplea", "b"),
        ] {
            assert_ne!(Identity::new(issuer, subject).unwrap(), identity);
        }
        assert_eq!(Identity::new(ISSUER, "ab").unwrap(), identity);
    }

    #[test]
    fn no_e_mail_is_no_verified_one() {
        let newcomer = |email: &str| {
            let customer = Customer::new("id".parse().unwrap(), "Ron", email);
            Newcomer::new(Identity::new(ISSUER, "ron").unwrap(), customer)
        };
        assert!(!newcomer("").email_verified(true).has_verified_email());
        assert!(newcomer("ron@swanson.com").email_verified(true).has_verified_email());
        assert!(!newcomer("ron@swanson.com").has_verified_email());
    }

    #[test]
    fn debug_shows_neither_subject_nor_e_mail() {
        let customer = Customer::new("id".parse().unwrap(), "Ron Swanson", "ron@swanson.com");
        let newcomer = Newcomer::new(Identity::new(ISSUER, "hidden").unwrap(), customer);
        assert_eq!(
            format!("{newcomer:?}"),
            "Newcomer { identity: Identity { issuer: \"https://login.example\", .. }, \
             customer: Customer { id: CustomerId(\"id\"), .. }, email_verified: false }"
        );
    }
}
