//! How an OpenID Connect login treats an identity, independent of any store.

use crate::id::CustomerId;

/// Policy for a new identity whose e-mail already belongs to a customer.
///
/// A known identity always signs in its own customer, whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DuplicateEmail {
    /// Creates a new customer for each new identity, so several customers may have one e-mail. The
    /// default.
    #[default]
    Allowed,
    /// Links an identity with a *verified* e-mail to the customer who has that e-mail.
    ///
    /// The customer's password is removed. Falls back to [`Allowed`](Self::Allowed) where linking
    /// would not be safe.
    ApiOnly,
    /// Rejects the login.
    Disallowed,
}

impl DuplicateEmail {
    /// Returns the policy's name in Elastic Path's `duplicate_email_policy`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ApiOnly => "api_only",
            Self::Disallowed => "disallowed",
        }
    }
}

/// Availability of an e-mail address, as [`IdentityStore::email_holder`] returns it.
///
/// [`IdentityStore::email_holder`]: crate::customer::IdentityStore::email_holder
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailHolder {
    /// No customer has the e-mail.
    Free,
    /// This customer has the e-mail, and an identity with that verified e-mail may be linked to
    /// them.
    ///
    /// [`IdentityStore`](crate::customer::IdentityStore) has the rules.
    Linkable(CustomerId),
    /// One or more customers have the e-mail, and none of them may be linked.
    NotLinkable,
}

/// Decision on how an OpenID Connect login treats an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkDecision {
    /// Signs in the customer that the identity belongs to.
    Known(CustomerId),
    /// Creates a customer.
    Create,
    /// Links the identity to this customer.
    ///
    /// The customer's password is removed, and the customer's tokens are revoked.
    Link(CustomerId),
    /// Rejects the login.
    Refuse(LinkRefusal),
}

/// Reason why a login with a valid ID token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkRefusal {
    /// A customer has the e-mail, and the policy is [`DuplicateEmail::Disallowed`].
    EmailTaken,
}

impl LinkDecision {
    /// Decides from the policy and the results of the store lookups.
    ///
    /// `known` is the customer found by the identity, `holder` the result for the e-mail. For an
    /// empty e-mail, the holder is [`EmailHolder::Free`].
    ///
    /// # Security
    ///
    /// An unverified e-mail never links: at a provider that does not verify, anyone can enter any
    /// address. A verified one links only to a customer whom no one else can log in as, because an
    /// attacker may have prepared the account and wait for the owner of the address to sign in
    /// ("pre-hijacking").
    ///
    /// # Example
    ///
    /// ```
    /// use tower_customer_auth::customer::DuplicateEmail;
    /// use tower_customer_auth::customer::EmailHolder;
    /// use tower_customer_auth::customer::LinkDecision;
    ///
    /// let holder = EmailHolder::Linkable("79cc0486-bbdf-491b-a0a2-722383b6288b".parse()?);
    /// let unverified = LinkDecision::of(DuplicateEmail::ApiOnly, None, false, &holder);
    /// assert_eq!(unverified, LinkDecision::Create);
    /// # Ok::<(), tower_customer_auth::id::InvalidId>(())
    /// ```
    #[must_use]
    pub fn of(
        policy: DuplicateEmail,
        known: Option<&CustomerId>,
        email_verified: bool,
        holder: &EmailHolder,
    ) -> Self {
        if let Some(known) = known {
            return Self::Known(known.clone());
        }
        match (policy, holder) {
            (DuplicateEmail::ApiOnly, EmailHolder::Linkable(id)) if email_verified => {
                Self::Link(id.clone())
            }
            (DuplicateEmail::Allowed | DuplicateEmail::ApiOnly, _)
            | (DuplicateEmail::Disallowed, EmailHolder::Free) => Self::Create,
            (DuplicateEmail::Disallowed, EmailHolder::Linkable(_) | EmailHolder::NotLinkable) => {
                Self::Refuse(LinkRefusal::EmailTaken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DuplicateEmail::Allowed;
    use super::DuplicateEmail::ApiOnly;
    use super::DuplicateEmail::Disallowed;
    use super::EmailHolder::Free;
    use super::EmailHolder::NotLinkable;
    use super::*;

    fn ron() -> CustomerId {
        "ron".parse().unwrap()
    }

    fn linkable() -> EmailHolder {
        EmailHolder::Linkable(ron())
    }

    /// The decision for an unknown identity.
    fn decide(policy: DuplicateEmail, verified: bool, holder: &EmailHolder) -> LinkDecision {
        LinkDecision::of(policy, None, verified, holder)
    }

    #[test]
    fn a_known_identity_is_known_whatever_else_there_is() {
        let known: CustomerId = "leslie".parse().unwrap();
        for policy in [Allowed, ApiOnly, Disallowed] {
            for verified in [false, true] {
                for holder in [Free, linkable(), NotLinkable] {
                    let decision = LinkDecision::of(policy, Some(&known), verified, &holder);
                    assert_eq!(decision, LinkDecision::Known(known.clone()));
                }
            }
        }
    }

    #[test]
    fn allowed_creates_whoever_has_the_e_mail_verified_or_not() {
        for verified in [false, true] {
            for holder in [Free, linkable(), NotLinkable] {
                assert_eq!(decide(Allowed, verified, &holder), LinkDecision::Create);
            }
        }
    }

    #[test]
    fn api_only_links_a_verified_e_mail_to_the_customer_who_may_be_linked() {
        assert_eq!(decide(ApiOnly, true, &linkable()), LinkDecision::Link(ron()));
    }

    #[test]
    fn api_only_never_links_an_unverified_e_mail_but_creates() {
        assert_eq!(decide(ApiOnly, false, &linkable()), LinkDecision::Create);
    }

    #[test]
    fn api_only_creates_beside_a_customer_who_may_not_be_linked() {
        for verified in [false, true] {
            assert_eq!(decide(ApiOnly, verified, &NotLinkable), LinkDecision::Create);
        }
    }

    #[test]
    fn api_only_creates_where_nobody_has_the_e_mail() {
        for verified in [false, true] {
            assert_eq!(decide(ApiOnly, verified, &Free), LinkDecision::Create);
        }
    }

    #[test]
    fn disallowed_creates_where_nobody_has_the_e_mail() {
        for verified in [false, true] {
            assert_eq!(decide(Disallowed, verified, &Free), LinkDecision::Create);
        }
    }

    #[test]
    fn disallowed_refuses_a_taken_e_mail_even_where_it_is_verified() {
        let refused = LinkDecision::Refuse(LinkRefusal::EmailTaken);
        for verified in [false, true] {
            for holder in [linkable(), NotLinkable] {
                assert_eq!(decide(Disallowed, verified, &holder), refused);
            }
        }
    }

    #[test]
    fn policies_have_the_vendors_names_and_the_default_is_its_own() {
        let names = [Allowed, ApiOnly, Disallowed].map(DuplicateEmail::as_str);
        assert_eq!(names, ["allowed", "api_only", "disallowed"]);
        assert_eq!(DuplicateEmail::default(), Allowed);
    }
}
