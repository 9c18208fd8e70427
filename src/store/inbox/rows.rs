//! Between the fold of an inbox and its rows.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::domain::entry::Timestamp;
use crate::domain::ids::{Epoch, RoomName};
use crate::domain::inbox::{Before, GONE_KEPT, Inbox, Item, Pile, Snapshot, UNDOS_KEPT, Undo};
use crate::domain::notification::{Level, NotificationId};
use crate::domain::preferences::Preferences;
use crate::store::error::ReadError;
use crate::store::row::as_stored;

/// What of the remembered is needed for a change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remembered {
    /// Nothing: only items count.
    Nothing,
    /// Whether this one was there.
    One(NotificationId),
    /// All that is remembered.
    All,
}

const COLUMNS: &str =
    "id, surfaced, touched, level, critical, quiet, at, expires, read, archived, acked, snoozed_until,
    topic, room, dedupe, text_hash, checksum";

/// The inbox of a log, as far as it is needed.
pub(super) fn load(
    connection: &Connection,
    log: i64,
    epoch: Epoch,
    remembered: Remembered,
) -> Result<Inbox, ReadError> {
    let (seen, pile) = connection
        .prepare_cached("select seen, pile from inboxes where log = ?1")?
        .query_row([log], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?
        .unwrap_or_default();
    let (gone, undos) = match remembered {
        Remembered::Nothing => (Vec::new(), Vec::new()),
        Remembered::One(id) => (is_gone(connection, log, id)?.then_some(id).into_iter().collect(), Vec::new()),
        Remembered::All => (gone(connection, log)?, undos(connection, log)?),
    };
    let pile = pile.as_deref().map(|text| pile_of(text).ok_or(ReadError::Damaged { offset: 0 })).transpose()?;
    let seen = seen.cast_unsigned();
    Ok(Inbox::from_snapshot(Snapshot { epoch, items: items(connection, log)?, gone, seen, pile, undos }))
}

fn items(connection: &Connection, log: i64) -> Result<Vec<Item>, ReadError> {
    let mut statement = connection.prepare_cached(&format!("select {COLUMNS} from inbox_items where log = ?1"))?;
    let mut rows = statement.query([log])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let surfaced: i64 = row.get(1).unwrap_or(0);
        items.push(item(log, row).ok_or(ReadError::Damaged { offset: surfaced.cast_unsigned() })?);
    }
    Ok(items)
}

fn item(log: i64, row: &Row<'_>) -> Option<Item> {
    let number = |column| row.get::<_, i64>(column).ok();
    let time = |column| row.get::<_, Option<i64>>(column).ok().map(|time| time.map(Timestamp));
    let text = |column| row.get::<_, Option<String>>(column).ok();
    let room = match text(13)? {
        Some(room) => Some(RoomName::parse(&room).ok()?),
        None => None,
    };
    let item = Item {
        id: NotificationId(Uuid::from_bytes(row.get(0).ok()?)),
        surfaced: number(1)?.cast_unsigned(),
        touched: number(2)?.cast_unsigned(),
        level: Level::from_number(u8::try_from(number(3)?).ok()?)?,
        critical: number(4)? != 0,
        quiet: number(5)? != 0,
        at: Timestamp(number(6)?),
        expires: time(7)?,
        read: time(8)?,
        archived: time(9)?,
        acked: time(10)?,
        snoozed_until: time(11)?,
        topic: text(12)?.map(Into::into),
        room,
        dedupe: text(14)?.map(Into::into),
    };
    (checksum(log, &item, number(15)?) == number(16)?).then_some(item)
}

