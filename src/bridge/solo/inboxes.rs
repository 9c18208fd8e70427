//! Inboxes on one node: changes gather as appends do, steps of notifying come one at a time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::dev::ToEnvelope;
use actix::prelude::*;
use futures_util::future::FutureExt;
use log::error;
use tokio::sync::oneshot;

use super::Solo;
use crate::bridge::inbox::{
    ChangeInbox, DueOrders, InboxChanged, InboxDone, InboxError, ListInbox, Listed, NotifyProgress, NotifyStep,
    ReadDueOrders, ReadFollowers, ReadPreferences, Stirred, WatchInboxes, Welcome, Welcomed,
};
use crate::bridge::{Arrived, Unavailable};
use crate::domain::ids::{RoomKey, UserId};
use crate::domain::inbox::Keep;
use crate::store::inbox::{self, ChangeInboxes, Grown, InboxWrite, InboxesChanged, Step, StepTaken};
use crate::store::{RETRY_AFTER, ReaderActor};

/// Changes of one transaction.
const CHANGES_MAX: usize = 256;
/// Changes that may wait.
const WAITING_MAX: usize = 10_000;

/// The bookkeeping.
pub(super) struct Inboxes {
    pub(super) keep: Keep,
    waiting: VecDeque<(InboxWrite, InboxDone)>,
    under_way: Vec<InboxDone>,
    /// Who hears of the step that is under way.
    step: Option<oneshot::Sender<Result<NotifyProgress, Unavailable>>>,
    /// Who opens rooms for logs that grew while nobody watched.
    pub(super) opener: Option<Recipient<Stirred>>,
}

impl Inboxes {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, waiting: VecDeque::new(), under_way: Vec::new(), step: None, opener: None }
    }

    /// What waits for this log is refused, and the log with it.
    pub(super) fn forget(&mut self, log: &RoomKey) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (gone, kept): (VecDeque<_>, VecDeque<_>) = waiting.partition(|(write, _)| write.log == *log);
        self.waiting = kept;
        for (_, done) in gone {
            tell(done, Err(InboxError::Unavailable { retry_after: RETRY_AFTER }));
        }
    }

    /// Whether nothing waits to be written.
    pub(super) fn are_quiet(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty() && self.step.is_none()
    }
}

impl Solo {
    /// Hands a question to the readers.
    fn ask<M, T>(&mut self, letter: M) -> ResponseFuture<Result<T, Unavailable>>
    where
        ReaderActor: Handler<M>,
        <ReaderActor as Actor>::Context: ToEnvelope<ReaderActor, M>,
        M: Message<Result = Result<T, Unavailable>> + Send + Unpin + 'static,
        T: Send + 'static,
    {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        self.readers.ask(letter)
    }

    fn change_next(&mut self, ctx: &Context<Self>) {
        let inboxes = &mut self.inboxes;
        if !inboxes.under_way.is_empty() || inboxes.waiting.is_empty() {
            return;
        }
        let next = inboxes.waiting.len().min(CHANGES_MAX);
        let (changes, under_way) = inboxes.waiting.drain(..next).unzip();
        inboxes.under_way = under_way;
        self.writer.do_send(ChangeInboxes {
            changes,
            keep: inboxes.keep,
            rows_max: inbox::ROWS_MAX,
            reply: ctx.address().recipient(),
        });
    }

    /// Tells whoever watches, and of the others whoever opens rooms.
    fn tell_grown(&mut self, grown: Vec<Grown>) {
        for Grown { log, epoch, entries } in grown {
            self.trimming.note(&log, &entries);
            let is_watched = self.watches.has(&log);
            self.announce(&log, Arrived { epoch, entries, floor: None });
            if let Some(opener) = self.inboxes.opener.as_ref().filter(|_| !is_watched) {
                opener.do_send(Stirred { log });
            }
        }
    }
}

/// Others wrote what is called here, so a panic in it is theirs.
fn tell(done: InboxDone, outcome: Result<InboxChanged, InboxError>) {
    if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
        error!("who changed an inbox panicked when it was told how that ended");
    }
}

impl Handler<WatchInboxes> for Solo {
    type Result = ();

    fn handle(&mut self, WatchInboxes { opener }: WatchInboxes, _: &mut Context<Self>) {
        self.inboxes.opener = Some(opener);
    }
}

impl Handler<ChangeInbox> for Solo {
    type Result = ();

