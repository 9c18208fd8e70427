//! Users and logs that are forgotten, and what this actor knows of them besides the store.
//!
//! A user is forgotten because somebody asks for it: what waits of them is dropped before the writer is told, what comes
//! until it has answered is refused, and whoever asked ends their sessions and their own room then. A log is forgotten
//! because the sweep found nothing left in it and nobody watches it; who wants to watch it meanwhile waits for the answer.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::prelude::*;
use futures_util::future::{BoxFuture, FutureExt};
use log::error;
use tokio::sync::oneshot;

use super::Solo;
use crate::bridge::Unavailable;
use crate::bridge::inbox::Stirred;
use crate::bridge::users::{self, Refusing};
use crate::domain::ids::{RoomKey, RoomName, UserKey};
use crate::store::{self, Chained, ForgetLogs, LogsForgotten, Standing};

/// Logs that are forgotten in one transaction.
const LOGS_MAX: usize = 64;

/// What is being forgotten.
#[derive(Default)]
pub(super) struct Forgetting {
    /// Users whom the writer was told to forget, and how many times.
    users: HashMap<UserKey, usize>,
    /// Logs that it was told to forget if nothing is left in them.
    logs: HashSet<RoomKey>,
    /// Who waits until it has.
    waiting: Vec<oneshot::Sender<()>>,
    /// The store took no more of them, so that none is offered before the next walk.
    is_over: bool,
}

impl Forgetting {
    /// Whether this user is being forgotten.
    pub(super) fn has_user(&self, user: &UserKey) -> bool {
        self.users.contains_key(user)
    }

    /// Whether this is the own log of a user who is being forgotten.
    pub(super) fn has_owner(&self, log: &RoomKey) -> bool {
        // Nearly always nobody is.
        !self.users.is_empty()
            && log.room.owner().is_some_and(|user| self.has_user(&UserKey::new(log.tenant.clone(), user)))
    }

    /// Done once it is settled whether the log is forgotten.
    pub(super) fn settled(&mut self, log: &RoomKey) -> BoxFuture<'static, ()> {
        if !self.logs.contains(log) {
            return Box::pin(async {});
        }
        let (sender, settled) = oneshot::channel();
        self.waiting.push(sender);
        Box::pin(settled.map(|_| ()))
    }

    /// A walk over all logs begins.
    pub(super) fn walk_begins(&mut self) {
        self.is_over = false;
    }
}

impl Solo {
    /// Has logs forgotten in which nothing is left, a few at a time.
    pub(super) fn forget_bare(&mut self, standings: &[Standing], ctx: &Context<Self>) {
        if !self.forgetting.logs.is_empty() || self.forgetting.is_over || self.is_closed {
            return;
        }
        let bare = standings.iter().filter(|standing| standing.is_bare).filter_map(|standing| standing.log.as_ref());
        let logs: Vec<_> = bare.filter(|log| !self.watches.has(log)).take(LOGS_MAX).cloned().collect();
        if !logs.is_empty() {
            self.forgetting.logs = logs.iter().cloned().collect();
            self.writer.do_send(ForgetLogs { logs, reply: ctx.address().recipient() });
        }
    }
}

impl Handler<LogsForgotten> for Solo {
    type Result = ();

    fn handle(&mut self, LogsForgotten(forgotten): LogsForgotten, _: &mut Context<Self>) {
        self.forgetting.logs.clear();
        self.forgetting.is_over = forgotten.is_empty();
        for waiting in self.forgetting.waiting.drain(..) {
            // Who no longer waits needs no answer.
            let _ = waiting.send(());
        }
        for log in forgotten {
            self.trimming.forget(&log);
            // Sessions that stand in that life without a room hear of the next one now, not by their next notification.
            if let Some(opener) = self.inboxes.opener.as_ref().filter(|_| log.room.is_personal()) {
                opener.do_send(Stirred { log });
            }
        }
    }
}

impl Handler<users::ForgetUser> for Solo {
    type Result = ();

    fn handle(&mut self, users::ForgetUser { user, audit, done }: users::ForgetUser, ctx: &mut Context<Self>) {
        if self.is_closed {
            return tell(done, Err(Unavailable));
        }
        *self.forgetting.users.entry(user.clone()).or_default() += 1;
        self.users.forget(&user);
        self.inboxes.forget(&own_log(&user));
        let forgetting = self.writer.send(store::ForgetUser { user: user.clone(), audit });
        let solo = ctx.address();
        // On the arbiter, not on this actor: what waits in it does not outlive a panic.
        actix::spawn(async move {
            let outcome = forgetting.await.unwrap_or(Err(Unavailable));
            solo.do_send(UserForgotten { user, outcome, done });
        });
    }
}

/// The writer has, or has not, forgotten a user.
#[derive(Message)]
#[rtype(result = "()")]
struct UserForgotten {
    user: UserKey,
    outcome: Result<Chained, Unavailable>,
    done: Refusing,
}

impl Handler<UserForgotten> for Solo {
    type Result = ();

    fn handle(&mut self, UserForgotten { user, outcome, done }: UserForgotten, _: &mut Context<Self>) {
        if let Some(times) = self.forgetting.users.get_mut(&user) {
            *times -= 1;
            if *times == 0 {
                self.forgetting.users.remove(&user);
            }
        }
        let outcome = outcome.map(|chained| self.chained(chained));
        if outcome.is_ok() {
            let log = own_log(&user);
            self.trimming.forget(&log);
            // The room that is open by now is in the life before. Whoever is told here ends it, and those who come until
            // then; entries of the next life would end it earlier, and its sessions by another code.
            self.watches.forget(&log);
        }
        tell(done, outcome);
    }
}

fn own_log(user: &UserKey) -> RoomKey {
    RoomKey::new(user.tenant.clone(), RoomName::personal(&user.user))
}

/// Others wrote what is called here, so a panic in it is theirs.
fn tell(done: Refusing, outcome: Result<(), Unavailable>) {
    if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
        error!("who had a user forgotten panicked when it was told how that ended");
    }
}
