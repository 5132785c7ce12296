//! The lines that are printed at the start: where the shop's page is, and what to paste into a shell.

use std::fmt;

/// Lines for sh, bash and zsh, with nothing but curl and sed, that sign a seeded customer in and show the
/// customer's orders.
pub(crate) struct TryIt<'a> {
    pub(crate) origin: &'a str,
}

impl fmt::Display for TryIt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin;
        write!(f, "\n# Open {origin}/ in a browser, and sign in as {EMAIL} with {PASSWORD}.")?;
        f.write_str("\n# Or paste this into another terminal.\n")?;
        writeln!(f, "API={origin}")?;
        f.write_str(LINES)
    }
}

/// Of a seeded customer.
const EMAIL: &str = "ron@swanson.com";
const PASSWORD: &str = "mysecretpassword";

const LINES: &str = r#"
# An access token, as a page of the shop fetches it.
ACCESS=$(curl -s "$API/oauth/access_token" -d grant_type=implicit -d client_id=X |
  sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')

# Ron signs in, and gets a customer token.
TOKEN=$(curl -s "$API/v2/customers/tokens" -H "Authorization: Bearer $ACCESS" \
  -H 'Content-Type: application/json' \
  -d '{"data":{"type":"token","email":"ron@swanson.com","password":"mysecretpassword","authentication_mechanism":"password"}}' |
  sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p')
echo "$TOKEN"

# His newest three orders, and his addresses. Without the customer token: 403.
curl -sg "$API/v2/orders?sort=-created_at&page[limit]=3&include=items" \
  -H "Authorization: Bearer $ACCESS" -H "X-Moltin-Customer-Token: $TOKEN"; echo
curl -s "$API/v2/customers/79cc0486-bbdf-491b-a0a2-722383b6288b/addresses" \
  -H "Authorization: Bearer $ACCESS" -H "X-Moltin-Customer-Token: $TOKEN"; echo

# The store itself sees the orders of all customers.
STORE=$(curl -s "$API/oauth/access_token" -d grant_type=client_credentials \
  -d client_id=storefront -d client_secret=storefront-secret |
  sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
curl -sg "$API/v2/orders?page[limit]=1" -H "Authorization: Bearer $STORE"; echo
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_holds_nothing_that_a_shell_would_read() {
        // An interactive zsh takes no comments: there these lines are commands that don't exist.
        for comment in LINES.lines().filter(|line| line.starts_with('#')) {
            let read = comment[1..].find(['\'', '"', '`', '(', ';', '&', '|', '$', '<', '>']);
            assert_eq!(read, None, "{comment}");
        }
    }
}
