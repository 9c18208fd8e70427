//! What a backend hears: answers over HTTP are the replies of the protocol without `type` and `id`.

use std::sync::Arc;

use crate::domain::cursor::Cursor;
use crate::domain::entry::{Entry, Timestamp};
use crate::domain::ids::{EntryId, RoomName, SessionId, UserId};
use crate::protocol::refusal::Refusal;

use super::writer::{Writer, put};
use super::{Picture, encoded_size, error};

/// Where an event stands: `{"offset":43,"entry":"…","duplicate":false}`.
#[must_use]
pub fn written(offset: u64, entry: EntryId, duplicate: bool) -> String {
    format!(r#"{{"offset":{offset},"entry":"{entry}","duplicate":{duplicate}}}"#)
}

/// How each event of a batch ended: what [`written`] says, or an error.
#[must_use]
pub fn results(results: impl IntoIterator<Item = Result<String, Refusal>>) -> String {
    let mut out = String::from("{\"results\":");
    put::list(&mut out, results, |out, result| match result {
        Ok(written) => out.push_str(&written),
        Err(refusal) => out.push_str(&error(None, &refusal)),
    });
    out.push('}');
    out
}

/// Rooms that somebody is in; `next` is the page behind them, if there is one.
#[must_use]
pub fn rooms(rooms: &[(RoomName, usize)], next: Option<&RoomName>) -> String {
    let mut out = String::from("{\"rooms\":");
    put::list(&mut out, rooms, |out, (room, count)| {
        put::parts(out, &["{\"room\":\"", room.as_str(), "\",\"count\":"]);
        put::value(out, count);
        out.push('}');
    });
    match next {
        Some(next) => put::parts(&mut out, &[",\"next\":\"", next.as_str(), "\"}"]),
        None => out.push_str(",\"next\":null}"),
    }
    out
}

/// Who is in a room, its state, and how far its log is.
#[must_use]
pub fn room<M>(room: &RoomName, cursor: &Cursor, picture: Picture<'_, M>) -> String
where
    M: IntoIterator<Item: AsRef<str>>,
{
    Writer::answer("room", room.as_str(), 512)
        .value("cursor", cursor)
        .list("members", picture.members)
        .raw("count", picture.count)
        .raw("large", picture.is_large)
        .raw("state", picture.state)
        .end()
}

/// Entries of a room, ascending; `oldest` is the first offset that the log keeps.
#[must_use]
pub fn history(room: &RoomName, cursor: &Cursor, oldest: u64, entries: &[Arc<Entry>], more: bool) -> String {
    Writer::answer("room", room.as_str(), 256 + encoded_size(entries))
        .value("cursor", cursor)
        .raw("oldest", oldest)
        .entries("entries", room.as_str(), entries)
        .raw("more", more)
        .end()
}

/// Where a user is; `last_seen` is when the last connection ended, while none stands and that is known.
#[must_use]
pub fn user(user: &UserId, rooms: &[RoomName], sessions: &[SessionId], last_seen: Option<Timestamp>) -> String {
    Writer::answer("user", user.as_str(), 256)
        .value("rooms", &rooms)
        .value("sessions", &sessions)
        .value("last_seen", &last_seen)
        .end()
}

/// The `from` of what a backend writes: `{"api":"billing"}`.
#[must_use]
pub fn from_backend(name: &str) -> Arc<str> {
    from("{\"api\":", name)
}

/// The `from` of what a backend writes for a user: `{"api":"billing","user":"ada"}`.
#[must_use]
pub fn from_backend_for(name: &str, user: &UserId) -> Arc<str> {
    let mut out = String::with_capacity(64);
    put::text(&mut out, "{\"api\":", name);
    put::text(&mut out, ",\"user\":", user.as_str());
    out.push('}');
    out.into()
}

/// The `from` of what a user writes without a session: `{"user":"ada"}`.
#[must_use]
pub fn from_user(user: &UserId) -> Arc<str> {
    from("{\"user\":", user.as_str())
}

fn from(start: &str, text: &str) -> Arc<str> {
    let mut out = String::with_capacity(32);
    put::text(&mut out, start, text);
    out.push('}');
    out.into()
}
