//! Logs that are forgotten: all their rows go, and what is kept is the epoch of the next life, under a hash of the name.
//!
//! ```text
//! forget ─▶ every row of the log ─▶ a new epoch in forgotten_logs      begin, and whoever reads meanwhile ─▶ that epoch
//! ```
//!
//! So no cursor of before is taken for one of the next life, not even one at offset 0; and as everybody is told the next
//! epoch before its first entry, a room that is open on a log without entries goes on unharmed when that begins. What is
//! kept is bounded: beyond [`KEPT_MAX`] no more logs are forgotten for being empty until the next start, which gives all
//! logs without a row one epoch that is new.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use crate::domain::audit;
use crate::domain::ids::{Epoch, RoomKey, RoomName, UserKey};

use super::error::ReadError;
use super::writer::Writer;

pub(super) const SCHEMA: &str = "
    create table forgotten_logs (
        name blob primary key,      -- a hash of tenant and room
        epoch blob not null         -- of the log's next life
    ) strict, without rowid;
    create table forgotten_users (
        tenant text not null,
        user text not null,
        upto integer not null,      -- orders up to this number pass the user over
        primary key (tenant, user)
    ) strict, without rowid;
";

/// Next epochs that are kept, some 40 bytes each.
const KEPT_MAX: u64 = 1_000_000;

/// What a log that may be forgotten is without: entries, state, keys that still count, an inbox and preferences. About
/// the row of `logs` at hand.
pub(super) const IS_BARE: &str = "
    not exists (select 1 from entries where log = logs.id)
    and not exists (select 1 from state where log = logs.id and value is not null)
    and not exists (select 1 from dedupe where log = logs.id)
    and not exists (select 1 from inbox_items where log = logs.id)
    and not exists (select 1 from inboxes where log = logs.id and (preferences is not null or pile is not null))";

/// The epoch that a log without a row has.
pub(super) fn next_epoch(connection: &Connection, key: &RoomKey, store: Epoch) -> rusqlite::Result<Epoch> {
    let mut statement = connection.prepare_cached("select epoch from forgotten_logs where name = ?1")?;
    let found = statement.query_row([hash_of(key)], |row| Ok(Epoch(Uuid::from_bytes(row.get(0)?)))).optional()?;
    Ok(found.unwrap_or(store))
}

/// A log begins its next life: its epoch, if it is not the store's.
pub(super) fn take_next_epoch(connection: &Connection, key: &RoomKey) -> rusqlite::Result<Option<Epoch>> {
    let mut statement = connection.prepare_cached("delete from forgotten_logs where name = ?1 returning epoch")?;
    statement.query_row([hash_of(key)], |row| Ok(Epoch(Uuid::from_bytes(row.get(0)?)))).optional()
}

/// A new life for all logs: nothing that was to come counts any more.
pub(super) fn begin_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("delete from forgotten_logs", []).map(|_| ())
}

/// At a start, when no room is open: makes room for more, once too much is kept. Logs that have a row keep their epochs.
pub(super) fn make_room(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if kept(&transaction)? >= KEPT_MAX {
        make_room_in(&transaction)?;
    }
    transaction.commit()
}

pub(super) fn make_room_in(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute("update logs set epoch = (select store_epoch from meta) where epoch is null", [])?;
    transaction.execute("update meta set store_epoch = ?1", [Epoch::random().0.into_bytes()])?;
    begin_anew(transaction)
}

fn kept(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("select count(*) from forgotten_logs", [], |row| row.get(0).map(i64::cast_unsigned))
}

impl Writer {
    /// Forgets a user, and has that recorded if somebody is to answer for it: their own log with its inbox and preferences, whom they follow, and what their tokens said. It is
    /// on the disk when this returns, and once more changes nothing but the log's epoch.
    ///
    /// # Errors
    /// [`ReadError`] when the file can't be written now; then nothing changed.
    pub fn forget_user(&mut self, user: &UserKey, audit: Option<&audit::Draft>) -> Result<(), ReadError> {
        let key = RoomKey::new(user.tenant.clone(), RoomName::personal(&user.user));
        let names = (user.tenant.as_str(), user.user.as_str());
        let log = self.in_one_transaction(|row| {
            let connection = row.connection;
            let log = number(connection, &key)?;
            if let Some(log) = log {
                remove(connection, log)?;
            }
            // Also without a log, so that what is answered does not depend on what was there.
            put_next_epoch(connection, &key)?;
            for sql in [
                "delete from followers where tenant = ?1 and user = ?2",
                "delete from users where tenant = ?1 and user = ?2",
                "delete from user_roles where tenant = ?1 and user = ?2",
                "delete from forgotten_users where tenant = ?1 and user = ?2",
                // Remembered as long as some order of before may still reach somebody.
                "insert into forgotten_users (tenant, user, upto)
                 select ?1, ?2, max(number) from
                     (select number from order_chunks union all
                      select number from orders where escalate_at is not null)
                 having max(number) is not null",
            ] {
                connection.prepare_cached(sql)?.execute(names)?;
            }
            if let Some(draft) = audit {
                row.record(&user.tenant, draft.clone());
            }
            Ok(log)
        })?;
        self.forgot(&key, log);
        Ok(())
    }

