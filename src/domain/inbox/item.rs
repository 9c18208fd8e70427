//! A notification in one user's inbox: what the rules ask about it.

use std::sync::Arc;

use super::{Filter, Shelf};
use crate::domain::entry::Timestamp;
use crate::domain::ids::RoomName;
use crate::domain::notification::{Level, NotificationId};

/// A notification and what became of it with this user; without its texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Which.
    pub id: NotificationId,
    /// How much it matters.
    pub level: Level,
    /// What it is about.
    pub topic: Option<Arc<str>>,
    /// The room that it is about.
    pub room: Option<RoomName>,
    /// Whether it is shown again until it is acknowledged.
    pub critical: bool,
    /// What it shares with the notification that takes its place.
    pub dedupe: Option<Arc<str>>,
    /// When it was ordered; its age counts from here.
    pub at: Timestamp,
    /// When it is past its use.
    pub expires: Option<Timestamp>,
    /// The offset where it surfaced last; no two items of an inbox have the same.
    pub surfaced: u64,
    /// The offset of the newest entry that changed `read`, `archived` or `snoozed_until`; before any, where it arrived.
    pub touched: u64,
    /// Whether it came without a toast.
    pub quiet: bool,
    /// When it was read.
    pub read: Option<Timestamp>,
    /// When it was archived; never together with `snoozed_until`.
    pub archived: Option<Timestamp>,
    /// When a session acknowledged it; of critical ones alone.
    pub acked: Option<Timestamp>,
    /// When its snooze ends.
    pub snoozed_until: Option<Timestamp>,
}

impl Item {
    /// Whether it counts as unread.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.read.is_none() && self.archived.is_none() && self.snoozed_until.is_none()
    }

    /// Whether it is still pushed again and again. Only `ack` ends that: reading, archiving and snoozing do not.
    #[must_use]
    pub fn is_unacknowledged(&self) -> bool {
        self.critical && self.acked.is_none()
    }

    /// Whether it stands on the shelf of `filter` and has what that asks for.
    #[must_use]
    pub fn fits(&self, filter: &Filter) -> bool {
        let is_current = self.archived.is_none() && self.snoozed_until.is_none();
        let is_on_shelf = match filter.shelf {
            Shelf::Current => is_current,
            Shelf::Unread => self.is_unread(),
            Shelf::Archived => self.archived.is_some(),
            Shelf::Snoozed => self.snoozed_until.is_some(),
        };
        is_on_shelf
            && filter.topic.as_ref().is_none_or(|topic| self.topic.as_ref() == Some(topic))
            && filter.level.is_none_or(|level| self.level == level)
            && filter.room.as_ref().is_none_or(|room| self.room.as_ref() == Some(room))
    }
}

/// Why an inbox holds a notification no more. Its id is remembered for a while ([`super::GONE_KEPT`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Removed {
    /// Another one with the same `dedupe` took its place.
    Replaced,
    /// It was past its use.
    Expired,
    /// The inbox was full, or it was too old.
    Trimmed,
}
