//! What a client hears: each function makes the text of one message, as the protocol page has it.
//!
//! Most of it is put together from texts that are JSON already: an entry's body, a member's fragment, a command's id.
//! What many hear is encoded once by whoever calls, and shared.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::domain::cursor::{Cursor, ResetReason};
use crate::domain::entry::{Entry, Kind, Timestamp};
use crate::domain::ids::{EntryId, RoomName, SessionId, Tenant, UserId};
use crate::domain::inbox::Counts;
use crate::domain::user::User;
use crate::domain::visibility::is_sealed;

use super::codes::{CloseCode, ErrorCode};
use super::command::CommandId;
use super::refusal::Refusal;

pub mod api;
pub mod inbox;
pub mod order;
mod presence;
mod signals;
mod writer;

pub use presence::{member, presence_all, presence_count, presence_diff};
pub use signals::SignalBatch;
use writer::{Writer, put};

/// What `connected` brings.
#[derive(Clone, Debug)]
pub struct Connected<'a> {
    /// The id of the `connect`.
    pub id: Option<&'a CommandId>,
    /// The session's public name.
    pub session: &'a SessionId,
    /// What proves later that the session is the client's.
    pub secret: &'a str,
    /// Who the client is.
    pub user: &'a User,
    /// For a guest: the token to send from now on.
    pub guest_token: Option<&'a str>,
    /// The world that the session is in.
    pub tenant: &'a Tenant,
    /// This node's name.
    pub node: &'a str,
    /// After so long without a message either side asks.
    pub heartbeat: Duration,
    /// Whether the session was taken up again.
    pub resumed: bool,
    /// Where the client is in its personal room, and what it missed there.
    pub me: Me<'a>,
    /// What the client should not exceed.
    pub limits: Limits,
    /// When the token ends, if it does.
    pub expires: Option<Timestamp>,
}

/// A client's personal room, as `connected` tells it.
#[derive(Clone, Copy, Debug)]
pub struct Me<'a> {
    /// The badge, and the newest offset of the log, which it is true at.
    pub counts: (Counts, u64),
    /// Up to where the client has everything.
    pub cursor: Cursor,
    /// How it goes on from where it was.
    pub recovery: Recovery<'a>,
    /// Whether there are entries behind these, so that the client has to join `@me` from `cursor` on.
    pub more: bool,
}

/// The limits that a client is told.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Limits {
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Rooms that a session may be in at once.
    pub rooms: usize,
    /// Publishes a second of one session; absent where no such limit holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishes_per_s: Option<u32>,
    /// Seconds for which a `key` is remembered.
    pub dedupe_s: u64,
}

/// `connected`: the answer to `connect`.
#[must_use]
pub fn connected(connected: &Connected<'_>) -> String {
    let me = &connected.me;
    let entries = if let Recovery::Recovered(entries) = me.recovery { entries } else { &[] };
    let message = Writer::reply("connected", connected.id, 768 + encoded_size(entries))
        .text("session", connected.session.as_str())
        .text("secret", connected.secret)
        .value("user", connected.user)
        .maybe_text("guest_token", connected.guest_token)
        .text("tenant", connected.tenant.as_str())
        .text("node", connected.node)
        .seconds("heartbeat", connected.heartbeat)
        .raw("resumed", connected.resumed)
        .raw("counts", inbox::counts(me.counts.0, me.counts.1))
        .value("cursor", &me.cursor)
        .raw("recovered", matches!(me.recovery, Recovery::Recovered(_)));
    let message = if let Recovery::Reset(reason) = me.recovery { message.value("reason", &reason) } else { message };
    message
        .entries("entries", ME, entries)
        .raw("more", me.more)
        .value("limits", &connected.limits)
        .value("expires", &connected.expires)
        .end()
}

/// A personal room on the wire.
const ME: &str = "@me";

/// How a `joined` goes on from where its reader was.
#[derive(Clone, Copy, Debug)]
pub enum Recovery<'a> {
    /// The join had no `since`.
    Fresh,
    /// These are all that the reader missed.
    Recovered(&'a [Arc<Entry>]),
    /// The reader takes the picture as new, for this reason.
    Reset(ResetReason),
}

