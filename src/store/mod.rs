//! The store: one `SQLite` file that holds the logs of a node, so that what was acknowledged is there after a kill or a
//! power cut.
//!
//! ```text
//! bridge ── Commit ──▶ WriterActor ─ Writer ─┐
//!        ◀─ Committed ─                      ├─ copresence.db (WAL, synced at each commit)
//! bridge ── ReadEnds, ReadPage … ▶ ReaderActor ─ Reader
//! bridge ── RememberUsers, RefuseTokens ▶ WriterActor
//! ```
//!
//! What must always be true: a log's offsets have no hole; what [`Writer::commit`] answered as written is on the disk; what
//! a [`Reader`] returns is what was written, or it is an error. What this is not: it knows no rooms that are open, nobody
//! who waits, and it makes no order but the one in which it is handed batches.
//!
//! Beside the database lie `….lock`, held for the life of the process, and `….boot`, which tells a copy that was put back
//! from the file that ran here last (`boot.rs`).

use std::collections::HashSet;
use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use log::{error, info, warn};
use rusqlite::{Connection, InterruptHandle};

use crate::domain::ids::{Epoch, RoomKey};

mod actors;
mod audit;
mod boot;
mod checkpoints;
mod error;
mod forgetting;
mod heads;
pub mod inbox;
mod place;
mod reader;
mod row;
mod schema;
mod state;
mod sweep;
mod trim;
mod users;
mod writer;

#[cfg(test)]
mod tests;

pub use actors::forgetting::{ForgetLogs, ForgetUser, LogsForgotten};
pub use actors::users::{ReadUser, RefuseTokens, RememberUsers, SelectUsers, UsersRemembered};
pub use actors::{Close, Commit, Committed, ReadEnds, ReadPage, ReadPicture, ReaderActor, SelectKinds, WriterActor};
pub use audit::{AuditFile, AuditTrimmed, Chained, TrimAudit};
pub use error::{ReadError, StoreError};
pub use reader::{Reader, Wanted};
pub use row::content_hash;
pub use sweep::{Standing, Sweep};
pub use trim::{Trim, TrimLogs, Trimmed, TrimmedLogs};
pub use users::{GUESTS_KEPT_MS, GUESTS_MAX, Selected, USERS_KEPT_MS};
pub use writer::{Outcome, Placed, RETRY_AFTER, Write, Writer, Written};

use place::Place;
use schema::{Facts, Role};

/// So many damaged entries are told one by one; then the file has to be replaced anyway.
const DAMAGES_TOLD_MAX: usize = 1_000;

/// A store that is open and locked; writers and readers are made from it.
pub struct Store {
    database: PathBuf,
    facts: Facts,
    /// How long a key is remembered.
    dedupe_ms: i64,
    /// Held until [`Store::release`].
    lock: Mutex<Option<File>>,
    /// Whether the last batch, and the last read, failed: a failure is told once, not ten thousand times.
    writing: Health,
    reading: Health,
    damages_told: Mutex<HashSet<(RoomKey, u64)>>,
    check: Mutex<Option<Check>>,
    /// Where the next commit is to panic.
    #[cfg(test)]
    panic_at: Mutex<Option<writer::PanicAt>>,
}

/// The check that runs beside the work.
struct Check {
    interrupt: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens the store at `path`: makes folders and file, takes the lock, brings the schema up to date, and begins new
    /// lives for all logs when the file is a copy that was put back. Keys are remembered for `dedupe`.
    ///
    /// # Errors
    /// [`StoreError`], for the operator.
    pub fn open(path: &Path, dedupe: Duration) -> Result<Arc<Self>, StoreError> {
        let Place { database, boot: boot_file, lock } = Place::take(path)?;
        let mut connection = schema::connect(&database, Role::Writer)?;
        schema::migrate(&mut connection, &database)?;
        if !boot::hand_over(&mut connection, &database, &boot_file)? {
            warn!("{} was restored or copied: every log begins a new life", database.display());
        }
        forgetting::make_room(&mut connection).map_err(|source| StoreError::sqlite(&database, source))?;
        let facts = schema::facts(&connection, &database)?;
        Ok(Arc::new(Self {
            database,
            facts,
            dedupe_ms: i64::try_from(dedupe.as_millis()).unwrap_or(i64::MAX),
            lock: Mutex::new(Some(lock)),
            writing: Health::default(),
            reading: Health::default(),
            damages_told: Mutex::default(),
            check: Mutex::default(),
            #[cfg(test)]
            panic_at: Mutex::default(),
        }))
    }

