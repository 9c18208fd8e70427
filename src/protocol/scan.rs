//! One pass over a message before anything parses it.
//!
//! It bounds nesting and keys, and drops the whitespace outside strings, so that a client's `data` never brings a line
//! break into a stream that is made of lines. `RawValue` does neither. Whether the rest is JSON at all is left to
//! `serde_json`, which reads the result: the scan only takes care that no text becomes JSON by what it drops.
//! No recursion, one byte after the other, and digits and strings stay exactly as they came.

use std::borrow::Cow;

use super::refusal::Refusal;

/// A message may be nested so deep, its own braces included.
pub const DEPTH_MAX: usize = 32;
/// An object may have so many keys.
pub const KEYS_MAX: u16 = 1_024;

/// Why a message is not worth parsing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// The text can't be JSON.
    #[error("not JSON: {0}")]
    NotJson(&'static str),
    /// Too many braces and brackets are open at once.
    #[error("nested deeper than 32")]
    TooDeep,
    /// One object has too many keys.
    #[error("an object has over 1,024 keys")]
    TooManyKeys,
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        Self::bad_message(unreadable.to_string())
    }
}

/// `text` without the whitespace between its tokens; borrowed when there was none.
///
/// # Errors
/// [`Unreadable`] when a bound is passed, or when the text is no JSON in a way that shows at once.
pub fn compact(text: &str) -> Result<Cow<'_, str>, Unreadable> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    // Everything before this is in `out`, or was dropped.
    let mut kept_to = 0;
    let mut depth = 0;
    // The commas met so far in the value at each depth; `None` for a list, where they don't matter.
    let mut commas: [Option<u16>; DEPTH_MAX + 1] = [None; DEPTH_MAX + 1];
    let mut last = b',';
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        match byte {
            b'"' => end = string_end(bytes, at).ok_or(Unreadable::NotJson("a string has no end"))?,
            b'{' | b'[' => {
                depth += 1;
                *commas.get_mut(depth).ok_or(Unreadable::TooDeep)? = (byte == b'{').then_some(0);
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1).ok_or(Unreadable::NotJson("more is closed than was opened"))?;
            }
            b',' => {
                if let Some(commas) = &mut commas[depth] {
                    *commas += 1;
                    // There is a key more than commas.
                    if *commas >= KEYS_MAX {
                        return Err(Unreadable::TooManyKeys);
                    }
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                while bytes.get(end).copied().is_some_and(is_whitespace) {
                    end += 1;
                }
                // `1 2` must not become 12.
                if is_bare(last) && bytes.get(end).copied().is_some_and(is_bare) {
                    return Err(Unreadable::NotJson("two values without a comma"));
                }
                if kept_to == 0 {
                    out.reserve_exact(text.len());
                }
                out.push_str(&text[kept_to..at]);
                kept_to = end;
                at = end;
                continue;
            }
            _ => {}
        }
        last = byte;
        at = end;
    }
    if kept_to == 0 {
        return Ok(Cow::Borrowed(text));
    }
    out.push_str(&text[kept_to..]);
    Ok(Cow::Owned(out))
}

/// The number or string that the message's own `key` has, as JSON text; `None` where it can't be told. It bears text
/// that was never checked, or was cut off, because it is for the answer to just that.
#[must_use]
pub fn top_scalar<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let (mut depth, mut at, mut is_key_next) = (0_usize, 0, false);
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                end = string_end(bytes, at)?;
                let is_ours = depth == 1 && is_key_next && text[at + 1..end - 1] == *key;
                let colon = skip_whitespace(bytes, end);
                if is_ours && bytes.get(colon) == Some(&b':') {
                    return scalar_at(text, skip_whitespace(bytes, colon + 1));
                }
            }
            _ => {}
        }
        if !is_whitespace(byte) {
            is_key_next = matches!(byte, b'{' | b',');
        }
        at = end;
    }
    None
}

/// The number or string that begins at `start`, if its end is there.
fn scalar_at(text: &str, start: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let end = match bytes.get(start)? {
        b'"' => string_end(bytes, start)?,
        b'-' | b'0'..=b'9' => start + bytes[start..].iter().position(|&byte| !is_bare(byte) || is_whitespace(byte))?,
        _ => return None,
    };
    Some(&text[start..end])
}

