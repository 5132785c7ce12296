//! The suite of every log. Those of stores are beside the store, where its fixtures are.

use tower_customer_auth::testing::revocation_log_suite;

use crate::support::log;

revocation_log_suite!(
    #[ignore = "needs PostgreSQL: scripts/test runs it"]
    postgres_log,
    log()
);
