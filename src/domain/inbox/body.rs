//! How notifications and what becomes of them read as JSON.
//!
//! ```text
//! "notification":{ fixed fields , state },"replaces":"…" , counts      an arrival
//! "notifications":[…]|"all","upto"?,"until"?,"undo"?,"as":"…" , counts  what became of some
//! { fixed fields , state , "offset":61 }                                one line of a list
//! ```

use std::fmt::{Display, Write};

use serde::Serialize;

use super::{Counts, Item};
use crate::domain::entry::Timestamp;
use crate::domain::notification::{Notification, NotificationId};

/// The fields that are the same in every inbox and never change, without the braces; `null` where there is none:
/// `"id":"018f…","level":"warning","title":"Revenue is down","message":null,"topic":"kpi","room":null,"at":"…",`
/// `"duration":5000,"critical":false,"actions":[],"metadata":null,"expires":null`.
#[must_use]
pub fn fixed(id: NotificationId, at: Timestamp, facts: &Notification) -> String {
    format!(
        "\"id\":\"{id}\",\"level\":\"{}\",\"title\":{},\"message\":{},\"topic\":{},\"room\":{},\"at\":\"{at}\",\
         \"duration\":{},\"critical\":{},\"actions\":{},\"metadata\":{},\"expires\":{}",
        facts.level.as_str(),
        json(&facts.title),
        json(&facts.message),
        json(&facts.topic),
        json(&facts.room),
        json(&facts.duration_ms),
        facts.critical,
        facts.actions,
        facts.metadata.as_deref().unwrap_or("null"),
        json(&facts.expires),
    )
}

/// A notification as it is pushed: its fixed fields and what became of it.
#[must_use]
pub fn notification(fixed: &str, item: &Item) -> String {
    format!("{{{fixed},{}}}", state(item))
}

/// A notification as `inbox` lists it: as it is pushed, with the `offset` where it surfaced.
#[must_use]
pub fn listed(fixed: &str, item: &Item) -> String {
    format!("{{{fixed},{},\"offset\":{}}}", state(item), item.surfaced)
}

/// The fields of a `notification` entry but for the counts. `replaces` stands beside the notification, for it says what
/// this entry does and is no lasting part of the notification.
pub(super) fn arrived(fixed: &str, item: &Item, replaces: Option<NotificationId>) -> String {
    let mut fields = format!("\"notification\":{}", notification(fixed, item));
    if let Some(old) = replaces {
        push(&mut fields, format_args!(",\"replaces\":\"{old}\""));
    }
    fields
}

/// The fields of a `marked` entry but for the counts: which ones, and `as` what.
pub(super) fn marked(ids: &[NotificationId], status: &str) -> String {
    format!("\"notifications\":{},\"as\":\"{status}\"", json(ids))
}

/// The same for all up to an offset.
pub(super) fn marked_all(upto: u64, status: &str) -> String {
    format!("\"notifications\":\"all\",\"upto\":{upto},\"as\":\"{status}\"")
}

/// The same for the watermark, which names no notifications.
pub(super) fn marked_seen(upto: u64) -> String {
    format!("\"upto\":{upto},\"as\":\"seen\"")
}

/// Adds the time when a snooze ends.
pub(super) fn with_until(mut fields: String, until: Timestamp) -> String {
    push(&mut fields, format_args!(",\"until\":\"{until}\""));
    fields
}

/// Adds the offset of the mark that was taken back.
pub(super) fn with_undo(mut fields: String, offset: u64) -> String {
    push(&mut fields, format_args!(",\"undo\":{offset}"));
    fields
}

/// Adds the counts.
pub(super) fn with_counts(mut fields: String, counts: Counts) -> String {
    push(&mut fields, format_args!(",\"unread\":{},\"unseen\":{}", counts.unread, counts.unseen));
    fields
}

/// What became of a notification with this user.
fn state(item: &Item) -> String {
    format!(
        "\"quiet\":{},\"read\":{},\"archived\":{},\"acked\":{},\"snoozed_until\":{}",
        item.quiet,
        json(&item.read),
        json(&item.archived),
        json(&item.acked),
        json(&item.snoozed_until),
    )
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists of them always have a JSON form")
}

fn push(text: &mut String, more: impl Display) {
    write!(text, "{more}").expect("a string takes all that is written to it");
}
