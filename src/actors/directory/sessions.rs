//! The register of sessions: by secret, by user, and how many stand.

use std::collections::HashMap;
use std::time::Instant;

use super::{Located, Secret};
use crate::actors::room::Gone;
use crate::actors::session::{End, SessionAddr};
use crate::delivery::Farewell;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomName, SessionId, UserKey};

/// All sessions of a node, those included whose client may still return.
#[derive(Default)]
pub(super) struct Sessions {
    by_secret: HashMap<Secret, Box<Record>>,
    by_user: HashMap<UserKey, OfUser>,
}

/// What outlives a session's connection.
pub(super) struct Record {
    pub(super) session: SessionId,
    pub(super) user: UserKey,
    pub(super) generation: u64,
    pub(super) connection: Connection,
}

/// Where a session's connection is.
pub(super) enum Connection {
    Standing(SessionAddr),
    Gone(Box<WasIn>),
}

/// What a return needs to know.
pub(super) struct WasIn {
    /// By when the client must be back.
    pub(super) until: Instant,
    /// When the connection ended.
    pub(super) at: Timestamp,
    /// Where it was.
    pub(super) rooms: Vec<(RoomName, Located)>,
}

/// The sessions of a user; there is at least one.
#[derive(Default)]
struct OfUser {
    secrets: Vec<Secret>,
    /// Connected ones.
    standing: usize,
    /// When a connection of theirs ended last.
    last_gone: Option<Timestamp>,
}

/// A session that is no more.
pub(super) struct Removed {
    pub(super) record: Record,
    /// When the user's last connection ended, if that was the last of their sessions.
    pub(super) left_at: Option<Timestamp>,
}

impl Sessions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_secret.len()
    }

    /// The session with this secret.
    pub(super) fn get(&self, secret: &Secret) -> Option<&Record> {
        self.by_secret.get(secret).map(Box::as_ref)
    }

    /// The secrets of a user's sessions.
    pub(super) fn secrets_of(&self, user: &UserKey) -> &[Secret] {
        self.by_user.get(user).map_or(&[], |of_user| &of_user.secrets)
    }

    /// The addresses of a user's connected sessions.
    pub(super) fn addresses_of(&self, user: &UserKey) -> impl Iterator<Item = &SessionAddr> {
        let records = self.secrets_of(user).iter().filter_map(|secret| self.by_secret.get(secret));
        records.filter_map(|record| match &record.connection {
            Connection::Standing(addr) => Some(addr),
            Connection::Gone(_) => None,
        })
    }

    /// The secret of a session by its public name. There are few who ask, so it is looked for.
    pub(super) fn secret_of(&self, session: &SessionId) -> Option<&Secret> {
        self.by_secret.iter().find(|(_, record)| record.session == *session).map(|(secret, _)| secret)
    }

    /// Users, and when their last connection ended; `None` of those who have one that stands.
    pub(super) fn users(&self) -> impl Iterator<Item = (&UserKey, Option<Timestamp>)> {
        self.by_user.iter().map(|(user, of_user)| (user, of_user.last_gone.filter(|_| of_user.standing == 0)))
    }

    /// Sessions whose time to return is over.
    pub(super) fn over(&self, now: Instant) -> Vec<Secret> {
        let is_over = |record: &Record| matches!(&record.connection, Connection::Gone(was) if now >= was.until);
        self.by_secret.iter().filter(|(_, record)| is_over(record)).map(|(secret, _)| secret.clone()).collect()
    }

    /// A new one, whose connection stands.
    pub(super) fn insert(&mut self, secret: Secret, record: Record) {
        let of_user = self.by_user.entry(record.user.clone()).or_default();
        // Most users have one.
        of_user.secrets.reserve_exact(1);
        of_user.secrets.push(secret.clone());
        of_user.standing += 1;
        self.by_secret.insert(secret, Box::new(record));
    }

    /// Gives the session another connection, under a newer generation; returns that and the old one.
    pub(super) fn take_up(&mut self, secret: &Secret, addr: SessionAddr) -> Option<(&Record, Connection)> {
        self.fall(secret);
        let record = self.by_secret.get_mut(secret)?;
        record.generation += 1;
        if let Some(of_user) = self.by_user.get_mut(&record.user) {
            of_user.standing += 1;
        }
        let old = std::mem::replace(&mut record.connection, Connection::Standing(addr));
        Some((record, old))
    }

    /// The session's connection has ended, and its client may return until then.
    pub(super) fn lose(&mut self, secret: &Secret, until: Instant, at: Timestamp, rooms: Vec<(RoomName, Located)>) {
        self.fall(secret);
        let Some(record) = self.by_secret.get_mut(secret) else { return };
        record.connection = Connection::Gone(Box::new(WasIn { until, at, rooms }));
        if let Some(of_user) = self.by_user.get_mut(&record.user) {
            of_user.last_gone = of_user.last_gone.max(Some(at));
        }
    }

    /// The session is no more: the one way out.
    pub(super) fn remove(&mut self, secret: &Secret, now: Timestamp) -> Option<Removed> {
        self.fall(secret);
        let record = self.by_secret.remove(secret)?;
        let of_user = self.by_user.get_mut(&record.user)?;
        of_user.secrets.retain(|other| other != secret);
        if matches!(record.connection, Connection::Standing(_)) {
            of_user.last_gone = of_user.last_gone.max(Some(now));
        }
        let left_at = of_user.last_gone.filter(|_| of_user.secrets.is_empty());
        if of_user.secrets.is_empty() {
            self.by_user.remove(&record.user);
        }
        Some(Removed { record: *record, left_at })
    }

    /// Counts the session's connection no longer, if it stands.
    fn fall(&mut self, secret: &Secret) {
        let Some(record) = self.by_secret.get(secret) else { return };
        if !matches!(record.connection, Connection::Standing(_)) {
            return;
        }
        if let Some(of_user) = self.by_user.get_mut(&record.user) {
            of_user.standing -= 1;
        }
    }
}

impl Record {
    /// Ends the session's connection, or its members where it was.
    pub(super) fn end(&self) {
        match &self.connection {
            Connection::Standing(addr) => addr.do_send(End),
            Connection::Gone(was) => {
                for (_, room) in &was.rooms {
                    let (session, generation) = (self.session.clone(), self.generation);
                    room.addr.do_send(Gone { session, generation, farewell: Farewell::AtOnce });
                }
            }
        }
    }
}
