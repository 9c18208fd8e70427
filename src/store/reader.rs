//! A connection that reads, while others read and one writes.

use std::sync::Arc;

use rusqlite::{Connection, InterruptHandle, OptionalExtension};

use crate::domain::cursor::Cursor;
use crate::domain::entry::{Entry, Kind};
use crate::domain::ids::{EntryId, Epoch, RoomKey};
use crate::domain::log::{ACTIVITIES_SHOWN, Appended, Ends, Page, Picture, Selection};
use crate::domain::state::State;
use crate::domain::tail::Bounds;

use super::error::ReadError;
use super::forgetting;
use super::row::{self, LogRow, as_stored};
use super::state;
use super::sweep::{Standing, Sweep};
use super::writer::Placed;

/// A connection that reads.
pub struct Reader {
    pub(super) store: Epoch,
    pub(super) connection: Connection,
}

impl Reader {
    pub(super) fn new(store: Epoch, connection: Connection) -> Self {
        Self { store, connection }
    }

    /// The ends of a log; those of one that never had entries are the start of the store's own epoch.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away or the log damaged.
    pub fn ends(&mut self, log: &RoomKey) -> Result<Ends, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        Ok(ends(&transaction, log, *store)?.0)
    }

    /// The entries from offset `from` on: at most `entries_max`, and at most `bytes_max` by
    /// [`Entry::weight`](crate::domain::entry::Entry::weight), where one entry always fits. Ends and entries are of one moment.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away, or the log damaged within the page or at its head.
    pub fn page(&mut self, log: &RoomKey, from: u64, entries_max: usize, bytes_max: usize) -> Result<Page, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, log) = ends(&transaction, log, *store)?;
        match log {
            Some(log) => page(&transaction, ends, &log, from, Bounds { entries_max, bytes_max }),
            None => Ok(Page { ends, entries: Vec::new() }),
        }
    }

    /// State and newest activities of a log, and its ends of the same moment.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away, or state, activities or head are damaged.
    pub fn picture(&mut self, log: &RoomKey) -> Result<Picture, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, log) = ends(&transaction, log, *store)?;
        let Some(log) = log else { return Ok(Picture { ends, state: State::default(), activity: Vec::new() }) };
        let newest = Bounds { entries_max: ACTIVITIES_SHOWN, ..Bounds::PAGE };
        let activities = Wanted { kinds: &[Kind::Activity], after: 0, below: u64::MAX, is_newest: true };
        let activity = select(&transaction, ends, &log, &activities, newest)?.entries;
        Ok(Picture { ends, state: state::read(&transaction, log.id)?, activity })
    }

    /// Entries of some kinds, as many of them as `bounds` allow; one always fits.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away or an entry among them damaged.
    pub fn select(&mut self, log: &RoomKey, wanted: &Wanted<'_>, bounds: Bounds) -> Result<Selection, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, log) = ends(&transaction, log, *store)?;
        let Some(log) = log else { return Ok(Selection { ends, entries: Vec::new(), more: false }) };
        select(&transaction, ends, &log, wanted, bounds)
    }

    /// Where the entry `id` is, if it is among the `newest` ones of its log. Ids have no index: this is for the few
    /// entries whose writer did not live to tell.
    ///
    /// # Errors
    /// [`ReadError`] when the disk is away or the log damaged.
    pub fn find(&mut self, log: &RoomKey, id: EntryId, newest: usize) -> Result<Option<Placed>, ReadError> {
        let Self { store, connection } = self;
        let transaction = connection.transaction()?;
        let (ends, Some(log)) = ends(&transaction, log, *store)? else { return Ok(None) };
        let below = ends.head.offset.saturating_sub(newest as u64);
        let sql = "select offset from entries where log = ?1 and offset > ?2 and id = ?3";
        let mut statement = transaction.prepare_cached(sql)?;
        let found = statement.query_row((log.id, as_stored(below), id.0.as_bytes()), |row| row.get::<_, i64>(0));
        Ok(found.optional()?.map(|offset| {
            let appended = Appended { offset: offset.cast_unsigned(), entry: id, duplicate: false };
            Placed { epoch: log.epoch, appended }
        }))
    }

    /// The next logs of a walk over all of them, by number.
    ///
    /// # Errors
    /// What `SQLite` says when the disk is away.
    pub fn sweep(&mut self, sweep: Sweep) -> Result<Vec<Standing>, ReadError> {
        Ok(super::sweep::sweep(&self.connection, sweep)?)
    }

    /// Looks through the whole file. What it finds is told in `SQLite`'s words, which hold no data; nothing means sound.
    ///
    /// # Errors
    /// What `SQLite` says when it can't get to the end.
    pub fn quick_check(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare("pragma quick_check(10)")?;
        let findings: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
    }

    /// Ends a [`Self::quick_check`] from another thread.
    pub(super) fn interrupt_handle(&self) -> InterruptHandle {
        self.connection.get_interrupt_handle()
    }
}

