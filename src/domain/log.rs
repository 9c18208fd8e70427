//! What a log is asked and what it answers, whoever keeps it.

use std::sync::Arc;
use std::time::Duration;

use super::cursor::Cursor;
use super::entry::{Entry, Timestamp};
use super::ids::EntryId;
use super::state::State;

/// The sender's own name for an entry, under which it is written once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DedupeKey {
    /// The authenticated publisher, such as `user:ada`: nobody can use up another's keys.
    pub publisher: Arc<str>,
    /// The key that they gave.
    pub key: Arc<str>,
}

/// Where an append ended up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The entry's number in the log.
    pub offset: u64,
    /// Its id; for a duplicate the first one's.
    pub entry: EntryId,
    /// Whether the key had been written before, so that nothing was now.
    pub duplicate: bool,
}

/// Why an append was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    /// The key was used before for other content.
    #[error("the key was used before for other content")]
    Conflict,
    /// A write of state named a key that was written or removed since.
    #[error("the state was changed since")]
    Stale {
        /// What is known of the named keys, as JSON: `{"churn":{"value":2,"offset":57}}`, without `value` for a removed one.
        current: Arc<str>,
    },
    /// The state would be too large.
    #[error("{what}")]
    OverLimit {
        /// The limit, in words for the sender.
        what: &'static str,
    },
    /// The log can't take it now. Nothing was written, unless the store died over it: then it may have been, and who asks
    /// again under the same key learns it.
    #[error("the log can't take entries now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// How much of itself a log keeps; what is over any of these bounds goes, the oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// At most so many entries.
    pub entries_max: u64,
    /// At most so many bytes by [`Entry::weight`].
    pub bytes_max: u64,
    /// None that is older.
    pub age_max: Duration,
}

impl Keep {
    /// What a log on disk keeps when nobody says otherwise: 100,000 entries, 256 MiB, 30 days.
    pub const DISK: Self = Self { entries_max: 100_000, bytes_max: 256 << 20, age_max: Duration::from_hours(720) };
    /// What a log in memory keeps when nobody says otherwise, and at most: 10,000 entries and 4 MiB, for a day.
    pub const MEMORY: Self = Self { entries_max: 10_000, bytes_max: 4 << 20, age_max: Duration::from_hours(24) };

    /// What a user's own log keeps: enough for a client that was away to go on by cursor.
    pub const PERSONAL: Self = Self { entries_max: 10_000, bytes_max: 8 << 20, age_max: Duration::from_hours(90 * 24) };

    /// The time before which entries are too old at `now`.
    #[must_use]
    pub fn oldest(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(i64::try_from(self.age_max.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// The ends of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The newest entry's position; [`Cursor::start`] for a log without entries.
    pub head: Cursor,
    /// The last entry that is no longer kept; [`Cursor::start`] while all are. The first kept one is the next.
    pub floor: Cursor,
}

/// A part of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The ends of the log when it was read.
    pub ends: Ends,
    /// The entries, ascending and without a hole.
    pub entries: Vec<Arc<Entry>>,
}

/// Entries of some kinds out of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The ends of the log when it was read.
    pub ends: Ends,
    /// The entries, ascending; those of other kinds are left out.
    pub entries: Vec<Arc<Entry>>,
    /// Whether there are more on the side that the reader goes on to.
    pub more: bool,
}

/// What a log says of its room, besides its entries: true at `ends.head`.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The ends of the log when it was read.
    pub ends: Ends,
    /// The state; removals are no part of it.
    pub state: State,
    /// The newest activities, ascending.
    pub activity: Vec<Arc<Entry>>,
}

/// So many activities are part of a picture.
pub const ACTIVITIES_SHOWN: usize = 20;

/// The log can't be read now: the disk is away, or what it holds is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the log can't be read now")]
pub struct Unavailable;
