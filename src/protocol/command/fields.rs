//! The fields of messages, each with its rule and the sentence that says so.
//!
//! All fields of all commands are cut out of the text in one pass and looked at only when a command wants them, so a
//! refusal can name the field, and nothing is parsed twice.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::cursor::Cursor;
use crate::domain::entry::Kind;
use crate::domain::ids::{EntryId, Epoch, RoomName};
use crate::domain::presence::{Change, STATE_MAX, StateChange, Status};

use super::super::refusal::Refusal;
use super::{CommandId, HistoryPart, JoinPresence, Receive};

mod inbox;
mod notify;
mod written;

/// The fields that some command has.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    room: Field<'a>,
    #[serde(borrow)]
    event: Field<'a>,
    #[serde(borrow)]
    data: Field<'a>,
    #[serde(borrow)]
    key: Field<'a>,
    #[serde(borrow)]
    visible_to: Field<'a>,
    #[serde(borrow)]
    pub(super) token: Field<'a>,
    #[serde(borrow)]
    pub(super) secret: Field<'a>,
    #[serde(borrow)]
    pub(super) client: Field<'a>,
    #[serde(borrow)]
    guest: Field<'a>,
    #[serde(borrow)]
    since: Field<'a>,
    #[serde(borrow)]
    presence: Field<'a>,
    #[serde(borrow)]
    receive: Field<'a>,
    #[serde(borrow)]
    status: Field<'a>,
    #[serde(borrow)]
    state: Field<'a>,
    #[serde(borrow)]
    before: Field<'a>,
    #[serde(borrow)]
    after: Field<'a>,
    #[serde(borrow)]
    limit: Field<'a>,
    #[serde(borrow)]
    kinds: Field<'a>,
    #[serde(borrow)]
    set: Field<'a>,
    #[serde(borrow)]
    remove: Field<'a>,
    #[serde(borrow)]
    if_offset: Field<'a>,
    #[serde(borrow)]
    action: Field<'a>,
    #[serde(borrow)]
    target: Field<'a>,
    #[serde(borrow)]
    metadata: Field<'a>,
    #[serde(borrow)]
    to: Field<'a>,
    #[serde(borrow)]
    notification: Field<'a>,
    #[serde(borrow)]
    notifications: Field<'a>,
    #[serde(borrow)]
    upto: Field<'a>,
    #[serde(borrow, rename = "as")]
    mark_as: Field<'a>,
    #[serde(borrow)]
    until: Field<'a>,
    #[serde(borrow)]
    undo: Field<'a>,
    #[serde(borrow)]
    epoch: Field<'a>,
    #[serde(borrow)]
    filter: Field<'a>,
    #[serde(borrow)]
    topic: Field<'a>,
    #[serde(borrow)]
    level: Field<'a>,
    /// Over HTTP alone: a session has its own.
    #[serde(borrow)]
    user: Field<'a>,
}

/// The fields of `since`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SinceFields<'a> {
    #[serde(borrow)]
    epoch: Field<'a>,
    #[serde(borrow)]
    offset: Field<'a>,
    #[serde(borrow)]
    entry: Field<'a>,
}

/// The fields of `guest`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GuestFields<'a> {
    #[serde(borrow)]
    name: Field<'a>,
}

/// A field's JSON text, if the message has it. Unlike an `Option` it tells null from absent.
#[derive(Clone, Copy, Default)]
pub(super) struct Field<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw.get())))
    }
}

impl<'a> Field<'a> {
    /// The JSON text, unless it is null.
    pub(super) fn given(self) -> Option<&'a str> {
        self.0.filter(|json| *json != "null")
    }

    /// A text that must be there.
    pub(super) fn text(self, name: &str, rule: &str) -> Result<Cow<'a, str>, Refusal> {
        self.optional_text(name, rule, |_| true)?.ok_or_else(|| missing(name, rule))
    }

    /// A text that may be there, and `fits` then.
    pub(super) fn optional_text(
        self,
        name: &str,
        rule: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(json) = self.given() else {
            return Ok(None);
        };
        decode(json).filter(|text| fits(text)).map(Some).ok_or_else(|| wrong(name, rule))
    }

    /// An offset that may be there.
    fn offset(self, name: &str) -> Result<Option<u64>, Refusal> {
        self.whole(name, OFFSET_RULE)
    }

    /// A whole number that may be there.
    fn whole(self, name: &str, rule: &str) -> Result<Option<u64>, Refusal> {
        self.given().map(|json| whole(json).ok_or_else(|| wrong(name, rule))).transpose()
    }

    /// A list that may be there, of anything.
    fn optional_list(self, name: &str, rule: &str) -> Result<Option<Vec<&'a RawValue>>, Refusal> {
        self.given().map(|json| serde_json::from_str(json).map_err(|_| wrong(name, rule))).transpose()
    }

    fn optional<T: DeserializeOwned>(self, name: &str, rule: &str) -> Result<Option<T>, Refusal> {
        let Some(json) = self.given() else {
            return Ok(None);
        };
        serde_json::from_str(json).map(Some).map_err(|_| wrong(name, rule))
    }
}

