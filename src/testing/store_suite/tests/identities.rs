//! Identity stores that break the contract.

use crate::testing::store_suite::tests::fails;

fails! {
    identities:
    creates_a_customer_without_a_password_whom_the_identity_finds on LosesIdentities;
    two_issuers_with_one_subject_are_two_identities on IgnoresIssuers;
    compares_subjects_byte_by_byte on FoldsSubjects;
    keeps_any_text_as_it_is on TrimsText;
    an_identity_that_is_somebodys_creates_nobody on AdmitsStale;
    an_identifier_that_is_taken_is_a_fault_and_adds_no_identity on TakenIdIsStale;
    of_fifty_first_logins_at_once_one_creates_and_all_find_its_customer on AdmitsStale;
    an_email_that_must_be_free_is_taken_by_any_customer_in_any_spelling on NeedsNoFreeEmail;
    of_many_newcomers_with_one_email_at_once_one_is_created on NeedsNoFreeEmail, CreatesInTwoSteps;
    several_share_an_email_that_need_not_be_free on NeedsFreeEmail;
    what_a_caller_gave_up_is_done_whole_or_not_at_all on CreatesByHalves;
    a_customers_identities_go_with_the_customer on KeepsIdentitiesOfTheDeleted;
    no_email_is_nobodys on NoEmailIsAnEmail;
    a_customer_with_a_password_is_linkable_in_any_ascii_case on NeverLinkable, CaseSensitive;
    a_foreign_spelling_of_an_email_has_a_holder_but_links_to_nobody on AnybodyLinkable;
    a_customer_without_password_or_identity_is_linkable_if_the_only_one on AnybodyLinkable,
        NeverLinkable;
    a_customer_who_came_with_a_verified_email_is_linkable_by_it on AnybodyLinkable, NeverLinkable;
    a_customer_who_came_with_an_unverified_email_is_never_linkable on AnybodyLinkable,
        TrustsUnverified;
    a_customer_who_changed_the_email_is_linkable_by_the_verified_one_alone on AnybodyLinkable;
    one_identity_with_another_email_among_several_is_enough_against_linking on AnybodyLinkable;
    of_several_the_one_with_a_proven_claim_comes_before_the_one_with_a_password on AnybodyLinkable;
    of_two_with_an_equal_claim_none_is_linkable on AnybodyLinkable;
    those_who_may_not_be_linked_do_not_count_among_several on AnybodyLinkable, NeverLinkable;
    linking_adds_the_identity_and_takes_the_password_away on LinkKeepsPassword, LinkRenames;
    linking_changes_nothing_of_a_customer_without_a_password on LinkRenames;
    linking_looks_again_at_the_customer_and_writes_nothing_if_that_has_changed on AdmitsStale,
        StaleLinkTakesThePassword;
    linking_refuses_a_customer_before_whom_another_comes on AdmitsStale, StaleLinkTakesThePassword;
    linking_refuses_an_unverified_email_and_an_identity_that_is_somebodys on AdmitsStale,
        TrustsUnverified;
    of_many_links_of_one_identity_at_once_one_wins on AdmitsStale;
}
