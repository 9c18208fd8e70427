//! The port to the log: the one way in for whatever must not be lost, and the one way back out of it.
//!
//! ```text
//! Room ── Append ──▶ bridge ──▶ log            Room ── Watch ──▶ bridge (head)
//! Room ◀─ Arrived ── bridge (in order)         Room ── Read ───▶ bridge (page)
//! ```
//!
//! An append is numbered, stored, and only then announced and answered, in that order. Every room that watches hears
//! of every entry by [`Arrived`], its own too: so there is one order everywhere. The port is as small as what the actors
//! need; `solo` is the embedded one, for one node.

use std::sync::Arc;

use actix::prelude::*;

use crate::domain::audit;
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Draft, Entry, Kind};
use crate::domain::ids::{Epoch, RoomKey};
use crate::domain::tail::Bounds;

pub use crate::domain::log::{AppendError, Appended, DedupeKey, Ends, Page, Picture, Selection, Unavailable};
pub use crate::domain::log_place::LogPlace;

pub mod inbox;
pub mod solo;
pub mod users;

/// Told once, on the bridge's thread, after [`Arrived`] went out. It must only post a letter.
pub type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// Write `draft` to the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
    /// What to write.
    pub draft: Draft,
    /// Written once under this name, if there is one.
    pub key: Option<DedupeKey>,
    /// For a change of state: refused if one of its keys was written or removed after this offset. It is decided where
    /// the entry gets its number, so that of two who race one is told.
    pub if_offset: Option<u64>,
    /// For a privileged act: what the audit log says of it, if the entry is written. On disk both are one transaction.
    pub audit: Option<audit::Draft>,
    /// Hears how it ended.
    pub done: Done,
}

/// Told once how each entry of an [`AppendAll`] ended, in order; as [`Done`].
pub type AllDone = Box<dyn FnOnce(Vec<Result<Appended, AppendError>>) + Send>;

/// Write several drafts in one transaction: those on disk are never split over two commits.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AppendAll {
    /// What to write, in this order.
    pub entries: Vec<OneOfAll>,
    /// Hears how all of them ended. A single one may be refused, and the others written.
    pub done: AllDone,
}

/// One entry of an [`AppendAll`]; its fields are those of an [`Append`].
pub struct OneOfAll {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
    /// What to write.
    pub draft: Draft,
    /// Written once under this name, if there is one.
    pub key: Option<DedupeKey>,
    /// See [`Append::audit`].
    pub audit: Option<audit::Draft>,
}

/// Told once, on the bridge's thread, whether a record is on the disk. It must only post a letter.
pub type Recorded = Box<dyn FnOnce(bool) + Send>;

/// Put a record that belongs to no entry into the audit log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Record {
    /// The record.
    pub note: audit::Note,
    /// Hears whether it is kept. Without it the record waits a moment for others.
    pub done: Option<Recorded>,
}

/// Entries that are in the log now, ascending and without a hole. Sent by `do_send`: bounded by what is in flight.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Arrived {
    /// The life of the log that they belong to.
    pub epoch: Epoch,
    /// The new entries.
    pub entries: Vec<Arc<Entry>>,
    /// The last entry that is no longer kept, when the log was trimmed; the letter may have no entries then.
    pub floor: Option<Cursor>,
}

/// Hear of every entry from now on. Answered with the ends as they are after the watch began, so that entries at or
/// below the head may arrive besides.
#[derive(Message)]
#[rtype(result = "Result<Watching, Unavailable>")]
pub struct Watch {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
    /// Who wants to hear.
    pub watcher: Recipient<Arrived>,
}

/// A watch that has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watching {
    /// The watch's own number, never used again, so that a late [`Unwatch`] hits nothing else.
    pub watch: u64,
    /// The ends of the log.
    pub ends: Ends,
}

/// End a watch. The log of a `memory` or `none` room goes with it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unwatch {
    /// Which log.
    pub log: RoomKey,
    /// The number that [`Watching`] brought.
    pub watch: u64,
}

/// Read entries from offset `from` on, ascending.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Page, Unavailable>")]
pub struct Read {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
    /// The first offset wanted; one below the floor starts at the first entry kept.
    pub from: u64,
    /// At most so many entries.
    pub entries_max: usize,
    /// At most so many bytes by [`Entry::weight`]; one entry always fits.
    pub bytes_max: usize,
}

/// Read what a room shows to who is new in it: its state, which outlives the entries that made it, and its newest
/// activities.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Picture, Unavailable>")]
pub struct ReadPicture {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
}

/// Read entries of some kinds, with offsets between `after` and `below`.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Selection, Unavailable>")]
pub struct Select {
    /// Which log.
    pub log: RoomKey,
    /// Where it lives.
    pub place: LogPlace,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// Behind this offset.
    pub after: u64,
    /// Before this offset.
    pub below: u64,
    /// Those next to `below` and not those next to `after`.
    pub is_newest: bool,
    /// How much at most; one entry always fits.
    pub bounds: Bounds,
}

/// The handle that actors hold. Addresses are kept, not cloned per message.
#[derive(Clone)]
pub struct Bridge {
    /// Takes [`Append`]s; `do_send`, bounded by the bridge's own count of what waits.
    pub append: Recipient<Append>,
    /// Takes [`AppendAll`]s, likewise.
    pub append_all: Recipient<AppendAll>,
    /// Takes [`Record`]s; `do_send`, bounded by the bridge's own count of what waits.
    pub record: Recipient<Record>,
    /// Takes [`Watch`]es.
    pub watch: Recipient<Watch>,
    /// Takes [`Unwatch`]es.
    pub unwatch: Recipient<Unwatch>,
    /// Takes [`Read`]s.
    pub read: Recipient<Read>,
    /// Takes [`ReadPicture`]s.
    pub picture: Recipient<ReadPicture>,
    /// Takes [`Select`]s.
    pub select: Recipient<Select>,
    /// Users' own logs.
    pub inboxes: inbox::InboxesPort,
    /// What is remembered of users.
    pub users: users::UsersPort,
}
