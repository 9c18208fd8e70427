//! Trimming: what a log no longer keeps goes, the oldest first, in slices that no batch has to wait for long.
//!
//! A slice raises the floor, deletes what is below, and says so in one transaction: floor and entries never disagree. It
//! isn't synced by itself, for if the power goes with it the log only keeps a little more than it may.
//!
//! How many bytes a log has is counted on from where it was counted before, a bounded number of rows at a time. Of a log
//! that is not counted to its end, what is counted is a lower bound: enough to know that it is too much.

use std::collections::HashMap;

use actix::prelude::*;
use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use crate::domain::cursor::Cursor;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{EntryId, RoomKey};
use crate::domain::log::Keep;

use super::error::ReadError;
use super::row::{self, LogRow, as_stored};
use super::writer::Writer;

/// What was counted is written down after so many rows, so that a restart counts few of them again.
const COUNTS_WRITTEN_ROWS: u64 = 4_096;

/// The counts of so many logs are known without asking the file.
const COUNTS_KEPT: usize = 50_000;

/// Trim these logs, `rows_max` rows together. Sent by `do_send`, and there is one at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TrimLogs {
    /// Which, and how much each keeps.
    pub logs: Vec<(RoomKey, Keep)>,
    /// So many rows are looked at, all together.
    pub rows_max: usize,
    /// Hears how far it came.
    pub reply: Recipient<TrimmedLogs>,
}

/// How far a slice of trimming came.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TrimmedLogs {
    /// What became of each log; one that could not be trimmed is not there, and its turn comes again with its next entry.
    pub trimmed: Vec<(RoomKey, Trimmed)>,
    /// Those for which there were no rows left.
    pub left: Vec<RoomKey>,
}

/// What a slice did to one log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trimmed {
    /// The floor that it has now, when it was raised.
    pub floor: Option<Cursor>,
    /// Rows that were looked at.
    pub rows: usize,
    /// Whether the log needs another slice.
    pub has_more: bool,
}

/// One log to trim.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    /// How much it keeps.
    pub keep: Keep,
    /// What age is measured against.
    pub now: Timestamp,
    /// So many rows are looked at.
    pub rows_max: usize,
}

/// The bytes of a log's entries after the floor up to `offset`.
#[derive(Clone, Copy, Debug)]
struct Counted {
    offset: u64,
    bytes: u64,
    /// What the file says that was counted.
    written: u64,
}

/// Counts by a log's number.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<i64, Counted>);

/// What there is of one old entry.
struct Old {
    offset: u64,
    id: EntryId,
    at: Timestamp,
    bytes: u64,
}

impl Writer {
    /// Looks at one slice of `log` and removes of it what it no longer keeps.
    ///
    /// # Errors
    /// [`ReadError`], and then nothing changed.
    pub fn trim(&mut self, key: &RoomKey, trim: &Trim) -> Result<Trimmed, ReadError> {
        let trimmed = self.trim_slice(key, trim);
        if trimmed.is_err() {
            // What was counted may have been rolled back.
            self.counts.0.clear();
        }
        trimmed
    }

    fn trim_slice(&mut self, key: &RoomKey, trim: &Trim) -> Result<Trimmed, ReadError> {
        let nothing = Trimmed { floor: None, rows: 0, has_more: false };
        let Some(log) = row::log(&self.connection, key, self.store.epoch())? else { return Ok(nothing) };
        let head = row::head(&self.connection, &log)?.offset;
        let mut counted = self.counts.of(&self.connection, &log)?;
        let rows = count_on(&self.connection, &log, &mut counted, trim.rows_max)?;
        let is_counted = counted.offset >= head;

        let oldest = trim.keep.oldest(trim.now);
        let rows_left = trim.rows_max - rows;
        let mut floor = None;
        let mut kept = head.saturating_sub(log.floor.offset);
        let mut has_more = !is_counted || rows_left == 0;
        // A row more than may go, to see whether there is more to do.
        let old = old_entries(&self.connection, &log, rows_left + 1)?;
        let rows = rows + old.len();
        for (index, entry) in old.into_iter().enumerate() {
            let is_too_much = kept > trim.keep.entries_max || counted.bytes > trim.keep.bytes_max || entry.at < oldest;
            if !is_too_much {
                break;
            }
            if index == rows_left {
                has_more = true;
                break;
            }
            if entry.offset <= counted.offset {
                counted.bytes = counted.bytes.saturating_sub(entry.bytes);
            } else {
                counted = Counted { offset: entry.offset, bytes: 0, ..counted };
            }
            kept -= 1;
            floor = Some(Cursor { epoch: log.epoch, offset: entry.offset, entry: Some(entry.id) });
        }
        if floor.is_some() || counted.offset >= counted.written + COUNTS_WRITTEN_ROWS {
            self.write(&log, floor, counted)?;
            counted.written = counted.offset;
        }
        self.counts.put(log.id, counted);
        Ok(Trimmed { floor, rows, has_more })
    }

