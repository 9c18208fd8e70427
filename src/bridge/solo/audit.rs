//! Records of the audit log on their way to the store, and its heads on their way out.
//!
//! A record that belongs to an entry travels with it. The others wait here for the next batch, a tenth of a second at
//! most: a connect waits for no commit, and a storm of them shares a few. What can't be kept is counted, told in the log,
//! and told in the chain as soon as that takes records again. Every head that changed is logged once a minute, so that
//! whoever collects logs can prove what a later chain must contain.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use actix::prelude::*;
use log::{error, info};

use crate::bridge::{Record, Recorded};
use crate::clock::Clock;
use crate::domain::audit::{Act, Chain, Draft, Facts, Head, Note, OK};
use crate::domain::entry::Timestamp;
use crate::store::{AuditTrimmed, Chained, TrimAudit};

use super::Solo;
use super::counters::Counters;

/// What the audit log is kept by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditLimits {
    /// Records that wait for a batch, each less than 2 KiB.
    pub waiting_max: usize,
    /// How long one waits at most while the store works.
    pub patience: Duration,
    /// How often heads are logged.
    pub heads_every: Duration,
    /// How long records are kept; `None` is for ever.
    pub keep: Option<Duration>,
    /// How long after the start it is first looked for older ones.
    pub trim_after: Duration,
}

impl Default for AuditLimits {
    fn default() -> Self {
        let (patience, heads_every) = (Duration::from_millis(100), Duration::from_mins(1));
        Self { waiting_max: 20_000, patience, heads_every, keep: None, trim_after: Duration::from_secs(10) }
    }
}

/// Records that go along with one batch: some two milliseconds of the writer's time.
const BATCH_MAX: usize = 256;
/// After the store refused some, the next try is so much later, unless entries go to it earlier.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Rows of each chain that one slice of trimming removes.
const TRIM_ROWS: usize = 1_024;
/// Old records are looked for so often, and again so soon while there are more.
const TRIM_EVERY: Duration = Duration::from_hours(1);
const TRIM_PAUSE: Duration = Duration::from_millis(50);

/// The bookkeeping.
pub(super) struct Audit {
    limits: AuditLimits,
    clock: Clock,
    waiting: VecDeque<Waiting>,
    /// Who waits for the notes that are on their way, in order; with `None` nobody does.
    in_flight: Option<Vec<Option<Recorded>>>,
    /// How many the last of them tells to be lost.
    lost_in_flight: u64,
    /// What waits goes with the next letter to the writer, and needs no entries to go.
    is_due: bool,
    is_timed: bool,
    /// Of which nothing was told in the chain yet.
    lost: u64,
    /// Of which nothing was told in the log yet.
    lost_untold: u64,
    taken: u64,
    answered: u64,
    heads: BTreeMap<Chain, Head>,
}

struct Waiting {
    note: Note,
    done: Option<Recorded>,
}

impl Audit {
    pub(super) fn new(limits: AuditLimits, clock: Clock) -> Self {
        Self {
            limits,
            clock,
            waiting: VecDeque::new(),
            in_flight: None,
            lost_in_flight: 0,
            is_due: false,
            is_timed: false,
            lost: 0,
            lost_untold: 0,
            taken: 0,
            answered: 0,
            heads: BTreeMap::new(),
        }
    }

    pub(super) fn patience(&self) -> Duration {
        self.limits.patience
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether what waits goes to the store without entries.
    pub(super) fn is_due(&self) -> bool {
        self.is_due && (!self.waiting.is_empty() || self.lost > 0)
    }

    /// Everything that waits is due now.
    pub(super) fn hurry(&mut self) {
        self.is_due = true;
    }

    /// How many were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many of them were tried at least once.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Takes a record, or counts it as lost and gives back who has to hear that.
    pub(super) fn offer(&mut self, note: Note, done: Option<Recorded>) -> Result<(), Option<Recorded>> {
        if self.waiting.len() >= self.limits.waiting_max {
            self.lose(1);
            return Err(done);
        }
        // Who waits for the answer does not wait for others.
        self.is_due |= done.is_some();
        self.taken += 1;
        self.waiting.push_back(Waiting { note, done });
        Ok(())
    }

    /// What goes to the store now.
    pub(super) fn next_batch(&mut self) -> Vec<Note> {
        let count = self.waiting.len().min(BATCH_MAX);
        let (mut notes, mut dones): (Vec<_>, Vec<_>) =
            self.waiting.drain(..count).map(|one| (one.note, one.done)).unzip();
        self.is_due &= !self.waiting.is_empty();
        self.lost_in_flight = std::mem::take(&mut self.lost);
        if self.lost_in_flight > 0 {
            self.taken += 1;
            notes.push(lost(self.lost_in_flight, self.clock.wall()));
            dones.push(None);
        }
        self.in_flight = Some(dones);
        notes
    }

    /// The batch is back; those that are `left` come again later. How many were kept, and who is to be told whether.
    pub(super) fn returned(&mut self, mut left: Vec<Note>, heads: Vec<(Chain, Head)>) -> (u64, Vec<(Recorded, bool)>) {
        let dones = self.in_flight.take().unwrap_or_default();
        let are_kept = left.is_empty();
        self.answered += dones.len() as u64;
        let kept = if are_kept { dones.len() as u64 } else { 0 };
        let told_lost = std::mem::take(&mut self.lost_in_flight);
        if !are_kept && told_lost > 0 {
            left.pop();
            self.lost += told_lost;
        }
        for note in left.into_iter().rev() {
            if self.waiting.len() >= self.limits.waiting_max {
                self.lose(1);
                continue;
            }
            self.taken += 1;
            self.waiting.push_front(Waiting { note, done: None });
        }
        self.is_due &= are_kept;
        self.heads.extend(heads);
        (kept, dones.into_iter().flatten().map(|done| (done, are_kept)).collect())
    }

    /// These were not kept. The first is told at once, the rest along with the heads.
    pub(super) fn lose(&mut self, count: u64) {
        if self.lost == 0 && self.lost_untold == 0 {
            error!("the audit log can't keep up or can't be written: records are lost, and counted");
        }
        self.lost += count;
        self.lost_untold += count;
    }

    /// How many are lost of which the log did not hear.
    pub(super) fn lost_untold(&self) -> u64 {
        self.lost_untold
    }

    /// Logs every head that changed, and how many records were lost.
    pub(super) fn tell(&mut self) {
        for (chain, head) in std::mem::take(&mut self.heads) {
            info!("the audit log of {chain} is at {head}");
        }
        match std::mem::take(&mut self.lost_untold) {
            0 => {}
            count => error!("{count} records of the audit log were lost"),
        }
    }
}

/// What tells of records that were lost.
fn lost(count: u64, at: Timestamp) -> Note {
    let what = Facts::new().number("count", count);
    let draft = Draft { at, act: Act::Lost, who: "".into(), what, from: "".into(), outcome: OK };
    Note { chain: Chain::server(), draft }
}

impl Solo {
    /// Also after a panic, which took all timers along.
    pub(super) fn audit_anew(&mut self, ctx: &mut Context<Self>) {
        self.audit.is_timed = false;
        self.commit_notes_later(self.audit.limits.patience, ctx);
        self.tell_heads_later(ctx);
        self.trim_audit_later(self.audit.limits.trim_after, ctx);
    }

