//! Signing for a login or a refresh.

use crate::issuer::response::Refusal;
use crate::sign::IssuedToken;
use crate::sign::SignError;
use crate::telemetry;

/// Signs with the customer's name, or without it if it is too long for a token.
pub(super) fn with_name_that_fits(
    name: &str,
    sign: impl Fn(Option<&str>) -> Result<IssuedToken, SignError>,
) -> Result<IssuedToken, SignError> {
    match sign(Some(name)) {
        Err(SignError::TooLong { .. }) => sign(None),
        signed => signed,
    }
}

/// Returns `ended` if verifiers would reject the token, and reports every other error to the
/// operator.
pub(super) fn refusal(error: SignError, ended: Refusal) -> Refusal {
    match error {
        SignError::Revoked | SignError::SessionEnded => ended,
        error => {
            telemetry::fault("a token could not be signed", &error);
            Refusal::Fault
        }
    }
}
