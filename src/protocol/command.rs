//! What a client wants: one message of text becomes one [`Command`], or a [`Rejected`] that names the field.
//!
//! A field that is missing or wrong refuses the message; one that we don't know is ignored. A field that stands twice
//! refuses the message too: two readers would take two different ones.

use std::fmt;
use std::sync::Arc;

use crate::domain::cursor::Cursor;
use crate::domain::entry::Kind;
use crate::domain::ids::RoomName;
use crate::domain::notification::Notify;
use crate::domain::presence::Change;
use crate::domain::state;
use crate::domain::visibility::VisibleTo;

use super::refusal::Refusal;
use super::scan;

pub mod bodies;
pub mod events;
mod fields;
pub mod inbox;
use fields::Fields;
use inbox::{InboxQuery, MarkCommand};

/// A message that was understood.
#[derive(Clone, PartialEq, Debug)]
pub struct Incoming {
    /// What the reply has to bear; `None` for a command that wants no reply.
    pub id: Option<CommandId>,
    /// What to do.
    pub command: Command,
}

/// A message that was not.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Rejected {
    /// The command's id where it could be read.
    pub id: Option<CommandId>,
    /// What is wrong with it.
    pub refusal: Refusal,
    /// Whether it was no JSON object at all, which an honest client doesn't send over and over.
    pub is_unreadable: bool,
}

/// A command's own number or name, as JSON text, to be echoed exactly: a number, or a string of up to 64 characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CommandId(Arc<str>);

impl CommandId {
    /// Checks a JSON text and keeps it; `None` for one that is no id.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let is_id = if json.starts_with('"') {
            serde_json::from_str::<String>(json).is_ok_and(|text| text.chars().count() <= 64)
        } else {
            json.len() <= 64 && serde_json::from_str::<&serde_json::value::RawValue>(json).is_ok() && is_number(json)
        };
        is_id.then(|| Self(json.into()))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// A token or a session's secret: shown to nobody, not even by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Box<str>);

impl Hidden {
    /// The text itself, for whoever checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What a client can want.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Open the session.
    Connect(Connect),
    /// Be in a room, or go on in it.
    Join(Join),
    /// Be no longer in a room.
    Leave {
        /// Which one.
        room: RoomName,
    },
    /// Write an event.
    Publish(Publish),
    /// Change the room's state.
    Set(Set),
    /// Tell that somebody did something.
    Track(Track),
    /// Send what may be lost.
    Signal(Signal),
    /// Change what one shows of oneself.
    Presence {
        /// Where; in all of the session's rooms without it.
        room: Option<RoomName>,
        /// What becomes of it.
        change: Change,
    },
    /// Read what was before.
    History(History),
    /// Tell somebody something, wherever they are.
    Notify(Box<Notify>),
    /// Read one's inbox.
    Inbox(InboxQuery),
    /// Change what became of notifications; `ack` too.
    Mark(MarkCommand),
    /// Read one's preferences, or change them first.
    Preferences {
        /// The compact JSON object of what changes.
        set: Option<Arc<str>>,
    },
    /// Hear of a room while away, or no longer.
    Follow {
        /// Which.
        room: RoomName,
        /// Whether from now on, or no longer.
        follows: bool,
    },
    /// Have the room's source read now, if it has one.
    RefreshState {
        /// Which room.
        room: RoomName,
    },
    /// Take a new token of the same user.
    Refresh {
        /// The token.
        token: Hidden,
    },
    /// Is anybody there?
    Ping,
    /// The answer to the server's own ping.
    Pong,
}

impl Command {
    /// The room that it names, if it names one.
    #[must_use]
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Join(Join { room, .. })
            | Self::Leave { room }
            | Self::Publish(Publish { room, .. })
            | Self::Set(Set { room, .. })
            | Self::Track(Track { room, .. })
            | Self::Signal(Signal { room, .. })
            | Self::History(History { room, .. })
            | Self::RefreshState { room } => Some(room),
            Self::Presence { room, .. } => room.as_ref(),
            Self::Connect(_)
            | Self::Refresh { .. }
            | Self::Ping
            | Self::Pong
            // What is done to one's own log waits for no room.
            | Self::Notify(_)
            | Self::Inbox(_)
            | Self::Mark(_)
            | Self::Preferences { .. }
            | Self::Follow { .. } => None,
        }
    }
}

