//! The threads that the connections live on. Each is an arbiter of its own: the threads of one share a queue, and then a
//! long read would be taken by the thread that is to write.
//!
//! A panic would end such a thread for good. So a handler catches it, answers, and stops its actor; the arbiter makes a new
//! one, which opens a new connection with its first letter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use log::error;

use crate::clock::Clock;
use crate::domain::audit::{Chain, Head, Note};
use crate::domain::entry::Kind;
use crate::domain::ids::RoomKey;
use crate::domain::log::{AppendError, Ends, Keep, Page, Picture, Selection, Unavailable};
use crate::domain::tail::Bounds;

use super::Store;
use super::audit::{AuditTrimmed, Chained, TrimAudit};
use super::checkpoints::Checkpoints;
use super::error::{ReadError, StoreError};
use super::reader::{Reader, Wanted};
use super::sweep::{Standing, Sweep};
use super::trim::{Trim, TrimLogs, TrimmedLogs};
use super::writer::{Outcome, RETRY_AFTER, Write, Writer, Written};

pub(super) mod forgetting;
pub(super) mod users;

/// Old keys are forgotten in slices of so many: about a millisecond between two batches.
const PURGE_ROWS: usize = 512;

/// After so long a time a batch is followed by a purge, also when few rows were written.
const PURGE_EVERY: Duration = Duration::from_secs(10);

/// What an entry of an inbox takes, about.
const ROW_BYTES: usize = 1_024;

/// Write a batch. Sent by `do_send`, and there is one at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Commit {
    /// What to write.
    pub writes: Vec<Write>,
    /// Records of the audit log that belong to no entry.
    pub notes: Vec<Note>,
    /// Hears how it ended. A letter, not a reply: it finds its way also when who asked was restarted meanwhile.
    pub reply: Recipient<Committed>,
}

/// How a batch ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Committed {
    /// What was to be written.
    pub writes: Vec<Write>,
    /// How each ended, in the same order.
    pub outcomes: Vec<Outcome>,
    /// Notes that were not written. After a panic of the writer that is not known, and rather one twice than none.
    pub left: Vec<Note>,
    /// The chains of the audit log that grew.
    pub heads: Vec<(Chain, Head)>,
}

/// Read the ends of a log.
#[derive(Message, Debug)]
#[rtype(result = "Result<Ends, Unavailable>")]
pub struct ReadEnds {
    /// Which log.
    pub log: RoomKey,
}

/// Read entries, as [`Reader::page`].
#[derive(Message, Debug)]
#[rtype(result = "Result<Page, Unavailable>")]
pub struct ReadPage {
    /// Which log.
    pub log: RoomKey,
    /// The first offset wanted.
    pub from: u64,
    /// At most so many entries.
    pub entries_max: usize,
    /// At most so many bytes.
    pub bytes_max: usize,
}

/// Read state and newest activities, as [`Reader::picture`].
#[derive(Message, Debug)]
#[rtype(result = "Result<Picture, Unavailable>")]
pub struct ReadPicture {
    /// Which log.
    pub log: RoomKey,
}

/// Read entries of some kinds, as [`Reader::select`].
#[derive(Message, Debug)]
#[rtype(result = "Result<Selection, Unavailable>")]
pub struct SelectKinds {
    /// Which log.
    pub log: RoomKey,
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// See [`Wanted::after`].
    pub after: u64,
    /// See [`Wanted::below`].
    pub below: u64,
    /// See [`Wanted::is_newest`].
    pub is_newest: bool,
    /// How much at most.
    pub bounds: Bounds,
}

/// Close the connection; the writer empties the write-ahead log first.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Close;

/// The thread that writes.
pub struct WriterActor {
    store: Arc<Store>,
    clock: Clock,
    /// Opened with the first batch; away after a panic.
    writer: Option<Writer>,
    /// Runs beside an open writer.
    checkpoints: Option<Checkpoints>,
    purge: Purge,
}

