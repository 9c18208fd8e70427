//! An order to notify, written as the command that it came as: the form in which a store keeps it.

use crate::domain::notification::{Addressees, Notify};

use super::writer::Writer;

/// The order as the message that [`notify`](crate::protocol::command::inbox::notify) reads, with everything said that
/// has a default.
#[must_use]
pub fn order(order: &Notify) -> String {
    let Notify { to, notification, escalation, key } = order;
    let written = Writer::object(512)
        .text("level", notification.level.as_str())
        .text("title", &notification.title)
        .maybe_text("message", notification.message.as_deref())
        .maybe_text("topic", notification.topic.as_deref())
        .maybe_text("room", notification.room.as_ref().map(crate::domain::ids::RoomName::as_str))
        .value("duration", &notification.duration_ms)
        .raw("critical", notification.critical)
        .raw("actions", &notification.actions);
    let written = if let Some(json) = &notification.metadata { written.raw("metadata", json) } else { written };
    let written = written.maybe_text("dedupe", notification.dedupe.as_deref());
    let written = if let Some(time) = notification.expires { written.value("expires", &time) } else { written };
    let written = match escalation {
        Some(escalation) => {
            written.raw("escalate_after", escalation.after.as_secs()).raw("escalate_to", addressees(&escalation.to))
        }
        None => written,
    };
    let notification = written.end();
    Writer::object(64 + notification.len())
        .raw("to", addressees(to))
        .raw("notification", notification)
        .maybe_text("key", key.as_deref())
        .end()
}

fn addressees(to: &Addressees) -> String {
    let writer = Writer::object(64);
    match to {
        Addressees::Users(users) => writer.value("users", users),
        Addressees::Room(room) => writer.text("room", room.as_str()),
        Addressees::Role(role) => writer.text("role", role),
        Addressees::Everyone => writer.raw("everyone", true),
    }
    .end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::inbox::notify;

    #[test]
    fn an_order_is_read_back_as_it_was_written() {
        let full = r#"{"to":{"room":"dashboard:sales"},"notification":{"level":"error","title":"A \"b\"","message":"m",
            "topic":"kpi","room":"dashboard:sales","duration":null,"critical":true,"dedupe":"d",
            "actions":[{"id":"open","label":"Open","url":"/kpi"}],"metadata":{"n":1.50},
            "expires":"2026-11-21T06:50:52.123Z","escalate_after":60,"escalate_to":{"users":["grace"]}},"key":"k"}"#;
        for body in [
            full,
            r#"{"to":{"users":["ada","ada"]},"notification":{"title":"t"}}"#,
            r#"{"to":{"role":"finance"},"notification":{"title":"t","level":"warning","duration":7}}"#,
            r#"{"to":{"everyone":true},"notification":{"title":"t","metadata":[1]}}"#,
        ] {
            let read = notify(body).unwrap();
            assert_eq!(notify(&order(&read)).unwrap(), read, "{body}");
        }
    }
}
