//! Members, and what changed about them.

use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomName, UserId};
use crate::domain::presence::Status;
use crate::domain::roster::{Member, MemberSession};

use super::writer::{Writer, put};

/// A member as a fragment, to be made once and listed wherever the member stands.
#[must_use]
pub fn member(member: &Member) -> String {
    let mut out = String::with_capacity(192 + 160 * member.sessions.len());
    put::text(&mut out, "{\"user\":", member.user.id.as_str());
    put::text(&mut out, ",\"name\":", &member.user.name);
    match &member.user.avatar {
        Some(avatar) => put::text(&mut out, ",\"avatar\":", avatar),
        None => out.push_str(",\"avatar\":null"),
    }
    put::text(&mut out, ",\"color\":", member.user.color);
    put_status(&mut out, member.status, member.idle_since);
    out.push_str(",\"since\":\"");
    put::value(&mut out, member.since);
    out.push_str("\",\"sessions\":");
    put::list(&mut out, &member.sessions, put_session);
    out.push('}');
    out
}

/// `presence`: who came, changed and left, and how many there are now. `joined` and `updated` are [`member`]s.
#[must_use]
pub fn presence_diff(
    room: &RoomName,
    joined: impl IntoIterator<Item: AsRef<str>>,
    updated: impl IntoIterator<Item: AsRef<str>>,
    left: &[UserId],
    count: usize,
) -> String {
    Writer::new("presence", 512)
        .text("room", room.as_str())
        .list("joined", joined)
        .list("updated", updated)
        .value("left", &left)
        .raw("count", count)
        .end()
}

/// `presence` of a large room: how many there are now.
#[must_use]
pub fn presence_count(room: &RoomName, count: usize) -> String {
    Writer::new("presence", 128).text("room", room.as_str()).raw("large", true).raw("count", count).end()
}

/// `presence` that replaces every reader's list: the room is small again, or begins anew. `members` are [`member`]s.
#[must_use]
pub fn presence_all(room: &RoomName, members: impl IntoIterator<Item: AsRef<str>>, count: usize) -> String {
    Writer::new("presence", 128 + 256 * count)
        .text("room", room.as_str())
        .raw("large", false)
        .list("members", members)
        .raw("count", count)
        .end()
}

fn put_session(out: &mut String, session: &MemberSession) {
    put::text(out, "{\"session\":", session.session.as_str());
    put_status(out, session.presence.status, session.presence.idle_since);
    // A client's own state is compact JSON already.
    put::parts(out, &[",\"state\":", session.presence.state.as_deref().unwrap_or("null")]);
    put::text(out, ",\"device\":", session.device.as_str());
    out.push('}');
}

fn put_status(out: &mut String, status: Status, idle_since: Option<Timestamp>) {
    put::text(out, ",\"status\":", status.as_str());
    if let Some(idle_since) = idle_since {
        out.push_str(",\"idle_since\":\"");
        put::value(out, idle_since);
        out.push('"');
    }
}