/// The command `connect`.
#[derive(Clone, PartialEq, Debug)]
pub struct Connect {
    /// A JWT or a guest token; a guest's first `connect` has none. An empty one is invalid, not absent.
    pub token: Option<Hidden>,
    /// Takes up the session that it belongs to.
    pub secret: Option<Hidden>,
    /// What the client calls itself, at most 100 characters.
    pub client: Option<Arc<str>>,
    /// What a guest wants to be called, 1 to 100 characters without control characters.
    pub guest_name: Option<Arc<str>>,
    /// Where the session is in `@me`.
    pub since: Option<Cursor>,
}

/// The command `join`. What it doesn't say stays as it was, for a room that the session is in already.
#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    /// Which room.
    pub room: RoomName,
    /// Where the session is in it. An epoch or entry of a form that we never gave out is the nil one here, which
    /// compares unequal to all of ours.
    pub since: Option<Cursor>,
    /// As a member or not; a new session is one.
    pub presence: Option<JoinPresence>,
    /// What it wants to hear; a new session everything.
    pub receive: Option<Receive>,
}

/// Whether a join makes a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinPresence {
    /// It does, and this is what it says of itself.
    Member(Change),
    /// `presence: false`: it only watches.
    WatchOnly,
}

/// What a session hears of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receive {
    /// Entries.
    pub entries: bool,
    /// Who is there.
    pub presence: bool,
    /// Signals.
    pub signals: bool,
}

impl Default for Receive {
    fn default() -> Self {
        Self { entries: true, presence: true, signals: true }
    }
}

/// The command `publish`.
#[derive(Clone, PartialEq, Debug)]
pub struct Publish {
    /// Which room.
    pub room: RoomName,
    /// 1 to 100 characters, and none of the names that clients use themselves.
    pub event: Arc<str>,
    /// Compact JSON.
    pub data: Arc<str>,
    /// The sender's own name for it, 1 to 200 characters.
    pub key: Option<Arc<str>>,
    /// Its readers; everybody without it.
    pub visible_to: Option<VisibleTo>,
}

/// The command `set`.
#[derive(Clone, PartialEq, Debug)]
pub struct Set {
    /// Which room.
    pub room: RoomName,
    /// At least one key of 1 to 200 characters, and none twice.
    pub change: state::Change,
    /// Refused if one of the keys was written or removed after this offset.
    pub if_offset: Option<u64>,
    /// See [`Publish::key`].
    pub key: Option<Arc<str>>,
}

/// The command `track`.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    /// Which room.
    pub room: RoomName,
    /// What was done, 1 to 200 characters.
    pub action: Arc<str>,
    /// To what, 1 to 200 characters.
    pub target: Option<Arc<str>>,
    /// Compact JSON.
    pub metadata: Option<Arc<str>>,
    /// See [`Publish::key`].
    pub key: Option<Arc<str>>,
    /// See [`Publish::visible_to`].
    pub visible_to: Option<VisibleTo>,
}

/// The command `signal`.
#[derive(Clone, PartialEq, Debug)]
pub struct Signal {
    /// Which room.
    pub room: RoomName,
    /// 1 to 200 characters, and none of the names that clients use themselves.
    pub event: Arc<str>,
    /// Compact JSON.
    pub data: Arc<str>,
}

/// The command `history`.
#[derive(Clone, PartialEq, Debug)]
pub struct History {
    /// Which room.
    pub room: RoomName,
    /// Which part of it.
    pub part: HistoryPart,
    /// How many entries at most, 1 to 200.
    pub limit: usize,
    /// Which kinds alone; all of them without it.
    pub kinds: Option<Vec<Kind>>,
}

/// Which entries a `history` wants, ascending in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HistoryPart {
    /// The newest there are.
    Newest,
    /// Those right before this offset.
    Before(u64),
    /// Those right after this offset.
    After(u64),
}