/// The fields that never change of the notifications named, as JSON without braces.
pub(super) fn text(connection: &Connection, log: i64, id: NotificationId) -> Result<String, ReadError> {
    let mut statement =
        connection.prepare_cached("select text, text_hash from inbox_items where log = ?1 and id = ?2")?;
    let found =
        statement.query_row((log, id.0.as_bytes()), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let (text, hash) = found?;
    if hash_of(&text) == hash { Ok(text) } else { Err(ReadError::Damaged { offset: 0 }) }
}

/// Writes an item that is new: with its text.
pub(super) fn insert(connection: &Connection, log: i64, item: &Item, text: &str) -> rusqlite::Result<()> {
    write(connection, log, item, hash_of(text), Some(text))
}

/// Writes an item that is there already.
pub(super) fn update(connection: &Connection, log: i64, item: &Item) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("select text_hash from inbox_items where log = ?1 and id = ?2")?;
    let hash = statement.query_row((log, item.id.0.as_bytes()), |row| row.get(0))?;
    write(connection, log, item, hash, None)
}

fn write(connection: &Connection, log: i64, item: &Item, hash: i64, text: Option<&str>) -> rusqlite::Result<()> {
    let sql = if text.is_some() {
        "insert into inbox_items (log, id, surfaced, touched, level, critical, quiet, at, expires, read, archived, acked,
             snoozed_until, topic, room, dedupe, text_hash, checksum, text)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
    } else {
        "update inbox_items set surfaced = ?3, touched = ?4, level = ?5, critical = ?6, quiet = ?7, at = ?8,
             expires = ?9, read = ?10, archived = ?11, acked = ?12, snoozed_until = ?13, topic = ?14, room = ?15,
             dedupe = ?16, text_hash = ?17, checksum = ?18, text = coalesce(?19, text)
         where log = ?1 and id = ?2"
    };
    let time = |time: Option<Timestamp>| time.map(|time| time.0);
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        log,
        item.id.0.as_bytes(),
        as_stored(item.surfaced),
        as_stored(item.touched),
        item.level as u8,
        item.critical,
        item.quiet,
        item.at.0,
        time(item.expires),
        time(item.read),
        time(item.archived),
        time(item.acked),
        time(item.snoozed_until),
        item.topic.as_deref(),
        item.room.as_ref().map(RoomName::as_str),
        item.dedupe.as_deref(),
        hash,
        checksum(log, item, hash),
        text,
    ])?;
    Ok(())
}

/// Takes an item out and remembers its id, among the newest.
pub(super) fn remove(connection: &Connection, log: i64, id: NotificationId) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from inbox_items where log = ?1 and id = ?2")?.execute((log, id.0.as_bytes()))?;
    connection
        .prepare_cached("insert or ignore into inbox_gone (log, id) values (?1, ?2)")?
        .execute((log, id.0.as_bytes()))?;
    Ok(())
}

/// Drops what is remembered beyond the bounds.
pub(super) fn forget_oldest(connection: &Connection, log: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "delete from inbox_gone where rowid in
                 (select rowid from inbox_gone where log = ?1 order by rowid desc limit -1 offset ?2)",
        )?
        .execute((log, as_stored(GONE_KEPT as u64)))?;
    Ok(())
}

/// Remembers what a mark changed; the oldest beyond the bound go.
pub(super) fn remember(connection: &Connection, log: i64, undo: &Undo) -> rusqlite::Result<()> {
    let time = |time: Option<Timestamp>| time.map(|time| time.0);
    let before: Vec<Value> = undo
        .before
        .iter()
        .map(|b| json!([b.id.to_string(), time(b.read), time(b.archived), time(b.snoozed_until)]))
        .collect();
    connection
        .prepare_cached("insert or replace into inbox_undos (log, offset, before) values (?1, ?2, ?3)")?
        .execute((log, as_stored(undo.offset), Value::Array(before).to_string()))?;
    connection
        .prepare_cached(
            "delete from inbox_undos where log = ?1 and offset <
                 (select offset from inbox_undos where log = ?1 order by offset desc limit 1 offset ?2)",
        )?
        .execute((log, as_stored(UNDOS_KEPT as u64 - 1)))?;
    Ok(())
}

