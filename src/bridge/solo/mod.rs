//! The embedded bridge: one node, whose log is its own store.
//!
//! ```text
//! Append ──▶ Gathering ── Commit ──▶ WriterActor          Watch, Read ──▶ Readers ──▶ ReaderActor
//!            (bounded)                    │
//! Arrived, then done ◀─ Solo ◀─ Committed ┘               memory, none: MemoryLogs, in this actor
//! ```
//!
//! While a batch commits, the next one fills: so a lone append waits for nobody, a thousand share one sync, and there is
//! no timer. What must always be true: each append is answered once, in order, and after its [`Arrived`]; a watch that
//! was answered misses nothing above the head that it was told, because it listens before the head is read.
//!
//! The struct outlives a panic of a handler ([`start`](Solo::start) says how). So letters come back as letters, not as
//! futures of this actor, and what waits is put away before anybody is told anything.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::{BoxFuture, FutureExt};
use log::error;
use tokio::sync::oneshot;

use crate::domain::audit::{Chain, Note};
use crate::domain::entry::Entry;
use crate::domain::ids::RoomKey;
use crate::store::{self, Commit, Committed, Placed, ReadEnds, ReadPage, Store, Write, WriterActor};

use super::{
    Append, AppendAll, AppendError, Appended, Arrived, Done, Ends, LogPlace, Page, Picture, Read, ReadPicture, Select,
    Selection, Unavailable, Unwatch, Watch, Watching,
};

mod all;
mod audit;
mod counters;
mod forgetting;
mod gathering;
mod inboxes;
mod memory;
mod readers;
mod start;
mod trimming;
mod users;
mod watches;

#[cfg(test)]
mod tests;

pub use audit::AuditLimits;
pub use counters::{Counters, Counts};
pub use start::{Config, KeepBy, Limits, Started, Stopper};

use audit::Audit;
use forgetting::Forgetting;
use gathering::Gathering;
use inboxes::Inboxes;
use memory::{MemoryLogs, Offered};
use readers::Readers;
use trimming::Trimming;
use users::Users;
use watches::Watches;

/// The actor.
pub struct Solo {
    store: Arc<Store>,
    writer: Addr<WriterActor>,
    readers: Readers,
    gathering: Gathering,
    watches: Watches,
    memory: MemoryLogs,
    trimming: Trimming,
    users: Users,
    inboxes: Inboxes,
    forgetting: Forgetting,
    audit: Audit,
    /// Who waits until so many appends, and so many records without one, are answered; ascending.
    drains: VecDeque<([u64; 2], oneshot::Sender<()>)>,
    counters: Arc<Counters>,
    /// From [`Close`] on everything is refused.
    is_closed: bool,
}

/// Answered when everything appended so far is committed and answered.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct Drain;

/// Refuse everything from now on, close the store, and answer then.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct Close;

impl Solo {
    /// Starts the next batch, if one waits and none is on its way.
    fn commit_next(&mut self, ctx: &Context<Self>) {
        if self.audit.is_busy() {
            return;
        }
        let writes = self.gathering.next_batch();
        if writes.is_none() && (self.gathering.is_busy() || !self.audit.is_due()) {
            return;
        }
        let notes = self.audit.next_batch();
        Counters::add(&self.counters.batches, 1);
        self.writer.do_send(Commit { writes: writes.unwrap_or_default(), notes, reply: ctx.address().recipient() });
    }

    /// Tells who waits for what is answered now.
    fn tell_drained(&mut self) {
        if !self.inboxes.are_quiet() {
            return;
        }
        let answered = [self.gathering.answered(), self.audit.answered()];
        let is_told = |upto: &[u64; 2]| upto.iter().zip(answered).all(|(upto, answered)| *upto <= answered);
        while self.drains.front().is_some_and(|(upto, _)| is_told(upto)) {
            if let Some((_, waiting)) = self.drains.pop_front() {
                // Who no longer waits needs no answer.
                let _ = waiting.send(());
            }
        }
    }

