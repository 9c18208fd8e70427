//! Who is in a room: sessions folded into members, and what changed between two ticks.
//!
//! ```text
//! attach, change, lost, recalled, leave, expire ──▶ now ── tick ──▶ shown
//!                                                        └─▶ Diff: snapshot + diffs = the later snapshot
//! ```
//!
//! Two pictures are kept: how things are *now*, and what was *shown* with the last tick. A tick compares the two for the
//! users that something happened to, so it costs what changed, not what there is; who leaves and returns between two
//! ticks shows as nothing at all.
//!
//! A session is fenced by its generation: one that was taken up elsewhere has a newer one, and news of an older
//! connection change nothing. A session without a connection stays a member until its grace time is over; the roster is
//! handed the end of it and has no timer. Sessions that only watch are not in here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::entry::Timestamp;
use super::ids::{SessionId, UserId};
use super::presence::{Change, Device, Presence, Status};
use super::user::User;

/// A user in a room, with all of their sessions there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who it is, as the newest of the sessions brought it.
    pub user: Arc<User>,
    /// The most present of the sessions'.
    pub status: Status,
    /// For a member who is away: since when, which is when the last session went.
    pub idle_since: Option<Timestamp>,
    /// When the user came.
    pub since: Timestamp,
    /// The sessions in the order in which they came; never empty.
    pub sessions: Vec<MemberSession>,
}

/// One session of a [`Member`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberSession {
    /// Its public name.
    pub session: SessionId,
    /// What it shows of itself.
    pub presence: Presence,
    /// What it runs on.
    pub device: Device,
}

/// What changed between two ticks. `count` is that of members after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Diff {
    /// The members that came, changed and left, each by user id ascending.
    Members {
        /// Who came.
        joined: Vec<Arc<Member>>,
        /// Who is still here and looks different.
        updated: Vec<Arc<Member>>,
        /// Who left.
        left: Vec<UserId>,
        /// How many there are now.
        count: usize,
    },
    /// The room is large, or has become it: just how many there are.
    Large {
        /// How many there are now.
        count: usize,
    },
    /// The room is no longer large: everybody.
    SmallAgain {
        /// All members, by user id ascending.
        members: Vec<Arc<Member>>,
        /// How many there are now.
        count: usize,
    },
}

/// A session as it is now.
#[derive(Debug)]
struct Here {
    user: UserId,
    generation: u64,
    presence: Presence,
    device: Device,
    connection: Connection,
}

/// Whether somebody is behind a session right now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Connection {
    Attached,
    /// This generation's connection is gone; only a newer one returns.
    Lost {
        until: Instant,
    },
    /// This generation has a connection, which has not joined this room yet.
    Recalled {
        until: Instant,
    },
}

impl Connection {
    fn until(self) -> Option<Instant> {
        match self {
            Self::Attached => None,
            Self::Lost { until } | Self::Recalled { until } => Some(until),
        }
    }
}

/// A user as they are now; their sessions are in [`Roster::sessions`].
#[derive(Debug)]
struct Present {
    user: Arc<User>,
    since: Timestamp,
    /// In the order in which they came; never empty.
    sessions: Vec<SessionId>,
}

/// Who is in one room.
#[derive(Debug)]
pub struct Roster {
    /// Over so many members the room is large.
    large_limit: usize,
    is_large: bool,
    /// Boxed: a table has up to twice as many places as things in it.
    sessions: FxHashMap<SessionId, Box<Here>>,
    users: FxHashMap<UserId, Present>,
    expiries: BTreeSet<(Instant, SessionId)>,
    /// Users that something happened to since the last tick.
    touched: FxHashSet<UserId>,
    shown: BTreeMap<UserId, Arc<Member>>,
    /// The count that the last tick told.
    told_count: usize,
}

/// Over so many members a room is large, if nobody says otherwise.
pub const LARGE_LIMIT: usize = 200;

impl Default for Roster {
    fn default() -> Self {
        Self::new(LARGE_LIMIT)
    }
}

impl Roster {
    /// Nobody yet. Over `large_limit` members the room is large, and small again under three quarters of it.
    #[must_use]
    pub fn new(large_limit: usize) -> Self {
        Self {
            large_limit,
            is_large: false,
            sessions: FxHashMap::default(),
            users: FxHashMap::default(),
            expiries: BTreeSet::new(),
            touched: FxHashSet::default(),
            shown: BTreeMap::new(),
            told_count: 0,
        }
    }