/// Writes the inbox's own row.
pub(super) fn put(connection: &Connection, log: i64, inbox: &Inbox, preferences: Option<&str>) -> rusqlite::Result<()> {
    let pile = inbox.pile().map(|pile| json!([pile.until.0, pile.counts]).to_string());
    connection
        .prepare_cached(
            "insert into inboxes (log, seen, pile, preferences) values (?1, ?2, ?3, ?4)
             on conflict (log) do update set
                 seen = excluded.seen, pile = excluded.pile, preferences = coalesce(excluded.preferences, preferences)",
        )?
        .execute((log, as_stored(inbox.seen()), pile, preferences))?;
    Ok(())
}

/// A user's preferences.
pub(super) fn preferences(connection: &Connection, log: i64) -> Result<Preferences, ReadError> {
    let mut statement = connection.prepare_cached("select preferences from inboxes where log = ?1")?;
    let stored: Option<Option<String>> = statement.query_row([log], |row| row.get(0)).optional()?;
    let Some(text) = stored.flatten() else { return Ok(Preferences::default()) };
    Preferences::from_json(&text).map_err(|_| ReadError::Damaged { offset: 0 })
}

fn is_gone(connection: &Connection, log: i64, id: NotificationId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from inbox_gone where log = ?1 and id = ?2)")?
        .query_row((log, id.0.as_bytes()), |row| row.get(0))
}

fn gone(connection: &Connection, log: i64) -> rusqlite::Result<Vec<NotificationId>> {
    let mut statement = connection.prepare_cached("select id from inbox_gone where log = ?1 order by rowid")?;
    let rows = statement.query_map([log], |row| Ok(NotificationId(Uuid::from_bytes(row.get(0)?))))?;
    rows.collect()
}

fn undos(connection: &Connection, log: i64) -> Result<Vec<Undo>, ReadError> {
    let mut statement =
        connection.prepare_cached("select offset, before from inbox_undos where log = ?1 order by offset")?;
    let mut rows = statement.query([log])?;
    let mut undos = Vec::new();
    while let Some(row) = rows.next()? {
        let offset = row.get::<_, i64>(0)?.cast_unsigned();
        let before = before_of(&row.get::<_, String>(1)?).ok_or(ReadError::Damaged { offset })?;
        undos.push(Undo { offset, before });
    }
    Ok(undos)
}

fn before_of(text: &str) -> Option<Vec<Before>> {
    type Stored = (String, Option<i64>, Option<i64>, Option<i64>);
    let stored: Vec<Stored> = serde_json::from_str(text).ok()?;
    let before = stored.into_iter().map(|(id, read, archived, snoozed_until)| {
        let time = |time: Option<i64>| time.map(Timestamp);
        let (read, archived, snoozed_until) = (time(read), time(archived), time(snoozed_until));
        Some(Before { id: NotificationId::parse(&id)?, read, archived, snoozed_until })
    });
    before.collect()
}

fn pile_of(text: &str) -> Option<Pile> {
    let (until, counts): (i64, [u32; 4]) = serde_json::from_str(text).ok()?;
    Some(Pile { until: Timestamp(until), counts })
}

fn hash_of(text: &str) -> i64 {
    xxh3_64(text.as_bytes()).cast_signed()
}

/// Of everything but the text, which its own hash stands for.
fn checksum(log: i64, item: &Item, text_hash: i64) -> i64 {
    let mut hash = Xxh3::new();
    let time = |time: Option<Timestamp>| time.map_or(i64::MIN, |time| time.0);
    for number in [
        log,
        as_stored(item.surfaced),
        as_stored(item.touched),
        item.level as i64,
        i64::from(item.critical),
        i64::from(item.quiet),
        item.at.0,
        time(item.expires),
        time(item.read),
        time(item.archived),
        time(item.acked),
        time(item.snoozed_until),
        text_hash,
    ] {
        hash.update(&number.to_le_bytes());
    }
    for text in [item.topic.as_deref(), item.room.as_ref().map(RoomName::as_str), item.dedupe.as_deref()] {
        hash.update(&(text.map_or(u64::MAX, |text| text.len() as u64)).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.update(item.id.0.as_bytes());
    hash.digest().cast_signed()
}
