//! The part of the port about users: what is remembered of them while they are away.
//!
//! Learning is no append: it may be lost with the power, and is told again at the user's next connect. Only what refuses
//! tokens is on the disk before it is answered.

use actix::prelude::*;

use crate::domain::audit::Draft;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{Tenant, UserId, UserKey};
use crate::domain::known_user::{Known, KnownUser, News};

use super::Unavailable;

/// Learn something of a user. It is written soon, and later reads see it. Sent by `do_send`: news of one user become one
/// while they wait, and with too many users waiting they are dropped.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Remember {
    /// Of whom.
    pub user: UserKey,
    /// What.
    pub news: News,
}

/// Told once, on the bridge's thread. It must only post letters and take short locks.
pub type Refusing = Box<dyn FnOnce(Result<(), Unavailable>) + Send>;

/// Refuse the user's tokens that are older than `before`, from now on and for good. An earlier time than before changes
/// nothing.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RefuseTokens {
    /// Whose.
    pub user: UserKey,
    /// Since when they are good.
    pub before: Timestamp,
    /// Hears when that is on the disk.
    pub done: Refusing,
}

/// Forget a user: their own log with its inbox and preferences, whom they follow, and what their tokens said. Their log
/// begins another life. Whoever asks ends their sessions and their own room once it is done, for those know the life
/// before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ForgetUser {
    /// Whom.
    pub user: UserKey,
    /// What the audit log says of it, in the same transaction.
    pub audit: Option<Draft>,
    /// Hears when that is on the disk.
    pub done: Refusing,
}

/// Read what is remembered of a user; `None` of somebody who never came, or not for long.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Option<Known>, Unavailable>")]
pub struct ReadUser {
    /// Of whom.
    pub user: UserKey,
}

/// Read users of a tenant by name, ascending.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Users, Unavailable>")]
pub struct ReadUsers {
    /// Of this world.
    pub tenant: Tenant,
    /// Only those whose newest token gives them this role.
    pub role: Option<String>,
    /// Guests, too. They have no roles.
    pub with_guests: bool,
    /// Only those behind this one: the last of the page before.
    pub after: Option<UserId>,
    /// At most so many; at least 1.
    pub limit: usize,
}

/// A page of users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Users {
    /// They, by name.
    pub users: Vec<KnownUser>,
    /// The `after` of the next page, when there is one. It may be a user who is not among these.
    pub next: Option<UserId>,
}

/// The addresses that take these letters.
#[derive(Clone)]
pub struct UsersPort {
    /// Takes [`Remember`]s.
    pub remember: Recipient<Remember>,
    /// Takes [`RefuseTokens`]s.
    pub refuse_tokens: Recipient<RefuseTokens>,
    /// Takes [`ForgetUser`]s.
    pub forget: Recipient<ForgetUser>,
    /// Takes [`ReadUser`]s.
    pub one: Recipient<ReadUser>,
    /// Takes [`ReadUsers`]s.
    pub many: Recipient<ReadUsers>,
}