    /// Tells the watchers of one log, and forgets a log in memory that nobody is left to watch.
    fn announce(&mut self, log: &RoomKey, arrived: Arrived) {
        Counters::add(&self.counters.entries, arrived.entries.len() as u64);
        if self.watches.announce(log, arrived) {
            self.memory.forget(log);
        }
    }

    fn append_to_memory(&mut self, append: Append, ctx: &mut Context<Self>) {
        let Append { log, place, draft, key, if_offset, audit, done } = append;
        let is_watched = self.watches.has(&log);
        let keep = self.trimming.keep(&log);
        let offered = Offered { draft, key, if_offset };
        let outcome = self.memory.append(&log, place, keep, offered, is_watched).map(|(placed, entry, floor)| {
            if let Some(entry) = entry {
                self.announce(&log, Arrived { epoch: placed.epoch, entries: vec![entry], floor });
            }
            placed.appended
        });
        if let (Some(draft), Ok(appended)) = (audit, &outcome)
            && !appended.duplicate
        {
            let note = Note { chain: Chain::of(&log.tenant), draft: draft.at_offset(appended.offset) };
            self.take_note(note, None, ctx);
        }
        self.tell(done, outcome);
    }

    /// Others wrote what is called here, so a panic in it is theirs.
    fn tell(&self, done: Done, outcome: Result<Appended, AppendError>) {
        if outcome.is_err() {
            Counters::add(&self.counters.refused, 1);
        }
        if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
            error!("who appended panicked when it was told how that ended");
        }
    }
}

impl Actor for Solo {
    type Context = Context<Self>;

    /// Also after a panic, which took all timers along.
    fn started(&mut self, ctx: &mut Self::Context) {
        self.trimming.begin_anew();
        self.write_users_anew(ctx);
        self.trim_when_due(ctx);
        self.sweep_later(ctx);
        self.audit_anew(ctx);
    }
}

impl Supervised for Solo {}

impl Handler<Append> for Solo {
    type Result = ();

    fn handle(&mut self, append: Append, ctx: &mut Context<Self>) {
        let unavailable = Err(AppendError::Unavailable { retry_after: store::RETRY_AFTER });
        if self.is_closed {
            return self.tell(append.done, unavailable);
        }
        if append.place != LogPlace::Disk {
            return self.append_to_memory(append, ctx);
        }
        let Append { log, draft, key, if_offset, audit, done, .. } = append;
        match self.gathering.offer(Write { log, draft, key, if_offset, audit }, done) {
            Ok(()) => self.commit_next(ctx),
            Err(done) => self.tell(done, unavailable),
        }
    }
}

impl Handler<Committed> for Solo {
    type Result = ();

    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let Committed { writes, outcomes, left, heads } = committed;
        let waiting = self.gathering.returned();
        let is_refused = !left.is_empty();
        let recorded = self.notes_returned(left, heads);
        // First, so that the disk works while we tell.
        self.commit_next(ctx);
        let mut told = Vec::with_capacity(waiting.len());
        let mut groups = Groups::default();
        for ((write, done), outcome) in writes.into_iter().zip(waiting).zip(outcomes) {
            if let Ok(placed) = outcome
                && !placed.appended.duplicate
            {
                Counters::add(&self.counters.audit_records, u64::from(write.audit.is_some()));
                groups.add(write, placed);
            }
            told.push((done, outcome.map(|placed| placed.appended)));
        }
        for (log, arrived) in groups.groups {
            self.trimming.note(&log, &arrived.entries);
            self.announce(&log, arrived);
        }
        for (done, outcome) in told {
            self.tell(done, outcome);
        }
        for (done, is_kept) in recorded {
            audit::tell(done, is_kept);
        }
        self.commit_notes_later(if is_refused { audit::PAUSE } else { self.audit.patience() }, ctx);
        self.tell_drained();
        self.trim_when_due(ctx);
    }
}

/// The new entries of a batch by log, in the order of their first.
#[derive(Default)]
struct Groups {
    groups: Vec<(RoomKey, Arrived)>,
    by_log: HashMap<RoomKey, usize>,
}