/// Which entries to select.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of these kinds.
    pub kinds: &'a [Kind],
    /// Behind this offset.
    pub after: u64,
    /// Before this offset.
    pub below: u64,
    /// Those next to `below` and not those next to `after`.
    pub is_newest: bool,
}

fn select(
    connection: &Connection,
    ends: Ends,
    log: &LogRow,
    wanted: &Wanted<'_>,
    bounds: Bounds,
) -> Result<Selection, ReadError> {
    let kinds = wanted.kinds.iter().map(|kind| (*kind as u8).to_string()).collect::<Vec<_>>().join(",");
    // The index by kind leaves events out, and is only used when the question says so too.
    let without_events = if wanted.kinds.contains(&Kind::Event) { "" } else { "and kind <> 1" };
    let order = if wanted.is_newest { "desc" } else { "" };
    let sql = format!(
        "select {} from entries where log = ?1 and offset > ?2 and offset < ?3 and kind in ({kinds}) {without_events}
         order by offset {order} limit ?4",
        row::columns!()
    );
    let after = as_stored(wanted.after.max(ends.floor.offset));
    let mut statement = connection.prepare_cached(&sql)?;
    // One more than wanted tells whether there are more.
    let limit = as_stored(bounds.entries_max as u64 + 1);
    let mut rows = statement.query((log.id, after, as_stored(wanted.below), limit))?;
    let mut selection = Selection { ends, entries: Vec::new(), more: false };
    let mut bytes = 0;
    let is_whole = Kind::ALL.iter().all(|kind| wanted.kinds.contains(kind));
    while let Some(row) = rows.next()? {
        let entry = row::read(log.id, row)?;
        // Offsets have no hole, so where all kinds are wanted one that is missing was lost.
        let last = selection.entries.last().map(|last: &Arc<Entry>| last.offset);
        if let Some(last) = last.filter(|last| is_whole && last.abs_diff(entry.offset) != 1) {
            let missing = if wanted.is_newest { last - 1 } else { last + 1 };
            return Err(ReadError::Damaged { offset: missing });
        }
        bytes += entry.weight();
        let is_full = selection.entries.len() == bounds.entries_max;
        if is_full || (bytes > bounds.bytes_max && !selection.entries.is_empty()) {
            selection.more = true;
            break;
        }
        selection.entries.push(entry.into());
    }
    if wanted.is_newest {
        selection.entries.reverse();
    }
    Ok(selection)
}

/// The entries of `log` from offset `from` on, inside a transaction that read `ends`.
pub(super) fn page(
    connection: &Connection,
    ends: Ends,
    log: &LogRow,
    from: u64,
    bounds: Bounds,
) -> Result<Page, ReadError> {
    let mut page = Page { ends, entries: Vec::new() };
    let first = from.max(ends.floor.offset + 1);
    if first > ends.head.offset {
        return Ok(page);
    }
    let sql =
        concat!("select ", row::columns!(), " from entries where log = ?1 and offset >= ?2 order by offset limit ?3");
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((log.id, as_stored(first), as_stored(bounds.entries_max as u64)))?;
    let (mut next, mut bytes) = (first, 0);
    while let Some(row) = rows.next()? {
        let entry = row::read(log.id, row)?;
        // Offsets have no hole, so one that is missing was lost.
        if entry.offset != next {
            return Err(ReadError::Damaged { offset: next });
        }
        bytes += entry.weight();
        if bytes > bounds.bytes_max && !page.entries.is_empty() {
            break;
        }
        next += 1;
        page.entries.push(entry.into());
    }
    let is_whole = next > ends.head.offset || bytes > bounds.bytes_max || page.entries.len() == bounds.entries_max;
    if is_whole { Ok(page) } else { Err(ReadError::Damaged { offset: next }) }
}

pub(super) fn ends(connection: &Connection, key: &RoomKey, store: Epoch) -> Result<(Ends, Option<LogRow>), ReadError> {
    let Some(log) = row::log(connection, key, store)? else {
        let start = Cursor::start(forgetting::next_epoch(connection, key, store)?);
        return Ok((Ends { head: start, floor: start }, None));
    };
    Ok((Ends { head: row::head(connection, &log)?, floor: log.floor }, Some(log)))
}
