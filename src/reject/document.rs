//! `{"errors":[{"status":400,"source":"email","title":"required","detail":"email is required"}]}`

use bytes::Bytes;
use serde::Serialize;

/// One thing that is wrong. Nothing in it comes from the request, so that nothing is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ErrorObject {
    /// The HTTP status, as a number.
    pub(crate) status: u16,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'static str>,
    pub(crate) title: &'static str,
    pub(crate) detail: &'static str,
}

/// Writes the JSON document that every refusal has as its body.
pub(crate) fn error_document(errors: &[ErrorObject]) -> Bytes {
    #[derive(Serialize)]
    struct Document<'a> {
        errors: &'a [ErrorObject],
    }

    // Invariant: numbers and strings under names that are strings; nothing there can fail.
    serde_json::to_vec(&Document { errors }).expect("plain structs serialize").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_number_and_source_only_there_for_a_field() {
        let general = ErrorObject {
            status: 403,
            source: None,
            title: "Forbidden",
            detail: "The customer token has expired",
        };
        let field = ErrorObject { status: 400, source: Some("email"), ..general };
        assert_eq!(
            error_document(&[general, field]),
            r#"{"errors":[{"status":403,"title":"Forbidden","detail":"The customer token has expired"},{"status":400,"source":"email","title":"Forbidden","detail":"The customer token has expired"}]}"#
        );
    }
}
