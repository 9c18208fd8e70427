//! The one connection that writes.

use std::sync::Arc;
use std::time::Duration;

use log::warn;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use crate::domain::audit::{self, Chain, Head as ChainHead, Note};
use crate::domain::entry::{Draft, Kind, Timestamp};
use crate::domain::ids::{EntryId, Epoch, RoomKey, Tenant};
use crate::domain::log::{AppendError, Appended, DedupeKey};
use crate::domain::state::Change;

use super::Store;
use super::audit::{Appender, Chained, Chains};
use super::error::ReadError;
use super::forgetting;
use super::heads::{Head, Heads};
use super::row::{self, as_stored, checksum, content_hash};
use super::state;
use super::trim::Counts;

/// What a sender is told when the log can't take entries.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Of the logs used last, at least so many are known without asking the file.
const HEADS_KEPT: usize = 50_000;

/// So many rows of a batch may be refused alone; with more, something is wrong with all of it.
const ROWS_REFUSED_MAX: usize = 8;

/// One entry to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// To which log.
    pub log: RoomKey,
    /// What.
    pub draft: Draft,
    /// Written once under this name, if there is one.
    pub key: Option<DedupeKey>,
    /// For a change of state: refused if one of its keys was written or removed after this offset.
    pub if_offset: Option<u64>,
    /// For a privileged act: what the audit log says of it, in the chain of the log's tenant. Written if and only if the
    /// entry is; a key that comes again is the same act and no second record.
    pub audit: Option<audit::Draft>,
}

/// Where an entry is, and in which life of its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The log's life.
    pub epoch: Epoch,
    /// What the sender hears.
    pub appended: Appended,
}

/// How one write of a batch ended.
pub type Outcome = Result<Placed, AppendError>;

/// How a batch ended.
#[derive(Debug)]
pub struct Written {
    /// How each write ended, in order.
    pub outcomes: Vec<Outcome>,
    /// Whether the notes are in the audit log; all or none.
    pub notes_kept: bool,
    /// The chains that grew.
    pub heads: Vec<(Chain, ChainHead)>,
}

/// The connection that writes.
pub struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) connection: Connection,
    pub(super) heads: Heads,
    /// What is known of the bytes of logs that were looked at for trimming.
    pub(super) counts: Counts,
    pub(super) chains: Chains,
    /// What was recorded and not told to anybody yet.
    pub(super) chained: Chained,
    /// Whether the last notes were refused: that is told once, not with every batch.
    are_notes_refused: bool,
}

/// Why a batch was rolled back.
enum Failure {
    /// One row can't be written, whatever the others are.
    Row(usize, rusqlite::Error),
    /// The notes can't be written, whatever the entries are.
    Notes(rusqlite::Error),
    /// The file can't be written now.
    Batch(rusqlite::Error),
}

impl Writer {
    pub(super) fn new(store: Arc<Store>, connection: Connection) -> Self {
        let heads = Heads::new(HEADS_KEPT);
        Self {
            store,
            connection,
            heads,
            counts: Counts::default(),
            chains: Chains::default(),
            chained: Chained::default(),
            are_notes_refused: false,
        }
    }

    /// Writes `batch` in one transaction and answers each write in order, once the transaction is on the disk. `now` is
    /// what the age of keys is measured against.
    ///
    /// A row that can't be written is refused alone: everything is rolled back and the others are written anew without
    /// it, so no offset of theirs was ever counted past a row that is not there. When the file itself fails, the whole
    /// batch is answered [`AppendError::Unavailable`].
    pub fn commit(&mut self, batch: &[Write], now: Timestamp) -> Vec<Outcome> {
        self.commit_with_notes(batch, &[], now).outcomes
    }

