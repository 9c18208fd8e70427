//! The tables, how they came to be, and how a connection to them is set up.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::domain::ids::Epoch;

use super::error::StoreError;
use super::row::as_stored;

/// Marks the file as ours: the letters `CoPr`.
const APPLICATION_ID: i64 = 0x436f_5072;

/// What brings the schema from each version to the next; the version is the number of steps done. A step that was
/// released is never changed.
///
/// A log's head is not stored: it is its last entry, or the floor where none is kept. So they can't disagree, and a batch
/// over 256 rooms writes 256 pages less.
///
/// Entries and keys lie in the order in which they came, found by an index, and not sorted by log: what a batch over many
/// rooms costs is the pages that it touches, and a leaf of an index holds twenty times as many rows. Over 10,000 rooms
/// that is 0.9 pages an entry in place of 2.2, 2.1 in place of 3.7 with a key; a page of a log read back costs 4 µs an
/// entry in place of 1.
const STEPS: [&str; 7] = [
    "
    create table meta (
        only integer primary key check (only = 1),
        store_epoch blob not null,  -- of every log whose own is null
        boot blob,                  -- agrees with the file beside the database; null until the first start is done
        boot_next blob,             -- only while one start hands over to the next
        guest_key blob not null     -- signs guest tokens
    ) strict;
    create table logs (
        id integer primary key,
        tenant text not null,
        room text not null,
        epoch blob,                 -- null: the store's
        floor_offset integer not null default 0,
        floor_entry blob,
        unique (tenant, room)
    ) strict;
    create table entries (
        log integer not null,
        offset integer not null,
        id blob not null,
        kind integer not null,
        at integer not null,
        \"from\" text not null,
        body text not null,
        checksum integer not null
    ) strict;
    create unique index entries_by_offset on entries (log, offset);
    create table dedupe (
        log integer not null,
        publisher text not null,
        key text not null,
        epoch blob not null,
        offset integer not null,
        entry blob not null,
        hash blob not null,
        at integer not null,
        unique (log, publisher, key)
    ) strict;
    create index dedupe_by_age on dedupe (at);
",
    // State outlives the entries that made it. Events are most entries and need no index by kind.
    "
    create table state (
        log integer not null,
        key text not null,
        value text,                 -- null: removed at this offset
        offset integer not null,
        weight integer not null,    -- bytes that it counts as
        checksum integer not null
    ) strict;
    create unique index state_by_key on state (log, key);
    create index state_by_weight on state (log, weight) where value is not null;
    create index state_removed on state (log, offset) where value is null;
    create index entries_by_kind on entries (log, kind, offset) where kind <> 1;
    ",
    // Of a log's bytes so much is known: those of the entries after the floor up to `counted_offset`.
    "
    alter table logs add column counted_offset integer not null default 0;
    alter table logs add column counted_bytes integer not null default 0;
",
    // Roles stand beside users once more, by role. What refuses tokens outlives the row of its user.
    "
    create table users (
        tenant text not null,
        user text not null,
        name text not null,
        avatar text,
        roles text not null,        -- a JSON list
        grants text,                -- as the claim `rooms`; null: what rooms are open to
        is_guest integer not null,
        token_at integer not null,  -- when the token was made that said so
        last_seen integer not null,
        checksum integer not null
    ) strict;
    create unique index users_by_name on users (tenant, user);
    create index users_by_last_seen on users (last_seen) where is_guest = 0;
    create index guests_by_last_seen on users (last_seen) where is_guest = 1;
    create table user_roles (
        tenant text not null,
        role text not null,
        user text not null,
        primary key (tenant, role, user)
    ) strict, without rowid;
    create index user_roles_by_user on user_roles (tenant, user);
    create table tokens_before (
        tenant text not null,
        user text not null,
        at integer not null,        -- a token must be no older
        primary key (tenant, user)
    ) strict, without rowid;
    ",
    super::inbox::SCHEMA,
    // The index is not unique: see `audit`.
    r#"
    create table audit_chains (
        id integer primary key,
        tenant text not null unique,
        number integer not null,    -- the head
        hash blob not null,
        floor integer not null,     -- the last record that was removed
        floor_hash blob not null
    ) strict;
    create table audit (
        chain integer not null,
        number integer not null,
        at integer not null,
        act text not null,
        who text not null,
        what text not null,
        "from" text not null,
        outcome text not null,
        hash blob not null
    ) strict;
    create index audit_by_number on audit (chain, number);
    "#,
    super::forgetting::SCHEMA,
];

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The one that writes.
    Writer,
    /// One of those that read.
    Reader,
}

