//! Inboxes: the fold of each user's own log, kept beside it and changed in the same transaction as the entries that say
//! so; and the orders that still have to reach some of them.
//!
//! ```text
//! change ─▶ rows → Inbox::decide → entries at head+1 …, rows that changed      one transaction, many changes
//! orders ─▶ order, whom it reaches in chunks ─▶ a chunk of inboxes, and the chunk is gone      one transaction a step
//! ```
//!
//! So what is counted is what is written, a crash between two steps goes on at the first chunk that is left, and nothing
//! reaches an inbox twice.

use std::sync::Arc;

use actix::prelude::*;

use crate::domain::audit;
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Entry, Timestamp};
use crate::domain::ids::{Epoch, RoomKey, UserId};
use crate::domain::inbox::Keep;
use crate::domain::inbox_log::{
    DueOrders, InboxChange, InboxChanged, InboxError, Later, List, Listed, NewOrder, NotifyProgress, Welcomed,
};
use crate::domain::log::Unavailable;

use super::audit::Chained;

mod actors;
mod change;
mod orders;
mod read;
mod rows;
mod step;
#[cfg(test)]
mod tests;

/// The tables of inboxes, orders and followers.
pub(super) const SCHEMA: &str = "
    create table inboxes (
        log integer primary key,
        seen integer not null,      -- the watermark
        pile text,                  -- what came in quiet hours, for the digest
        preferences text            -- null: as they come
    ) strict;
    create table inbox_items (
        log integer not null,
        id blob not null,
        surfaced integer not null,
        touched integer not null,
        level integer not null,
        critical integer not null,
        quiet integer not null,
        at integer not null,
        expires integer,
        read integer,
        archived integer,
        acked integer,
        snoozed_until integer,
        topic text,
        room text,
        dedupe text,
        text_hash integer not null,
        checksum integer not null,  -- of all but the text
        text text not null          -- the fields that never change, as JSON; last, so that nobody reads over it
    ) strict;
    create unique index inbox_items_by_id on inbox_items (log, id);
    create table inbox_gone (log integer not null, id blob not null) strict;
    create unique index inbox_gone_by_id on inbox_gone (log, id);
    create table inbox_undos (log integer not null, offset integer not null, before text not null) strict;
    create unique index inbox_undos_by_offset on inbox_undos (log, offset);
    create table followers (tenant text not null, room text not null, user text not null) strict;
    create unique index followers_by_room on followers (tenant, room, user);
    create index followers_by_user on followers (tenant, user);
    create table orders (
        number integer primary key autoincrement,  -- the order of the answers
        id blob not null unique,
        tenant text not null,
        at integer not null,
        \"from\" text not null,
        publisher text not null,
        key text,
        hash blob not null,
        recipients integer not null,
        replaced integer not null default 0,  -- inboxes where another one took its place
        escalate_at integer,        -- null: nobody waits for an acknowledgement
        notify text not null        -- as the command
    ) strict;
    create unique index orders_by_key on orders (tenant, publisher, key) where key is not null;
    create index orders_by_age on orders (at);
    create index orders_due on orders (escalate_at) where escalate_at is not null;
    create table order_chunks (
        number integer not null,    -- of the order
        chunk integer not null,
        users text not null,        -- one a line: names have no line breaks
        primary key (number, chunk)
    ) strict, without rowid;
";

/// Rows of inboxes that one transaction reads over before it leaves the rest to the next one: whoever publishes waits
/// for it, and each change reads all that its inbox holds. A few milliseconds.
pub const ROWS_MAX: usize = 4_096;

/// Changes of inboxes, in one transaction.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ChangeInboxes {
    /// Which, in this order.
    pub changes: Vec<InboxWrite>,
    /// How much an inbox keeps.
    pub keep: Keep,
    /// When so many rows were read over, the rest is given back; [`ROWS_MAX`] but in tests.
    pub rows_max: usize,
    /// Hears how each of them ended.
    pub reply: Recipient<InboxesChanged>,
}

/// One change of one inbox.
#[derive(Clone, Debug)]
pub struct InboxWrite {
    /// The user's own log.
    pub log: RoomKey,
    /// Who wants it, as the author of entries.
    pub from: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: InboxChange,
    /// The life of the log that it names offsets of.
    pub epoch: Option<Epoch>,
    /// Who wants it, for the audit log; what it says of the change is added when that is written. Recorded if and only if
    /// something changes.
    pub audit: Option<audit::Draft>,
}

/// How changes of inboxes ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct InboxesChanged {
    /// What the sender of each hears, in their order.
    pub outcomes: Vec<Result<InboxChanged, InboxError>>,
    /// The last ones, when there were too many at once: they are as they were and want to be sent again.
    pub left: Vec<InboxWrite>,
    /// What the logs got.
    pub grown: Vec<Grown>,
    /// What was recorded of it.
    pub chained: Chained,
}

/// Write orders, and go on with those that have not reached everybody, the oldest first. There is one step at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Step {
    /// New orders.
    pub orders: Vec<NewOrder>,
    /// Orders that are due and can't escalate now.
    pub later: Vec<Later>,
    /// At most so many inboxes.
    pub inboxes_max: usize,
    /// And not many more rows of them are read over; [`ROWS_MAX`] but in tests.
    pub rows_max: usize,
    /// Now.
    pub now: Timestamp,
    /// How much an inbox keeps.
    pub keep: Keep,
    /// Hears how far it came.
    pub reply: Recipient<StepTaken>,
}

/// A step was taken, or could not be.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StepTaken {
    /// What the one who sent it hears.
    pub progress: Result<NotifyProgress, Unavailable>,
    /// What the logs got.
    pub grown: Vec<Grown>,
    /// What was recorded of it.
    pub chained: Chained,
}

/// How far a step came.
pub struct Stepped {
    /// What the one who sent it hears.
    pub progress: NotifyProgress,
    /// What the logs got.
    pub grown: Vec<Grown>,
}

/// New entries of a log, ascending and without a hole.
#[derive(Clone, Debug)]
pub struct Grown {
    /// Which log.
    pub log: RoomKey,
    /// Its life.
    pub epoch: Epoch,
    /// What it got.
    pub entries: Vec<Arc<Entry>>,
}

/// How does an inbox stand, and what followed a cursor?
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Welcomed, Unavailable>")]
pub struct ReadWelcome {
    /// The user's own log.
    pub log: RoomKey,
    /// Where the client was in it.
    pub since: Option<Cursor>,
    /// How much an inbox keeps.
    pub keep: Keep,
}

/// Read a part of an inbox.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Listed, Unavailable>")]
pub struct ReadList {
    /// The user's own log.
    pub log: RoomKey,
    /// Which notifications.
    pub list: List,
    /// How much an inbox keeps.
    pub keep: Keep,
}

/// Read a user's preferences, as a JSON object.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Arc<str>, Unavailable>")]
pub struct ReadPreferences {
    /// The user's own log.
    pub log: RoomKey,
}

/// Read who follows a room.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Vec<UserId>, Unavailable>")]
pub struct ReadFollowers {
    /// Which room.
    pub room: RoomKey,
}

/// Read which orders escalate by now.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<DueOrders, Unavailable>")]
pub struct ReadDue {
    /// Now.
    pub now: Timestamp,
    /// At most so many.
    pub limit: usize,
}
