//! Reading what was before.

use actix::prelude::*;

use super::Room;
use crate::actors::session::{Answered, Outcome, Session};
use crate::bridge::{Page, Select, Selection};
use crate::domain::entry::Kind;
use crate::domain::tail::Bounds;
use crate::protocol::command::{CommandId, HistoryPart};
use crate::protocol::{Refusal, push};

/// A session asks for entries.
#[derive(Message)]
#[rtype(result = "()")]
pub struct History {
    /// Who gets the answer, under which ticket.
    pub reply: Addr<Session>,
    /// See `reply`.
    pub ticket: u64,
    /// The command's id.
    pub id: CommandId,
    /// Which part of the log.
    pub part: HistoryPart,
    /// At most so many.
    pub limit: usize,
    /// Only these kinds; `None` is all.
    pub kinds: Option<Vec<Kind>>,
}

/// A page of history in bytes, as of a catch-up.
const BYTES_MAX: usize = 256 << 10;

impl Handler<History> for Room {
    type Result = ();

    fn handle(&mut self, history: History, ctx: &mut Self::Context) {
        if let Some(kinds) = history.kinds.clone() {
            return self.select(history, kinds, ctx);
        }
        let Some(tail) = &self.tail else { return };
        // Offsets have no hole, so the entries next to `before` are found by counting down.
        let limit = history.limit as u64;
        let beyond = tail.head().offset + 1;
        let (from, end) = match history.part {
            HistoryPart::After(after) => (after.saturating_add(1), beyond),
            HistoryPart::Newest => (beyond.saturating_sub(limit).max(1), beyond),
            HistoryPart::Before(before) => (before.min(beyond).saturating_sub(limit).max(1), before.min(beyond)),
        };
        let entries_max = usize::try_from(end.saturating_sub(from).min(limit)).unwrap_or(0);
        let reading = self.context.bridge.read.send(self.read(from, entries_max)).into_actor(self);
        ctx.spawn(reading.map(move |page, room, _| {
            let outcome = match page {
                Ok(Ok(page)) => Outcome::Text(room.page(&history, end, &page)),
                _ => Outcome::Refused(Refusal::unavailable("the log can't be read now")),
            };
            history.reply.do_send(Answered { ticket: history.ticket, outcome });
        }));
    }
}

impl Room {
    /// Entries of some kinds are counted by the log: between two of them lie any number of others.
    fn select(&mut self, history: History, kinds: Vec<Kind>, ctx: &mut Context<Self>) {
        let (after, below, is_newest) = match history.part {
            HistoryPart::Newest => (0, u64::MAX, true),
            HistoryPart::Before(before) => (0, before, true),
            HistoryPart::After(after) => (after, u64::MAX, false),
        };
        let bounds = Bounds { entries_max: history.limit, bytes_max: BYTES_MAX };
        let select = Select { log: self.key.clone(), place: self.settings.log, kinds, after, below, is_newest, bounds };
        let reading = self.context.bridge.select.send(select).into_actor(self);
        ctx.spawn(reading.map(move |selection, room, _| {
            let outcome = if let Ok(Ok(Selection { ends, entries, more })) = selection {
                let (name, oldest) = (&room.key.room, ends.floor.offset + 1);
                Outcome::Text(push::history(&history.id, name, &ends.head, oldest, &entries, more))
            } else {
                Outcome::Refused(Refusal::unavailable("the log can't be read now"))
            };
            history.reply.do_send(Answered { ticket: history.ticket, outcome });
        }));
    }

    /// The entries below `end` next to where the client asked, at most a page in bytes of them.
    fn page(&self, history: &History, end: u64, page: &Page) -> String {
        let floor = page.ends.floor.offset;
        let mut read: Vec<_> = page.entries.iter().filter(|entry| entry.offset < end).collect();
        let is_forward = matches!(history.part, HistoryPart::After(_));
        if !is_forward {
            read.reverse();
        }
        let mut bytes = 0;
        let fits = read.iter().take_while(|entry| {
            bytes += entry.weight();
            bytes <= BYTES_MAX
        });
        let fitting = fits.count().max(1);
        read.truncate(fitting);
        let more =
            read.last().is_some_and(|last| if is_forward { last.offset + 1 < end } else { last.offset > floor + 1 });
        if !is_forward {
            read.reverse();
        }
        let entries: Vec<_> = read.into_iter().cloned().collect();
        push::history(&history.id, &self.key.room, &page.ends.head, floor + 1, &entries, more)
    }
}
