//! What a user is told, wherever they are: a notification as it is ordered, the same for everybody whom it reaches.
//!
//! What became of it with one user (read, archived, snoozed …) is no part of it: that is kept in the user's inbox
//! (`inbox`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::entry::Timestamp;
use super::ids::{RoomName, UserId};

/// A notification's name, the same in every inbox: a `UUIDv7` made with its order. The nil one is nobody's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct NotificationId(pub Uuid);

impl NotificationId {
    /// The id that `text` is, in its usual form with hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Other forms of the same number would be other texts for the same thing.
        (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl Serialize for NotificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How much it matters; the number is what the store keeps, so it never changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Level {
    /// Good to know.
    #[default]
    Info = 1,
    /// Something went well.
    Success = 2,
    /// Something wants a look.
    Warning = 3,
    /// Something went wrong.
    Error = 4,
}

impl Level {
    /// All of them, in the order in which messages list them.
    pub const ALL: [Self; 4] = [Self::Info, Self::Success, Self::Warning, Self::Error];

    /// The level's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The level that is called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// The level that the store keeps as `number`.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as u8 == number)
    }
}

/// A notification, checked and compact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// How much it matters.
    pub level: Level,
    /// What it says first: 1 to 200 characters.
    pub title: Arc<str>,
    /// What it says below that: up to 2,000 characters.
    pub message: Option<Arc<str>>,
    /// What it is about, for filters and preferences: 1 to 100 characters.
    pub topic: Option<Arc<str>>,
    /// The room that it is about.
    pub room: Option<RoomName>,
    /// Milliseconds that its toast stays; `None` until it is dismissed.
    pub duration_ms: Option<u32>,
    /// Whether it is shown again until somebody acknowledges it; never quiet.
    pub critical: bool,
    /// What can be done about it, as a JSON list: `[{"id":"open","label":"Open","url":"/kpi"}]`; links are http(s) or
    /// paths of the same host.
    pub actions: Arc<str>,
    /// The sender's own data, as JSON.
    pub metadata: Option<Arc<str>>,
    /// It takes the place of the unread one with the same value: 1 to 200 characters.
    pub dedupe: Option<Arc<str>>,
    /// When it is past its use and goes by itself.
    pub expires: Option<Timestamp>,
}

/// Whom a notification is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Addressees {
    /// These, whether or not they were ever seen; each once.
    Users(Vec<UserId>),
    /// Who is in the room, and its followers, present or not.
    Room(RoomName),
    /// Whose newest token names this role.
    Role(Arc<str>),
    /// All users of the tenant.
    Everyone,
}

/// What happens when no addressee acknowledges in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Escalation {
    /// How long they have, from the order on.
    pub after: Duration,
    /// Who hears of it then, once.
    pub to: Addressees,
}

/// The order to notify somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notify {
    /// Whom.
    pub to: Addressees,
    /// Of what.
    pub notification: Notification,
    /// And if nobody acknowledges it.
    pub escalation: Option<Escalation>,
    /// The sender's own name for the order, under which it is taken once.
    pub key: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = NotificationId(Uuid::now_v7());
        assert_eq!(NotificationId::parse(&id.to_string()), Some(id));
        assert_eq!(NotificationId::parse(&id.0.simple().to_string()), None);
        assert_eq!(NotificationId::parse("all"), None);
    }

    #[test]
    fn a_level_has_one_name_and_one_number() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.as_str()), Some(level));
            assert_eq!(Level::from_number(level as u8), Some(level));
        }
        assert_eq!((Level::parse("fatal"), Level::from_number(0)), (None, None));
    }
}
