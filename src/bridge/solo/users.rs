//! News of users, on their way to the store.
//!
//! They gather for a moment, and go to the writer in transactions of a bounded size, one at a time and between the batches
//! of the logs. What is known already is not written again. A read waits until what was learned before it is written.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::future::{BoxFuture, FutureExt};
use log::{error, warn};
use tokio::sync::oneshot;

use super::Solo;
use super::start::Limits;
use crate::bridge::Unavailable;
use crate::bridge::users::{self, ReadUser, ReadUsers, Remember};
use crate::clock::Clock;
use crate::domain::entry::Timestamp;
use crate::domain::ids::UserKey;
use crate::domain::known_user::{Digest, Known, Learned, News};
use crate::store::{self, RememberUsers, SelectUsers, UsersRemembered};

/// Users of one transaction. A batch of the logs that comes meanwhile waits for it, so it is a small one.
const BATCH_USERS: usize = 128;

/// News gather for so long, and a batch keeps so far from the one before.
const GATHER: Duration = Duration::from_millis(100);

/// Who was seen less than this ago is not written down as seen again.
const SEEN_MS: i64 = 60_000;

/// Of the users learned of last, so many are known without asking the file.
const KNOWN_MAX: usize = 50_000;

/// How often users that were not seen for long are looked for.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// The bookkeeping.
pub(super) struct Users {
    clock: Clock,
    waiting_max: usize,
    /// What is in the file of users, or will be soon.
    known: HashMap<UserKey, Known<Digest>>,
    /// What is to be written, newest of each user.
    waiting: HashMap<UserKey, News>,
    /// In the order in which they came.
    order: VecDeque<UserKey>,
    /// Users that came to wait, and those of them that are written or given up.
    taken: u64,
    written: u64,
    /// Who waits until so many are; ascending.
    readers: VecDeque<(u64, oneshot::Sender<()>)>,
    is_busy: bool,
    is_gathering: bool,
    /// Whether news had to be dropped since the queue was empty.
    has_dropped: bool,
    forgotten_at: Option<Instant>,
}

impl Users {
    pub(super) fn new(limits: Limits, clock: Clock) -> Self {
        Self {
            clock,
            waiting_max: limits.users_waiting_max,
            known: HashMap::new(),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            taken: 0,
            written: 0,
            readers: VecDeque::new(),
            is_busy: false,
            is_gathering: false,
            has_dropped: false,
            forgotten_at: None,
        }
    }

    /// Puts news where they wait, unless they say nothing new.
    pub(super) fn learn(&mut self, user: UserKey, news: News) {
        if let Some(known) = self.known.get_mut(&user) {
            // Told by a token, as every connect does. Who leaves tells the time of it exactly.
            let is_recent = news.said.is_some() && news.seen.0 - known.last_seen.0 < SEEN_MS;
            let mut after = known.clone();
            let learned = after.learn(&news);
            if learned == Learned::Nothing || (learned == Learned::Seen && is_recent) {
                return;
            }
            *known = after;
        }
        if let Some(waiting) = self.waiting.remove(&user) {
            self.waiting.insert(user, waiting.and(news));
            return;
        }
        if self.waiting.len() >= self.waiting_max {
            self.known.remove(&user);
            if !std::mem::replace(&mut self.has_dropped, true) {
                warn!("too many users wait to be remembered; some are not until they connect again");
            }
            return;
        }
        self.note(&user, &news);
        self.taken += 1;
        self.order.push_back(user.clone());
        self.waiting.insert(user, news);
    }

    /// Somebody of whom nothing was known here. What the file has may be newer, so only what they bring after this is
    /// compared: an older token once more costs a look into the file, and changes nothing there.
    fn note(&mut self, user: &UserKey, news: &News) {
        if self.known.contains_key(user) {
            return;
        }
        let Some(known) = news.known() else { return };
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(user.clone(), known);
    }

    /// Nothing of this user is known any more. What waits keeps its place in the row and says nothing.
    pub(super) fn forget(&mut self, user: &UserKey) {
        self.known.remove(user);
        if let Some(waiting) = self.waiting.get_mut(user) {
            *waiting = News::seen(Timestamp(0));
        }
    }

    pub(super) fn next_batch(&mut self) -> Vec<(UserKey, News)> {
        let count = self.order.len().min(BATCH_USERS);
        let users: Vec<_> = self.order.drain(..count).collect();
        self.has_dropped &= !self.order.is_empty();
        if self.order.is_empty() {
            self.order.shrink_to(BATCH_USERS);
        }
        users.into_iter().filter_map(|user| self.waiting.remove_entry(&user)).collect()
    }

