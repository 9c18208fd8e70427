//! Writing into a room's log.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use super::Room;
use crate::actors::session::{Asker, Outcome};
use crate::bridge::{Append, AppendError, Appended, DedupeKey};
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
    /// Who gets the answer.
    pub asker: Asker,
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
        let asker = publish.asker;
        let Some(seat) = self.seats.get(&publish.session).filter(|seat| seat.who.generation == publish.generation)
        else {
            return asker.refuse(Refusal::not_joined());
        };
        if self.audience.is_behind() {
            return asker
                .refuse(Refusal::unavailable("the room is far behind with its readers").after(Duration::from_secs(1)));
        }
        let Publish { kind, body, if_offset, .. } = publish;
        let key = publish.key.map(|key| DedupeKey { publisher: seat.who.publisher(), key });
        let redaction = self.redaction.clone();
        let entry = ToAppend { kind, from: seat.who.from(), body, key, if_offset };
        self.append(entry, move |result| asker.answer(Outcome::Appended(result, redaction)));
    }
}

/// An entry on its way to the bridge.
pub(super) struct ToAppend {
    pub(super) kind: Kind,
    /// Who writes, as JSON.
    pub(super) from: Arc<str>,
    /// See [`Publish::body`].
    pub(super) body: Arc<str>,
    pub(super) key: Option<DedupeKey>,
    /// See [`Append::if_offset`].
    pub(super) if_offset: Option<u64>,
}

impl Room {
    /// Hands an entry to the bridge; `done` hears how it ended, unless the bridge dies over it.
    pub(super) fn append(&self, entry: ToAppend, done: impl FnOnce(Result<Appended, AppendError>) + Send + 'static) {
        let ToAppend { kind, from, body, key, if_offset } = entry;
        let draft = Draft { id: EntryId(Uuid::now_v7()), at: self.context.clock.wall(), kind, from, body };
        let in_flight = InFlight::of(&self.in_flight);
        self.context.bridge.append.do_send(Append {
            log: self.key.clone(),
            place: self.settings.log,
            draft,
            key,
            if_offset,
            audit: None,
            done: Box::new(move |result| {
                drop(in_flight);
                done(result);
            }),
        });
    }
}

/// One append that the bridge has not answered; given up however it ends, or the room would never retire.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
