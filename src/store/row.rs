//! Between an entry and its row, with the checksum that proves the row on its way back.

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::domain::cursor::Cursor;
use crate::domain::entry::{Draft, Entry, Kind, Timestamp};
use crate::domain::ids::{EntryId, Epoch, RoomKey};

use super::error::ReadError;

/// The columns that [`read`] reads, in its order.
macro_rules! columns {
    () => {
        r#"offset, id, kind, at, "from", body, checksum"#
    };
}
pub(super) use columns;

/// What the log's own row says.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogRow {
    /// The log's number in this file.
    pub(super) id: i64,
    /// Its life.
    pub(super) epoch: Epoch,
    /// The last entry that is no longer kept.
    pub(super) floor: Cursor,
}

/// The hash by which the same content is known again under the same key.
#[must_use]
pub fn content_hash(draft: &Draft) -> [u8; 16] {
    let mut hash = Xxh3::new();
    hash.update(&[draft.kind as u8]);
    hash.update(draft.body.as_bytes());
    hash.digest128().to_be_bytes()
}

/// The checksum of the entry that `draft` is at `offset` of `log`.
pub(super) fn checksum(log: i64, offset: u64, draft: &Draft) -> i64 {
    let (from, body) = (draft.from.as_bytes(), draft.body.as_bytes());
    let offset = as_stored(offset);
    Stored { log, offset, id: draft.id.0.as_bytes(), kind: draft.kind as i64, at: draft.at.0, from, body }.checksum()
}

/// Counts and offsets are stored as `SQLite`'s signed numbers, which at a million entries a second last for 290,000 years.
pub(super) fn as_stored(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// The log's row; `None` for a log that never had an entry.
pub(super) fn log(connection: &Connection, key: &RoomKey, store: Epoch) -> Result<Option<LogRow>, ReadError> {
    let mut statement = connection
        .prepare_cached("select id, epoch, floor_offset, floor_entry from logs where tenant = ?1 and room = ?2")?;
    let row = statement.query_row((key.tenant.as_str(), key.room.as_str()), |row| {
        let epoch = row.get::<_, Option<_>>(1)?.map_or(store, |epoch| Epoch(Uuid::from_bytes(epoch)));
        let floor = Cursor {
            epoch,
            offset: row.get::<_, i64>(2)?.cast_unsigned(),
            entry: row.get::<_, Option<_>>(3)?.map(|id| EntryId(Uuid::from_bytes(id))),
        };
        Ok(LogRow { id: row.get(0)?, epoch, floor })
    });
    row.optional().map_err(|error| match error {
        error @ rusqlite::Error::SqliteFailure(..) => error.into(),
        _ => ReadError::Damaged { offset: 0 },
    })
}

/// The newest position: that of the last entry, or the floor where none is kept.
pub(super) fn head(connection: &Connection, log: &LogRow) -> Result<Cursor, ReadError> {
    let sql = concat!("select ", columns!(), " from entries where log = ?1 order by offset desc limit 1");
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([log.id])?;
    match rows.next()? {
        Some(row) => Ok(read(log.id, row)?.cursor(log.epoch)),
        None => Ok(log.floor),
    }
}

/// The entry in `row`, whose checksum proves that it is what was written.
pub(super) fn read(log: i64, row: &Row<'_>) -> Result<Entry, ReadError> {
    let offset: i64 = row.get(0)?;
    let damaged = ReadError::Damaged { offset: offset.cast_unsigned() };
    entry(log, offset, row).ok_or(damaged)
}

/// Every field is looked at as it is stored, and only trusted once the checksum fits.
fn entry(log: i64, offset: i64, row: &Row<'_>) -> Option<Entry> {
    let bytes = |column| row.get_ref(column).ok()?.as_bytes().ok();
    let number = |column| row.get_ref(column).ok()?.as_i64().ok();
    let stored =
        Stored { log, offset, id: bytes(1)?, kind: number(2)?, at: number(3)?, from: bytes(4)?, body: bytes(5)? };
    if stored.checksum() != number(6)? {
        return None;
    }
    Some(Entry {
        offset: u64::try_from(offset).ok()?,
        id: EntryId(Uuid::from_slice(stored.id).ok()?),
        at: Timestamp(stored.at),
        kind: Kind::from_number(u8::try_from(stored.kind).ok()?)?,
        from: str::from_utf8(stored.from).ok()?.into(),
        body: str::from_utf8(stored.body).ok()?.into(),
    })
}

/// All that a row holds, and the log that it is in.
struct Stored<'a> {
    log: i64,
    offset: i64,
    id: &'a [u8],
    kind: i64,
    at: i64,
    from: &'a [u8],
    body: &'a [u8],
}

impl Stored<'_> {
    /// Texts go in with their lengths, so that no two rows are the same sequence of bytes.
    fn checksum(&self) -> i64 {
        let mut hash = Xxh3::new();
        for number in [self.log, self.offset, self.kind, self.at] {
            hash.update(&number.to_le_bytes());
        }
        for text in [self.id, self.from, self.body] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.digest().cast_signed()
    }
}