    /// Forgets those of these logs that have nothing left to keep, in one transaction; which they were.
    ///
    /// # Errors
    /// [`ReadError`] when the file can't be written now; then nothing changed.
    pub fn forget_logs(&mut self, logs: &[RoomKey]) -> Result<Vec<RoomKey>, ReadError> {
        let forgotten = self.in_one_transaction(|row| {
            let connection = row.connection;
            let mut room = KEPT_MAX.saturating_sub(kept(connection)?);
            let mut forgotten = Vec::new();
            for key in logs {
                if room == 0 {
                    break;
                }
                let Some(log) = bare(connection, key)? else { continue };
                remove(connection, log)?;
                put_next_epoch(connection, key)?;
                forgotten.push((key.clone(), log));
                room -= 1;
            }
            Ok(forgotten)
        })?;
        for (key, log) in &forgotten {
            self.forgot(key, Some(*log));
        }
        Ok(forgotten.into_iter().map(|(key, _)| key).collect())
    }

    /// Lets go of what is known of a log besides the file. Its number may be given again.
    fn forgot(&mut self, key: &RoomKey, log: Option<i64>) {
        self.heads.forget(key);
        if let Some(log) = log {
            self.counts.forget(log);
        }
    }
}

/// Whether an order of this number passes the user over.
pub(super) fn is_passed_over(connection: &Connection, user: &UserKey, order: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from forgotten_users where tenant = ?1 and user = ?2 and upto >= ?3)")?
        .query_row((user.tenant.as_str(), user.user.as_str(), order), |row| row.get(0))
}

/// Forgets who was forgotten, once every order of before has reached everybody and escalates no more.
pub(super) fn purge_users(connection: &Connection) -> rusqlite::Result<()> {
    let some: bool =
        connection.prepare_cached("select exists (select 1 from forgotten_users)")?.query_row([], |row| row.get(0))?;
    if some {
        connection
            .prepare_cached(
                "delete from forgotten_users where upto < coalesce((select min(number) from
                     (select min(number) as number from order_chunks union all
                      select min(number) from orders where escalate_at is not null)), 9223372036854775807)",
            )?
            .execute([])?;
    }
    Ok(())
}

fn number(connection: &Connection, key: &RoomKey) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("select id from logs where tenant = ?1 and room = ?2")?;
    statement.query_row((key.tenant.as_str(), key.room.as_str()), |row| row.get(0)).optional()
}

/// The number of a log that has nothing left to keep.
fn bare(connection: &Connection, key: &RoomKey) -> rusqlite::Result<Option<i64>> {
    let sql = format!("select id from logs where tenant = ?1 and room = ?2 and {IS_BARE}");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row((key.tenant.as_str(), key.room.as_str()), |row| row.get(0)).optional()
}

/// All rows of a log.
fn remove(connection: &Connection, log: i64) -> rusqlite::Result<()> {
    for table in ["entries", "dedupe", "state", "inboxes", "inbox_items", "inbox_gone", "inbox_undos"] {
        connection.prepare_cached(&format!("delete from {table} where log = ?1"))?.execute([log])?;
    }
    connection.prepare_cached("delete from logs where id = ?1")?.execute([log])?;
    Ok(())
}

fn put_next_epoch(connection: &Connection, key: &RoomKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("insert or replace into forgotten_logs (name, epoch) values (?1, ?2)")?
        .execute((hash_of(key), Epoch::random().0.into_bytes()))?;
    Ok(())
}

/// A name that is forgotten is not kept as a text. Tenants have no slash, so no two names are the same text.
fn hash_of(key: &RoomKey) -> [u8; 16] {
    let mut hash = Xxh3::new();
    hash.update(key.tenant.as_str().as_bytes());
    hash.update(b"/");
    hash.update(key.room.as_str().as_bytes());
    hash.digest128().to_be_bytes()
}
