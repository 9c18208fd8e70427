//! What must not be lost.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use super::cursor::Cursor;
use super::ids::{EntryId, Epoch};

/// A wall-clock time in milliseconds since 1970, as entries and presence bear it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(pub i64);

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-21T06:50:52.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH);
        f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The kinds of entries; the number is what the log stores, so it never changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Not for this reader: what stands in an entry's place, of which it has nothing but offset and id. Never stored.
    Hidden = 0,
    /// Something happened; `body` has `"event"` and `"data"`.
    Event = 1,
    /// The room's state changed; `body` has `"set"` and `"removed"`.
    State = 2,
    /// Somebody did something; `body` has `"action"`, and `"target"` and `"metadata"` where they were given.
    Activity = 3,
    /// Of a personal room: somebody told the user something; `body` has `"notification"`, and the counts then.
    Notification = 4,
    /// Of a personal room: what became of notifications; `body` has `"notifications"`, `"as"`, and the counts then.
    Marked = 5,
    /// Of a personal room: the user's preferences are others now; `body` has `"preferences"`.
    Preferred = 6,
}

impl Kind {
    /// All that logs hold.
    pub const ALL: [Self; 6] =
        [Self::Event, Self::State, Self::Activity, Self::Notification, Self::Marked, Self::Preferred];

    /// The `type` on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Event => "event",
            Self::State => "state",
            Self::Activity => "activity",
            Self::Notification => "notification",
            Self::Marked => "marked",
            Self::Preferred => "preferred",
        }
    }

    /// The kind that the log stored as `number`; `None` for one that this version doesn't know.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// An entry before the log has taken it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// New for every attempt.
    pub id: EntryId,
    /// When the server took it.
    pub at: Timestamp,
    /// What kind it is.
    pub kind: Kind,
    /// Who wrote it, as JSON: `{"user":"ada","session":"s-7"}`, `{"api":"billing"}` or `null`.
    pub from: Arc<str>,
    /// The fields of its kind as JSON without the braces: `"event":"e","data":{"x":1}`. Already checked and compact.
    pub body: Arc<str>,
}

impl Draft {
    /// The entry that this draft becomes at `offset`.
    #[must_use]
    pub fn at_offset(self, offset: u64) -> Entry {
        Entry { offset, id: self.id, at: self.at, kind: self.kind, from: self.from, body: self.body }
    }
}

/// One numbered entry of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number in the log: 1, 2, 3 … without a hole.
    pub offset: u64,
    /// See [`Draft::id`].
    pub id: EntryId,
    /// See [`Draft::at`].
    pub at: Timestamp,
    /// See [`Draft::kind`].
    pub kind: Kind,
    /// See [`Draft::from`].
    pub from: Arc<str>,
    /// See [`Draft::body`].
    pub body: Arc<str>,
}

impl Entry {
    /// The cursor of a reader that has everything up to this entry.
    #[must_use]
    pub fn cursor(&self, epoch: Epoch) -> Cursor {
        Cursor { epoch, offset: self.offset, entry: Some(self.id) }
    }

    /// Bytes that this entry counts as, in tails and pages: its texts and a fixed part for the rest.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.body.len() + self.from.len() + 160
    }
}
