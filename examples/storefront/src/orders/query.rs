//! The query of a list of orders: paging, sorting, filters and what to include.

use crate::orders::filter::Filter;
use crate::page::Page;
use crate::problem::FieldError;
use crate::problem::Problem;
use crate::request::Parameter;

/// What a list of orders is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) page: Page,
    pub(crate) order: Order,
    pub(crate) filter: Filter,
    pub(crate) include_items: bool,
}

/// How the list is sorted. Orders of one time or status are told apart by further columns, so that
/// pages neither repeat nor miss one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    Oldest,
    #[default]
    Newest,
    Status,
    StatusReversed,
}

impl ListQuery {
    /// Reads the parameters. Those it doesn't know are left to others.
    pub(crate) fn parse(parameters: &[Parameter<'_>]) -> Result<Self, Problem> {
        let order = match once(parameters, "sort")? {
            None => Order::default(),
            Some("created_at") => Order::Oldest,
            Some("-created_at") => Order::Newest,
            Some("status") => Order::Status,
            Some("-status") => Order::StatusReversed,
            Some(_) => {
                return Err(invalid("sort", "takes created_at and status, or -created_at …"));
            }
        };
        let filter = match once(parameters, "filter")? {
            None => Filter::default(),
            Some(text) => Filter::parse(text).ok_or_else(|| invalid("filter", FILTER_HELP))?,
        };
        Ok(Self {
            page: Page::parse(parameters)?,
            order,
            filter,
            include_items: include_items(parameters)?,
        })
    }
}

impl Order {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Oldest => " ORDER BY created_at, id",
            Self::Newest => " ORDER BY created_at DESC, id DESC",
            Self::Status => " ORDER BY status, created_at, id",
            Self::StatusReversed => " ORDER BY status DESC, created_at DESC, id DESC",
        }
    }
}

/// Reads `include`.
pub(crate) fn include_items(parameters: &[Parameter<'_>]) -> Result<bool, Problem> {
    match once(parameters, "include")? {
        None => Ok(false),
        Some("items") => Ok(true),
        Some(_) => Err(invalid("include", "takes items")),
    }
}

/// The value of a parameter that must not be repeated: which of two would hold is anybody's guess.
fn once<'a>(
    parameters: &'a [Parameter<'_>],
    name: &'static str,
) -> Result<Option<&'a str>, Problem> {
    let mut named = parameters.iter().filter(|parameter| parameter.name == name);
    let first = named.next().map(|parameter| parameter.value.as_str());
    if named.next().is_some() {
        return Err(invalid(name, "must be given once"));
    }
    Ok(first)
}

fn invalid(name: &'static str, detail: &str) -> Problem {
    Problem::field(FieldError::invalid(name, detail))
}

const FILTER_HELP: &str = "takes eq, ge, gt, le, lt and like of status, payment and created_at, \
    joined by colons: ge(created_at,2020-01-01):eq(status,complete)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::parameters;

    fn parse(query: &str) -> Option<ListQuery> {
        ListQuery::parse(&parameters(query).unwrap()).ok()
    }

    #[test]
    fn reads_the_whole_of_what_the_sdk_sends_raw_or_encoded() {
        let filter = "ge(created_at,2020-01-01):eq(status,complete)";
        let raw = format!(
            "include=items&sort=status&page[limit]=20&page[offset]=40&filter={filter}&unknown=1"
        );
        let expected = ListQuery {
            page: Page { limit: 20, offset: 40 },
            order: Order::Status,
            filter: Filter::parse(filter).unwrap(),
            include_items: true,
        };
        let mut encoded = raw.clone();
        for (character, code) in [("[", "%5B"), ("]", "%5D"), ("(", "%28"), (":", "%3A")] {
            encoded = encoded.replace(character, code);
        }
        assert_eq!(parse(&raw).as_ref(), Some(&expected));
        assert_eq!(parse(&encoded), Some(expected));
    }

    #[test]
    fn the_newest_come_first_where_nothing_is_said() {
        let expected = ListQuery {
            page: Page { limit: 25, offset: 0 },
            order: Order::Newest,
            filter: Filter::default(),
            include_items: false,
        };
        assert_eq!(parse(""), Some(expected));
    }

    #[test]
    fn refuses_what_it_does_not_know_and_what_is_said_twice() {
        for query in [
            "sort=total",
            "sort=",
            "sort=--status",
            "sort=status,created_at",
            "sort=status&sort=status",
            "filter=",
            "filter=eq(total,1)",
            "filter=eq(status,x)&filter=eq(status,y)",
            "include=customers",
            "include=items,customers",
            "page[limit]=x",
        ] {
            assert_eq!(parse(query), None, "{query}");
        }
    }
}