/// A `pong` as clients send it: what most idle connections ever say, so it is known without being parsed.
pub const PONG: &str = r#"{"type":"pong"}"#;

/// Reads one message. Its size was looked at before.
///
/// # Errors
/// [`Rejected`] with `bad_message` that names what is wrong, or `too_large` for a presence's `state` over 1 KiB.
pub fn parse(text: &str) -> Result<Incoming, Rejected> {
    let unreadable = |refusal| Rejected { id: command_id_of(text), refusal, is_unreadable: true };
    let compact = scan::compact(text).map_err(|error| unreadable(error.into()))?;
    let fields = Fields::read(&compact).map_err(unreadable)?;
    let id = fields.id().map_err(|refusal| Rejected { id: None, refusal, is_unreadable: false })?;
    match command(&fields) {
        Ok(command) => Ok(Incoming { id, command }),
        Err(refusal) => Err(Rejected { id, refusal, is_unreadable: false }),
    }
}

/// The id of a message that is not parsed, because it is too large or unreadable, as far as it can be told.
#[must_use]
pub fn command_id_of(text: &str) -> Option<CommandId> {
    scan::top_scalar(text, "id").and_then(CommandId::parse)
}

fn command(fields: &Fields<'_>) -> Result<Command, Refusal> {
    let kind = fields.kind.text("type", "a text")?;
    Ok(match &*kind {
        "connect" => Command::Connect(Connect {
            token: fields.token.optional_text("token", "a text", |_| true)?.map(|token| token.into_owned().into()),
            secret: fields.secret.optional_text("secret", "a text", |_| true)?.map(|secret| secret.into_owned().into()),
            client: fields
                .client
                .optional_text("client", "up to 100 characters", |client| client.chars().count() <= 100)?
                .map(Into::into),
            guest_name: fields.guest_name()?,
            since: fields.since()?,
        }),
        "join" => Command::Join(Join {
            room: fields.room_or_me()?,
            since: fields.since()?,
            presence: fields.join_presence()?,
            receive: fields.receive()?,
        }),
        "leave" => Command::Leave { room: fields.room()? },
        "publish" => Command::Publish(Publish {
            room: fields.room()?,
            event: fields.event("1 to 100 characters", 100)?,
            data: fields.data()?,
            key: fields.key()?,
            visible_to: fields.visible_to()?,
        }),
        "set" => {
            fields.refuse_visible_to()?;
            Command::Set(Set {
                room: fields.room()?,
                change: fields.state_change()?,
                if_offset: fields.if_offset()?,
                key: fields.key()?,
            })
        }
        "track" => Command::Track(Track {
            room: fields.room()?,
            action: fields.action()?,
            target: fields.target()?,
            metadata: fields.metadata(),
            key: fields.key()?,
            visible_to: fields.visible_to()?,
        }),
        "signal" => {
            fields.refuse_visible_to()?;
            Command::Signal(Signal {
                room: fields.room()?,
                event: fields.event("1 to 200 characters", 200)?,
                data: fields.data()?,
            })
        }
        "presence" => Command::Presence { room: fields.optional_room()?, change: fields.change("")? },
        "history" => Command::History(History {
            room: fields.room_or_me()?,
            part: fields.history_part()?,
            limit: fields.limit()?,
            kinds: fields.kinds()?,
        }),
        "notify" => Command::Notify(Box::new(fields.notify()?)),
        "inbox" => Command::Inbox(fields.inbox()?),
        "mark" => Command::Mark(fields.mark()?),
        "ack" => Command::Mark(fields.ack()?),
        "preferences" => Command::Preferences { set: fields.preferences()? },
        "follow" => Command::Follow { room: fields.room()?, follows: true },
        "unfollow" => Command::Follow { room: fields.room()?, follows: false },
        "refresh_state" => Command::RefreshState { room: fields.room()? },
        "refresh" => Command::Refresh { token: fields.token.text("token", "a text")?.into_owned().into() },
        "ping" => Command::Ping,
        "pong" => Command::Pong,
        unknown => {
            let start: String = unknown.chars().take(64).collect();
            return Err(Refusal::bad_message(format!("no such type: {start}")));
        }
    })
}

#[cfg(test)]
mod tests;