    /// Makes what waits due after a while, if that is not so already.
    pub(super) fn commit_notes_later(&mut self, after: Duration, ctx: &mut Context<Self>) {
        if self.audit.is_timed || (self.audit.waiting.is_empty() && self.audit.lost == 0) {
            return;
        }
        self.audit.is_timed = true;
        ctx.run_later(after, |solo, ctx| {
            solo.audit.is_timed = false;
            solo.audit.hurry();
            solo.commit_next(ctx);
        });
    }

    /// A record that belongs to no entry of the store.
    pub(super) fn take_note(&mut self, note: Note, done: Option<Recorded>, ctx: &mut Context<Self>) {
        let offered = if self.is_closed {
            self.audit.lose(1);
            Err(done)
        } else {
            self.audit.offer(note, done)
        };
        match offered {
            Ok(()) if self.audit.is_due => self.commit_next(ctx),
            Ok(()) => self.commit_notes_later(self.audit.limits.patience, ctx),
            Err(done) => {
                Counters::add(&self.counters.audit_lost, 1);
                if let Some(done) = done {
                    tell(done, false);
                }
            }
        }
    }

    /// A batch is back with what became of its notes.
    pub(super) fn notes_returned(&mut self, left: Vec<Note>, heads: Vec<(Chain, Head)>) -> Vec<(Recorded, bool)> {
        let lost_before = self.audit.lost_untold();
        let (kept, told) = self.audit.returned(left, heads);
        Counters::add(&self.counters.audit_records, kept);
        Counters::add(&self.counters.audit_lost, self.audit.lost_untold() - lost_before);
        told
    }

    /// Records were written along with what is no entry.
    pub(super) fn chained(&mut self, Chained { records, heads }: Chained) {
        Counters::add(&self.counters.audit_records, records);
        self.audit.heads.extend(heads);
    }

    fn tell_heads_later(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.audit.limits.heads_every, |solo, ctx| {
            solo.audit.tell();
            solo.tell_heads_later(ctx);
        });
    }

    fn trim_audit_later(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let Some(keep) = self.audit.limits.keep else { return };
        ctx.run_later(after, move |solo, ctx| {
            if solo.is_closed {
                return;
            }
            let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let before = Timestamp(solo.audit.clock.wall().0.saturating_sub(keep_ms));
            solo.writer.do_send(TrimAudit { before, rows_max: TRIM_ROWS, reply: ctx.address().recipient() });
        });
    }
}

/// Others wrote what is called here, so a panic in it is theirs.
pub(super) fn tell(done: Recorded, is_kept: bool) {
    if catch_unwind(AssertUnwindSafe(|| done(is_kept))).is_err() {
        error!("who had something recorded panicked when it was told how that ended");
    }
}

impl Handler<Record> for Solo {
    type Result = ();

    fn handle(&mut self, Record { note, done }: Record, ctx: &mut Context<Self>) {
        self.take_note(note, done, ctx);
    }
}

impl Handler<AuditTrimmed> for Solo {
    type Result = ();

    fn handle(&mut self, AuditTrimmed { heads, has_more }: AuditTrimmed, ctx: &mut Context<Self>) {
        self.trim_audit_later(if has_more { TRIM_PAUSE } else { TRIM_EVERY }, ctx);
        self.audit.heads.extend(heads);
    }
}
