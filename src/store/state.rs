//! The state of rooms, kept beside their logs and changed in the same transaction as the entry that says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};
use xxhash_rust::xxh3::Xxh3;

use crate::domain::log::AppendError;
use crate::domain::state::{Change, Record, Size, State, decide, weight};

use super::error::ReadError;
use super::row::as_stored;

/// Whether `change` may be written to `log`, by what the file says inside this transaction.
pub(super) fn may_write(
    connection: &Connection,
    log: i64,
    change: &Change,
    if_offset: Option<u64>,
) -> Result<Result<(), AppendError>, ReadError> {
    // Removals that the log no longer keeps count no more.
    connection
        .prepare_cached(
            "delete from state
             where log = ?1 and value is null and offset <= (select floor_offset from logs where id = ?1)",
        )?
        .execute([log])?;
    let mut named = BTreeMap::new();
    for key in change.keys() {
        if let Some(record) = record(connection, log, key)? {
            named.insert(Arc::clone(key), record);
        }
    }
    Ok(decide(change, if_offset, &named, size(connection, log)?))
}

/// Changes the state as the entry at `offset` says.
pub(super) fn write(connection: &Connection, log: i64, offset: u64, change: &Change) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "insert into state (log, key, value, offset, weight, checksum) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (log, key) do update set
             value = excluded.value, offset = excluded.offset, weight = excluded.weight, checksum = excluded.checksum",
    )?;
    let set = change.set.iter().map(|(key, value)| (key, Some(&**value)));
    for (key, value) in set.chain(change.removed.iter().map(|key| (key, None))) {
        let weight = value.map_or(0, |value| weight(key, value));
        let checksum = checksum(log, as_stored(offset), key.as_bytes(), value.map(str::as_bytes));
        statement.execute((log, &**key, value, as_stored(offset), as_stored(weight as u64), checksum))?;
    }
    Ok(())
}

/// The whole state of `log`, without removals.
pub(super) fn read(connection: &Connection, log: i64) -> Result<State, ReadError> {
    let mut statement = connection
        .prepare_cached("select key, value, offset, checksum from state where log = ?1 and value is not null")?;
    let mut rows = statement.query([log])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let key = text(row, 0);
        let record = key.as_ref().and_then(|key| proven(log, key, row, 1));
        records.push(key.zip(record).ok_or(damaged(row, 2))?);
    }
    Ok(State::of(records))
}

fn record(connection: &Connection, log: i64, key: &str) -> Result<Option<Record>, ReadError> {
    let mut statement =
        connection.prepare_cached("select value, offset, checksum from state where log = ?1 and key = ?2")?;
    let mut rows = statement.query((log, key))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    proven(log, key, row, 0).map(Some).ok_or(damaged(row, 1))
}

fn size(connection: &Connection, log: i64) -> Result<Size, ReadError> {
    let sql = "select count(*), coalesce(sum(weight), 0) from state where log = ?1 and value is not null";
    let count = |number: i64| usize::try_from(number).unwrap_or(0);
    let read = |row: &Row<'_>| Ok(Size { keys: count(row.get(0)?), bytes: count(row.get(1)?) });
    Ok(connection.prepare_cached(sql)?.query_row([log], read)?)
}

/// Value, offset and checksum stand from column `first` on; nothing is trusted before the checksum fits.
fn proven(log: i64, key: &str, row: &Row<'_>, first: usize) -> Option<Record> {
    let value = row.get_ref(first).ok()?.as_bytes_or_null().ok()?;
    let offset = row.get_ref(first + 1).ok()?.as_i64().ok()?;
    if checksum(log, offset, key.as_bytes(), value) != row.get_ref(first + 2).ok()?.as_i64().ok()? {
        return None;
    }
    let value = value.map(str::from_utf8).transpose().ok()?.map(Into::into);
    Some(Record { value, offset: u64::try_from(offset).ok()? })
}

fn text(row: &Row<'_>, column: usize) -> Option<Arc<str>> {
    str::from_utf8(row.get_ref(column).ok()?.as_bytes().ok()?).ok().map(Into::into)
}

fn damaged(row: &Row<'_>, offset: usize) -> ReadError {
    ReadError::Damaged { offset: row.get::<_, i64>(offset).unwrap_or(0).cast_unsigned() }
}

/// Lengths go in with the texts, and a removal is no empty value.
fn checksum(log: i64, offset: i64, key: &[u8], value: Option<&[u8]>) -> i64 {
    let mut hash = Xxh3::new();
    for number in [log, offset, i64::from(value.is_some())] {
        hash.update(&number.to_le_bytes());
    }
    for text in [key, value.unwrap_or_default()] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.digest().cast_signed()
}
