//! Events as HTTP brings them: bodies of requests in place of commands, under the same rules.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::fields::Fields;
use crate::domain::entry::Kind;
use crate::domain::ids::RoomName;
use crate::domain::visibility::VisibleTo;

use super::HistoryPart;
use crate::protocol::refusal::Refusal;
use crate::protocol::scan;

/// An event that somebody wants written.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// As of a `publish`.
    pub event: Arc<str>,
    /// Compact JSON.
    pub data: Arc<str>,
    /// The sender's own name for it.
    pub key: Option<Arc<str>>,
    /// As of a `publish`.
    pub visible_to: Option<VisibleTo>,
}

/// An event of a batch and its room, or what is wrong with it.
pub type BatchItem = Result<(RoomName, Event), Refusal>;

/// Reads the body of a request that writes one event. Its size was looked at before.
///
/// # Errors
/// `bad_message` that names what is wrong.
pub fn event(body: &str) -> Result<Event, Refusal> {
    event_of(&Fields::read(&scan::compact(body)?)?)
}

/// Reads the body of a batch: a list of at most `count_max` events with their rooms. What is wrong with one of them
/// stands in its place.
///
/// # Errors
/// `bad_message` when it is no such list. An item over `bytes_max` is `too_large` in its place.
pub fn batch(body: &str, count_max: usize, bytes_max: usize) -> Result<Vec<BatchItem>, Refusal> {
    let compact = scan::compact(body)?;
    let not_a_list = |_| Refusal::bad_message(format!("a batch must be a list of 1 to {count_max} events"));
    let items: Vec<&RawValue> = serde_json::from_str(&compact).map_err(not_a_list)?;
    if items.is_empty() {
        return Err(Refusal::bad_message(format!("a batch must be a list of 1 to {count_max} events")));
    }
    if items.len() > count_max {
        return Err(Refusal::bad_message(format!("a batch has at most {count_max} events")));
    }
    let read = |item: &&RawValue| {
        if item.get().len() > bytes_max {
            return Err(Refusal::too_large(format!("an event has at most {bytes_max} bytes")));
        }
        let fields = Fields::read(item.get())?;
        Ok((fields.room()?, event_of(&fields)?))
    };
    Ok(items.iter().map(read).collect())
}

/// Reads a key that stands in a header, where nothing but ASCII is carried by everybody alike.
///
/// # Errors
/// `bad_message` for one that is empty, too long, or not ASCII.
pub fn key(line: &[u8]) -> Result<Arc<str>, Refusal> {
    let is_carried = line.iter().all(|byte| (b' '..=b'~').contains(byte)) && line.trim_ascii().len() == line.len();
    std::str::from_utf8(line)
        .ok()
        .filter(|text| is_carried && (1..=200).contains(&text.len()))
        .map(Into::into)
        .ok_or_else(|| {
            Refusal::bad_message("Idempotency-Key must be 1 to 200 ASCII characters without control characters")
        })
}

/// Which entries a query asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct HistoryQuery {
    /// As of a `history`.
    pub part: HistoryPart,
    /// Only those below this offset; beside `after`, which the command does not take together with `before`.
    pub below: Option<u64>,
    /// See `part`.
    pub limit: usize,
    /// See `part`.
    pub kinds: Option<Vec<Kind>>,
}

/// Reads which entries a query asks for, from the texts of its fields: `after`, `before`, `limit`, and `kinds`
/// separated by commas.
///
/// # Errors
/// `bad_message` that names what is wrong.
pub fn history<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<HistoryQuery, Refusal> {
    // A number is put as it is among the fields of a command, anything else as a text that is refused there.
    let field = |name: &str, text: &str| format!("\"{name}\":{}", if is_whole(text) { text } else { "\"\"" });
    let read = |names: &[&str]| {
        let mut parts: Vec<_> = names.iter().filter_map(|name| Some(field(name, get(name)?))).collect();
        if let Some(kinds) = get("kinds") {
            parts.push(format!("\"kinds\":{}", serde_json::json!(kinds.split(',').collect::<Vec<_>>())));
        }
        let json = format!("{{{}}}", parts.join(","));
        let fields = Fields::read(&json)?;
        Ok::<_, Refusal>((fields.history_part()?, fields.limit()?, fields.kinds()?))
    };
    let (first, limit, kinds) = read(&["after", "limit"])?;
    let (second, ..) = read(&["before"])?;
    let (part, below) = match (first, second) {
        (HistoryPart::Newest, part) => (part, None),
        (part, HistoryPart::Before(before)) => (part, Some(before)),
        (part, _) => (part, None),
    };
    Ok(HistoryQuery { part, below, limit, kinds })
}

/// Digits alone, and no zero ahead that JSON would not take.
pub(super) fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

fn event_of(fields: &Fields<'_>) -> Result<Event, Refusal> {
    Ok(Event {
        event: fields.event("1 to 100 characters", 100)?,
        data: fields.data()?,
        key: fields.key()?,
        visible_to: fields.visible_to()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_event_of_a_batch_stands_in_its_place_alone() {
        let body = r#"[{"room":"a","event":"e","data":{"x": 1.50},"key":"k"}, {"room":"@me","event":"e","data":1}, 7]"#;
        let read = batch(body, 3, 1_000).unwrap();
        let (room, event) = read[0].as_ref().unwrap();
        assert_eq!((room.as_str(), &*event.data, event.key.as_deref()), ("a", r#"{"x":1.50}"#, Some("k")));
        assert!(read[1].is_err() && read[2].is_err());
        assert!(batch(body, 2, 1_000).is_err() && batch("[]", 2, 1_000).is_err() && batch("{}", 2, 1_000).is_err());
        assert!(batch(body, 3, 20).unwrap().iter().take(2).all(Result::is_err), "each is bounded by itself");
    }

    #[test]
    fn a_key_in_a_header_is_ascii() {
        let longest = "k".repeat(200);
        for good in ["k", "order 17: paid", "!\"#~", &longest] {
            assert_eq!(key(good.as_bytes()).as_deref(), Ok(good));
        }
        for bad in ["", " k", "k ", "a\tb", "ключ", "a\u{7f}", &"k".repeat(201)] {
            assert!(key(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(key(&[b'k', 0xff]).is_err());
    }

    #[test]
    fn a_query_is_held_to_the_rules_of_the_command() {
        let read = |query: &[(&'static str, &'static str)]| {
            let query = query.to_vec();
            history(move |name| query.iter().find(|(field, _)| *field == name).map(|(_, text)| *text))
        };
        let of = |part, below, limit, kinds| HistoryQuery { part, below, limit, kinds };
        assert_eq!(read(&[("after", "3"), ("limit", "2")]).unwrap(), of(HistoryPart::After(3), None, 2, None));
        let newest = of(HistoryPart::Newest, None, 50, Some(vec![Kind::Event]));
        assert_eq!(read(&[("kinds", "event")]).unwrap(), newest);
        assert_eq!(read(&[("before", "4")]).unwrap().part, HistoryPart::Before(4));
        assert_eq!(read(&[("after", "3"), ("before", "9")]).unwrap(), of(HistoryPart::After(3), Some(9), 50, None));
        for (name, bad) in [
            ("after", "-1"),
            ("after", "01"),
            ("before", "1e3"),
            ("before", "18446744073709551616"),
            ("limit", "0"),
            ("limit", "201"),
            ("limit", ""),
            ("limit", "1,\"x\":2"),
            ("kinds", "nothing"),
        ] {
            assert!(read(&[(name, bad)]).is_err(), "{name}={bad}");
        }
    }
}
