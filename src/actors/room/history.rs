//! Reading what was before.

use actix::prelude::*;

use super::Room;
use crate::actors::session::{Asker, Outcome};
use crate::bridge::{LogPlace, Select, Selection};
use crate::domain::entry::Kind;
use crate::domain::ids::RoomKey;
use crate::domain::tail::Bounds;
use crate::domain::visibility::Reader;
use crate::protocol::command::{CommandId, HistoryPart};
use crate::protocol::{Refusal, push};

/// A session asks for entries.
#[derive(Message)]
#[rtype(result = "()")]
pub struct History {
    /// Who gets the answer.
    pub asker: Asker,
    /// The command's id.
    pub id: CommandId,
    /// For whose eyes.
    pub reader: Reader,
    /// Which part of the log.
    pub part: HistoryPart,
    /// At most so many.
    pub limit: usize,
    /// Only these kinds; `None` is all.
    pub kinds: Option<Vec<Kind>>,
}

/// What is asked of the log. It counts from the side that the reader asked for: what is next to `before` is found by
/// walking back from it, so that a page which is full by bytes ends on the far side.
#[must_use]
pub fn question(
    (log, place): (RoomKey, LogPlace),
    part: HistoryPart,
    below: u64,
    limit: usize,
    kinds: Option<Vec<Kind>>,
) -> Select {
    let (after, below, is_newest) = match part {
        HistoryPart::Newest => (0, below, true),
        HistoryPart::Before(before) => (0, before.min(below), true),
        HistoryPart::After(after) => (after, below, false),
    };
    let kinds = kinds.unwrap_or_else(|| Kind::ALL.to_vec());
    let bounds = Bounds { entries_max: limit, ..Bounds::PAGE };
    Select { log, place, kinds, after, below, is_newest, bounds }
}

impl Handler<History> for Room {
    type Result = ();

    fn handle(&mut self, history: History, ctx: &mut Self::Context) {
        // What has not arrived here yet will be pushed, and is news.
        let Some(tail) = &self.tail else { return };
        let (log, below) = ((self.key.clone(), self.settings.log), tail.head().offset + 1);
        let History { asker, id, reader, part, limit, kinds } = history;
        let select = question(log, part, below, limit, kinds);
        let reading = self.context.bridge.select.send(select).into_actor(self);
        ctx.spawn(reading.map(move |selection, room, _| {
            let outcome = if let Ok(Ok(Selection { ends, entries, more })) = selection {
                let oldest = ends.floor.offset + 1;
                let entries = room.see(&entries, &reader);
                Outcome::Text(push::history(&id, &room.name, &ends.head, oldest, &entries, more))
            } else {
                Outcome::Refused(Refusal::unavailable("the log can't be read now"))
            };
            asker.answer(outcome);
        }));
    }
}

#[cfg(test)]
mod tests;