    /// A session joined, or joined again. `change` goes onto the presence that it has here already, or onto a fresh one.
    ///
    /// False, and nothing happened, when a newer generation is here or this one's connection is known to be gone.
    pub fn attach(
        &mut self,
        session: &SessionId,
        generation: u64,
        user: &Arc<User>,
        device: Device,
        change: &Change,
        now: Timestamp,
    ) -> bool {
        if let Some(here) = self.sessions.get(session) {
            let is_gone = here.generation == generation && matches!(here.connection, Connection::Lost { .. });
            if here.generation > generation || is_gone {
                return false;
            }
            // A public name with another user behind it is another session.
            if here.user != user.id {
                self.remove(session);
            }
        }
        let here = self.sessions.entry(session.clone()).or_insert_with(|| {
            Box::new(Here {
                user: user.id.clone(),
                generation,
                presence: Presence::default(),
                device,
                connection: Connection::Attached,
            })
        });
        if let Some(until) = here.connection.until() {
            self.expiries.remove(&(until, session.clone()));
        }
        here.generation = generation;
        here.device = device;
        here.connection = Connection::Attached;
        here.presence.apply(change, now);

        let shown = &self.shown;
        let present = self.users.entry(user.id.clone()).or_insert_with(|| Present {
            user: Arc::clone(user),
            // Who is back before anybody saw them leave never left.
            since: shown.get(&user.id).map_or(now, |member| member.since),
            sessions: Vec::new(),
        });
        present.user = Arc::clone(user);
        if !present.sessions.contains(session) {
            // Nearly everybody has one.
            present.sessions.reserve_exact(1);
            present.sessions.push(session.clone());
        }
        self.touched.insert(user.id.clone());
        true
    }

    /// A session changes its presence. False when it is not here by this generation.
    pub fn change(&mut self, session: &SessionId, generation: u64, change: &Change, now: Timestamp) -> bool {
        let Some(here) = self.sessions.get_mut(session).filter(|here| here.generation == generation) else {
            return false;
        };
        if here.presence.apply(change, now) {
            self.touched.insert(here.user.clone());
        }
        true
    }

    /// A session's connection is gone: it stays until its grace time ends. Told twice, the earlier end counts.
    pub fn lost(&mut self, session: &SessionId, generation: u64, until: Instant) -> bool {
        let Some(here) = self.sessions.get(session).filter(|here| here.generation <= generation) else {
            return false;
        };
        let until = match here.connection {
            Connection::Lost { until: earlier } if here.generation == generation => earlier.min(until),
            _ => until,
        };
        self.set_connection(session, generation, Connection::Lost { until });
        true
    }

    /// A newer connection took the session up, and has until then to join this room again. False when it is not here, or
    /// by a generation that is as new.
    pub fn recalled(&mut self, session: &SessionId, generation: u64, until: Instant) -> bool {
        if self.sessions.get(session).is_none_or(|here| here.generation >= generation) {
            return false;
        }
        self.set_connection(session, generation, Connection::Recalled { until });
        true
    }

    /// A session leaves at once. False when it is not here, or by a newer generation.
    pub fn leave(&mut self, session: &SessionId, generation: u64) -> bool {
        if self.sessions.get(session).is_none_or(|here| here.generation > generation) {
            return false;
        }
        self.remove(session);
        true
    }

    /// Removes the sessions whose grace time is over and names them, the longest overdue first.
    pub fn expire(&mut self, now: Instant) -> Vec<SessionId> {
        let mut expired = Vec::new();
        while self.next_expiry().is_some_and(|until| until <= now) {
            let Some((_, session)) = self.expiries.pop_first() else { break };
            self.remove(&session);
            expired.push(session);
        }
        expired
    }

