//! Changes of state and activities as HTTP brings them: bodies of requests in place of commands, under the same rules.

use std::sync::Arc;

use super::fields::Fields;
use crate::domain::ids::UserId;
use crate::domain::state::Change;
use crate::domain::visibility::VisibleTo;
use crate::protocol::refusal::Refusal;
use crate::protocol::scan;

/// A change of state that somebody wants written.
#[derive(Clone, PartialEq, Debug)]
pub struct StateWrite {
    /// As of a `set`.
    pub change: Change,
    /// See `change`.
    pub if_offset: Option<u64>,
    /// The sender's own name for it.
    pub key: Option<Arc<str>>,
}

/// An activity that somebody wants written.
#[derive(Clone, PartialEq, Debug)]
pub struct Activity {
    /// Who did it, where that is not the sender.
    pub user: Option<UserId>,
    /// As of a `track`.
    pub action: Arc<str>,
    /// See `action`.
    pub target: Option<Arc<str>>,
    /// Compact JSON.
    pub metadata: Option<Arc<str>>,
    /// The sender's own name for it.
    pub key: Option<Arc<str>>,
    /// As of a `track`.
    pub visible_to: Option<VisibleTo>,
}

/// Reads the body of a request that changes a room's state. Its size was looked at before.
///
/// # Errors
/// `bad_message` that names what is wrong.
pub fn state(body: &str) -> Result<StateWrite, Refusal> {
    let compact = scan::compact(body)?;
    let fields = Fields::read(&compact)?;
    fields.refuse_visible_to()?;
    Ok(StateWrite { change: fields.state_change()?, if_offset: fields.if_offset()?, key: fields.key()? })
}

/// Reads the body of a request that writes an activity. Its size was looked at before.
///
/// # Errors
/// `bad_message` that names what is wrong.
pub fn activity(body: &str) -> Result<Activity, Refusal> {
    let compact = scan::compact(body)?;
    let fields = Fields::read(&compact)?;
    Ok(Activity {
        user: fields.user()?,
        action: fields.action()?,
        target: fields.target()?,
        metadata: fields.metadata(),
        key: fields.key()?,
        visible_to: fields.visible_to()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_what_the_command_says() {
        let read = state(r#"{"set": {"a": 1.50, "b": null}, "remove": ["c"], "if_offset": 7, "key": "k"}"#).unwrap();
        assert_eq!(&*read.change.to_body(), r#""set":{"a":1.50,"b":null},"removed":["c"]"#);
        assert_eq!((read.if_offset, read.key.as_deref()), (Some(7), Some("k")));
        let read = activity(r#"{"user":"ada","action":"filtered","metadata":{"x": 1.0}}"#).unwrap();
        assert_eq!((read.user.unwrap().as_str(), &*read.action, read.target), ("ada", "filtered", None));
        assert_eq!(read.metadata.as_deref(), Some(r#"{"x":1.0}"#));
        assert_eq!(activity(r#"{"user":null,"action":"left"}"#).unwrap().user, None);
    }

    #[test]
    fn an_offset_is_a_whole_number_however_it_is_written() {
        let if_offset =
            |json: &str| state(&format!(r#"{{"set":{{"a":1}},"if_offset":{json}}}"#)).map(|read| read.if_offset);
        for (json, offset) in [("7", 7), ("7.0", 7), ("1e3", 1_000), ("-0.0", 0), ("18446744073709551615", u64::MAX)] {
            assert_eq!(if_offset(json), Ok(Some(offset)), "{json}");
        }
        for json in ["-1", "7.5", "1e30", "18446744073709551616", "\"7\"", "true", "[]"] {
            assert!(if_offset(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_body_is_named() {
        for (body, named) in [
            ("{}", "set or remove"),
            (r#"{"set":{"a":1},"remove":["a"]}"#, "twice: a"),
            (r#"{"set":{"a":1,"a":2}}"#, "twice: a"),
            (r#"{"set":[1]}"#, "set must be an object"),
            (r#"{"set":{"a":1},"if_offset":-1}"#, "if_offset"),
            (r#"{"set":{"a":1},"key":""}"#, "key"),
            (r#"{"set":{"a":1},"visible_to":{"users":["ada"]}}"#, "visible_to is for events and activities"),
            ("[]", "an object"),
            ("nothing", "not JSON"),
        ] {
            assert!(state(body).unwrap_err().message.contains(named), "{body}");
        }
        for (body, named) in [
            ("{}", "action"),
            (r#"{"action":""}"#, "action"),
            (r#"{"action":"a","target":7}"#, "target"),
            (r#"{"action":"a","user":""}"#, "user"),
            (r#"{"action":"a","user":"\u0000"}"#, "user"),
            (r#"{"action":"a","visible_to":{"users":[]}}"#, "visible_to must name"),
        ] {
            assert!(activity(body).unwrap_err().message.contains(named), "{body}");
        }
    }
}
