//! The port to inboxes: what is appended to users' own logs, decided where the entries get their numbers.
//!
//! ```text
//! Session ── ChangeInbox ─▶ bridge ─▶ fold, entries, counts in one step ─▶ Arrived to the open room, if there is one,
//! Notifier ─ NotifyStep ──▶                                                else Stirred to whoever opens rooms
//! Session ── Welcome, ListInbox … ─▶ bridge ─▶ what is stored, without a room
//! ```

use std::sync::Arc;

use actix::prelude::*;

use crate::domain::audit;
use crate::domain::cursor::Cursor;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{Epoch, RoomKey, UserId};

pub use crate::domain::inbox_log::{
    DueOrder, DueOrders, InboxChange, InboxChanged, InboxError, Later, List, Listed, NewOrder, NotPlaced,
    NotifyProgress, Placed, Welcomed,
};
pub use crate::domain::log::Unavailable;

/// Change a user's inbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ChangeInbox {
    /// The user's own log.
    pub log: RoomKey,
    /// Who wants it, as the author of the entries.
    pub from: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: InboxChange,
    /// The life of the log that the change names offsets of; another one's are a conflict.
    pub epoch: Option<Epoch>,
    /// For what is worth a record: who wants it, from where. Written if and only if something changes.
    pub audit: Option<audit::Draft>,
    /// Hears how it ended, after the entries were announced. It must only post a letter.
    pub done: InboxDone,
}

/// Told once how a [`ChangeInbox`] ended.
pub type InboxDone = Box<dyn FnOnce(Result<InboxChanged, InboxError>) + Send>;

/// How does a user's inbox stand, and what was missed since a cursor?
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Welcomed, Unavailable>")]
pub struct Welcome {
    /// The user's own log.
    pub log: RoomKey,
    /// Where the client was in it.
    pub since: Option<Cursor>,
}

/// Read a page of an inbox.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Listed, Unavailable>")]
pub struct ListInbox {
    /// The user's own log.
    pub log: RoomKey,
    /// Which notifications.
    pub list: List,
}

/// Read a user's preferences: a JSON object.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Arc<str>, Unavailable>")]
pub struct ReadPreferences {
    /// The user's own log.
    pub log: RoomKey,
}

/// Who follows a room, whether or not they are in it? At most as many as may follow one.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Vec<UserId>, Unavailable>")]
pub struct ReadFollowers {
    /// Which room.
    pub room: RoomKey,
}

/// Write orders, and go on with those that are not delivered to everybody yet, the oldest first. There is one step at a
/// time; a step without orders goes on.
#[derive(Message)]
#[rtype(result = "Result<NotifyProgress, Unavailable>")]
pub struct NotifyStep {
    /// New orders, in the order of their answers.
    pub orders: Vec<NewOrder>,
    /// Orders that are due and can't escalate now.
    pub later: Vec<Later>,
    /// At most so many inboxes are written.
    pub inboxes_max: usize,
    /// Now.
    pub now: Timestamp,
}

/// Which orders escalate by now?
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<DueOrders, Unavailable>")]
pub struct ReadDueOrders {
    /// Now.
    pub now: Timestamp,
    /// At most so many.
    pub limit: usize,
}

/// Somebody's own log got an entry while no room watched it. Sent by `do_send`, bounded by what is in flight.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Stirred {
    /// The log.
    pub log: RoomKey,
}

/// From now on tell `opener` of users' logs that get entries while nobody watches them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WatchInboxes {
    /// Whoever opens rooms.
    pub opener: Recipient<Stirred>,
}

/// The handle to inboxes.
#[derive(Clone)]
pub struct InboxesPort {
    /// Takes [`ChangeInbox`]es; `do_send`, bounded by the bridge's own count of what waits.
    pub change: Recipient<ChangeInbox>,
    /// Takes [`Welcome`]s.
    pub welcome: Recipient<Welcome>,
    /// Takes [`ListInbox`]es.
    pub list: Recipient<ListInbox>,
    /// Takes [`ReadPreferences`].
    pub preferences: Recipient<ReadPreferences>,
    /// Takes [`ReadFollowers`].
    pub followers: Recipient<ReadFollowers>,
    /// Takes [`NotifyStep`]s.
    pub step: Recipient<NotifyStep>,
    /// Takes [`ReadDueOrders`].
    pub due: Recipient<ReadDueOrders>,
    /// Takes [`WatchInboxes`].
    pub watch: Recipient<WatchInboxes>,
}
