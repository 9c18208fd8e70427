//! Whether this database is the one that ran here last.
//!
//! A copy that was put back knows less than its readers, under the same epoch. So each start writes a new id into the
//! database and into a file beside it. Only one that agrees with the other goes on with its epochs; otherwise every log
//! begins a new life. The two files can't change at once, so the database holds both ids in between:
//!
//! | after | the database says | the file says |
//! |---|---|---|
//! | the last start | A | A |
//! | [`announce`] | A, next B | A |
//! | [`write_file`] | A, next B | B |
//! | [`settle`] | B | B |
//!
//! Wherever a kill falls, the file's id is one of the database's.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rusqlite::Connection;
use uuid::Uuid;

use crate::domain::ids::Epoch;

use super::error::StoreError;
use super::forgetting;
use super::place::private;

/// Hands over to this start. True when the logs kept their epochs.
pub(super) fn hand_over(connection: &mut Connection, database: &Path, file: &Path) -> Result<bool, StoreError> {
    let sqlite = |source| StoreError::sqlite(database, source);
    let io = |source| StoreError::io(file, source);
    let said = read_file(file).map_err(io)?;
    let next = Uuid::new_v4();
    let kept = announce(connection, said, next).map_err(sqlite)?;
    write_file(file, next).map_err(io)?;
    settle(connection, next).map_err(sqlite)?;
    Ok(kept)
}

/// The id in the file; `None` where there is no file, or none of ours.
pub(super) fn read_file(file: &Path) -> io::Result<Option<Uuid>> {
    match fs::read(file) {
        Ok(text) => Ok(Uuid::try_parse_ascii(text.trim_ascii()).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first step: the database holds the old id and the new one, and where the file said neither, every log begins a new
/// life in the same transaction. True when the logs kept their epochs.
pub(super) fn announce(connection: &mut Connection, said: Option<Uuid>, next: Uuid) -> rusqlite::Result<bool> {
    let transaction = connection.transaction()?;
    let known: [Option<[u8; 16]>; 2] =
        transaction.query_row("select boot, boot_next from meta", [], |row| Ok([row.get(0)?, row.get(1)?]))?;
    let said = said.map(Uuid::into_bytes);
    let agrees = said.is_some() && known.contains(&said);
    // Without a first id no start was ever completed, so nobody holds a cursor yet.
    let kept = agrees || known[0].is_none();
    if !kept {
        transaction.execute("update meta set store_epoch = ?1", [Epoch::random().0.into_bytes()])?;
        transaction.execute("update logs set epoch = null where epoch is not null", [])?;
        forgetting::begin_anew(&transaction)?;
    }
    let old = if agrees { said } else { known[0] };
    transaction.execute("update meta set boot = ?1, boot_next = ?2", (old, next.into_bytes()))?;
    transaction.commit()?;
    Ok(kept)
}

/// The second step: the file says the new id, and so it does after a power cut.
pub(super) fn write_file(file: &Path, next: Uuid) -> io::Result<()> {
    let draft = file.with_extension("boot.new");
    let mut written = private().create(true).write(true).truncate(true).open(&draft)?;
    writeln!(written, "{}", next.simple())?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    // The new name lasts once the folder is synced; Windows has no such call.
    if cfg!(unix)
        && let Some(folder) = file.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The third step: the database forgets the old id.
pub(super) fn settle(connection: &Connection, next: Uuid) -> rusqlite::Result<()> {
    connection.execute("update meta set boot = ?1, boot_next = null", [next.into_bytes()])?;
    Ok(())
}
