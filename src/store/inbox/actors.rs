//! What the threads of the store are asked about inboxes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;

use super::change::unavailable;
use super::{
    ChangeInboxes, InboxesChanged, ReadDue, ReadFollowers, ReadList, ReadPreferences, ReadWelcome, Step, StepTaken,
};
use crate::domain::ids::UserId;
use crate::domain::inbox_log::{DueOrders, Listed, Welcomed};
use crate::domain::log::Unavailable;
use crate::store::actors::{ReaderActor, WriterActor};

impl Handler<ChangeInboxes> for WriterActor {
    type Result = ();

    fn handle(&mut self, letter: ChangeInboxes, ctx: &mut SyncContext<Self>) {
        let ChangeInboxes { mut changes, keep, rows_max, reply } = letter;
        let change = || self.opened().map(|writer| writer.change_inboxes(&changes, &keep, rows_max));
        let changed = catch_unwind(AssertUnwindSafe(change));
        let (outcomes, grown) = match changed {
            Ok(Ok(changed)) => changed,
            failed => {
                self.failed(failed.ok().and_then(Result::err), ctx);
                (vec![Err(unavailable()); changes.len()], Vec::new())
            }
        };
        let chained = self.take_chained();
        let left = changes.split_off(outcomes.len());
        reply.do_send(InboxesChanged { outcomes, left, grown, chained });
        self.afterwards(changes.len(), ctx);
    }
}

impl Handler<Step> for WriterActor {
    type Result = ();

    fn handle(&mut self, step: Step, ctx: &mut SyncContext<Self>) {
        let taken = catch_unwind(AssertUnwindSafe(|| self.opened().map(|writer| writer.step(&step))));
        let (progress, grown) = match taken {
            Ok(Ok(Ok(stepped))) => (Ok(stepped.progress), stepped.grown),
            // Told to the operator where it failed.
            Ok(Ok(Err(_))) => (Err(Unavailable), Vec::new()),
            failed => {
                self.failed(failed.ok().and_then(Result::err), ctx);
                (Err(Unavailable), Vec::new())
            }
        };
        let written = grown.len();
        let chained = self.take_chained();
        step.reply.do_send(StepTaken { progress, grown, chained });
        self.afterwards(written, ctx);
    }
}

impl Handler<ReadWelcome> for ReaderActor {
    type Result = Result<Welcomed, Unavailable>;

    fn handle(&mut self, asked: ReadWelcome, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&asked.log), ctx, |reader| reader.welcome(&asked))
    }
}

impl Handler<ReadList> for ReaderActor {
    type Result = Result<Listed, Unavailable>;

    fn handle(&mut self, asked: ReadList, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&asked.log), ctx, |reader| reader.list(&asked))
    }
}

impl Handler<ReadPreferences> for ReaderActor {
    type Result = Result<Arc<str>, Unavailable>;

    fn handle(&mut self, ReadPreferences { log }: ReadPreferences, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&log), ctx, |reader| reader.preferences(&log))
    }
}

impl Handler<ReadFollowers> for ReaderActor {
    type Result = Result<Vec<UserId>, Unavailable>;

    fn handle(&mut self, asked: ReadFollowers, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(Some(&asked.room), ctx, |reader| reader.followers(&asked))
    }
}

impl Handler<ReadDue> for ReaderActor {
    type Result = Result<DueOrders, Unavailable>;

    fn handle(&mut self, asked: ReadDue, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(None, ctx, |reader| reader.due(asked))
    }
}
