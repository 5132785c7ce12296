//! The requirements on every store of customers with identities, in the order of the methods.

mod creating;
mod holders;
mod linking;

pub use self::creating::*;
pub use self::holders::*;
pub use self::linking::*;
use crate::customer::Admission;
use crate::customer::Customer;
use crate::customer::CustomerStore;
use crate::customer::EmailHolder;
use crate::customer::Identity;
use crate::customer::IdentityStore;
use crate::customer::Newcomer;
use crate::customer::StoredCustomer;
use crate::testing::store_suite::RON;
use crate::testing::store_suite::id;

/// Expands to a module with the tests that every
/// [`IdentityStore`](crate::customer::IdentityStore) must pass.
///
/// The arguments are those of
/// [`customer_store_suite!`](crate::testing::customer_store_suite). The store implements
/// [`IdentityStoreFixture`](crate::testing::IdentityStoreFixture), and
/// [`CustomerStore`](crate::CustomerStore) too: a link takes the customer's password away.
///
/// The tests are the contract of [`IdentityStore`](crate::customer::IdentityStore): comparison of
/// identities, writes that happen whole or not at all and of which one wins, and who may be linked
/// to.
///
/// # Example
///
/// A whole store in memory, with both suites:
///
/// ```
#[doc = include_str!("../../../../tests/own_store.rs")]
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __identity_store_suite {
    ($(#[$attribute:meta])* $name:ident, $open:expr $(,)?) => {
        $crate::testing::store_suite::tests_of! {
            $(#[$attribute])* $name, $open, identities:
            creates_a_customer_without_a_password_whom_the_identity_finds
            two_issuers_with_one_subject_are_two_identities
            compares_subjects_byte_by_byte
            keeps_any_text_as_it_is
            an_identity_that_is_somebodys_creates_nobody
            an_identifier_that_is_taken_is_a_fault_and_adds_no_identity
            of_fifty_first_logins_at_once_one_creates_and_all_find_its_customer
            an_email_that_must_be_free_is_taken_by_any_customer_in_any_spelling
            of_many_newcomers_with_one_email_at_once_one_is_created
            several_share_an_email_that_need_not_be_free
            what_a_caller_gave_up_is_done_whole_or_not_at_all
            a_customers_identities_go_with_the_customer
            no_email_is_nobodys
            a_customer_with_a_password_is_linkable_in_any_ascii_case
            a_foreign_spelling_of_an_email_has_a_holder_but_links_to_nobody
            a_customer_without_password_or_identity_is_linkable_if_the_only_one
            a_customer_who_came_with_a_verified_email_is_linkable_by_it
            a_customer_who_came_with_an_unverified_email_is_never_linkable
            a_customer_who_changed_the_email_is_linkable_by_the_verified_one_alone
            one_identity_with_another_email_among_several_is_enough_against_linking
            of_several_the_one_with_a_proven_claim_comes_before_the_one_with_a_password
            of_two_with_an_equal_claim_none_is_linkable
            those_who_may_not_be_linked_do_not_count_among_several
            linking_adds_the_identity_and_takes_the_password_away
            linking_changes_nothing_of_a_customer_without_a_password
            linking_looks_again_at_the_customer_and_writes_nothing_if_that_has_changed
            linking_refuses_a_customer_before_whom_another_comes
            linking_refuses_an_unverified_email_and_an_identity_that_is_somebodys
            of_many_links_of_one_identity_at_once_one_wins
        }
    };
}
#[doc(inline)]
pub use __identity_store_suite as identity_store_suite;

pub(crate) const ISSUER: &str = "https://login.example";
pub(crate) const EMAIL: &str = "ron@swanson.com";

pub(crate) fn identity(subject: &str) -> Identity {
    Identity::new(ISSUER, subject).unwrap()
}

pub(crate) fn ron() -> Customer {
    Customer::new(id(RON), "Ron Swanson", EMAIL)
}

/// Signs in for the first time, with an e-mail that the provider has not verified.
pub(crate) fn unverified(subject: &str, customer_id: &str, email: &str) -> Newcomer {
    Newcomer::new(identity(subject), newcomer(customer_id, email))
}

pub(crate) fn verified(subject: &str, customer_id: &str, email: &str) -> Newcomer {
    unverified(subject, customer_id, email).email_verified(true)
}

/// Returns the customer whom `unverified` and `verified` create.
pub(crate) fn newcomer(customer_id: &str, email: &str) -> Customer {
    Customer::new(id(customer_id), "Newcomer", email)
}

pub(crate) fn linkable(customer_id: &str) -> EmailHolder {
    EmailHolder::Linkable(id(customer_id))
}

/// Creates a customer, whether or not the e-mail is free.
pub(crate) async fn create(store: &impl IdentityStore, newcomer: &Newcomer) {
    let created = store.create(newcomer, false).await.unwrap();
    assert_eq!(created, Admission::Admitted(newcomer.customer().clone()));
}

pub(crate) async fn found(store: &impl IdentityStore, subject: &str) -> Option<Customer> {
    store.find_by_identity(&identity(subject)).await.unwrap()
}

pub(crate) async fn holder(store: &impl IdentityStore, email: &str) -> EmailHolder {
    store.email_holder(email).await.unwrap()
}

/// Returns the customer who logs in with this e-mail and a password.
pub(crate) async fn logs_in(store: &impl CustomerStore, email: &str) -> Option<Customer> {
    store.find_by_email(email).await.unwrap().map(StoredCustomer::into_customer)
}