/// When old keys are to be forgotten next.
struct Purge {
    last: Instant,
    rows_since: usize,
    has_more: bool,
}

impl WriterActor {
    /// Starts the thread.
    #[must_use]
    pub fn start(store: &Arc<Store>, clock: &Clock) -> Addr<Self> {
        let (store, clock) = (Arc::clone(store), clock.clone());
        let thread = || std::thread::Builder::new().name("store-writer".into());
        SyncArbiter::start_with_thread_builder(1, thread, move || {
            let purge = Purge { last: clock.now(), rows_since: 0, has_more: false };
            Self { store: Arc::clone(&store), clock: clock.clone(), writer: None, checkpoints: None, purge }
        })
    }

    /// The connection; nothing is open before the first letter.
    pub(super) fn opened(&mut self) -> Result<&mut Writer, StoreError> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            closed => self.store.writer().map(|writer| closed.insert(writer)),
        }
    }

    /// What was recorded along with something else than a batch, and not told yet.
    pub(super) fn take_chained(&mut self) -> Chained {
        self.writer.as_mut().map(Writer::take_chained).unwrap_or_default()
    }

    fn commit(&mut self, batch: &[Write], notes: &[Note]) -> Result<Written, StoreError> {
        let now = self.clock.wall();
        Ok(self.opened()?.commit_with_notes(batch, notes, now))
    }

    /// Entries of a writer that died are looked up by their id: one that is in the file was written. For the rest nothing
    /// is certain to its sender, who asks again under the same key.
    fn look_up(&self, writes: &[Write]) -> Vec<Outcome> {
        let unavailable = AppendError::Unavailable { retry_after: RETRY_AFTER };
        let Ok(mut reader) = self.store.reader() else { return vec![Err(unavailable); writes.len()] };
        let mut find = |write: &Write| {
            reader.find(&write.log, write.draft.id, writes.len()).unwrap_or_else(|error| {
                self.store.tell_unreadable(&write.log, &error);
                None
            })
        };
        writes.iter().map(|write| find(write).ok_or(unavailable.clone())).collect()
    }

    /// Has the write-ahead log copied when it has grown.
    fn checkpoint(&mut self, written: usize, bytes: usize) {
        let Some(writer) = &mut self.writer else { return };
        let checkpoints = self.checkpoints.get_or_insert_with(|| Checkpoints::start(&self.store));
        if checkpoints.wrote(written, bytes)
            && let Err(error) = writer.finish_checkpoint()
        {
            log::warn!("{} keeps its write-ahead log: {error}", self.store.path().display());
        }
    }

    /// Forgets a slice of old keys when enough was written, enough time has passed, or the last slice was full.
    fn purge(&mut self, written: usize) {
        let now = self.clock.now();
        self.purge.rows_since += written;
        let is_due = self.purge.has_more
            || self.purge.rows_since >= PURGE_ROWS
            || now.saturating_duration_since(self.purge.last) >= PURGE_EVERY;
        let Some(writer) = self.writer.as_mut().filter(|_| is_due) else { return };
        // A failure costs room on the disk, and the next batch will tell what is wrong with that.
        let purged = writer.purge(self.clock.wall(), PURGE_ROWS).unwrap_or(0);
        self.purge = Purge { last: now, rows_since: 0, has_more: purged == PURGE_ROWS };
    }

    /// Trims what fits into one slice.
    fn trim(&mut self, logs: Vec<(RoomKey, Keep)>, mut rows_max: usize, answer: &mut TrimmedLogs) {
        let now = self.clock.wall();
        // Why it can't be opened is told by the next batch, which matters more.
        if self.opened().is_err() {
            return;
        }
        let Some(writer) = &mut self.writer else { return };
        for (log, keep) in logs {
            if rows_max == 0 {
                answer.left.push(log);
                continue;
            }
            match writer.trim(&log, &Trim { keep, now, rows_max }) {
                Ok(trimmed) => {
                    // A look costs something, too.
                    rows_max = rows_max.saturating_sub(trimmed.rows + 1);
                    answer.trimmed.push((log, trimmed));
                }
                Err(error) => self.store.tell_unreadable(&log, &error),
            }
        }
    }

    /// Tells why other work than a batch could not be begun; without a reason it panicked, and the actor begins anew.
    pub(super) fn failed(&mut self, why: Option<StoreError>, ctx: &mut SyncContext<Self>) {
        match why {
            Some(error) => self.store.writing.failed("the store can't be opened", &error),
            None => self.begin_anew(ctx),
        }
    }

    /// What follows an answer, so that nobody waits for it but the next batch.
    pub(super) fn afterwards(&mut self, written: usize, ctx: &mut SyncContext<Self>) {
        let afterwards = AssertUnwindSafe(|| {
            self.purge(written);
            self.checkpoint(written, written * ROW_BYTES);
        });
        if catch_unwind(afterwards).is_err() {
            self.begin_anew(ctx);
        }
    }

    fn begin_anew(&mut self, ctx: &mut SyncContext<Self>) {
        error!("the writer of {} panicked and begins anew", self.store.path().display());
        self.writer = None;
        ctx.stop();
    }
}

