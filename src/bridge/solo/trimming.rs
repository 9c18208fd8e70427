//! Which logs have more than they keep, and when the writer is asked to trim them.
//!
//! A log is looked at after some of its bound was written to it, when it has been quiet for a moment after that, when
//! somebody watches it, and when the sweep finds that it keeps too many or too old entries. One slice is on its way at a
//! time, with a pause behind it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::bridge::Arrived;
use crate::clock::Clock;
use crate::domain::entry::Entry;
use crate::domain::ids::RoomKey;
use crate::domain::log::Keep;
use crate::store::{Standing, Sweep, TrimLogs, TrimmedLogs};

use super::Solo;
use super::start::{KeepBy, Limits};

/// Logs of one slice; most need no trimming, and a look costs some 50 µs.
const LOGS_MAX: usize = 64;

/// Logs of one step of the sweep, some milliseconds of a reader's time.
const SWEEP_LOGS: usize = 256;

/// Steps of a sweep are so far apart.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);

/// A log to which nothing was written for so long is looked at, however little it was.
const QUIET: Duration = Duration::from_secs(1);

/// Logs that are known to have been written to; the rest is found by the sweep.
const WRITTEN_MAX: usize = 100_000;

/// The bookkeeping.
pub(super) struct Trimming {
    limits: Limits,
    keep: KeepBy,
    clock: Clock,
    /// What was written since a log was looked at.
    written: HashMap<RoomKey, Written>,
    /// Logs to look at, each once.
    due: VecDeque<RoomKey>,
    is_due: HashSet<RoomKey>,
    /// Whether a slice is on its way or waits out its pause.
    is_busy: bool,
    /// Whether a look for quiet logs is set.
    is_settling: bool,
}

struct Written {
    entries: u64,
    bytes: u64,
    last: Instant,
}

impl Trimming {
    pub(super) fn new(limits: Limits, keep: KeepBy, clock: Clock) -> Self {
        let (written, due, is_due) = (HashMap::new(), VecDeque::new(), HashSet::new());
        Self { limits, keep, clock, written, due, is_due, is_busy: false, is_settling: false }
    }

    /// Nothing is on its way and no timer set. A slice that still is comes back as one too many, which harms nobody.
    pub(super) fn begin_anew(&mut self) {
        (self.is_busy, self.is_settling) = (false, false);
    }

    /// How much a log keeps.
    pub(super) fn keep(&self, log: &RoomKey) -> Keep {
        (self.keep)(&log.room)
    }

    /// These were written to a log on disk.
    pub(super) fn note(&mut self, log: &RoomKey, entries: &[Arc<Entry>]) {
        let keep = self.keep(log);
        let last = self.clock.now();
        if self.written.len() >= WRITTEN_MAX && !self.written.contains_key(log) {
            self.written.clear();
        }
        let written = self.written.entry(log.clone()).or_insert(Written { entries: 0, bytes: 0, last });
        written.entries += entries.len() as u64;
        written.bytes += entries.iter().map(|entry| entry.weight() as u64).sum::<u64>();
        written.last = last;
        // A sixteenth over its bound is the most that a busy log keeps, and it is looked at once for many entries.
        if written.entries >= (keep.entries_max / 16).clamp(1, 256) || written.bytes >= keep.bytes_max / 16 {
            self.look_at(log);
        }
    }

    /// A log is to be looked at.
    pub(super) fn look_at(&mut self, log: &RoomKey) {
        self.written.remove(log);
        if self.is_due.insert(log.clone()) {
            self.due.push_back(log.clone());
        }
    }

    /// The log is no more.
    pub(super) fn forget(&mut self, log: &RoomKey) {
        self.written.remove(log);
    }

    /// Which of these logs have more than they keep.
    fn look_at_standings(&mut self, standings: &[Standing]) {
        let now = self.clock.wall();
        for standing in standings {
            let Some(log) = &standing.log else { continue };
            let keep = self.keep(log);
            let is_old = standing.oldest.is_some_and(|at| at < keep.oldest(now));
            if is_old || standing.entries > keep.entries_max {
                self.look_at(log);
            }
        }
    }

