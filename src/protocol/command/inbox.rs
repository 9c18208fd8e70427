//! Commands of the inbox, and the bodies of requests that stand for them.

use std::sync::Arc;

use crate::domain::ids::Epoch;
use crate::domain::inbox::{Filter, Mark};
#[cfg(test)]
use crate::domain::notification::NotificationId;
use crate::domain::notification::Notify;
use crate::protocol::refusal::Refusal;
use crate::protocol::scan;

use super::fields::Fields;

/// The command `inbox`.
#[derive(Clone, PartialEq, Debug)]
pub struct InboxQuery {
    /// Only what surfaced before this offset.
    pub before: Option<u64>,
    /// How many at most, 1 to 200.
    pub limit: usize,
    /// Which of them.
    pub filter: Filter,
}

/// The command `mark`, and `ack`.
#[derive(Clone, PartialEq, Debug)]
pub struct MarkCommand {
    /// What becomes of what.
    pub mark: Mark,
    /// The life of the log that its offsets are of; another one's are a `conflict`.
    pub epoch: Option<Epoch>,
}

/// Reads the body of a request that notifies somebody. Its size was looked at before.
///
/// # Errors
/// `bad_message` that names what is wrong.
pub fn notify(body: &str) -> Result<Notify, Refusal> {
    Fields::read(&scan::compact(body)?)?.notify()
}

/// Reads the body of a request that marks notifications.
///
/// # Errors
/// As [`notify`].
pub fn mark(body: &str) -> Result<MarkCommand, Refusal> {
    Fields::read(&scan::compact(body)?)?.mark()
}

/// Reads the body of a request that changes preferences: the value of its `set`, compact.
///
/// # Errors
/// As [`notify`].
pub fn preferences(body: &str) -> Result<Arc<str>, Refusal> {
    let compact = scan::compact(body)?;
    let set = Fields::read(&compact)?.preferences()?;
    set.ok_or_else(|| Refusal::bad_message("set is missing: it must be an object"))
}