impl Actor for WriterActor {
    type Context = SyncContext<Self>;
}

impl Handler<Commit> for WriterActor {
    type Result = ();

    fn handle(&mut self, Commit { writes, notes, reply }: Commit, ctx: &mut SyncContext<Self>) {
        let written = writes.len() + notes.len();
        let bytes = writes.iter().map(|write| write.draft.body.len()).sum();
        let none_of = |outcomes| Written { outcomes, notes_kept: false, heads: Vec::new() };
        let ended = match catch_unwind(AssertUnwindSafe(|| self.commit(&writes, &notes))) {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => {
                self.store.writing.failed("the store can't be opened", &error);
                none_of(vec![Err(AppendError::Unavailable { retry_after: RETRY_AFTER }); writes.len()])
            }
            Err(_) => {
                self.begin_anew(ctx);
                none_of(self.look_up(&writes))
            }
        };
        let Written { outcomes, notes_kept, heads } = ended;
        let left = if notes_kept { Vec::new() } else { notes };
        reply.do_send(Committed { writes, outcomes, left, heads });
        // After the answer: nobody waits for it but the next batch.
        let afterwards = AssertUnwindSafe(|| {
            self.purge(written);
            self.checkpoint(written, bytes);
        });
        if catch_unwind(afterwards).is_err() {
            self.begin_anew(ctx);
        }
    }
}

impl Handler<TrimLogs> for WriterActor {
    type Result = ();

    fn handle(&mut self, TrimLogs { logs, rows_max, reply }: TrimLogs, ctx: &mut SyncContext<Self>) {
        let mut answer = TrimmedLogs { trimmed: Vec::new(), left: Vec::new() };
        let trimming = catch_unwind(AssertUnwindSafe(|| self.trim(logs, rows_max, &mut answer)));
        reply.do_send(answer);
        if trimming.is_err() {
            self.begin_anew(ctx);
        }
    }
}

impl Handler<TrimAudit> for WriterActor {
    type Result = ();

    fn handle(&mut self, TrimAudit { before, rows_max, reply }: TrimAudit, ctx: &mut SyncContext<Self>) {
        let now = self.clock.wall();
        let trimming = catch_unwind(AssertUnwindSafe(|| {
            let writer = self.opened().map_err(|error| error.to_string())?;
            writer.trim_audit(before, rows_max, now).map_err(|error| error.to_string())
        }));
        let mut answer = AuditTrimmed { heads: Vec::new(), has_more: false };
        match trimming {
            Ok(Ok((heads, has_more))) => answer = AuditTrimmed { heads, has_more },
            Ok(Err(error)) => log::warn!("the audit log was not trimmed: {error}"),
            Err(_) => self.begin_anew(ctx),
        }
        reply.do_send(answer);
    }
}