    /// When to call [`expire`](Self::expire) next.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(until, _)| *until)
    }

    /// Shows how things are now, and says what is different from the last time; `None` when nothing is.
    pub fn tick(&mut self) -> Option<Diff> {
        let (mut joined, mut updated, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.touched) {
            match self.member(&id) {
                None => {
                    if self.shown.remove(&id).is_some() {
                        left.push(id);
                    }
                }
                Some(member) => {
                    let member = Arc::new(member);
                    let list = match self.shown.get(&id) {
                        None => &mut joined,
                        Some(shown) if *shown != member => &mut updated,
                        Some(_) => continue,
                    };
                    list.push(Arc::clone(&member));
                    self.shown.insert(id, member);
                }
            }
        }

        let count = self.shown.len();
        let was_large = self.is_large;
        self.is_large = count > self.large_limit || (was_large && count * 4 >= self.large_limit * 3);
        let told_count = std::mem::replace(&mut self.told_count, count);
        if self.is_large {
            return (!was_large || count != told_count).then_some(Diff::Large { count });
        }
        if was_large {
            return Some(Diff::SmallAgain { members: self.shown.values().cloned().collect(), count });
        }
        if joined.is_empty() && updated.is_empty() && left.is_empty() {
            return None;
        }
        // Which order a hash gives is nobody's business on the wire.
        joined.sort_unstable_by(|a, b| a.user.id.cmp(&b.user.id));
        updated.sort_unstable_by(|a, b| a.user.id.cmp(&b.user.id));
        left.sort_unstable();
        Some(Diff::Members { joined, updated, left, count })
    }

    /// The members of the last tick, by user id ascending.
    #[must_use]
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &Arc<Member>> {
        self.shown.values()
    }

    /// The members of the last tick and `joiner` as they are now, which may be a moment ahead of the others: what the
    /// reply to a join lists and counts. By user id ascending; without a joiner just the last tick's.
    #[must_use]
    pub fn shown_with(&self, joiner: Option<&UserId>) -> Vec<Arc<Member>> {
        let mut members: Vec<_> = self.shown().cloned().collect();
        if let Some(member) = joiner.and_then(|id| self.member(id)) {
            match members.binary_search_by(|shown| shown.user.id.cmp(&member.user.id)) {
                Ok(slot) => members[slot] = Arc::new(member),
                Err(slot) => members.insert(slot, Arc::new(member)),
            }
        }
        members
    }

    /// How many members [`shown_with`](Self::shown_with) lists, without making the list: for a large room.
    #[must_use]
    pub fn count_with(&self, joiner: Option<&UserId>) -> usize {
        let is_new = joiner.is_some_and(|id| self.users.contains_key(id) && !self.shown.contains_key(id));
        self.shown.len() + usize::from(is_new)
    }

    /// Who is here now, whatever was told of it.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.users.keys()
    }

    /// A user as they are now.
    #[must_use]
    pub fn member(&self, user: &UserId) -> Option<Member> {
        let present = self.users.get(user)?;
        let mut sessions = Vec::with_capacity(present.sessions.len());
        sessions.extend(present.sessions.iter().filter_map(|session| {
            let here = self.sessions.get(session)?;
            Some(MemberSession { session: session.clone(), presence: here.presence.clone(), device: here.device })
        }));
        let status = sessions.iter().map(|session| session.presence.status).min().unwrap_or_default();
        let idle_since = sessions.iter().filter_map(|session| session.presence.idle_since).max();
        Some(Member {
            user: Arc::clone(&present.user),
            status,
            idle_since: idle_since.filter(|_| status == Status::Away),
            since: present.since,
            sessions,
        })
    }

    /// What a session shows of itself here, also in its grace time.
    #[must_use]
    pub fn presence(&self, session: &SessionId) -> Option<&Presence> {
        self.sessions.get(session).map(|here| &here.presence)
    }

    /// Whether the room was large at the last tick.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.is_large
    }

    /// How many members there are now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.users.len()
    }

    /// Whether no session is here, not even in its grace time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// A roster that can be trusted after a panic in the middle of a change: everything that follows from the sessions
    /// is made anew from them. To the next tick all members are news.
    #[must_use]
    pub fn rebuilt(self) -> Self {
        let mut rebuilt = Self::new(self.large_limit);
        for (session, here) in self.sessions {
            let known = self.users.get(&here.user).map(|present| (&present.user, present.since));
            let shown = || self.shown.get(&here.user).map(|member| (&member.user, member.since));
            let Some((user, since)) = known.or_else(shown) else { continue };
            let present = rebuilt.users.entry(here.user.clone()).or_insert_with(|| Present {
                user: Arc::clone(user),
                since,
                sessions: Vec::new(),
            });
            present.sessions.push(session.clone());
            rebuilt.touched.insert(here.user.clone());
            if let Some(until) = here.connection.until() {
                rebuilt.expiries.insert((until, session.clone()));
            }
            rebuilt.sessions.insert(session, here);
        }
        rebuilt
    }

    fn set_connection(&mut self, session: &SessionId, generation: u64, connection: Connection) {
        let Some(here) = self.sessions.get_mut(session) else {
            return;
        };
        if let Some(until) = here.connection.until() {
            self.expiries.remove(&(until, session.clone()));
        }
        if let Some(until) = connection.until() {
            self.expiries.insert((until, session.clone()));
        }
        here.generation = generation;
        here.connection = connection;
    }

    /// The one door out.
    fn remove(&mut self, session: &SessionId) {
        let Some(here) = self.sessions.remove(session) else {
            return;
        };
        if let Some(until) = here.connection.until() {
            self.expiries.remove(&(until, session.clone()));
        }
        if let Some(present) = self.users.get_mut(&here.user) {
            present.sessions.retain(|other| other != session);
            if present.sessions.is_empty() {
                self.users.remove(&here.user);
            }
        }
        self.touched.insert(here.user);
    }
}

#[cfg(test)]
mod tests;
