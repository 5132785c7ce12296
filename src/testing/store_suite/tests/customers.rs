//! Customer stores that break the contract.

use crate::testing::store_suite::tests::fails;

fails! {
    customers:
    finds_a_customer_in_any_case_and_shows_the_email_as_given on CaseSensitive,
        ShowsTheEmailAsAsked;
    compares_letters_beyond_ascii_in_any_case_too on AsciiCaseAlone;
    keeps_any_text_as_it_is on TrimsText;
    never_finds_a_customer_without_a_password on FindsWithoutPassword;
    finds_the_one_with_a_password_among_several_who_share_an_email on FindsWithoutPassword;
    finds_a_customer_by_the_present_email_and_password on NeverForgets;
    replaces_a_hash_only_if_it_still_is_the_old_one on ReplacesBlindly, NeverReplaces;
    replaces_the_hash_of_one_customer_alone on ReplacesByHashAlone;
    replaces_no_hash_of_a_customer_who_is_not_there on ReplacesBlindly;
    never_gives_a_password_to_a_customer_who_has_none_by_replacement on ReplacesBlindly;
    of_many_replacements_of_one_hash_at_once_one_wins on ReplacesInTwoSteps;
}
