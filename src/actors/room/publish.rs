//! Writing into a room's log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use super::Room;
use crate::actors::session::{Answered, Outcome, Session};
use crate::bridge::{Append, DedupeKey};
use crate::domain::entry::{Draft, Kind};
use crate::domain::ids::{EntryId, SessionId};
use crate::protocol::Refusal;

/// An entry that a session wants to write.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// Who writes.
    pub session: SessionId,
    /// By which connection.
    pub generation: u64,
    /// Who gets the answer, under which ticket.
    pub reply: Addr<Session>,
    /// See `reply`.
    pub ticket: u64,
    /// What kind of entry it is.
    pub kind: Kind,
    /// Its fields as JSON without braces.
    pub body: Arc<str>,
    /// The sender's own name for it.
    pub key: Option<Arc<str>>,
    /// For a change of state: see [`Append::if_offset`].
    pub if_offset: Option<u64>,
}

impl Handler<Publish> for Room {
    type Result = ();

    fn handle(&mut self, publish: Publish, _: &mut Self::Context) {
        let Publish { reply, ticket, .. } = publish;
        let refuse = |refusal| reply.do_send(Answered { ticket, outcome: Outcome::Refused(refusal) });
        let Some(seat) = self.seats.get(&publish.session).filter(|seat| seat.generation == publish.generation) else {
            return refuse(Refusal::not_joined());
        };
        if self.audience.is_behind() {
            return refuse(
                Refusal::unavailable("the room is far behind with its readers").after(Duration::from_secs(1)),
            );
        }
        let wall = self.context.clock.wall();
        let draft = Draft {
            id: EntryId(Uuid::now_v7()),
            at: wall,
            kind: publish.kind,
            from: Arc::clone(&seat.from),
            body: publish.body,
        };
        let key = publish.key.map(|key| DedupeKey { publisher: Arc::clone(&seat.publisher), key });
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let in_flight = Arc::clone(&self.in_flight);
        self.context.bridge.append.do_send(Append {
            log: self.key.clone(),
            place: self.settings.log,
            draft,
            key,
            if_offset: publish.if_offset,
            done: Box::new(move |result| {
                in_flight.fetch_sub(1, Ordering::AcqRel);
                reply.do_send(Answered { ticket, outcome: Outcome::Appended(result) });
            }),
        });
    }
}