/// A whole number that fits, however it is written: to JSON 7 and 7.0 are one number, and some writers know no other.
fn whole(json: &str) -> Option<u64> {
    json.parse().ok().or_else(|| {
        let number: f64 = serde_json::from_str(json).ok()?;
        let is_whole = number >= 0.0 && number.fract() == 0.0;
        is_whole.then(|| format!("{:.0}", number.abs()).parse().ok()).flatten()
    })
}

fn missing(name: &str, rule: &str) -> Refusal {
    Refusal::bad_message(format!("{name} is missing: it must be {rule}"))
}

fn wrong(name: &str, rule: &str) -> Refusal {
    Refusal::bad_message(format!("{name} must be {rule}"))
}

/// The text that a JSON string stands for; `None` for other values and for half a surrogate pair.
fn decode(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    // Without an escape the text stands there as it is.
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Cuts an object into its fields; `what` is how a refusal calls it.
fn cut<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, Refusal> {
    // A list would be taken for the fields in their order.
    if !json.starts_with('{') {
        return Err(Refusal::bad_message(format!("{what} must be an object")));
    }
    serde_json::from_str(json).map_err(|error| {
        let text = error.to_string();
        // Line and column would be those of the compact text.
        let cause = text.split_once(" at line ").map_or(&*text, |(cause, _)| cause);
        let not_json = if error.classify() == Category::Data { "" } else { "not JSON: " };
        Refusal::bad_message(format!("{not_json}{cause}"))
    })
}

const ROOM_RULE: &str = "1 to 200 of A-Z a-z 0-9 _ . : -, first a letter or digit";
const OFFSET_RULE: &str = "a whole number from 0 on";
const NAME_RULE: &str = "1 to 100 characters without control characters";

impl<'a> Fields<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, Refusal> {
        // What can't be the start of an object may still be no JSON at all, and then that is the thing to say.
        if !json.starts_with('{') && serde_json::from_str::<&RawValue>(json).is_err() {
            return Err(Refusal::bad_message("not JSON"));
        }
        cut("a message", json)
    }

    pub(super) fn id(&self) -> Result<Option<CommandId>, Refusal> {
        let Some(json) = self.id.given() else {
            return Ok(None);
        };
        CommandId::parse(json).map(Some).ok_or_else(|| wrong("id", "a number or a string of up to 64 characters"))
    }

    pub(super) fn room(&self) -> Result<RoomName, Refusal> {
        self.optional_room()?.ok_or_else(|| missing("room", ROOM_RULE))
    }

    pub(super) fn optional_room(&self) -> Result<Option<RoomName>, Refusal> {
        let Some(name) = self.room.optional_text("room", ROOM_RULE, |_| true)? else {
            return Ok(None);
        };
        if name == "@me" {
            return Err(Refusal::bad_message("room can't be @me here"));
        }
        RoomName::parse(&name).map(Some).map_err(|bad| Refusal::bad_message(bad.to_string()))
    }

    /// The room of a command that may name `@me`.
    pub(super) fn room_or_me(&self) -> Result<RoomName, Refusal> {
        if self.room.given() == Some("\"@me\"") { Ok(RoomName::me()) } else { self.room() }
    }

    pub(super) fn event(&self, rule: &str, characters_max: usize) -> Result<Arc<str>, Refusal> {
        let fits = |event: &str| !event.is_empty() && event.chars().count() <= characters_max;
        let event = self.event.optional_text("event", rule, fits)?.ok_or_else(|| missing("event", rule))?;
        if is_reserved(&event) {
            return Err(Refusal::bad_message(format!("event can't be {event}: clients use that name themselves")));
        }
        Ok(event.into())
    }

    pub(super) fn data(&self) -> Result<Arc<str>, Refusal> {
        let missing = || Refusal::bad_message("data is missing: it must be any JSON value, null too");
        self.data.0.map(Into::into).ok_or_else(missing)
    }

    pub(super) fn key(&self) -> Result<Option<Arc<str>>, Refusal> {
        let fits = |key: &str| (1..=200).contains(&key.chars().count());
        Ok(self.key.optional_text("key", "1 to 200 characters", fits)?.map(Into::into))
    }

    pub(super) fn guest_name(&self) -> Result<Option<Arc<str>>, Refusal> {
        let Some(json) = self.guest.given() else {
            return Ok(None);
        };
        let guest: GuestFields<'_> = cut("guest", json)?;
        let fits =
            |name: &str| !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
        Ok(guest.name.optional_text("guest.name", NAME_RULE, fits)?.map(Into::into))
    }

    pub(super) fn since(&self) -> Result<Option<Cursor>, Refusal> {
        let Some(json) = self.since.given() else {
            return Ok(None);
        };
        let since: SinceFields<'_> = cut("since", json)?;
        let epoch = since.epoch.text("since.epoch", "a text")?;
        let offset = since.offset.offset("since.offset")?;
        let offset = offset.ok_or_else(|| missing("since.offset", OFFSET_RULE))?;
        let entry_rule = "the id of the entry at since.offset";
        let entry = since.entry.optional_text("since.entry", entry_rule, |_| true)?;
        let entry = match (offset, entry) {
            (0, _) => None,
            (_, None) => return Err(missing("since.entry", entry_rule)),
            (_, Some(id)) => Some(EntryId(uuid_of(&id, 36))),
        };
        Ok(Some(Cursor { epoch: Epoch(uuid_of(&epoch, 32)), offset, entry }))
    }

    pub(super) fn join_presence(&self) -> Result<Option<JoinPresence>, Refusal> {
        Ok(match self.presence.given() {
            None => None,
            Some("false") => Some(JoinPresence::WatchOnly),
            Some("true") => Some(JoinPresence::Member(Change::default())),
            Some(json) if !json.starts_with('{') => return Err(wrong("presence", "an object, or false")),
            Some(json) => {
                let presence: Fields<'_> = cut("presence", json)?;
                Some(JoinPresence::Member(presence.change("presence.")?))
            }
        })
    }

    /// What `status` and `state` say; `path` is where they stand, with its dot.
    pub(super) fn change(&self, path: &str) -> Result<Change, Refusal> {
        let (name, rule) = (format!("{path}status"), "online, busy or away");
        let status = self.status.optional_text(&name, rule, |_| true)?;
        let status = status.map(|name| Status::parse(&name)).map(|status| status.ok_or_else(|| wrong(&name, rule)));
        let state = match self.state.0 {
            None => StateChange::Keep,
            Some("null") => StateChange::Clear,
            Some(json) if json.len() > STATE_MAX => {
                return Err(Refusal::too_large(format!("{path}state must be up to {STATE_MAX} bytes of JSON")));
            }
            Some(json) => StateChange::Set(json.into()),
        };
        Ok(Change { status: status.transpose()?, state })
    }

    pub(super) fn receive(&self) -> Result<Option<Receive>, Refusal> {
        let rule = "a list of entries, presence, signals";
        let Some(lanes) = self.receive.optional::<Vec<String>>("receive", rule)? else {
            return Ok(None);
        };
        let mut receive = Receive { entries: false, presence: false, signals: false };
        for lane in lanes {
            match &*lane {
                "entries" => receive.entries = true,
                "presence" => receive.presence = true,
                "signals" => receive.signals = true,
                _ => return Err(wrong("receive", rule)),
            }
        }
        Ok(Some(receive))
    }

    pub(super) fn history_part(&self) -> Result<HistoryPart, Refusal> {
        let before = self.before.offset("before")?;
        let after = self.after.offset("after")?;
        match (before, after) {
            (None, None) => Ok(HistoryPart::Newest),
            (Some(offset), None) => Ok(HistoryPart::Before(offset)),
            (None, Some(offset)) => Ok(HistoryPart::After(offset)),
            (Some(_), Some(_)) => Err(Refusal::bad_message("before and after exclude each other")),
        }
    }

    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let limit = self.limit.optional("limit", "1 to 200")?.unwrap_or(50);
        if (1..=200).contains(&limit) { Ok(limit) } else { Err(wrong("limit", "1 to 200")) }
    }

    pub(super) fn kinds(&self) -> Result<Option<Vec<Kind>>, Refusal> {
        let rule = "a list of kinds of entries";
        let Some(names) = self.kinds.optional::<Vec<String>>("kinds", rule)? else {
            return Ok(None);
        };
        let mut kinds = Vec::new();
        for name in names {
            match &*name {
                "event" => kinds.push(Kind::Event),
                "state" => kinds.push(Kind::State),
                "activity" => kinds.push(Kind::Activity),
                // Of personal rooms alone; elsewhere none is found.
                "notification" => kinds.push(Kind::Notification),
                "marked" => kinds.push(Kind::Marked),
                "preferred" => kinds.push(Kind::Preferred),
                _ => return Err(wrong("kinds", rule)),
            }
        }
        kinds.sort_unstable_by_key(|kind| *kind as u8);
        kinds.dedup();
        Ok(Some(kinds))
    }
}

/// The id that `text` is in the form in which we give ids out, of so many characters. Any other text can't be one of
/// ours, so it becomes the nil one, which none of ours equals.
fn uuid_of(text: &str, characters: usize) -> Uuid {
    Some(text).filter(|text| text.len() == characters).and_then(|text| Uuid::try_parse(text).ok()).unwrap_or_default()
}

/// Names of events that clients raise themselves.
fn is_reserved(event: &str) -> bool {
    const NAMES: [&str; 12] = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "reconnect",
        "error",
        "joined",
        "reset",
        "state",
        "presence",
        "activity",
        "signals",
    ];
    NAMES.contains(&event) || ["connection:", "notification:", "user:"].iter().any(|start| event.starts_with(start))
}
