//! A connection that reads, while others read and one writes.

use rusqlite::{Connection, InterruptHandle, OptionalExtension};

use crate::domain::cursor::Cursor;
use crate::domain::ids::{EntryId, Epoch, RoomKey};
use crate::domain::log::{Appended, Ends, Page};

use super::error::ReadError;
use super::row::{self, LogRow, as_stored};
use super::sweep::{Standing, Sweep};
use super::writer::Placed;

/// A connection that reads.
pub struct Reader {
    store: Epoch,
    connection: Connection,
}

impl Reader {
    pub(super) fn new(store: Epoch, connection: Connection) -> Self {
        Self { store, connection }
    }

    /// The ends of a log; those of one without entries are the start of the store's own epoch.
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
        let mut page = Page { ends, entries: Vec::new() };
        let first = from.max(ends.floor.offset + 1);
        let Some(log) = log.filter(|_| first <= ends.head.offset) else { return Ok(page) };
        let sql = concat!(
            "select ",
            row::columns!(),
            " from entries where log = ?1 and offset >= ?2 order by offset limit ?3"
        );
        let mut statement = transaction.prepare_cached(sql)?;
        let mut rows = statement.query((log.id, as_stored(first), as_stored(entries_max as u64)))?;
        let (mut next, mut bytes) = (first, 0);
        while let Some(row) = rows.next()? {
            let entry = row::read(log.id, row)?;
            // Offsets have no hole, so one that is missing was lost.
            if entry.offset != next {
                return Err(ReadError::Damaged { offset: next });
            }
            bytes += entry.weight();
            if bytes > bytes_max && !page.entries.is_empty() {
                break;
            }
            next += 1;
            page.entries.push(entry.into());
        }
        let is_whole = next > ends.head.offset || bytes > bytes_max || page.entries.len() == entries_max;
        if is_whole { Ok(page) } else { Err(ReadError::Damaged { offset: next }) }
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

fn ends(connection: &Connection, key: &RoomKey, store: Epoch) -> Result<(Ends, Option<LogRow>), ReadError> {
    let Some(log) = row::log(connection, key, store)? else {
        let start = Cursor::start(store);
        return Ok((Ends { head: start, floor: start }, None));
    };
    Ok((Ends { head: row::head(connection, &log)?, floor: log.floor }, Some(log)))
}
