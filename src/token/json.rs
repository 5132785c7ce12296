//! JSON read strictly: valid UTF-8, one object, no member name twice at any level, bounded depth.
//!
//! Readers differ over which of two equal names counts, and an attacker who controls one of them
//! speaks to two readers at once (RFC 8725 section 2, RFC 7519 section 4). So there are no two.

use std::borrow::Cow;
use std::fmt;

use serde::de;
use serde::de::DeserializeSeed;
use serde::de::MapAccess;
use serde::de::SeqAccess;

/// A member's value, as far as tokens and token requests care.
#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Text(Cow<'a, str>),
    Boolean(bool),
    /// A number without fraction, exponent or sign.
    Integer(u64),
    /// An array of nothing but strings.
    Texts(Vec<Cow<'a, str>>),
    /// An object, as it stands; strict at every level as well.
    Object,
    Other,
}

/// Calls `member` for each member of the object that `json` is, in order, and answers whether
/// `json` is such an object.
///
/// The object itself is level 1; values nest at most to `max_depth`. Members are passed on as they
/// are read: what was collected counts only when the answer is `true`.
pub(crate) fn each_member<'a>(
    json: &'a [u8],
    max_depth: usize,
    member: impl FnMut(Cow<'a, str>, Json<'a>),
) -> bool {
    // All of it, not only the strings that are looked at, has to be UTF-8 (RFC 8725 section 3.7).
    let Ok(text) = std::str::from_utf8(json) else {
        return false;
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let strict =
        de::Deserializer::deserialize_map(&mut deserializer, Object { depth: max_depth, member });
    strict.is_ok() && deserializer.end().is_ok()
}

struct Object<F> {
    depth: usize,
    member: F,
}

impl<'de, F: FnMut(Cow<'de, str>, Json<'de>)> de::Visitor<'de> for Object<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut names = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value_seed(Value { depth })?;
            names.push(name.clone());
            (self.member)(name, value);
        }
        // Sorted, not searched name by name: an attacker chooses how many there are.
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(de::Error::custom("a member name stands twice"));
        }
        Ok(())
    }
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> de::Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Value {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Value {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Integer(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Json::Boolean(truth))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        let mut texts = Some(Vec::new());
        while let Some(element) = seq.next_element_seed(Self { depth })? {
            match (element, &mut texts) {
                (Json::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Json::Other, Json::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let nested = Object { depth: self.depth, member: |_, _| {} };
        de::Visitor::visit_map(nested, map)?;
        Ok(Json::Object)
    }
}

fn too_deep<E: de::Error>() -> E {
    E::custom("nested too deeply")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Option<Vec<(String, Json<'_>)>> {
        let mut members = Vec::new();
        each_member(json.as_bytes(), 4, |name, value| members.push((name.into_owned(), value)))
            .then_some(members)
    }

    #[test]
    fn passes_on_every_member_in_order() {
        let json =
            r#" { "a" : "x\n" , "b":7,"c":["p","q"],"d":{"e":1}, "f":[1], "g":-1, "h":true } "#;
        let expected = [
            ("a", Json::Text("x\n".into())),
            ("b", Json::Integer(7)),
            ("c", Json::Texts(vec!["p".into(), "q".into()])),
            ("d", Json::Object),
            ("f", Json::Other),
            ("g", Json::Other),
            ("h", Json::Boolean(true)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(members(json), Some(expected.into()));
    }

    #[test]
    fn a_number_with_fraction_exponent_or_sign_is_no_integer() {
        for number in ["1.0", "1e3", "-1", "-0", "18446744073709551616", "1e400", "null"] {
            let json = format!("{{\"exp\":{number}}}");
            // `1e400` has no value at all, so that the whole object is refused.
            let expected = (number != "1e400").then(|| vec![("exp".to_owned(), Json::Other)]);
            assert_eq!(members(&json), expected, "{number}");
        }
    }

    #[test]
    fn refuses_what_is_not_one_strict_object() {
        for (why, json) in [
            ("array", "[]"),
            ("string", "\"{}\""),
            ("null", "null"),
            ("number", "1"),
            ("empty", ""),
            ("two objects", "{}{}"),
            ("trailing comma", r#"{"a":1,}"#),
            ("byte order mark", "\u{feff}{}"),
            ("lone surrogate", r#"{"a":"\ud800"}"#),
            ("raw control character", "{\"a\":\"\n\"}"),
            ("duplicate", r#"{"a":1,"a":1}"#),
            ("duplicate behind an escape", r#"{"exp":1,"\u0065xp":1}"#),
            ("duplicate in an object", r#"{"a":{"b":1,"b":1}}"#),
            ("duplicate in an array", r#"{"a":[{"b":1,"b":1}]}"#),
            ("object too deep", r#"{"a":{"b":{"c":{"d":{}}}}}"#),
            ("array too deep", r#"{"a":[[[[]]]]}"#),
        ] {
            assert_eq!(members(json), None, "{why}");
        }
        assert!(!each_member(b"{\"a\":\"\xff\"}", 4, |_, _| {}), "invalid UTF-8");
        assert!(!each_member(b"{\"a\":[\"\xc0\x80\"]}", 4, |_, _| {}), "overlong UTF-8");
    }

    #[test]
    fn takes_an_object_as_deep_as_allowed() {
        let deepest = r#"{"a":{"b":{"c":{}}},"d":[[[]]]}"#;
        let names: Option<Vec<String>> =
            members(deepest).map(|members| members.into_iter().map(|(name, _)| name).collect());
        assert_eq!(names, Some(vec!["a".to_owned(), "d".to_owned()]));
    }
}
