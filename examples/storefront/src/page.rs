//! Paging of lists: `page[limit]`, `page[offset]`, and the links from page to page.

use serde_json::Value;
use serde_json::json;

use crate::problem::FieldError;
use crate::problem::Problem;
use crate::request::Parameter;

/// Which part of a list is asked for, in elements and not in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

impl Page {
    /// Reads the two parameters; others that begin with `page` are a mistake.
    pub(crate) fn parse(parameters: &[Parameter<'_>]) -> Result<Self, Problem> {
        let (mut limit, mut offset) = (None, None);
        for Parameter { name, value, .. } in parameters.iter().filter(|p| is_paging(p)) {
            let (slot, name, min, max) = match name.as_str() {
                "page[limit]" => (&mut limit, "page[limit]", 1, MAX_LIMIT),
                "page[offset]" => (&mut offset, "page[offset]", 0, MAX_OFFSET),
                _ => return Err(field("page", "takes limit and offset")),
            };
            // Digits alone: `parse` would take a leading `+`.
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse().ok().filter(|n| digits && (min..=max).contains(n));
            let Some(number) = number else {
                return Err(field(name, &format!("must be a number from {min} to {max}")));
            };
            if slot.replace(number).is_some() {
                return Err(field(name, "must be given once"));
            }
        }
        let (limit, offset) = (limit.unwrap_or(DEFAULT_LIMIT), offset.unwrap_or(0));
        Ok(Self { limit, offset })
    }

    /// Writes `links` and `meta` into the document of a list of which `matching` elements match and
    /// `all` are the caller's.
    pub(crate) fn describe(
        self,
        document: &mut Value,
        path: &str,
        parameters: &[Parameter<'_>],
        matching: u32,
        all: u32,
    ) {
        let Self { limit, offset } = self;
        // An empty list has one page, which is empty.
        let pages = matching.div_ceil(limit).max(1);
        let kept: Vec<_> = parameters.iter().filter(|p| !is_paging(p)).map(|p| p.raw).collect();
        let link = |offset: u32| {
            // The other parameters go out as they came in.
            let mut query = kept.join("&");
            if !query.is_empty() {
                query.push('&');
            }
            // Paths alone, because the host that a request names is the client's word.
            json!(format!("{path}?{query}page[limit]={limit}&page[offset]={offset}"))
        };
        let next = offset.saturating_add(limit);
        // A list longer than offsets reach ends, for links, where they do.
        let last = ((pages - 1) * limit).min(MAX_OFFSET / limit * limit);
        document["links"] = json!({
            "current": link(offset),
            "first": link(0),
            "last": link(last),
            "prev": if offset > 0 { link(offset.saturating_sub(limit)) } else { Value::Null },
            "next": if next < matching && next <= MAX_OFFSET { link(next) } else { Value::Null },
        });
        document["meta"] = json!({
            "page": {
                "limit": limit,
                "offset": offset,
                "current": offset / limit + 1,
                "total": pages,
            },
            "results": { "total": matching, "all": all },
        });
    }
}

fn is_paging(parameter: &Parameter<'_>) -> bool {
    parameter.name == "page" || parameter.name.starts_with("page[")
}

fn field(name: &'static str, detail: &str) -> Problem {
    Problem::field(FieldError::invalid(name, detail))
}

const DEFAULT_LIMIT: u32 = 25;
const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::parameters;

    fn parse(query: &str) -> Option<(u32, u32)> {
        let page = Page::parse(&parameters(query).unwrap()).ok()?;
        Some((page.limit, page.offset))
    }

    #[test]
    fn takes_limits_of_1_to_100_and_offsets_up_to_10_000() {
        for (query, expected) in [
            ("", Some((25, 0))),
            ("sort=-created_at", Some((25, 0))),
            ("page[limit]=1&page[offset]=10000", Some((1, 10_000))),
            ("page%5Blimit%5D=100", Some((100, 0))),
            ("page[limit]=0", None),
            ("page[limit]=101", None),
            ("page[limit]=-1", None),
            ("page[limit]=%2B1", None),
            ("page[limit]=1.0", None),
            ("page[limit]=", None),
            ("page[limit]=4294967297", None),
            ("page[limit]=1&page[limit]=1", None),
            ("page[offset]=10001", None),
            ("page[size]=5", None),
            ("page=5", None),
        ] {
            assert_eq!(parse(query), expected, "{query}");
        }
    }

    fn links(query: &str, matching: u32) -> [Option<String>; 5] {
        let parameters = parameters(query).unwrap();
        let mut document = json!({});
        let page = Page::parse(&parameters).unwrap();
        page.describe(&mut document, "/o", &parameters, matching, matching);
        let links = ["current", "first", "last", "prev", "next"];
        links.map(|name| document["links"][name].as_str().map(str::to_owned))
    }

    #[test]
    fn links_lead_from_page_to_page_and_keep_the_rest_of_the_query() {
        let to = |offset: u32| {
            Some(format!("/o?sort=a&filter=eq(x,%20)&page[limit]=20&page[offset]={offset}"))
        };
        let query = |offset: u32| {
            format!("sort=a&page%5Blimit%5D=20&filter=eq(x,%20)&page[offset]={offset}")
        };
        for (offset, last, prev, next) in [
            (0, 40, None, to(20)),
            (5, 40, to(0), to(25)),
            (20, 40, to(0), to(40)),
            (40, 40, to(20), None),
            (60, 40, to(40), None),
        ] {
            let expected = [to(offset), to(0), to(last), prev, next];
            assert_eq!(links(&query(offset), 45), expected, "{offset}");
        }
    }

    #[test]
    fn no_link_leads_past_the_greatest_offset() {
        let [_, _, last, _, next] = links("page[limit]=100&page[offset]=10000", 20_000);
        assert_eq!(last.as_deref(), Some("/o?page[limit]=100&page[offset]=10000"));
        assert_eq!(next, None);
    }

    #[test]
    fn an_empty_list_has_its_paging_fields() {
        let mut document = json!({});
        Page { limit: 25, offset: 0 }.describe(&mut document, "/o", &[], 0, 0);
        assert_eq!(
            document["meta"],
            json!({
                "page": { "limit": 25, "offset": 0, "current": 1, "total": 1 },
                "results": { "total": 0, "all": 0 },
            })
        );
    }
}
