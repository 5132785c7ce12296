//! Filters: `ge(created_at,2020-01-01):eq(status,complete)`.

use sqlx::QueryBuilder;
use sqlx::Sqlite;

use crate::time;

/// Conditions that must all hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<Condition>);

#[derive(Debug, PartialEq, Eq)]
struct Condition {
    // Both are names of this file, never text of a request.
    column: &'static str,
    comparison: &'static str,
    value: String,
}

impl Filter {
    /// Reads `operator(field,value)`, several of them joined by colons. `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut conditions = Vec::new();
        let mut rest = text;
        loop {
            let (operator, after) = rest.split_once('(')?;
            let (field, after) = after.split_once(',')?;
            // Times have colons and lists would have commas, but no value has a bracket.
            let (value, after) = after.split_once(')')?;
            conditions.push(Condition::read(operator, field, value)?);
            if after.is_empty() {
                return Some(Self(conditions));
            }
            rest = after.strip_prefix(':')?;
            if conditions.len() == MAX_CONDITIONS {
                return None;
            }
        }
    }

    /// Appends ` AND …` for each condition.
    pub(crate) fn push_to(&self, query: &mut QueryBuilder<Sqlite>) {
        for Condition { column, comparison, value } in &self.0 {
            query.push(" AND ").push(*column).push(*comparison).push_bind(value.clone());
            if *comparison == LIKE {
                query.push(" ESCAPE '\\'");
            }
        }
    }
}

impl Condition {
    fn read(operator: &str, field: &str, value: &str) -> Option<Self> {
        let comparison = match operator {
            "eq" => " = ",
            "ge" => " >= ",
            "gt" => " > ",
            "le" => " <= ",
            "lt" => " < ",
            "like" => LIKE,
            _ => return None,
        };
        let (column, is_time) = match field {
            "status" => ("status", false),
            "payment" => ("payment", false),
            "created_at" => ("created_at", true),
            _ => return None,
        };
        if value.is_empty() || value.len() > MAX_VALUE_LEN {
            return None;
        }
        let value = match (comparison, is_time) {
            (LIKE, _) => pattern(value),
            (_, true) => time::canonical(value)?,
            (_, false) => value.to_owned(),
        };
        Some(Self { column, comparison, value })
    }
}

/// The SQL pattern for one in which `*` alone is special.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '*' if pattern.ends_with('%') && !pattern.ends_with("\\%") => {}
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', character]),
            _ => pattern.push(character),
        }
    }
    pattern
}

const LIKE: &str = " LIKE ";
const MAX_CONDITIONS: usize = 16;
const MAX_VALUE_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> Option<String> {
        let mut query = QueryBuilder::new("");
        let filter = Filter::parse(text)?;
        filter.push_to(&mut query);
        let values: Vec<_> = filter.0.iter().map(|condition| condition.value.as_str()).collect();
        Some(format!("{} {}", query.sql().as_str(), values.join("|")))
    }

    #[test]
    fn becomes_sql_with_bound_values() {
        for (text, expected) in [
            ("eq(status,complete)", " AND status = ? complete"),
            ("ge(created_at,2020-01-01)", " AND created_at >= ? 2020-01-01T00:00:00.000Z"),
            ("lt(created_at,2020-01-01T10:00:00Z)", " AND created_at < ? 2020-01-01T10:00:00.000Z"),
            (
                "gt(payment,p):le(status,x,y):eq(status,z)",
                " AND payment > ? AND status <= ? AND status = ? p|x,y|z",
            ),
            ("like(status,*om_p%**)", r" AND status LIKE ? ESCAPE '\' %om\_p\%%"),
            ("like(created_at,2020-*)", r" AND created_at LIKE ? ESCAPE '\' 2020-%"),
            (r"like(status,\)", r" AND status LIKE ? ESCAPE '\' \\"),
            ("eq(status,' OR 1=1 --)", " AND status = ? ' OR 1=1 --"),
        ] {
            assert_eq!(sql(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let many = vec!["eq(status,x)"; MAX_CONDITIONS + 1].join(":");
        let long = format!("eq(status,{})", "x".repeat(MAX_VALUE_LEN + 1));
        for text in [
            "",
            "status",
            "eq(status)",
            "eq(status,)",
            "eq(status,x",
            "eq(status,x):",
            "eq(status,x))",
            "eq(status,x)eq(status,y)",
            "eq(status,x):ne(status,y)",
            " eq(status,x)",
            "eq( status,x)",
            "EQ(status,x)",
            "eq(total,1)",
            "eq(status;--,1)",
            "eq(created_at,yesterday)",
            "eq(created_at,2020-02-30)",
            &many,
            &long,
        ] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
    }
}
