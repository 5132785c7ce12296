//! How deep JSON may nest, and how large its numbers may be: told from the text alone.
//!
//! `json` asks for it only of text that `serde_json` has read. Of any other the answer means
//! nothing.

/// Tells whether arrays and objects nest at most to `max_depth`, and whether every number is below
/// 10^308, which all readers of JSON have a value for. The largest `f64` is not far above
/// (1.8 × 10^308), and readers differ over what rounds to it.
pub(super) fn hold(json: &[u8], max_depth: usize) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_string(json, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > max_depth {
                    return false;
                }
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let rest = &json[at..];
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let len = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                if !has_value(&rest[..len]) {
                    return false;
                }
                at += len;
            }
            _ => at += 1,
        }
    }
    true
}

/// Returns where the text goes on behind the string that begins at `start`.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            // The escaped character may be a quotation mark.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Tells whether a number of JSON is below 10^308.
fn has_value(number: &[u8]) -> bool {
    let (digits, exponent) = match number.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        Some(e) => (&number[..e], read_exponent(&number[e + 1..])),
        None => (number, 0),
    };
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let Some(first) = digits.iter().position(|byte| matches!(byte, b'1'..=b'9')) else {
        return true;
    };
    // The power of ten of the first digit that is not 0. Lengths are those of a token or a body.
    let (point, first) = (point as i64, first as i64);
    let leading = if first < point { point - first - 1 } else { point - first };
    leading.saturating_add(exponent) < 308
}

/// Reads an exponent. One that is too long for the type is as large as the type allows.
fn read_exponent(text: &[u8]) -> i64 {
    let (digits, sign) = match text.split_first() {
        Some((b'-', digits)) => (digits, -1),
        Some((b'+', digits)) => (digits, 1),
        _ => (text, 1),
    };
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    sign * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_value_below_ten_to_the_308th_however_it_is_written() {
        let zeros = "0".repeat(400);
        for (number, expected) in [
            ("0", true),
            ("-0.0e999", true),
            ("0e99999999999999999999", true),
            ("1", true),
            ("18446744073709551616", true),
            ("9.99e307", true),
            ("-9.99E+307", true),
            ("99999999999999999999e288", true),
            ("99999999999999999999e289", false),
            ("1e308", false),
            ("-1e308", false),
            ("1.7976931348623157e308", false),
            ("17976931348623157e292", false),
            ("1e309", false),
            ("0.1e309", false),
            ("0.1e308", true),
            ("0.01e309", true),
            ("1e-999", true),
            ("1e-99999999999999999999", true),
            ("1e99999999999999999999", false),
            (&format!("1{}", &zeros[..307]), true),
            (&format!("1{}", &zeros[..308]), false),
            (&format!("1{zeros}e-93"), true),
            (&format!("1{zeros}e-92"), false),
            (&format!("0.{zeros}1e708"), true),
            (&format!("0.{zeros}1e709"), false),
        ] {
            assert_eq!(has_value(number.as_bytes()), expected, "{number}");
        }
    }

    #[test]
    fn brackets_and_numbers_in_strings_are_text() {
        for json in [r#"{"a":"[[[[1e999"}"#, r#"{"\"[[[":"\\"}"#, r#"{"a":"\\\"{{{"}"#] {
            assert!(hold(json.as_bytes(), 1), "{json}");
        }
        assert!(!hold(br#"{"a":"\\","b":{}}"#, 1));
        assert!(!hold(br#"{"a":"\"","b":1e999}"#, 1));
    }

    #[test]
    fn depth_counts_arrays_and_objects_that_are_open() {
        for (json, depth) in [("{}", 1), (r#"{"a":[],"b":{}}"#, 2), (r#"{"a":[{"b":[0]}]}"#, 4)] {
            assert!(hold(json.as_bytes(), depth), "{json}");
            assert!(!hold(json.as_bytes(), depth - 1), "{json}");
        }
    }

    #[test]
    fn text_that_is_no_json_is_read_to_its_end() {
        for json in ["\"", "\"\\", "]}", "{", "-", "1e", "1e+", "e", ".", "--1", "1.2.3", ""] {
            assert!(hold(json.as_bytes(), 1), "{json}");
        }
    }
}