    /// A connection that writes. There is one at a time.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be opened any more or is not the one that it was.
    pub fn writer(self: &Arc<Self>) -> Result<Writer, StoreError> {
        Ok(Writer::new(Arc::clone(self), self.connect(Role::Writer)?))
    }

    /// A connection that reads, beside the writer and any number of others.
    ///
    /// # Errors
    /// As [`Self::writer`].
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader::new(self.facts.epoch, self.connect(Role::Reader)?))
    }

    /// The key that signs guest tokens: 32 random bytes, made with the file.
    #[must_use]
    pub fn guest_key(&self) -> &[u8; 32] {
        &self.facts.guest_key
    }

    /// The epoch of every log that has none of its own, so of every log without entries.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.facts.epoch
    }

    /// Where the database is, without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.database
    }

    /// Looks for damage in the whole file, on a thread of its own, and logs what it finds. About 0.6 s a GB, so it is for
    /// after the start.
    pub fn check_in_background(self: &Arc<Self>) {
        let started = self.reader().map_err(|error| error.to_string()).and_then(|reader| {
            let interrupt = reader.interrupt_handle();
            let store = Arc::clone(self);
            let run = move || store.check(&reader);
            let thread = thread::Builder::new().name("store-check".into()).spawn(run).map_err(|e| e.to_string())?;
            Ok(Check { interrupt, thread })
        });
        match started {
            Ok(check) => *hold(&self.check) = Some(check),
            Err(error) => warn!("{} could not be checked: {error}", self.database.display()),
        }
    }

    /// Lets go of the file once writers and readers are closed: ends a check that still runs, and gives up the lock.
    pub fn release(&self) {
        let check = hold(&self.check).take();
        if let Some(Check { interrupt, thread }) = check {
            interrupt.interrupt();
            // It ends within one page of the file; a panic in it was logged.
            let _ = thread.join();
        }
        hold(&self.lock).take();
    }

    fn check(&self, reader: &Reader) {
        let path = self.database.display();
        match reader.quick_check() {
            Ok(findings) if findings.is_empty() => info!("{path} was checked and is sound"),
            Ok(findings) => error!("{path} is damaged, restore a copy of it: {}", findings.join("; ")),
            Err(error) => warn!("{path} could not be checked to the end: {error}"),
        }
    }

    /// A connection to the very file that was opened at the start.
    fn connect(&self, role: Role) -> Result<Connection, StoreError> {
        if hold(&self.lock).is_none() {
            return Err(StoreError::Closed);
        }
        let connection = schema::connect(&self.database, role)?;
        if schema::facts(&connection, &self.database)?.boot != self.facts.boot {
            return Err(StoreError::Replaced { path: self.database.clone() });
        }
        Ok(connection)
    }

    /// Logs why `log` could not be read: each damaged entry once, by log and offset alone.
    fn tell_unreadable(&self, log: &RoomKey, error: &ReadError) {
        let ReadError::Damaged { offset } = error else {
            self.reading.failed(&format!("{} can't be read", self.database.display()), error);
            return;
        };
        let mut told = hold(&self.damages_told);
        if told.len() < DAMAGES_TOLD_MAX && told.insert((log.clone(), *offset)) {
            error!("{}: the log {log} is damaged at offset {offset}, restore a copy", self.database.display());
        }
    }
}

/// A lock whose holder panicked guards values that are whole at any time, so it is taken all the same.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the first failure and the recovery, not each of the thousands in between.
#[derive(Debug, Default)]
struct Health(AtomicBool);

impl Health {
    fn failed(&self, what: &str, why: &dyn Display) {
        if !self.0.swap(true, Ordering::Relaxed) {
            error!("{what}, which is answered with `unavailable` until it works again: {why}");
        }
    }

    fn worked(&self, what: &Path) {
        if self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed) {
            info!("{} works again", what.display());
        }
    }
}