/// What the file says about itself.
#[derive(Clone)]
pub(super) struct Facts {
    /// The epoch of every log that has none of its own.
    pub(super) epoch: Epoch,
    /// The id of this start.
    pub(super) boot: Option<Uuid>,
    /// The key that signs guest tokens.
    pub(super) guest_key: [u8; 32],
}

/// Opens the file, which must exist: one that was moved away must not come back empty.
pub(super) fn connect(path: &Path, role: Role) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(32);
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        // FULL syncs the log at each commit; NORMAL may lose acknowledged entries when the power goes.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "temp_store", "memory")?;
        // Not mapped: an error of the disk is then an error to answer, not a signal that ends the process.
        connection.pragma_update(None, "mmap_size", 0)?;
        // A thread of its own copies much earlier (`checkpoints`); here a batch would wait for it.
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 64_000, |_| Ok(()))?;
        connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
        let cache_kib = if role == Role::Writer { 64 << 10 } else { 8 << 10 };
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        if role == Role::Reader {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok((connection, mode))
    };
    let (connection, mode) = set_up().map_err(|source| StoreError::sqlite(path, source))?;
    if mode != "wal" {
        return Err(StoreError::io(path, io::Error::other("this file system can't hold a write-ahead log")));
    }
    Ok(connection)
}

/// Brings the schema up to date; a fresh file gets all of it, an epoch and a key.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let sqlite = |source| StoreError::sqlite(path, source);
    // Taken for writing at once, so that what is looked at here is what is changed.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    let done = version(&transaction, path)?;
    if done == STEPS.len() {
        return Ok(());
    }
    climb(&transaction, done).and_then(|()| transaction.commit()).map_err(sqlite)
}

/// Looks whether the schema is the one of this version, for who may not change it.
pub(super) fn look(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    let is_ours = found == STEPS.len();
    is_ours.then_some(()).ok_or_else(|| StoreError::Older { path: path.to_owned(), found, known: STEPS.len() })
}

/// How many steps were done; an error for a file that is not ours, or newer than we are.
fn version(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let sqlite = |source| StoreError::sqlite(path, source);
    let known = as_stored(STEPS.len() as u64);
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = pragma("user_version").map_err(sqlite)?;
    let application = pragma("application_id").map_err(sqlite)?;
    let tables: i64 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    if application != APPLICATION_ID && (found != 0 || application != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(usize::try_from(found).unwrap_or(0))
}

fn climb(transaction: &Transaction<'_>, done: usize) -> rusqlite::Result<()> {
    for step in &STEPS[done..] {
        transaction.execute_batch(step)?;
    }
    if done == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.execute(
            "insert into meta (only, store_epoch, guest_key) values (1, ?1, ?2)",
            (Epoch::random().0.into_bytes(), random_key()),
        )?;
    }
    transaction.pragma_update(None, "user_version", as_stored(STEPS.len() as u64))
}

/// Reads what the file says about itself.
pub(super) fn facts(connection: &Connection, path: &Path) -> Result<Facts, StoreError> {
    let read = connection.query_row("select store_epoch, boot, guest_key from meta", [], |row| {
        let epoch = Epoch(Uuid::from_bytes(row.get(0)?));
        Ok(Facts { epoch, boot: row.get::<_, Option<_>>(1)?.map(Uuid::from_bytes), guest_key: row.get(2)? })
    });
    read.map_err(|source| match source {
        rusqlite::Error::SqliteFailure(..) => StoreError::sqlite(path, source),
        other => StoreError::Damaged { path: path.to_owned(), what: other.to_string() },
    })
}

/// 32 bytes from the system's own source of randomness, which is where these ids take theirs. A v4 id fixes bits of its
/// bytes 6 and 8, so those are left out.
fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    for half in key.chunks_mut(11) {
        let id = Uuid::new_v4().into_bytes();
        let free = id[..6].iter().chain(&id[9..]);
        half.iter_mut().zip(free).for_each(|(byte, random)| *byte = *random);
    }
    key
}