/// Where the string that begins at `start` is over: behind its closing quote.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            // JSON has no line breaks and the like in strings; one here would break streams.
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn skip_whitespace(bytes: &[u8], start: usize) -> usize {
    let blank = bytes[start.min(bytes.len())..].iter().take_while(|&&byte| is_whitespace(byte)).count();
    start + blank
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a byte may be part of a number or word, which end only where something else begins.
fn is_bare(byte: u8) -> bool {
    !matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn whitespace_goes_and_everything_else_stays_as_it_came() {
        for (text, expected) in [
            ("{ \"a\" : [ 1.0 ,\t-0e+5 ] ,\r\n\"b c\": \" d \\\" \" }\n", r#"{"a":[1.0,-0e+5],"b c":" d \" "}"#),
            (r"123456789012345678901234567890.10000", "123456789012345678901234567890.10000"),
            (r#"  "\u00e9\ud83d\ude00\/\b\\" "#, r#""\u00e9\ud83d\ude00\/\b\\""#),
            ("", ""),
            (" ", ""),
        ] {
            assert_eq!(compact(text).unwrap(), expected);
        }
        assert!(matches!(compact(r#"{"a":"b c"}"#), Ok(Cow::Borrowed(_))), "nothing to drop, nothing copied");
    }

    #[test]
    fn no_text_becomes_json_by_what_is_dropped() {
        for text in ["1 2", "tr ue", "- 1", "[1 2]", "1\n.5", "{\"a\":1 0}"] {
            assert!(compact(text).is_err(), "{text:?} was taken");
        }
        for text in ["\"a\" \"b\"", "{} {}", "1 \"a\"", "[1] 2"] {
            let compact = compact(text).unwrap();
            assert!(serde_json::from_str::<&RawValue>(&compact).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_line_break_in_a_string_is_not_json() {
        assert!(compact("\"a\nb\"").is_err() && compact("\"a\0\"").is_err());
        assert_eq!(compact("\"a\\nb\u{2028}\"").unwrap(), "\"a\\nb\u{2028}\"");
    }

    #[test]
    fn nesting_and_keys_are_bounded_exactly() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(compact(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(compact(&nested(DEPTH_MAX + 1)), Err(Unreadable::TooDeep));
        assert_eq!(compact(&"[".repeat(1_000_000)), Err(Unreadable::TooDeep));
        let keys = |count| format!("[{{{}}}]", vec!["\"k\":[1,2]"; count].join(","));
        assert!(compact(&keys(usize::from(KEYS_MAX))).is_ok());
        assert_eq!(compact(&keys(usize::from(KEYS_MAX) + 1)), Err(Unreadable::TooManyKeys));
        assert!(compact(&format!("[{}1]", "1,".repeat(5_000))).is_ok(), "a list has no keys");
    }

    #[test]
    fn an_id_is_found_in_a_message_that_is_no_good() {
        for (text, id) in [
            (r#"{"type":"publish","id" : 7 ,"data":[[[["#, Some("7")),
            (r#"{"data":{"id":1},"x":"id","id":"a\"b"}"#, Some(r#""a\"b""#)),
            (r#"{"a":"id","id":1.5e3}"#, Some("1.5e3")),
            (r#"{"id":12"#, None),
            (r#"{"id":"12"#, None),
            (r#"{"id":{}}"#, None),
            (r#"[{"id":1}]"#, None),
            (r#"}{"id":1}"#, None),
            (r#"{"x":["id",1]}"#, None),
            (r#""id":1"#, None),
        ] {
            assert_eq!(top_scalar(text, "id"), id, "{text}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn pretty_json_comes_out_as_compact_json(value in json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty).unwrap(), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn no_text_panics_and_what_is_json_afterwards_was_json_before(text in "[\\[\\]{}\",:\\\\ \n01ae.\\-é]{0,60}") {
            let _ = top_scalar(&text, "a");
            if let Ok(compact) = compact(&text) {
                let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
                prop_assert_eq!(is_json(&compact), is_json(&text));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = (compact(&text), top_scalar(&text, "id"));
        }
    }
}