/// Reads which notifications a query asks for, from the texts of its fields: `before`, `limit`, `filter`, `topic`,
/// `level`, `room`.
///
/// # Errors
/// As [`notify`].
pub fn query<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<InboxQuery, Refusal> {
    let number =
        |name: &str, text: &str| format!("\"{name}\":{}", if super::events::is_whole(text) { text } else { "\"\"" });
    let text = |name: &str, text: &str| format!("\"{name}\":{}", serde_json::json!(text));
    let numbers = ["before", "limit"].into_iter().filter_map(|name| Some(number(name, get(name)?)));
    let texts = ["filter", "topic", "level", "room"].into_iter().filter_map(|name| Some(text(name, get(name)?)));
    let json = format!("{{{}}}", numbers.chain(texts).collect::<Vec<_>>().join(","));
    Fields::read(&json)?.inbox()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inbox::{Shelf, Status, Which};
    use crate::domain::notification::Addressees;

    fn refusal<T: std::fmt::Debug>(read: Result<T, Refusal>) -> String {
        read.unwrap_err().message.into_owned()
    }

    #[test]
    fn an_order_says_what_is_wrong_with_it() {
        let order = |to: &str, rest: &str| notify(&format!(r#"{{"to":{to},"notification":{{"title":"t"{rest}}}}}"#));
        let ada = r#"{"users":["ada"]}"#;
        assert!(order(ada, "").is_ok());
        for (to, rest, word) in [
            (r"{}", "", "to must be"),
            (r#"{"users":[]}"#, "", "to.users"),
            (r#"{"users":["a\u0000"]}"#, "", "to.users"),
            (r#"{"users":["a"],"everyone":true}"#, "", "to must be"),
            (r#"{"everyone":false}"#, "", "to must be"),
            (r#"{"room":"@me"}"#, "", "room"),
            (r#"{"role":""}"#, "", "to.role"),
            (ada, r#","level":"fatal""#, "notification.level"),
            (ada, r#","duration":0"#, "notification.duration"),
            (ada, r#","duration":"5""#, "notification.duration"),
            (ada, r#","critical":"yes""#, "notification.critical"),
            (ada, r#","expires":"tomorrow""#, "notification.expires"),
            (ada, r#","expires":"1960-01-01T00:00:00Z""#, "notification.expires"),
            (ada, r#","dedupe":"""#, "notification.dedupe"),
            (ada, r#","topic":7"#, "notification.topic"),
            (ada, r#","actions":[{"id":"a"}]"#, "notification.actions"),
            (ada, r#","actions":[["a","A"]]"#, "notification.actions"),
            (ada, r#","actions":[{"id":"a","label":"A","url":"javascript:alert(1)"}]"#, "url"),
            (ada, r#","actions":[{"id":"a","label":"A"},{"id":"a","label":"B"}]"#, "notification.actions"),
            (ada, r#","escalate_after":60"#, "need each other"),
            (ada, r#","escalate_after":60,"escalate_to":{"everyone":true}"#, "critical"),
            (ada, r#","critical":true,"escalate_after":0,"escalate_to":{"everyone":true}"#, "escalate_after"),
        ] {
            let said = refusal(order(to, rest));
            assert!(said.contains(word), "{to} {rest}: {said}");
        }
        assert!(refusal(notify(r#"{"to":{"everyone":true}}"#)).contains("notification is missing"));
        assert!(refusal(notify(r#"{"notification":{"title":"t"}}"#)).contains("to is missing"));
        let read = order(r#"{"users":["ada","bob","ada"]}"#, "").unwrap();
        let Addressees::Users(users) = read.to else { panic!("{read:?}") };
        assert_eq!(users.len(), 2, "each once");
    }

    #[test]
    fn a_link_leads_into_the_web_or_stays_on_this_host() {
        let link = |url: &str| {
            let url = serde_json::to_string(url).unwrap();
            notify(&format!(
                r#"{{"to":{{"everyone":true}},"notification":{{"title":"t","actions":[{{"id":"a","label":"A","url":{url}}}]}}}}"#
            ))
        };
        for good in ["/", "/kpi?x=1#y", "https://example.com/", "HTTP://example.com", "https://[::1]:8080/"] {
            assert!(link(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "kpi",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://",
            "https:///evil",
            "javascript:alert(1)",
            " https://x",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "https:\\\\evil",
            "/a\tb",
        ] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_stays_until_dismissed_is_what_somebody_has_to_act_on() {
        let duration = |rest: &str| {
            let read = notify(&format!(r#"{{"to":{{"everyone":true}},"notification":{{"title":"t"{rest}}}}}"#));
            read.unwrap().notification.duration_ms
        };
        assert_eq!(duration(""), Some(5_000));
        assert_eq!(duration(r#","level":"warning""#), Some(8_000));
        assert_eq!(duration(r#","level":"error""#), None);
        assert_eq!(duration(r#","critical":true"#), None);
        assert_eq!(duration(r#","actions":[{"id":"a","label":"A"}]"#), None);
        assert_eq!(duration(r#","duration":null"#), None);
        assert_eq!(duration(r#","level":"error","duration":9"#), Some(9));
        // To JSON the same number, and some writers know no other.
        assert_eq!(duration(r#","duration":9.0"#), Some(9));
    }

    #[test]
    fn a_mark_names_what_and_as_what() {
        let id = NotificationId(uuid::Uuid::from_u128(7));
        let read = |body: String| mark(&body).map(|command| command.mark);
        let one = |status: &str| read(format!(r#"{{"notifications":["{id}"],"as":"{status}"}}"#));
        let these = Which::These(vec![id]);
        assert_eq!(one("read").unwrap(), Mark::As { which: these.clone(), status: Status::Read });
        assert_eq!(one("archived").unwrap(), Mark::As { which: these, status: Status::Archived });
        assert!(refusal(one("snoozed")).contains("until"));
        assert!(refusal(one("gone")).contains("as must be"));
        assert!(refusal(one("seen")).contains("notifications"));
        assert_eq!(read(r#"{"as":"seen","upto":4}"#.into()).unwrap(), Mark::Seen { upto: 4 });
        assert_eq!(read(r#"{"undo":4}"#.into()).unwrap(), Mark::Undo { offset: 4 });
        assert_eq!(read(r#"{"undo":4.0}"#.into()).unwrap(), Mark::Undo { offset: 4 });
        assert!(refusal(read(r#"{"undo":4,"as":"read"}"#.into())).contains("exclude"));
        assert!(refusal(read(r#"{"notifications":"all","as":"read"}"#.into())).contains("upto"));
        assert!(refusal(read(r#"{"notifications":[],"as":"read"}"#.into())).contains("notifications"));
        assert!(refusal(read(r#"{"notifications":"some","as":"read"}"#.into())).contains("notifications"));
        let all = read(r#"{"notifications":"all","as":"read","upto":9,"filter":"snoozed","topic":"kpi"}"#.into());
        let Mark::As { which: Which::All { upto: 9, filter }, .. } = all.unwrap() else { panic!("not all") };
        assert_eq!((filter.shelf, filter.topic.as_deref()), (Shelf::Snoozed, Some("kpi")));
        // Times bear any offset, and mean the same moment.
        let until = |until: &str| read(format!(r#"{{"notifications":["x"],"as":"snoozed","until":"{until}"}}"#));
        assert_eq!(until("2026-11-21T06:50:52+01:00").unwrap(), until("2026-11-21T05:50:52Z").unwrap());
        assert!(until("2026-11-21").is_err());
    }

    #[test]
    fn a_query_is_held_to_the_rules_of_the_command() {
        let read = |fields: &'static [(&'static str, &'static str)]| {
            query(move |name| fields.iter().find(|(field, _)| *field == name).map(|(_, text)| *text))
        };
        let page = read(&[("before", "9"), ("limit", "3"), ("filter", "unread"), ("level", "error")]).unwrap();
        assert_eq!((page.before, page.limit, page.filter.shelf), (Some(9), 3, Shelf::Unread));
        for bad in [
            &[("before", "x")][..],
            &[("limit", "0")],
            &[("limit", "201")],
            &[("filter", "all")],
            &[("level", "fatal")],
            &[("room", "a b")],
            &[("topic", "")],
        ] {
            assert!(
                query(|name| bad.iter().find(|(field, _)| *field == name).map(|(_, text)| *text)).is_err(),
                "{bad:?}"
            );
        }
    }
}
