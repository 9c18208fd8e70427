//! What a user hears of the own inbox, besides its entries.

use std::sync::Arc;

use crate::domain::inbox::Counts;
use crate::domain::notification::NotificationId;

use super::super::command::CommandId;
use super::writer::{Writer, put};

/// A page of an inbox, newest first, as texts that are JSON already, and the counts at `offset`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InboxPage<'a> {
    /// The notifications, each with the `offset` where it surfaced.
    pub notifications: &'a [Arc<str>],
    /// The badge.
    pub counts: Counts,
    /// The newest offset of the log.
    pub offset: u64,
    /// Whether there are more behind these.
    pub more: bool,
}

/// `inbox`: a page of it.
#[must_use]
pub fn inbox(id: &CommandId, page: &InboxPage<'_>) -> String {
    put_page(Writer::reply("inbox", Some(id), page.size()), page)
}

/// The same over HTTP.
#[must_use]
pub fn inbox_answer(page: &InboxPage<'_>) -> String {
    put_page(Writer::object(page.size()), page)
}

/// `ok` to what changes an inbox: the counts then, and the offset that they are true at.
#[must_use]
pub fn marked(id: &CommandId, counts: Counts, offset: u64) -> String {
    put_counts(Writer::reply("ok", Some(id), 128), counts, offset).end()
}

/// The same over HTTP.
#[must_use]
pub fn marked_answer(counts: Counts, offset: u64) -> String {
    put_counts(Writer::object(96), counts, offset).end()
}

/// `notified`: all these will get it.
#[must_use]
pub fn notified(id: &CommandId, notification: NotificationId, recipients: usize, duplicate: bool) -> String {
    put_notified(Writer::reply("notified", Some(id), 192), notification, recipients, duplicate)
}

/// The same over HTTP.
#[must_use]
pub fn notified_answer(notification: NotificationId, recipients: usize, duplicate: bool) -> String {
    put_notified(Writer::object(160), notification, recipients, duplicate)
}

/// `preferences`: what they are now, as a JSON object.
#[must_use]
pub fn preferences(id: &CommandId, preferences: &str) -> String {
    Writer::reply("preferences", Some(id), 96 + preferences.len()).raw("preferences", preferences).end()
}

/// The same over HTTP.
#[must_use]
pub fn preferences_answer(preferences: &str) -> String {
    Writer::object(64 + preferences.len()).raw("preferences", preferences).end()
}

/// A critical notification that nobody has acknowledged, once more: no entry, so without offset and counts.
#[must_use]
pub fn again(notification: &str) -> String {
    let mut out = String::with_capacity(64 + notification.len());
    put::parts(&mut out, &[r#"{"type":"notification","room":"@me","again":true,"notification":"#, notification, "}"]);
    out
}

/// The counts of `connected`: `{"unread":3,"unseen":1,"offset":88}`.
pub(super) fn counts(counts: Counts, offset: u64) -> String {
    put_counts(Writer::object(64), counts, offset).end()
}

impl InboxPage<'_> {
    fn size(&self) -> usize {
        128 + self.notifications.iter().map(|text| text.len() + 1).sum::<usize>()
    }
}

fn put_page(writer: Writer, page: &InboxPage<'_>) -> String {
    put_counts(writer.list("notifications", page.notifications), page.counts, page.offset).raw("more", page.more).end()
}

fn put_counts(writer: Writer, counts: Counts, offset: u64) -> Writer {
    writer.raw("unread", counts.unread).raw("unseen", counts.unseen).raw("offset", offset)
}

fn put_notified(writer: Writer, notification: NotificationId, recipients: usize, duplicate: bool) -> String {
    writer.value("notification", &notification).raw("recipients", recipients).raw("duplicate", duplicate).end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_over_http_is_the_reply_without_type_and_id() {
        let counts = Counts { unread: 2, unseen: 1 };
        let id = CommandId::parse("7").unwrap();
        let without_head = |reply: &str| {
            let rest = reply.split_once(r#","id":7,"#).unwrap().1;
            format!("{{{rest}")
        };
        assert_eq!(without_head(&marked(&id, counts, 9)), marked_answer(counts, 9));
        assert_eq!(marked_answer(counts, 9), r#"{"unread":2,"unseen":1,"offset":9}"#);
        let notifications = [r#"{"id":"a"}"#.into(), r#"{"id":"b"}"#.into()];
        let page = InboxPage { notifications: &notifications, counts, offset: 9, more: true };
        assert_eq!(without_head(&inbox(&id, &page)), inbox_answer(&page));
        assert_eq!(
            inbox_answer(&page),
            r#"{"notifications":[{"id":"a"},{"id":"b"}],"unread":2,"unseen":1,"offset":9,"more":true}"#
        );
        let notification = NotificationId::default();
        assert_eq!(without_head(&notified(&id, notification, 3, false)), notified_answer(notification, 3, false));
        assert_eq!(without_head(&preferences(&id, "{}")), preferences_answer("{}"));
    }
}