/// What is in a room and who, as a `joined` says it. State and activity are for a reader who starts anew.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a, M> {
    /// The state as JSON.
    pub state: &'a str,
    /// The newest activities, ascending.
    pub activity: &'a [Arc<Entry>],
    /// Fragments made by [`member`]; none for a large room or a reader who wants no presence.
    pub members: M,
    /// How many members there are.
    pub count: usize,
    /// Whether the room is large.
    pub is_large: bool,
}

impl Picture<'_, [&str; 0]> {
    /// A picture that only counts.
    #[must_use]
    pub fn count_only(count: usize, is_large: bool) -> Self {
        Self { state: "{}", activity: &[], members: [], count, is_large }
    }
}

/// `joined`, complete: from here on everything in the room is pushed. Without `id` when the server itself begins anew.
#[must_use]
pub fn joined<M>(
    id: Option<&CommandId>,
    room: &RoomName,
    cursor: &Cursor,
    recovery: Recovery<'_>,
    picture: Picture<'_, M>,
) -> String
where
    M: IntoIterator<Item: AsRef<str>>,
{
    let entries = if let Recovery::Recovered(entries) = recovery { entries } else { &[] };
    let is_new = !matches!(recovery, Recovery::Recovered(_));
    let shown = if is_new { picture.state.len() + encoded_size(picture.activity) } else { encoded_size(entries) };
    let joined = Writer::reply("joined", id, 512 + shown)
        .text("room", room.as_str())
        .value("cursor", cursor)
        .raw("recovered", !is_new);
    let joined = if let Recovery::Reset(reason) = recovery { joined.value("reason", &reason) } else { joined };
    let joined = joined.entries("entries", room.as_str(), entries).raw("more", false);
    let joined = if is_new {
        joined.raw("state", picture.state).entries("activity", room.as_str(), picture.activity)
    } else {
        joined
    };
    joined.list("members", picture.members).raw("count", picture.count).raw("large", picture.is_large).end()
}

/// `joined`, a page with `more` to follow: the reader is not in the room yet and asks again from `cursor`.
#[must_use]
pub fn joined_page(id: Option<&CommandId>, room: &RoomName, cursor: &Cursor, entries: &[Arc<Entry>]) -> String {
    Writer::reply("joined", id, 256 + encoded_size(entries))
        .text("room", room.as_str())
        .value("cursor", cursor)
        .raw("recovered", true)
        .entries("entries", room.as_str(), entries)
        .raw("more", true)
        .end()
}

/// `history`: entries of `room` ascending; `oldest` is the first offset that the log keeps.
#[must_use]
pub fn history(
    id: &CommandId,
    room: &RoomName,
    cursor: &Cursor,
    oldest: u64,
    entries: &[Arc<Entry>],
    more: bool,
) -> String {
    Writer::reply("history", Some(id), 256 + encoded_size(entries))
        .text("room", room.as_str())
        .value("cursor", cursor)
        .raw("oldest", oldest)
        .entries("entries", room.as_str(), entries)
        .raw("more", more)
        .end()
}

/// An entry as it is pushed, and as it stands in `entries`.
#[must_use]
pub fn entry(room: &RoomName, entry: &Entry) -> String {
    let mut out = String::with_capacity(entry.weight() + room.as_str().len());
    put_entry(&mut out, room.as_str(), entry);
    out
}

/// `published`: where the command's entry stands.
#[must_use]
pub fn published(id: &CommandId, offset: u64, entry: EntryId, duplicate: bool) -> String {
    Writer::reply("published", Some(id), 160)
        .raw("offset", offset)
        .value("entry", &entry)
        .raw("duplicate", duplicate)
        .end()
}

/// `ok`: done.
#[must_use]
pub fn ok(id: &CommandId) -> String {
    Writer::reply("ok", Some(id), 64).end()
}

/// `error`: the command was refused.
#[must_use]
pub fn error(id: Option<&CommandId>, refusal: &Refusal) -> String {
    let error = Writer::reply(
        "error",
        id,
        128 + refusal.message.len() + refusal.current.as_ref().map_or(0, |current| current.len()),
    )
    .text("code", refusal.code.as_str())
    .text("message", &refusal.message);
    let error = if let Some(current) = &refusal.current { error.raw("current", current) } else { error };
    match refusal.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(retry_after) => error.seconds("retry_after", retry_after).end(),
        None => error.end(),
    }
}

