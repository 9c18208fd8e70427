//! Looking into a room without being in it.

use std::collections::HashSet;
use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::Room;
use crate::domain::cursor::Cursor;
use crate::domain::ids::UserId;
use crate::domain::tail::Tail;
use crate::domain::visibility::Reader;
use crate::protocol::push;

/// Who is here, and how far is the log?
#[derive(Message)]
#[rtype(result = "()")]
pub struct Look {
    /// For whose eyes.
    pub reader: Reader,
    /// Hears it.
    pub reply: oneshot::Sender<Glance>,
}

/// A room at one moment.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The newest position of the log.
    pub cursor: Cursor,
    /// The members as JSON; none for a large room.
    pub members: Vec<Arc<str>>,
    /// How many there are.
    pub count: usize,
    /// Whether it is large.
    pub is_large: bool,
    /// The state as JSON, true at `cursor`.
    pub state: Arc<str>,
}

impl Handler<Look> for Room {
    type Result = ();

    fn handle(&mut self, look: Look, _: &mut Self::Context) {
        let Some(cursor) = self.tail.as_ref().map(Tail::head) else { return };
        let state = self.state_for(&look.reader);
        let (count, is_large) = (self.roster.count_with(None), self.roster.is_large());
        let mut members = Vec::new();
        if !is_large {
            for member in self.roster.shown_with(None) {
                let kept = self.member_texts.get(&member.user.id);
                members.push(kept.map_or_else(|| push::member(&member).into(), Arc::clone));
            }
        }
        // Who asked may be gone by now.
        let _ = look.reply.send(Glance { cursor, members, count, is_large, state });
    }
}

/// Who is here, by name? Members, those too whose connection may come back, and who only watches.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NameMembers {
    /// Hears it.
    pub reply: oneshot::Sender<Vec<UserId>>,
}

impl Handler<NameMembers> for Room {
    type Result = ();

    fn handle(&mut self, name: NameMembers, _: &mut Self::Context) {
        let mut users: HashSet<UserId> = self.roster.users().cloned().collect();
        users.extend(self.seats.values().map(|seat| seat.who.user.id.clone()));
        users.retain(|user| !self.is_robot(user));
        let _ = name.reply.send(users.into_iter().collect());
    }
}