    /// Whether it is time to look for users that were not seen for long.
    fn forgets_now(&mut self) -> bool {
        let now = self.clock.now();
        let is_due = self.forgotten_at.is_none_or(|at| now.saturating_duration_since(at) >= FORGET_EVERY);
        if is_due {
            self.forgotten_at = Some(now);
        }
        is_due
    }

    fn returned(&mut self, answer: UsersRemembered) {
        self.is_busy = false;
        self.written += answer.count as u64;
        if !answer.is_written {
            // Whatever was believed to be in the file may not be there.
            self.known.clear();
        }
        if answer.has_more {
            self.forgotten_at = None;
        }
        while self.readers.front().is_some_and(|(upto, _)| *upto <= self.written) {
            if let Some((_, waiting)) = self.readers.pop_front() {
                // Who no longer waits needs no answer.
                let _ = waiting.send(());
            }
        }
    }
}

impl Solo {
    /// After a panic, which took all timers along. A batch that is on its way comes back as one too many, which harms
    /// nobody.
    pub(super) fn write_users_anew(&mut self, ctx: &mut Context<Self>) {
        (self.users.is_busy, self.users.is_gathering) = (false, false);
        self.write_users_soon(ctx);
    }

    /// Done when everything that was learned so far is written, or given up.
    pub(super) fn users_are_written(&mut self, ctx: &mut Context<Self>) -> BoxFuture<'static, ()> {
        if self.users.written >= self.users.taken {
            return Box::pin(async {});
        }
        let (sender, receiver) = oneshot::channel();
        self.users.readers.push_back((self.users.taken, sender));
        self.write_users(ctx);
        Box::pin(receiver.map(|_| ()))
    }

    fn write_users_soon(&mut self, ctx: &mut Context<Self>) {
        if self.users.is_gathering || self.users.order.is_empty() {
            return;
        }
        self.users.is_gathering = true;
        ctx.run_later(GATHER, |solo, ctx| {
            solo.users.is_gathering = false;
            solo.write_users(ctx);
        });
    }

    fn write_users(&mut self, ctx: &mut Context<Self>) {
        if self.users.is_busy || self.users.order.is_empty() || self.is_closed {
            return;
        }
        self.users.is_busy = true;
        let forget = self.users.forgets_now();
        let news = self.users.next_batch();
        self.writer.do_send(RememberUsers { news, forget, reply: ctx.address().recipient() });
    }
}

impl Handler<Remember> for Solo {
    type Result = ();

    fn handle(&mut self, Remember { user, news }: Remember, ctx: &mut Context<Self>) {
        if !self.is_closed && !self.forgetting.has_user(&user) {
            self.users.learn(user, news);
            self.write_users_soon(ctx);
        }
    }
}

impl Handler<UsersRemembered> for Solo {
    type Result = ();

    fn handle(&mut self, answer: UsersRemembered, ctx: &mut Context<Self>) {
        self.users.returned(answer);
        if self.users.readers.is_empty() {
            self.write_users_soon(ctx);
        } else {
            self.write_users(ctx);
        }
    }
}

impl Handler<users::RefuseTokens> for Solo {
    type Result = ();

    fn handle(&mut self, letter: users::RefuseTokens, _: &mut Context<Self>) {
        let users::RefuseTokens { user, before, done } = letter;
        // Others wrote what is called here, so a panic in it is theirs.
        let tell = |outcome| {
            if catch_unwind(AssertUnwindSafe(|| done(outcome))).is_err() {
                error!("who took tokens back panicked when it was told how that ended");
            }
        };
        if self.is_closed {
            return tell(Err(Unavailable));
        }
        let refusing = self.writer.send(store::RefuseTokens { user, before });
        // On the arbiter, not on this actor: what waits in it does not outlive a panic.
        actix::spawn(async move { tell(refusing.await.unwrap_or(Err(Unavailable))) });
    }
}

impl Handler<ReadUser> for Solo {
    type Result = ResponseFuture<Result<Option<Known>, Unavailable>>;

    fn handle(&mut self, ReadUser { user }: ReadUser, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        let written = self.users_are_written(ctx);
        let read = self.readers.ask_after(written, store::ReadUser { user });
        Box::pin(read)
    }
}

impl Handler<ReadUsers> for Solo {
    type Result = ResponseFuture<Result<users::Users, Unavailable>>;

    fn handle(&mut self, letter: ReadUsers, ctx: &mut Context<Self>) -> Self::Result {
        if self.is_closed {
            return Box::pin(async { Err(Unavailable) });
        }
        let ReadUsers { tenant, role, with_guests, after, limit } = letter;
        let written = self.users_are_written(ctx);
        let selected = store::Selected { tenant, role, with_guests, after, limit: limit.max(1) };
        let read = self.readers.ask_after(written, SelectUsers(selected));
        Box::pin(read.map(|page| page.map(|(users, next)| users::Users { users, next })))
    }
}