/// `left`: the server took the session out of `room`.
#[must_use]
pub fn left(room: &RoomName, code: ErrorCode) -> String {
    Writer::new("left", 128).text("room", room.as_str()).text("code", code.as_str()).end()
}

/// `refreshed`: the new token holds until then.
#[must_use]
pub fn refreshed(id: &CommandId, expires: Option<Timestamp>) -> String {
    Writer::reply("refreshed", Some(id), 96).value("expires", &expires).end()
}

/// `expiring`: the token ends in so many whole seconds.
#[must_use]
pub fn expiring(within: Duration) -> String {
    Writer::new("expiring", 64).raw("in", within.as_secs()).end()
}

/// `ping`: is anybody there?
#[must_use]
pub fn ping() -> &'static str {
    r#"{"type":"ping"}"#
}

/// `pong`: the answer to a client's `ping`.
#[must_use]
pub fn pong(id: &CommandId) -> String {
    Writer::reply("pong", Some(id), 64).end()
}

/// `closing`: the close with `code` follows, and the client comes back, if it does, after so long.
#[must_use]
pub fn closing(code: CloseCode, after: Option<Duration>) -> String {
    let closing = Writer::new("closing", 96).raw("code", code.number()).raw("reconnect", code.is_temporary());
    match after {
        Some(after) => closing.seconds("after", after).end(),
        None => closing.end(),
    }
}

/// The body of an event's entry: `"event":"e","data":{"x":1}`. `data` is compact JSON.
#[must_use]
pub fn publish_body(event: &str, data: &str) -> Arc<str> {
    let mut out = String::with_capacity(event.len() + data.len() + 24);
    put::text(&mut out, "\"event\":", event);
    out.push_str(",\"data\":");
    out.push_str(data);
    out.into()
}

/// The body of an activity's entry: `"action":"a","target":"t","metadata":{"x":1}`. `metadata` is compact JSON.
#[must_use]
pub fn track_body(action: &str, target: Option<&str>, metadata: Option<&str>) -> Arc<str> {
    let mut out = String::with_capacity(action.len() + metadata.map_or(0, str::len) + 64);
    put::text(&mut out, "\"action\":", action);
    if let Some(target) = target {
        put::text(&mut out, ",\"target\":", target);
    }
    if let Some(metadata) = metadata {
        put::parts(&mut out, &[",\"metadata\":", metadata]);
    }
    out.into()
}

/// The `from` of what a session writes: `{"user":"ada","session":"s-7"}`.
#[must_use]
pub fn from_member(user: &UserId, session: &SessionId) -> Arc<str> {
    let mut out = String::with_capacity(64);
    put::text(&mut out, "{\"user\":", user.as_str());
    put::text(&mut out, ",\"session\":", session.as_str());
    out.push('}');
    out.into()
}

/// Appends an entry. Everything in it is JSON already or needs no escapes, so nothing is looked at byte by byte. One that
/// is for some readers alone and was opened for nobody is hidden.
fn put_entry(out: &mut String, room: &str, entry: &Entry) {
    let is_hidden = entry.kind == Kind::Hidden || is_sealed(&entry.body);
    let kind = if is_hidden { Kind::Hidden } else { entry.kind };
    put::parts(out, &["{\"type\":\"", kind.as_str(), "\",\"room\":\"", room, "\",\"offset\":"]);
    put::value(out, entry.offset);
    out.push_str(",\"id\":\"");
    put::value(out, entry.id);
    if is_hidden {
        out.push_str("\"}");
        return;
    }
    put::parts(out, &["\",", &entry.body, ",\"from\":", &entry.from, ",\"at\":\""]);
    put::value(out, entry.at);
    out.push_str("\"}");
}

/// About how long the entries get: an entry's weight has room for what stands around its texts, but for a long room.
fn encoded_size(entries: &[Arc<Entry>]) -> usize {
    entries.iter().map(|entry| entry.weight()).sum()
}

#[cfg(test)]
mod tests;
