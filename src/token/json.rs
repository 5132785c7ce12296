//! JSON read strictly: valid UTF-8, one object, no member name twice at any level, bounded depth.
//!
//! Readers differ over which of two equal names counts, and an attacker who controls one of them
//! speaks to two readers at once (RFC 8725 section 2, RFC 7519 section 4). So there are no two.
//!
//! The verdict doesn't depend on the features that other crates turn on in `serde_json`:
//! `arbitrary_precision` takes numbers without a value such as `1e400`, and hands them to a visitor
//! as objects; `float_roundtrip` rounds at the edge of `f64` in another way. So [`bounds`] decides
//! about depth and numbers. `scripts/test` runs the tests of tokens with all of them on.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de;
use serde::de::DeserializeSeed;
use serde::de::MapAccess;
use serde::de::SeqAccess;

use crate::token::bounds;

/// A member's value, as far as tokens and token requests care.
#[derive(Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Text(Cow<'a, str>),
    Boolean(bool),
    /// A number without fraction, exponent or sign.
    Integer(u64),
    /// An array of nothing but strings.
    Texts(Vec<Cow<'a, str>>),
    /// Everything else. An object is strict at every level as well.
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
    let nests = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let object = Object { nests: &nests, member };
    let strict = de::Deserializer::deserialize_map(&mut deserializer, object);
    // Text and integers are within all bounds: most tokens have nothing else.
    max_depth > 0
        && strict.is_ok()
        && deserializer.end().is_ok()
        && (!nests.get() || bounds::hold(json, max_depth))
}

struct Object<'f, F> {
    /// Set by a value that [`bounds`] has to look at: an array, an object, or a number that is no
    /// integer.
    nests: &'f Cell<bool>,
    member: F,
}

impl<'de, F: FnMut(Cow<'de, str>, Json<'de>)> de::Visitor<'de> for Object<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value_seed(Value { nests: self.nests })?;
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

#[derive(Clone, Copy)]
struct Value<'f> {
    nests: &'f Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Value<'_> {
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
        self.nests.set(true);
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Json::Boolean(truth))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        self.nests.set(true);
        let mut texts = Some(Vec::new());
        while let Some(element) = seq.next_element_seed(self)? {
            match (element, &mut texts) {
                (Json::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Json::Other, Json::Texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.nests.set(true);
        de::Visitor::visit_map(Object { nests: self.nests, member: |_, _| {} }, map)?;
        Ok(Json::Other)
    }
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
            ("d", Json::Other),
            ("f", Json::Other),
            ("g", Json::Other),
            ("h", Json::Boolean(true)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(members(json), Some(expected.into()));
    }

    #[test]
    fn a_number_with_fraction_exponent_or_sign_is_no_integer() {
        for number in ["1.0", "1e3", "-1", "-0", "18446744073709551616", "null"] {
            let json = format!("{{\"exp\":{number}}}");
            assert_eq!(members(&json), Some(vec![("exp".to_owned(), Json::Other)]), "{number}");
        }
    }

    #[test]
    fn refuses_a_number_without_a_value_wherever_it_stands() {
        for number in ["1e400", "-1E+400", "1e308", "123456789.5e300", "0.1e99999999999999999999"] {
            for json in [
                format!("{{\"x\":{number}}}"),
                format!("{{\"x\":[\"a\",{number}]}}"),
                format!("{{\"a\":1,\"x\":{{\"y\":[{{\"z\":{number}}}]}}}}"),
            ] {
                assert_eq!(members(&json), None, "{json}");
            }
            let text = format!("{{\"x\":\"{number}\"}}");
            assert_eq!(members(&text), Some(vec![("x".to_owned(), Json::Text(number.into()))]));
        }
    }

    #[test]
    fn a_number_takes_no_level_of_depth() {
        for number in ["1", "-1", "1.5", "1e3", "18446744073709551616"] {
            let deepest = format!(r#"{{"a":{{"b":{{"c":{{"d":{number}}}}}}},"e":[[[{number}]]]}}"#);
            let expected = ["a", "e"].map(|name| (name.to_owned(), Json::Other));
            assert_eq!(members(&deepest), Some(expected.into()), "{number}");
            let deeper = format!(r#"{{"a":{{"b":{{"c":{{"d":{{"e":{number}}}}}}}}}}}"#);
            assert_eq!(members(&deeper), None, "{number}");
        }
    }

    /// By such names `serde_json` passes numbers and raw text to visitors.
    #[test]
    fn members_named_as_serde_json_names_its_own_are_ordinary_ones() {
        for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
            let number = format!(r#"{{"a":{{"{name}":"1"}},"{name}":"1"}}"#);
            let expected = [("a", Json::Other), (name, Json::Text("1".into()))];
            let expected = expected.map(|(name, value)| (name.to_owned(), value));
            assert_eq!(members(&number), Some(expected.into()), "{name}");
            let twice = format!(r#"{{"a":{{"{name}":"1","{name}":"1"}}}}"#);
            assert_eq!(members(&twice), None, "{name}");
            let deep = format!(r#"{{"a":{{"b":{{"c":{{"{name}":{{"{name}":"1"}}}}}}}}}}"#);
            assert_eq!(members(&deep), None, "{name}");
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