    fn write(&mut self, log: &LogRow, floor: Option<Cursor>, counted: Counted) -> rusqlite::Result<()> {
        // Back to full before the next batch, whatever happens in between.
        self.connection.pragma_update(None, "synchronous", "normal")?;
        let written = write_slice(&mut self.connection, log, floor.unwrap_or(log.floor), counted);
        self.connection.pragma_update(None, "synchronous", "full")?;
        written
    }
}

impl Counts {
    fn of(&self, connection: &Connection, log: &LogRow) -> rusqlite::Result<Counted> {
        if let Some(counted) = self.0.get(&log.id) {
            return Ok(*counted);
        }
        let mut statement =
            connection.prepare_cached("select counted_offset, counted_bytes from logs where id = ?1")?;
        statement.query_row([log.id], |row| {
            let written = row.get::<_, i64>(0)?.cast_unsigned();
            let bytes = row.get::<_, i64>(1)?.cast_unsigned();
            let is_known = written >= log.floor.offset;
            // A floor that was raised by others left the count behind.
            Ok(if is_known {
                Counted { offset: written, bytes, written }
            } else {
                Counted { offset: log.floor.offset, bytes: 0, written }
            })
        })
    }

    /// Another log may get this number.
    pub(super) fn forget(&mut self, log: i64) {
        self.0.remove(&log);
    }

    fn put(&mut self, log: i64, counted: Counted) {
        if self.0.len() >= COUNTS_KEPT && !self.0.contains_key(&log) {
            self.0.clear();
        }
        self.0.insert(log, counted);
    }
}

/// Counts up to `rows_max` rows further; says how many there were.
fn count_on(connection: &Connection, log: &LogRow, counted: &mut Counted, rows_max: usize) -> rusqlite::Result<usize> {
    // As `Entry::weight`; a length of bytes is known without reading a long text.
    let mut statement = connection.prepare_cached(
        r#"select offset, octet_length(body) + octet_length("from") + 160
           from entries where log = ?1 and offset > ?2 order by offset limit ?3"#,
    )?;
    let mut rows = statement.query((log.id, as_stored(counted.offset), as_stored(rows_max as u64)))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        counted.offset = row.get::<_, i64>(0)?.cast_unsigned();
        counted.bytes += row.get::<_, i64>(1)?.cast_unsigned();
        count += 1;
    }
    Ok(count)
}

/// The oldest entries that are kept, at most `rows_max` and without a hole.
fn old_entries(connection: &Connection, log: &LogRow, rows_max: usize) -> Result<Vec<Old>, ReadError> {
    let mut statement = connection.prepare_cached(
        r#"select offset, id, at, octet_length(body) + octet_length("from") + 160
           from entries where log = ?1 and offset > ?2 order by offset limit ?3"#,
    )?;
    let mut rows = statement.query((log.id, as_stored(log.floor.offset), as_stored(rows_max as u64)))?;
    let mut old = Vec::new();
    let mut next = log.floor.offset + 1;
    while let Some(row) = rows.next()? {
        let damaged = |_| ReadError::Damaged { offset: next };
        let offset = row.get::<_, i64>(0)?.cast_unsigned();
        // Never past what is missing: the hole is told to readers, and stays for whoever repairs the file.
        if offset != next {
            return Err(ReadError::Damaged { offset: next });
        }
        let id = EntryId(Uuid::from_bytes(row.get(1).map_err(damaged)?));
        let at = Timestamp(row.get(2).map_err(damaged)?);
        old.push(Old { offset, id, at, bytes: row.get::<_, i64>(3).map_err(damaged)?.cast_unsigned() });
        next += 1;
    }
    Ok(old)
}

fn write_slice(connection: &mut Connection, log: &LogRow, floor: Cursor, counted: Counted) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.prepare_cached("delete from entries where log = ?1 and offset > ?2 and offset <= ?3")?.execute((
        log.id,
        as_stored(log.floor.offset),
        as_stored(floor.offset),
    ))?;
    transaction
        .prepare_cached(
            "update logs set floor_offset = ?2, floor_entry = ?3, counted_offset = ?4, counted_bytes = ?5 where id = ?1",
        )?
        .execute((
            log.id,
            as_stored(floor.offset),
            floor.entry.map(|id| id.0.into_bytes()),
            as_stored(counted.offset),
            as_stored(counted.bytes),
        ))?;
    transaction.commit()
}