    fn handle(&mut self, change: ChangeInbox, ctx: &mut Context<Self>) {
        let ChangeInbox { log, from, at, change, epoch, audit, done } = change;
        let is_refused = self.is_closed || self.forgetting.has_owner(&log);
        if is_refused || self.inboxes.waiting.len() >= WAITING_MAX {
            return tell(done, Err(InboxError::Unavailable { retry_after: RETRY_AFTER }));
        }
        self.inboxes.waiting.push_back((InboxWrite { log, from, at, change, epoch, audit }, done));
        self.change_next(ctx);
    }
}

impl Handler<InboxesChanged> for Solo {
    type Result = ();

    fn handle(&mut self, changed: InboxesChanged, ctx: &mut Context<Self>) {
        let InboxesChanged { outcomes, left, grown, chained } = changed;
        self.chained(chained);
        let mut under_way = std::mem::take(&mut self.inboxes.under_way);
        let left_done = under_way.split_off(outcomes.len().min(under_way.len()));
        // They came before all that waits.
        for again in left.into_iter().zip(left_done).rev() {
            self.inboxes.waiting.push_front(again);
        }
        // First, so that the disk works while we tell.
        self.change_next(ctx);
        self.tell_grown(grown);
        for (done, outcome) in under_way.into_iter().zip(outcomes) {
            tell(done, outcome);
        }
        self.tell_drained();
        self.trim_when_due(ctx);
    }
}

impl Handler<NotifyStep> for Solo {
    type Result = ResponseFuture<Result<NotifyProgress, Unavailable>>;

    fn handle(&mut self, step: NotifyStep, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_closed || self.inboxes.step.is_some() {
            return Box::pin(async { Err(Unavailable) });
        }
        let (sender, taken) = oneshot::channel();
        self.inboxes.step = Some(sender);
        let NotifyStep { orders, later, inboxes_max, now } = step;
        let (keep, reply) = (self.inboxes.keep, ctx.address().recipient());
        self.writer.do_send(Step { orders, later, inboxes_max, rows_max: inbox::ROWS_MAX, now, keep, reply });
        Box::pin(taken.map(|taken| taken.unwrap_or(Err(Unavailable))))
    }
}

impl Handler<StepTaken> for Solo {
    type Result = ();

    fn handle(&mut self, StepTaken { progress, grown, chained }: StepTaken, ctx: &mut Context<Self>) {
        self.chained(chained);
        let waiting = self.inboxes.step.take();
        self.tell_grown(grown);
        if let Some(waiting) = waiting {
            // Who asked may have been restarted meanwhile, and takes another step.
            let _ = waiting.send(progress);
        }
        self.tell_drained();
        self.trim_when_due(ctx);
    }
}

impl Handler<Welcome> for Solo {
    type Result = ResponseFuture<Result<Welcomed, Unavailable>>;

    fn handle(&mut self, Welcome { log, since }: Welcome, _: &mut Context<Self>) -> Self::Result {
        let keep = self.inboxes.keep;
        self.ask(inbox::ReadWelcome { log, since, keep })
    }
}

impl Handler<ListInbox> for Solo {
    type Result = ResponseFuture<Result<Listed, Unavailable>>;

    fn handle(&mut self, ListInbox { log, list }: ListInbox, _: &mut Context<Self>) -> Self::Result {
        let keep = self.inboxes.keep;
        self.ask(inbox::ReadList { log, list, keep })
    }
}

impl Handler<ReadPreferences> for Solo {
    type Result = ResponseFuture<Result<std::sync::Arc<str>, Unavailable>>;

    fn handle(&mut self, ReadPreferences { log }: ReadPreferences, _: &mut Context<Self>) -> Self::Result {
        self.ask(inbox::ReadPreferences { log })
    }
}

impl Handler<ReadFollowers> for Solo {
    type Result = ResponseFuture<Result<Vec<UserId>, Unavailable>>;

    fn handle(&mut self, ReadFollowers { room }: ReadFollowers, _: &mut Context<Self>) -> Self::Result {
        self.ask(inbox::ReadFollowers { room })
    }
}

impl Handler<ReadDueOrders> for Solo {
    type Result = ResponseFuture<Result<DueOrders, Unavailable>>;

    fn handle(&mut self, ReadDueOrders { now, limit }: ReadDueOrders, _: &mut Context<Self>) -> Self::Result {
        self.ask(inbox::ReadDue { now, limit })
    }
}