impl Handler<Close> for WriterActor {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut SyncContext<Self>) {
        self.checkpoints = None;
        // Without a write of its own it still is the one to empty what an earlier process left.
        let emptied = match self.writer.take().map_or_else(|| self.store.writer(), Ok) {
            Ok(mut writer) => writer.checkpoint().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = emptied {
            log::warn!("{} keeps its write-ahead log for the next start: {error}", self.store.path().display());
        }
    }
}

/// A thread that reads.
pub struct ReaderActor {
    store: Arc<Store>,
    /// Opened with the first letter; away after a panic.
    reader: Option<Reader>,
}

impl ReaderActor {
    /// Starts one thread.
    #[must_use]
    pub fn start(store: &Arc<Store>) -> Addr<Self> {
        let store = Arc::clone(store);
        let thread = || std::thread::Builder::new().name("store-reader".into());
        SyncArbiter::start_with_thread_builder(1, thread, move || Self { store: Arc::clone(&store), reader: None })
    }

    /// Runs `read`, tells what went wrong, and survives its panic.
    pub(super) fn read<T>(
        &mut self,
        log: Option<&RoomKey>,
        ctx: &mut SyncContext<Self>,
        read: impl FnOnce(&mut Reader) -> Result<T, ReadError>,
    ) -> Result<T, Unavailable> {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                closed => closed.insert(self.store.reader()?),
            };
            Ok::<_, StoreError>(read(reader))
        }));
        match attempt {
            Ok(Ok(Ok(answer))) => {
                self.store.reading.worked(self.store.path());
                return Ok(answer);
            }
            Ok(Ok(Err(error))) => match log {
                Some(log) => self.store.tell_unreadable(log, &error),
                None => self.store.reading.failed("logs can't be looked through", &error),
            },
            Ok(Err(error)) => self.store.reading.failed("the store can't be opened", &error),
            Err(_) => {
                let log = log.map_or_else(|| "all logs".to_owned(), RoomKey::to_string);
                error!("a reader of {} panicked over {log} and begins anew", self.store.path().display());
                self.reader = None;
                ctx.stop();
            }
        }
        Err(Unavailable)
    }
}

impl Actor for ReaderActor {
    type Context = SyncContext<Self>;
}

impl Handler<ReadEnds> for ReaderActor {
    type Result = Result<Ends, Unavailable>;

    fn handle(&mut self, ReadEnds { log }: ReadEnds, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&log), ctx, |reader| reader.ends(&log))
    }
}

impl Handler<ReadPage> for ReaderActor {
    type Result = Result<Page, Unavailable>;

    fn handle(&mut self, letter: ReadPage, ctx: &mut SyncContext<Self>) -> Self::Result {
        let ReadPage { log, from, entries_max, bytes_max } = letter;
        self.read(Some(&log), ctx, |reader| reader.page(&log, from, entries_max, bytes_max))
    }
}

impl Handler<Sweep> for ReaderActor {
    type Result = Result<Vec<Standing>, Unavailable>;

    fn handle(&mut self, sweep: Sweep, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(None, ctx, |reader| reader.sweep(sweep))
    }
}

impl Handler<ReadPicture> for ReaderActor {
    type Result = Result<Picture, Unavailable>;

    fn handle(&mut self, ReadPicture { log }: ReadPicture, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&log), ctx, |reader| reader.picture(&log))
    }
}

impl Handler<SelectKinds> for ReaderActor {
    type Result = Result<Selection, Unavailable>;

    fn handle(&mut self, letter: SelectKinds, ctx: &mut SyncContext<Self>) -> Self::Result {
        let SelectKinds { log, kinds, after, below, is_newest, bounds } = letter;
        let wanted = Wanted { kinds: &kinds, after, below, is_newest };
        self.read(Some(&log), ctx, |reader| reader.select(&log, &wanted, bounds))
    }
}

impl Handler<Close> for ReaderActor {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut SyncContext<Self>) {
        self.reader = None;
    }
}