impl Groups {
    fn add(&mut self, write: Write, placed: Placed) {
        let Write { log, draft, .. } = write;
        let entry: Arc<Entry> = draft.at_offset(placed.appended.offset).into();
        if let Some(index) = self.by_log.get(&log) {
            return self.groups[*index].1.entries.push(entry);
        }
        self.by_log.insert(log.clone(), self.groups.len());
        // A batch is one transaction, and a log begins another life in one of its own, so the first entry's is that of all.
        self.groups.push((log, Arrived { epoch: placed.epoch, entries: vec![entry], floor: None }));
    }
}

impl Handler<Watch> for Solo {
    type Result = ResponseFuture<Result<Watching, Unavailable>>;

    fn handle(&mut self, Watch { log, place, watcher }: Watch, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        let watch = self.watches.add(&log, watcher);
        if place != LogPlace::Disk {
            let ends = self.memory.watch(&log);
            return Box::pin(async move { Ok(Watching { watch, ends }) });
        }
        // Its settings may be others than when it was trimmed last.
        self.trimming.look_at(&log);
        self.trim_when_due(ctx);
        let settled = self.forgetting.settled(&log);
        let read = self.readers.ask_after(settled, ReadEnds { log: log.clone() });
        let solo = ctx.address();
        Box::pin(async move {
            let ends: Result<Ends, Unavailable> = read.await;
            // Nobody knows the number of a watch that was not answered.
            if ends.is_err() {
                solo.do_send(Unwatch { log, watch });
            }
            Ok(Watching { watch, ends: ends? })
        })
    }
}

impl Handler<Unwatch> for Solo {
    type Result = ();

    fn handle(&mut self, Unwatch { log, watch }: Unwatch, _: &mut Context<Self>) {
        if self.watches.remove(&log, watch) {
            self.memory.forget(&log);
        }
    }
}

impl Handler<Read> for Solo {
    type Result = ResponseFuture<Result<Page, Unavailable>>;

    fn handle(&mut self, read: Read, _: &mut Context<Self>) -> Self::Result {
        let Read { log, place, from, entries_max, bytes_max } = read;
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        if place != LogPlace::Disk {
            let page = self.memory.page(&log, from, entries_max, bytes_max);
            return Box::pin(async { Ok(page) });
        }
        self.readers.ask(ReadPage { log, from, entries_max, bytes_max })
    }
}

impl Handler<ReadPicture> for Solo {
    type Result = ResponseFuture<Result<Picture, Unavailable>>;

    fn handle(&mut self, ReadPicture { log, place }: ReadPicture, _: &mut Context<Self>) -> Self::Result {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        if place != LogPlace::Disk {
            let picture = self.memory.picture(&log);
            return Box::pin(async { Ok(picture) });
        }
        self.readers.ask(store::ReadPicture { log })
    }
}

impl Handler<Select> for Solo {
    type Result = ResponseFuture<Result<Selection, Unavailable>>;

    fn handle(&mut self, select: Select, _: &mut Context<Self>) -> Self::Result {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        if select.place != LogPlace::Disk {
            let selection = self.memory.select(&select);
            return Box::pin(async { Ok(selection) });
        }
        let Select { log, kinds, after, below, is_newest, bounds, .. } = select;
        self.readers.ask(store::SelectKinds { log, kinds, after, below, is_newest, bounds })
    }
}

impl Handler<Drain> for Solo {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.audit.hurry();
        self.commit_next(ctx);
        self.drains.push_back(([self.gathering.taken(), self.audit.taken()], sender));
        self.tell_drained();
        let users = self.users_are_written(ctx);
        Box::pin(receiver.then(|_| users))
    }
}

impl Handler<Close> for Solo {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Close, _: &mut Context<Self>) -> Self::Result {
        self.is_closed = true;
        self.audit.tell();
        let readers: BoxFuture<'static, ()> = self.readers.close();
        let (writer, store) = (self.writer.clone(), Arc::clone(&self.store));
        Box::pin(async move {
            // The writer last: whoever closes last leaves the database whole without its write-ahead log.
            readers.await;
            if writer.send(store::Close).await.is_err() {
                error!("the writer was gone before it was closed");
            }
            store.release();
        })
    }
}
