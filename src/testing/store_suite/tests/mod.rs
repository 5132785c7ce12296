//! The suites fail on stores that break the contract, each test on at least one.

mod broken;
mod customers;
#[cfg(feature = "oidc")]
mod identities;
pub(crate) mod own_customers;
#[cfg(feature = "oidc")]
pub(crate) mod own_identities;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;

/// Runs a test of a suite on stores that must not pass it.
macro_rules! fails {
    ($suite:ident: $($test:ident on $($fault:ident),+;)*) => {
        $(
            mod $test {
                $(
                    #[test]
                    #[should_panic(expected = "assertion")]
                    #[allow(non_snake_case, reason = "named as the fault is")]
                    fn $fault() {
                        use crate::testing::store_suite::tests::broken::Broken;
                        use crate::testing::store_suite::tests::broken::Fault;

                        let store = Broken::new(Fault::$fault);
                        crate::testing::store_suite::run(
                            crate::testing::store_suite::$suite::$test(store),
                        );
                    }
                )+
            }
        )*
    };
}
use fails;

/// Returns the names of the tests that a file of a suite has.
fn tests_in(source: &str) -> Vec<&str> {
    let declarations = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
    let mut names: Vec<&str> =
        declarations.map(|rest| rest.split(['(', '<']).next().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Returns the names that a macro lists, one a line, after the line that begins with `first`.
fn listed_in<'a>(source: &'a str, first: &str) -> Vec<&'a str> {
    let lines = source.lines().map(str::trim).skip_while(|line| !line.starts_with(first)).skip(1);
    let mut names: Vec<&str> = lines.take_while(|line| !line.starts_with('}')).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_customer_suite_lists_every_test_and_each_fails_on_a_broken_store() {
    let source = include_str!("../customers.rs");
    let tests = tests_in(source);
    assert_eq!(tests.len(), 11);
    assert_eq!(listed_in(source, "$(#[$attribute])* $name, $open, customers:"), tests);
    let broken = include_str!("customers.rs");
    let lines = listed_in(broken, "customers:");
    let broken: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.split_once(" on ")?.0)).collect();
    assert_eq!(broken, tests);
}

#[cfg(feature = "oidc")]
#[test]
fn the_identity_suite_lists_every_test_and_each_fails_on_a_broken_store() {
    let sources = [
        include_str!("../identities/creating.rs"),
        include_str!("../identities/holders.rs"),
        include_str!("../identities/linking.rs"),
    ];
    let mut tests: Vec<&str> = sources.into_iter().flat_map(tests_in).collect();
    tests.sort_unstable();
    assert_eq!(tests.len(), 29);
    let listed = listed_in(
        include_str!("../identities/mod.rs"),
        "$(#[$attribute])* $name, $open, identities:",
    );
    assert_eq!(listed, tests);
    let lines = listed_in(include_str!("identities.rs"), "identities:");
    let broken: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.split_once(" on ")?.0)).collect();
    assert_eq!(broken, tests);
}
