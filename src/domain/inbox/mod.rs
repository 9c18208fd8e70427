//! A user's inbox: the one fold of the user's own log.
//!
//! ```text
//! Change ─▶ Inbox::decide ─▶ entries to append, items that changed, counts    (pure; whoever keeps the log applies it
//!                                                                             in the step that numbers the entries)
//! ```
//!
//! Nothing changes a count but an entry, and counts are taken where the entry gets its number: so they always travel
//! with the offset that they are true at, and cannot drift. What time does (a snooze that ends, an expiry, trimming, a
//! digest) is an entry as well, and every change first writes what is due.
//!
//! The fold holds what the rules ask for and no texts: `title`, `message`, `actions` and the like are rendered once
//! ([`Arrival::new`]), kept by the store and joined with an item's state where somebody sees it ([`body`]).
//!
//! What must always be true:
//! - An item stands on one shelf: current, archived or snoozed. It is read or not wherever it stands; `unread` of one
//!   that is away counts when it is back.
//! - No two items surfaced at the same offset, so pages can end anywhere. Snoozes that end together are entries of their
//!   own, and what comes back is unread: whoever snoozes wants to hear of it again.
//! - Only an `ack` ends a critical one, or an expiry, or one that takes its place. It can be read, archived by its id and
//!   snoozed, and is pushed again all the same; "all as archived" passes over it. An `ack` reads nothing.
//! - `dedupe` takes the place of the one that was neither read nor archived, snoozed or not; of several the newest.
//! - An undo takes back whole items, where no newer mark or end of a snooze changed them. It is a mark itself and can be
//!   taken back; `seen` and `ack` cannot.
//! - What arrives past its use or too old leaves no entry: it would go in the same step in which it came.

mod arrive;
pub mod body;
mod decide;
mod fold;
mod item;
mod list;
mod mark;
mod settle;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::entry::Timestamp;
use super::ids::RoomName;
use super::notification::{Level, NotificationId};

pub use self::arrive::{Arrival, Arrived};
pub use self::decide::{By, Change, Decided, Keep, Refused, Written};
pub use self::fold::{GONE_KEPT, Inbox, Snapshot, UNDOS_KEPT};
pub use self::item::{Item, Removed};
pub use self::list::Page;
pub use self::mark::{Before, Undo};
pub use self::settle::Pile;

/// What a user wants done to notifications.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    /// What came up to here was seen: a watermark, never past the newest entry, and it never goes back.
    Seen {
        /// The offset.
        upto: u64,
    },
    /// Some notifications become this.
    As {
        /// Which.
        which: Which,
        /// What.
        status: Status,
    },
    /// Take back what the entry at this offset marked.
    Undo {
        /// The offset of a `marked` entry.
        offset: u64,
    },
    /// A critical one was acknowledged.
    Ack {
        /// Which.
        id: NotificationId,
    },
}

/// Which notifications are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// These. One that is unknown refuses the whole mark.
    These(Vec<NotificationId>),
    /// All that surfaced up to an offset and fit a filter: what comes meanwhile stays as it is.
    All {
        /// The offset.
        upto: u64,
        /// The filter; what `inbox` lists by the same one.
        filter: Filter,
    },
}

/// What a notification can be marked as.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// It was read.
    Read,
    /// It was not, after all.
    Unread,
    /// Put away; it counts no more.
    Archived,
    /// Back again where it was in the list, from the archive or before its snooze ended.
    Unarchived,
    /// Away until then; it surfaces again, unread.
    Snoozed {
        /// When.
        until: Timestamp,
    },
}

/// Which part of an inbox is meant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Which shelf.
    pub shelf: Shelf,
    /// Only with this topic.
    pub topic: Option<Arc<str>>,
    /// Only of this level.
    pub level: Option<Level>,
    /// Only about this room.
    pub room: Option<RoomName>,
}

/// The shelves of an inbox.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Shelf {
    /// All but archived and snoozed ones.
    #[default]
    Current,
    /// Of those the ones that were not read.
    Unread,
    /// Archived ones.
    Archived,
    /// Snoozed ones.
    Snoozed,
}

/// What a badge shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counts {
    /// Those not read, archived, snoozed, expired or replaced.
    pub unread: u32,
    /// Those of them that surfaced after the seen watermark.
    pub unseen: u32,
}