    fn settle(&mut self) {
        let now = self.clock.now();
        let is_quiet = |written: &Written| now.saturating_duration_since(written.last) >= QUIET;
        let quiet: Vec<_> =
            self.written.iter().filter(|(_, written)| is_quiet(written)).map(|(log, _)| log.clone()).collect();
        for log in quiet {
            self.look_at(&log);
        }
    }

    fn next_slice(&mut self) -> Vec<(RoomKey, Keep)> {
        let count = self.due.len().min(LOGS_MAX);
        let logs: Vec<_> = self.due.drain(..count).collect();
        logs.into_iter()
            .map(|log| {
                self.is_due.remove(&log);
                let keep = self.keep(&log);
                (log, keep)
            })
            .collect()
    }
}

impl Solo {
    /// Asks the writer for the next slice, if one is due and none is on its way.
    pub(super) fn trim_when_due(&mut self, ctx: &mut Context<Self>) {
        if !self.trimming.written.is_empty() && !self.trimming.is_settling {
            self.trimming.is_settling = true;
            ctx.run_later(QUIET, |solo, ctx| {
                solo.trimming.is_settling = false;
                solo.trimming.settle();
                solo.trim_when_due(ctx);
            });
        }
        if self.trimming.is_busy || self.trimming.due.is_empty() || self.is_closed {
            return;
        }
        self.trimming.is_busy = true;
        let logs = self.trimming.next_slice();
        let rows_max = self.trimming.limits.trim_rows_max;
        self.writer.do_send(TrimLogs { logs, rows_max, reply: ctx.address().recipient() });
    }

    /// Looks through all logs now and then: time makes entries too old also where nobody writes.
    pub(super) fn sweep_later(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.trimming.limits.sweep_every, |solo, ctx| {
            solo.forgetting.walk_begins();
            solo.sweep(0, ctx);
        });
    }

    fn sweep(&mut self, after: i64, ctx: &mut Context<Self>) {
        if self.is_closed {
            return;
        }
        for (log, floor) in self.memory.forget_old(self.trimming.clock.wall(), &self.trimming.keep) {
            self.announce(&log, Arrived { epoch: floor.epoch, entries: Vec::new(), floor: Some(floor) });
        }
        let reading = self.readers.ask(Sweep { after, logs_max: SWEEP_LOGS });
        // Spawned on the arbiter, not on this actor: what waits in it does not outlive a panic.
        let solo = ctx.address();
        actix::spawn(async move {
            let standings = reading.await.unwrap_or_default();
            solo.do_send(Swept(standings));
        });
    }
}

/// A step of the sweep has ended; no logs are the end of all, or a disk that can't be read now.
#[derive(Message)]
#[rtype(result = "()")]
struct Swept(Vec<Standing>);

impl Handler<Swept> for Solo {
    type Result = ();

    fn handle(&mut self, Swept(standings): Swept, ctx: &mut Context<Self>) {
        match standings.last().map(|last| last.number) {
            Some(last) => {
                ctx.run_later(SWEEP_PAUSE, move |solo, ctx| solo.sweep(last, ctx));
            }
            None => self.sweep_later(ctx),
        }
        self.trimming.look_at_standings(&standings);
        self.forget_bare(&standings, ctx);
        self.trim_when_due(ctx);
    }
}

impl Handler<TrimmedLogs> for Solo {
    type Result = ();

    fn handle(&mut self, TrimmedLogs { trimmed, left }: TrimmedLogs, ctx: &mut Context<Self>) {
        // Before anybody is told, so that a panic over there does not end all trimming.
        ctx.run_later(self.trimming.limits.trim_pause, |solo, ctx| {
            solo.trimming.is_busy = false;
            solo.trim_when_due(ctx);
        });
        for log in &left {
            self.trimming.look_at(log);
        }
        for (log, trimmed) in trimmed {
            if trimmed.has_more {
                self.trimming.look_at(&log);
            }
            if let Some(floor) = trimmed.floor {
                self.announce(&log, Arrived { epoch: floor.epoch, entries: Vec::new(), floor: Some(floor) });
            }
        }
    }
}
