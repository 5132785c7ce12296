//! Configuration shared by all clones of an issuer.

use std::sync::Arc;
use std::time::Duration;

use crate::issuer::client::DynClientAuthenticator;
use crate::issuer::login::Logins;

pub(super) struct Config {
    pub(super) clients: Arc<dyn DynClientAuthenticator>,
    pub(super) logins: Logins,
    pub(super) body_timeout: Duration,
}
