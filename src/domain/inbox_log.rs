//! What inboxes and orders are asked and what they answer, whoever keeps them.

use std::sync::Arc;
use std::time::Duration;

use super::audit;
use super::cursor::Cursor;
use super::entry::Timestamp;
use super::ids::{Epoch, RoomName, Tenant, UserId};
use super::inbox::{Counts, Filter, Inbox, Mark};
use super::log::Ends;
use super::notification::{Addressees, NotificationId, Notify};
use super::tail::Since;

/// What becomes of an inbox, besides arrivals.
#[derive(Clone, PartialEq, Debug)]
pub enum InboxChange {
    /// What a user marks.
    Mark(Mark),
    /// What time does: nothing but what is due.
    Settle,
    /// Preferences change; a compact JSON object.
    Prefer(Arc<str>),
    /// A room is followed, or no longer.
    Follow {
        /// Which.
        room: RoomName,
        /// Whether it is from now on.
        follows: bool,
    },
}

/// How an inbox stands after a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InboxChanged {
    /// The badge.
    pub counts: Counts,
    /// The newest offset, which the counts are true at.
    pub offset: u64,
    /// The preferences as a JSON object, when they were what changed.
    pub preferences: Option<Arc<str>>,
}

/// Why an inbox was not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InboxError {
    /// A notification or an entry that is not there.
    #[error("{0}")]
    NotFound(&'static str),
    /// It makes no sense, in words for the sender.
    #[error("{0}")]
    Bad(String),
    /// There would be too much of something.
    #[error("{0}")]
    OverLimit(&'static str),
    /// The offsets are of another life of the log.
    #[error("epoch: the log has another one now")]
    AnotherEpoch,
    /// It can't be written now.
    #[error("the inbox can't be changed now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// How an inbox stands, all of one moment.
#[derive(Clone, Debug)]
pub struct Welcomed {
    /// The ends of the log.
    pub ends: Ends,
    /// The badge.
    pub counts: Counts,
    /// When time does something to it next.
    pub due: Option<Timestamp>,
    /// How many critical notifications nobody has acknowledged.
    pub unacknowledged: usize,
    /// What followed the cursor, a page of it; never [`Since::Older`]. `None` without a cursor.
    pub since: Option<Since>,
}

impl Welcomed {
    /// How the inbox of a user stands who never had one; `epoch` is that of logs that never had an entry.
    #[must_use]
    pub fn of_nobody(epoch: Epoch) -> Self {
        let start = Cursor::start(epoch);
        let counts = Inbox::new(epoch).counts();
        Self { ends: Ends { head: start, floor: start }, counts, due: None, unacknowledged: 0, since: None }
    }
}

/// Which notifications to list.
#[derive(Clone, PartialEq, Debug)]
pub enum List {
    /// Newest first.
    Page {
        /// Only what surfaced before this offset.
        before: Option<u64>,
        /// At most so many.
        limit: usize,
        /// Which of them.
        filter: Filter,
    },
    /// Critical ones that nobody has acknowledged, the oldest first.
    Unacknowledged,
}

/// A part of an inbox, and how it stands at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listed {
    /// The notifications as JSON objects; on a page each with the `offset` where it surfaced.
    pub notifications: Vec<Arc<str>>,
    /// Whether there are more behind them.
    pub more: bool,
    /// The badge.
    pub counts: Counts,
    /// The newest offset, which the counts are true at.
    pub offset: u64,
    /// When time does something to it next.
    pub due: Option<Timestamp>,
}

/// An order with everybody whom it reaches.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The notification's name.
    pub id: NotificationId,
    /// In which world.
    pub tenant: Tenant,
    /// When it was taken; preferences are judged at that time.
    pub at: Timestamp,
    /// Who orders, as the author of entries.
    pub from: Arc<str>,
    /// Under whose name its key counts.
    pub publisher: Arc<str>,
    /// The order itself.
    pub notify: Arc<Notify>,
    /// Whom it reaches, each once.
    pub recipients: Vec<UserId>,
    /// The order that it escalates, which is then done with; it is written only if that one is still waiting.
    pub escalates: Option<NotificationId>,
    /// Who did it, for the audit log; what it says of the order is added when that is written. Recorded if and only if it
    /// is, and not again under the same key.
    pub audit: Option<audit::Draft>,
}

/// How far a step came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotifyProgress {
    /// What became of each new order.
    pub placed: Vec<Result<Placed, NotPlaced>>,
    /// Whether there are inboxes left to write.
    pub has_more: bool,
    /// When the next order escalates.
    pub due: Option<Timestamp>,
}

/// An order that is certain to be delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Its notification; for a duplicate the first one's.
    pub id: NotificationId,
    /// How many it reaches.
    pub recipients: usize,
    /// Whether the key had been used for it before.
    pub duplicate: bool,
}

/// Why an order was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotPlaced {
    /// The key was used before for another order.
    #[error("key: it was used before for other content")]
    Conflict,
    /// What it would escalate was acknowledged meanwhile.
    #[error("it was acknowledged in time")]
    Settled,
}

/// The orders that escalate by now.
#[derive(Clone, Debug, Default)]
pub struct DueOrders {
    /// Those that can be read, the oldest first.
    pub orders: Vec<DueOrder>,
    /// Those that can't, and so can't escalate either.
    pub damaged: Vec<NotificationId>,
}

/// When an order that is due is looked at again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Later {
    /// Its notification.
    pub id: NotificationId,
    /// When; `None` is never.
    pub at: Option<Timestamp>,
}

/// An order that nobody acknowledged in time.
#[derive(Clone, Debug)]
pub struct DueOrder {
    /// Its notification.
    pub id: NotificationId,
    /// In which world.
    pub tenant: Tenant,
    /// Who ordered it.
    pub from: Arc<str>,
    /// What was ordered.
    pub notify: Arc<Notify>,
    /// Who hears of it now.
    pub to: Addressees,
}
