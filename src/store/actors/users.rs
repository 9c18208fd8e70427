//! The letters about users.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::prelude::*;
use log::warn;

use crate::domain::entry::Timestamp;
use crate::domain::ids::{UserId, UserKey};
use crate::domain::known_user::{Known, KnownUser, News};
use crate::domain::log::Unavailable;
use crate::store::users::{GUESTS_MAX, Selected};

use super::{ReaderActor, WriterActor};

/// Old users are forgotten in slices of so many: some milliseconds between two batches.
const FORGET_ROWS: usize = 512;

/// Pages that a user's row touches: its own, and places in three indexes.
const PAGES_A_USER: usize = 4;

/// Take in news of users. Sent by `do_send`, and there is one at a time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RememberUsers {
    /// The news, each user once.
    pub news: Vec<(UserKey, News)>,
    /// Whether to forget a slice of those who were not seen for long, too.
    pub forget: bool,
    /// Hears how it ended.
    pub reply: Recipient<UsersRemembered>,
}

/// How news of users were taken in.
#[derive(Message, Clone, Copy, PartialEq, Eq, Debug)]
#[rtype(result = "()")]
pub struct UsersRemembered {
    /// How many there were.
    pub count: usize,
    /// Whether they are in the file.
    pub is_written: bool,
    /// Whether there may be more to forget.
    pub has_more: bool,
}

/// Refuse the user's tokens that are older than `before`; answered when that is on the disk.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct RefuseTokens {
    /// Whose.
    pub user: UserKey,
    /// Since when they are good.
    pub before: Timestamp,
}

/// Read what is remembered of a user.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Option<Known>, Unavailable>")]
pub struct ReadUser {
    /// Of whom.
    pub user: UserKey,
}

/// Read users by name, ascending, and behind whom the next page begins.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(Vec<KnownUser>, Option<UserId>), Unavailable>")]
pub struct SelectUsers(pub Selected);

impl WriterActor {
    fn remember(&mut self, news: &[(UserKey, News)]) -> Result<(), String> {
        let writer = self.opened().map_err(|error| error.to_string())?;
        writer.remember(news).map_err(|error| error.to_string())
    }

    /// A failure costs room on the disk, and the next batch will tell what is wrong with that.
    fn forget_users(&mut self) -> bool {
        let now = self.clock.wall();
        let forgotten = self.opened().ok().and_then(|writer| writer.forget_users(now, GUESTS_MAX, FORGET_ROWS).ok());
        forgotten == Some(FORGET_ROWS)
    }
}

impl Handler<RememberUsers> for WriterActor {
    type Result = ();

    fn handle(&mut self, letter: RememberUsers, ctx: &mut SyncContext<Self>) {
        let RememberUsers { news, forget, reply } = letter;
        let mut answer = UsersRemembered { count: news.len(), is_written: false, has_more: false };
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let written = if news.is_empty() { Ok(()) } else { self.remember(&news) };
            (written, forget && self.forget_users())
        }));
        match attempt {
            Ok((Ok(()), has_more)) => (answer.is_written, answer.has_more) = (true, has_more),
            Ok((Err(error), _)) => warn!("{} users could not be remembered: {error}", news.len()),
            Err(_) => self.begin_anew(ctx),
        }
        reply.do_send(answer);
        // Connects without publishes fill the write-ahead log, too.
        if catch_unwind(AssertUnwindSafe(|| self.checkpoint(answer.count * PAGES_A_USER, 0))).is_err() {
            self.begin_anew(ctx);
        }
    }
}

impl Handler<RefuseTokens> for WriterActor {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, RefuseTokens { user, before }: RefuseTokens, ctx: &mut SyncContext<Self>) -> Self::Result {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let writer = self.opened().map_err(|error| error.to_string())?;
            writer.refuse_tokens(&user, before).map_err(|error| error.to_string())
        }));
        match attempt {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => warn!("tokens could not be taken back: {error}"),
            Err(_) => self.begin_anew(ctx),
        }
        Err(Unavailable)
    }
}

impl Handler<ReadUser> for ReaderActor {
    type Result = Result<Option<Known>, Unavailable>;

    fn handle(&mut self, ReadUser { user }: ReadUser, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(None, ctx, |reader| reader.user(&user))
    }
}

impl Handler<SelectUsers> for ReaderActor {
    type Result = Result<(Vec<KnownUser>, Option<UserId>), Unavailable>;

    fn handle(&mut self, SelectUsers(selected): SelectUsers, ctx: &mut SyncContext<Self>) -> Self::Result {
        self.read(None, ctx, |reader| reader.users(&selected))
    }
}