    /// As [`Self::commit`], with records of the audit log that belong to no entry. They are written along with the batch,
    /// or, when they alone can't be, left out of it.
    pub fn commit_with_notes(&mut self, batch: &[Write], notes: &[Note], now: Timestamp) -> Written {
        let unavailable: Outcome = Err(AppendError::Unavailable { retry_after: RETRY_AFTER });
        let mut refused = vec![false; batch.len()];
        let mut notes = Some(notes);
        for _ in 0..=ROWS_REFUSED_MAX {
            let failure = match self.attempt(batch, &refused, notes.unwrap_or_default(), now) {
                Ok((outcomes, heads)) => {
                    self.store.writing.worked(&self.store.database);
                    self.are_notes_refused &= notes.is_none_or(<[Note]>::is_empty);
                    return Written { outcomes, notes_kept: notes.is_some(), heads };
                }
                Err(failure) => failure,
            };
            // What was counted in memory was never written.
            self.heads.clear();
            self.chains.clear();
            match failure {
                Failure::Notes(error) => {
                    if !self.are_notes_refused {
                        warn!("{} takes no records of the audit log: {error}", self.store.database.display());
                    }
                    (self.are_notes_refused, notes) = (true, None);
                }
                Failure::Row(index, error) => {
                    warn!("an entry for {} was refused: {error}", batch[index].log);
                    refused[index] = true;
                }
                Failure::Batch(error) => {
                    self.store.writing.failed(&format!("{} takes no entries", self.store.database.display()), &error);
                    break;
                }
            }
        }
        Written { outcomes: vec![unavailable; batch.len()], notes_kept: false, heads: Vec::new() }
    }

    /// Forgets up to `rows_max` keys that are too old; says how many it forgot.
    ///
    /// # Errors
    /// What `SQLite` says; nothing is lost by it but room on the disk.
    pub fn purge(&mut self, now: Timestamp, rows_max: usize) -> rusqlite::Result<usize> {
        let mut statement = self.connection.prepare_cached(
            "delete from dedupe where rowid in (select rowid from dedupe where at <= ?1 order by at limit ?2)",
        )?;
        statement.execute((now.0 - self.store.dedupe_ms, as_stored(rows_max as u64)))
    }

    /// Copies what another thread left of the write-ahead log into the database, so that it begins at its start again.
    ///
    /// # Errors
    /// What `SQLite` says; the next checkpoint does the same.
    pub(super) fn finish_checkpoint(&mut self) -> rusqlite::Result<()> {
        super::checkpoints::copy(&self.connection).map(|_| ())
    }

    /// Copies the write-ahead log into the database and empties it.
    ///
    /// # Errors
    /// What `SQLite` says; the next opening does the same.
    pub fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
    }

    /// One try in one transaction. On a failure it is rolled back, and [`Self::heads`] are not to be believed.
    fn attempt(&mut self, batch: &[Write], refused: &[bool], notes: &[Note], now: Timestamp) -> Attempt {
        let Self { store, connection, heads, chains, .. } = self;
        if !connection.is_autocommit() {
            // A rollback that failed left the last transaction open.
            connection.execute_batch("rollback").map_err(Failure::Batch)?;
        }
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(Failure::Batch)?;
        // SQLite may have rolled everything back by itself; then what follows would stand alone after a hole.
        let is_of_the_batch = |error: &rusqlite::Error| transaction.is_autocommit() || !is_of_the_row(error);
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut audit = Appender::new(&transaction, chains);
        // They waited, so what they tell of was done before.
        notes
            .iter()
            .try_for_each(|note| audit.append(&note.chain, &note.draft))
            .map_err(|error| if is_of_the_batch(&error) { Failure::Batch(error) } else { Failure::Notes(error) })?;
        for (index, write) in batch.iter().enumerate() {
            let unavailable = Err(AppendError::Unavailable { retry_after: RETRY_AFTER });
            if refused[index] {
                outcomes.push(unavailable);
                continue;
            }
            let mut row = RowWriter {
                connection: &transaction,
                heads,
                store: store.facts.epoch,
                now,
                dedupe_ms: store.dedupe_ms,
                records: Vec::new(),
            };
            let outcome = match row.append(write) {
                Ok(outcome) => outcome,
                // Nothing of this row was written: a log that can't be read is not written on.
                Err(error @ ReadError::Damaged { .. }) => {
                    store.tell_unreadable(&write.log, &error);
                    unavailable
                }
                Err(ReadError::Sqlite(error)) if is_of_the_batch(&error) => return Err(Failure::Batch(error)),
                Err(ReadError::Sqlite(error)) => return Err(Failure::Row(index, error)),
            };
            if let (Some(draft), Ok(Placed { appended, .. })) = (&write.audit, &outcome)
                && !appended.duplicate
            {
                let draft = draft.clone().at_offset(appended.offset);
                audit.append(&Chain::of(&write.log.tenant), &draft).map_err(|error| {
                    if is_of_the_batch(&error) { Failure::Batch(error) } else { Failure::Row(index, error) }
                })?;
            }
            outcomes.push(outcome);
        }
        let heads = audit.finish().map_err(Failure::Batch)?;
        store.panic_if_asked(PanicAt::BeforeCommit);
        transaction.commit().map_err(Failure::Batch)?;
        store.panic_if_asked(PanicAt::AfterCommit);
        Ok((outcomes, heads))
    }
}

