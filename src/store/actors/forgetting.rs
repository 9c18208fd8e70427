//! The letters about logs and users that are forgotten.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::prelude::*;

use crate::domain::audit::Draft;
use crate::domain::ids::{RoomKey, UserKey};
use crate::domain::log::Unavailable;

use super::WriterActor;
use crate::store::audit::Chained;
use crate::store::writer::Writer;

/// Rows that a user leaves, about: what of their log was not trimmed.
const USER_ROWS: usize = 256;

/// Forget a user; answered when that is on the disk.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Chained, Unavailable>")]
pub struct ForgetUser {
    /// Whom.
    pub user: UserKey,
    /// What the audit log says of it.
    pub audit: Option<Draft>,
}

/// Forget those of these logs that have nothing left to keep. Sent by `do_send`, and there is one at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ForgetLogs {
    /// Which.
    pub logs: Vec<RoomKey>,
    /// Hears which of them were forgotten.
    pub reply: Recipient<LogsForgotten>,
}

/// These logs were forgotten.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LogsForgotten(pub Vec<RoomKey>);

impl Handler<ForgetUser> for WriterActor {
    type Result = Result<Chained, Unavailable>;

    fn handle(&mut self, ForgetUser { user, audit }: ForgetUser, ctx: &mut SyncContext<Self>) -> Self::Result {
        let forget = |writer: &mut Writer| writer.forget_user(&user, audit.as_ref());
        match catch_unwind(AssertUnwindSafe(|| self.opened().map(forget))) {
            Ok(Ok(Ok(()))) => {
                let chained = self.take_chained();
                self.afterwards(USER_ROWS, ctx);
                return Ok(chained);
            }
            // Told to the operator where it failed.
            Ok(Ok(Err(_))) => {}
            failed => self.failed(failed.ok().and_then(Result::err), ctx),
        }
        Err(Unavailable)
    }
}

impl Handler<ForgetLogs> for WriterActor {
    type Result = ();

    fn handle(&mut self, ForgetLogs { logs, reply }: ForgetLogs, ctx: &mut SyncContext<Self>) {
        let forgotten = match catch_unwind(AssertUnwindSafe(|| self.opened().map(|writer| writer.forget_logs(&logs)))) {
            Ok(Ok(forgotten)) => forgotten.unwrap_or_default(),
            failed => {
                self.failed(failed.ok().and_then(Result::err), ctx);
                Vec::new()
            }
        };
        let written = forgotten.len();
        reply.do_send(LogsForgotten(forgotten));
        self.afterwards(written, ctx);
    }
}
