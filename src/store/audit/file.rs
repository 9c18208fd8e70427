//! Reading the audit log beside a server that runs, or without one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};

use crate::domain::audit::{Broken, Chain, Hash, Known, Record, Verified, Verifier};
use crate::domain::entry::Timestamp;
use crate::store::StoreError;
use crate::store::row::as_stored;
use crate::store::schema;

/// The audit log of a store, opened to be read alone, as it stood when it was opened. It needs no lock: the write-ahead log
/// lets it read what was there while a server writes on.
pub struct AuditFile {
    connection: Connection,
    path: PathBuf,
}

impl AuditFile {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// [`StoreError`] when it is not there, is none of ours, or of a version that has no audit log or a newer one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let sqlite = |source| StoreError::sqlite(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        let set_up = || {
            connection.busy_timeout(Duration::from_secs(5))?;
            // One look at the file: what is appended meanwhile belongs to the next.
            connection.execute_batch("begin")
        };
        set_up().map_err(sqlite)?;
        schema::look(&connection, path)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The chains in it, by name.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be read.
    pub fn chains(&self) -> Result<Vec<Chain>, StoreError> {
        super::all(&self.connection).map_err(|source| self.sqlite(source))
    }

    /// Whether there are records that belong to no chain: somebody removed its head.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be read.
    pub fn has_orphans(&self) -> Result<bool, StoreError> {
        let sql = "select exists (select 1 from audit where chain not in (select id from audit_chains))";
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(|source| self.sqlite(source))
    }

    /// Verifies one chain; `None` when there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be read; that it is broken is no error of reading.
    pub fn verify(&self, chain: &Chain, known: Option<Known>) -> Result<Option<Result<Verified, Broken>>, StoreError> {
        let verify = || {
            let Some((id, ends)) = super::ends(&self.connection, chain)? else { return Ok(None) };
            let mut verifier = Verifier::new(chain, ends, known);
            self.each(id, 0, |record, hash| {
                verifier.take(&record, &hash);
                true
            })?;
            Ok(Some(verifier.finish()))
        };
        verify().map_err(|source| self.sqlite(source))
    }

    /// Hands each record of `chain` behind the one numbered `after` to `take`, ascending and with its hash, until that
    /// answers false. Nothing for a chain that is not there.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be read.
    pub fn export(&self, chain: &Chain, after: u64, take: impl FnMut(Record, Hash) -> bool) -> Result<(), StoreError> {
        let export = || match super::ends(&self.connection, chain)? {
            Some((id, _)) => self.each(id, after, take),
            None => Ok(()),
        };
        export().map_err(|source| self.sqlite(source))
    }

    fn each(&self, id: i64, after: u64, mut take: impl FnMut(Record, Hash) -> bool) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(
            r#"select number, at, act, who, what, "from", outcome, hash from audit
               where chain = ?1 and number > ?2 order by number"#,
        )?;
        let mut rows = statement.query((id, as_stored(after)))?;
        while let Some(row) = rows.next()? {
            let (record, hash) = read(row);
            if !take(record, hash) {
                break;
            }
        }
        Ok(())
    }

    fn sqlite(&self, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, source)
    }
}

/// A value that is not what we write reads as something whose hash can't fit, and so is found as an edit.
fn read(row: &Row<'_>) -> (Record, Hash) {
    let number = |column| row.get_ref(column).ok().and_then(|value| value.as_i64().ok()).unwrap_or(i64::MIN);
    let text = |column| {
        let bytes = row.get_ref(column).ok().and_then(|value| value.as_bytes().ok()).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let record = Record {
        number: number(0).cast_unsigned(),
        at: Timestamp(number(1)),
        act: text(2),
        who: text(3),
        what: text(4),
        from: text(5),
        outcome: text(6),
    };
    (record, Hash(row.get(7).unwrap_or_default()))
}