/// The outcomes, and the chains that grew.
type Attempt = Result<(Vec<Outcome>, Vec<(Chain, ChainHead)>), Failure>;

/// Whether another row could still be written after this error.
fn is_of_the_row(error: &rusqlite::Error) -> bool {
    // A code that SQLite did not give comes from reading a value: a damaged record. A damaged page is one log's, too.
    error.sqlite_error_code().is_none_or(|code| {
        use ErrorCode::{ConstraintViolation, DatabaseCorrupt, TooBig, TypeMismatch};
        matches!(code, ConstraintViolation | DatabaseCorrupt | TooBig | TypeMismatch)
    })
}

/// What one row needs, inside the transaction.
pub(super) struct RowWriter<'a> {
    pub(super) connection: &'a Connection,
    pub(super) heads: &'a mut Heads,
    pub(super) store: Epoch,
    pub(super) now: Timestamp,
    pub(super) dedupe_ms: i64,
    /// What the audit log says of what is done here, to be chained before the commit.
    pub(super) records: Vec<Note>,
}

/// What is remembered under a key.
struct Record {
    offset: u64,
    entry: EntryId,
    hash: [u8; 16],
}

impl RowWriter<'_> {
    /// Dedupe, decide, number, insert, fold.
    fn append(&mut self, write: &Write) -> Result<Outcome, ReadError> {
        let Write { log: key, draft, key: dedupe, if_offset, .. } = write;
        let known = self.head(key)?;
        // Only hashed where it is compared: most of a long body is read for nothing otherwise.
        let named = dedupe.as_ref().map(|dedupe| (dedupe, content_hash(draft)));
        if let Some((head, (dedupe, hash))) = known.zip(named)
            && let Some(first) = self.remembered(head, dedupe)?
        {
            let appended = Appended { offset: first.offset, entry: first.entry, duplicate: true };
            let same = first.hash == hash;
            return Ok(if same { Ok(Placed { epoch: head.epoch, appended }) } else { Err(AppendError::Conflict) });
        }
        let change = (draft.kind == Kind::State).then(|| Change::from_body(&draft.body)).flatten();
        let head = match known {
            Some(head) => head,
            None => self.begin(key)?,
        };
        // Decided here, where numbers are given, so that of two who race one is told.
        if let Some(change) = &change
            && let Err(refused) = state::may_write(self.connection, head.log, change, *if_offset)?
        {
            self.heads.put(key.clone(), head);
            return Ok(Err(refused));
        }
        let next = Head { offset: head.offset + 1, ..head };
        self.insert(next, draft)?;
        if let Some(change) = &change {
            state::write(self.connection, next.log, next.offset, change)?;
        }
        if let Some((dedupe, hash)) = named {
            self.remember(next, dedupe, draft.id, hash)?;
        }
        self.heads.put(key.clone(), next);
        let appended = Appended { offset: next.offset, entry: draft.id, duplicate: false };
        Ok(Ok(Placed { epoch: next.epoch, appended }))
    }

    /// Has a privileged act recorded in this transaction, in the tenant's chain.
    pub(super) fn record(&mut self, tenant: &Tenant, draft: audit::Draft) {
        self.records.push(Note { chain: Chain::of(tenant), draft });
    }

    /// Where the log stands; `None` for one that never had an entry.
    pub(super) fn head(&mut self, key: &RoomKey) -> Result<Option<Head>, ReadError> {
        if let Some(head) = self.heads.find(key) {
            return Ok(Some(head));
        }
        let Some(log) = row::log(self.connection, key, self.store)? else { return Ok(None) };
        let offset = row::head(self.connection, &log)?.offset;
        let head = Head { log: log.id, epoch: log.epoch, offset };
        self.heads.put(key.clone(), head);
        Ok(Some(head))
    }

    /// The row of a log that gets its first entry.
    pub(super) fn begin(&mut self, key: &RoomKey) -> rusqlite::Result<Head> {
        let next = forgetting::take_next_epoch(self.connection, key)?;
        let mut statement =
            self.connection.prepare_cached("insert into logs (tenant, room, epoch) values (?1, ?2, ?3)")?;
        let log = statement.insert((key.tenant.as_str(), key.room.as_str(), next.map(|epoch| epoch.0.into_bytes())))?;
        Ok(Head { log, epoch: next.unwrap_or(self.store), offset: 0 })
    }

    /// The life that a log is in, or will begin.
    pub(super) fn epoch(&self, key: &RoomKey, known: Option<Head>) -> rusqlite::Result<Epoch> {
        known.map_or_else(|| forgetting::next_epoch(self.connection, key, self.store), |head| Ok(head.epoch))
    }

    pub(super) fn insert(&mut self, at: Head, draft: &Draft) -> rusqlite::Result<()> {
        let sql = concat!("insert into entries (log, ", row::columns!(), ") values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        self.connection.prepare_cached(sql)?.execute((
            at.log,
            as_stored(at.offset),
            draft.id.0.as_bytes(),
            draft.kind as u8,
            draft.at.0,
            &*draft.from,
            &*draft.body,
            checksum(at.log, at.offset, draft),
        ))?;
        Ok(())
    }

    /// What is remembered under `key`, in this life of the log and no longer ago than keys last.
    fn remembered(&mut self, log: Head, key: &DedupeKey) -> rusqlite::Result<Option<Record>> {
        let mut statement = self.connection.prepare_cached(
            "select offset, entry, hash from dedupe
             where log = ?1 and publisher = ?2 and key = ?3 and epoch = ?4 and at > ?5",
        )?;
        let oldest = self.now.0 - self.dedupe_ms;
        let found = statement.query_row((log.log, &*key.publisher, &*key.key, log.epoch.0.as_bytes(), oldest), |row| {
            let entry = EntryId(Uuid::from_bytes(row.get(1)?));
            Ok(Record { offset: row.get::<_, i64>(0)?.cast_unsigned(), entry, hash: row.get(2)? })
        });
        found.optional()
    }

    fn remember(&mut self, at: Head, key: &DedupeKey, entry: EntryId, hash: [u8; 16]) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "insert or replace into dedupe (log, publisher, key, epoch, offset, entry, hash, at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute((
            at.log,
            &*key.publisher,
            &*key.key,
            at.epoch.0.as_bytes(),
            as_stored(at.offset),
            entry.0.as_bytes(),
            hash,
            self.now.0,
        ))?;
        Ok(())
    }
}

/// Where a test wants a commit to panic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PanicAt {
    /// Everything is inserted, nothing committed.
    BeforeCommit,
    /// Everything is on the disk, nobody was told.
    AfterCommit,
}

#[cfg(test)]
impl Writer {
    /// Lets the file grow to `pages`, as on a disk that is full then; `None` makes room again.
    pub(super) fn limit_pages(&self, pages: Option<u32>) {
        let pages = pages.unwrap_or(u32::MAX - 1);
        self.connection.query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    }
}

impl Store {
    #[cfg(test)]
    pub(super) fn panic_at(&self, point: PanicAt) {
        *super::hold(&self.panic_at) = Some(point);
    }

    #[cfg(test)]
    fn panic_if_asked(&self, point: PanicAt) {
        let asked = super::hold(&self.panic_at).take_if(|asked| *asked == point);
        assert!(asked.is_none(), "asked to, at {point:?}");
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call as in tests")]
    fn panic_if_asked(&self, _: PanicAt) {}
}
