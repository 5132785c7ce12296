//! What becomes of somebody who signs in at a provider: the decision, apart from any store.

use crate::id::CustomerId;

/// The policy for somebody new whose e-mail a customer has already.
///
/// Whatever it says, an identity that is known signs its own customer in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DuplicateEmail {
    /// Each new identity gets a customer of its own; several customers may have one e-mail. The
    /// default.
    #[default]
    Allowed,
    /// An identity whose e-mail the provider has *verified* is added to the customer who has it, and
    /// that customer's password is taken away. Where that would not be safe: as
    /// [`Allowed`](Self::Allowed).
    ApiOnly,
    /// The newcomer is refused.
    Disallowed,
}

impl DuplicateEmail {
    /// Returns the name that Elastic Path's `duplicate_email_policy` has for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ApiOnly => "api_only",
            Self::Disallowed => "disallowed",
        }
    }
}

/// What a store knows of an e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailHolder {
    /// No customer has it.
    Free,
    /// This customer has it, and may be handed to whoever has proved that the e-mail is theirs: see
    /// [`IdentityStore`](crate::customer::IdentityStore).
    Linkable(CustomerId),
    /// One customer or several have it, and none may be handed over.
    NotLinkable,
}

/// What becomes of somebody who has signed in at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkDecision {
    /// The identity is this customer's.
    Known(CustomerId),
    /// A customer is to be created.
    Create,
    /// The identity is to be added to this customer, whose password is to be taken away and whose
    /// tokens are to be revoked.
    Link(CustomerId),
    /// No customer, no token.
    Refuse(LinkRefusal),
}

/// Why somebody with a good proof of a provider is refused all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkRefusal {
    /// A customer has the e-mail, and the policy is [`DuplicateEmail::Disallowed`].
    EmailTaken,
}

impl LinkDecision {
    /// Decides, from what a store has told: the customer `known` by the identity, and the `holder` of
    /// the e-mail. Of an empty e-mail the holder is [`EmailHolder::Free`].
    ///
    /// # Security
    ///
    /// A verified e-mail links and an unverified one never does: anybody can tell a provider that
    /// doesn't check any address. And it links only to a customer whom nobody reaches by a proof
    /// that has nothing to do with this e-mail, because such a one may have been prepared by
    /// somebody who waits for the address' owner to sign in ("pre-hijacking").
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

    /// For somebody new.
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
