//! Reading what was before.

use std::sync::Arc;

use actix::prelude::*;

use super::Room;
use crate::actors::session::{Asker, Outcome};
use crate::bridge::{Ends, Page, Select, Selection};
use crate::domain::entry::{Entry, Kind};
use crate::domain::tail::Bounds;
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
        let wanted = Wanted::of(history.part, history.limit, tail.head().offset);
        let reading = self.context.bridge.read.send(self.read(wanted.from, wanted.entries_max)).into_actor(self);
        ctx.spawn(reading.map(move |page, room, _| {
            let outcome = match page {
                Ok(Ok(page)) => Outcome::Text(room.page(&history, &wanted, &page)),
                _ => Outcome::Refused(Refusal::unavailable("the log can't be read now")),
            };
            history.asker.answer(outcome);
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
            history.asker.answer(outcome);
        }));
    }

    fn page(&self, history: &History, wanted: &Wanted, page: &Page) -> String {
        let (entries, more) = wanted.choose(page);
        let Ends { head, floor } = &page.ends;
        push::history(&history.id, &self.key.room, head, floor.offset + 1, &entries, more)
    }
}

/// Which entries a reader wants, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The first offset to read.
    pub from: u64,
    /// At most so many entries.
    pub entries_max: usize,
    /// Only those below this offset.
    end: u64,
    is_forward: bool,
}

impl Wanted {
    /// What `part` means in a log of which the newest entry is `head`. Offsets have no hole, so the entries next to
    /// `before` are found by counting down.
    #[must_use]
    pub fn of(part: HistoryPart, limit: usize, head: u64) -> Self {
        let (limit, beyond) = (limit as u64, head + 1);
        let (from, end) = match part {
            HistoryPart::After(after) => (after.saturating_add(1), beyond),
            HistoryPart::Newest => (beyond.saturating_sub(limit).max(1), beyond),
            HistoryPart::Before(before) => (before.min(beyond).saturating_sub(limit).max(1), before.min(beyond)),
        };
        let entries_max = usize::try_from(end.saturating_sub(from).min(limit)).unwrap_or(0);
        Self { from, entries_max, end, is_forward: matches!(part, HistoryPart::After(_)) }
    }

    /// The same, without what is at `before` or behind it.
    #[must_use]
    pub fn below(self, before: u64) -> Self {
        let end = self.end.min(before);
        let between = usize::try_from(end.saturating_sub(self.from)).unwrap_or(usize::MAX);
        Self { end, entries_max: self.entries_max.min(between), ..self }
    }

    /// The entries next to where the reader asked, at most a page in bytes of them, and whether there are more.
    #[must_use]
    pub fn choose(&self, page: &Page) -> (Vec<Arc<Entry>>, bool) {
        let Self { end, is_forward, .. } = *self;
        let floor = page.ends.floor.offset;
        let mut read: Vec<_> = page.entries.iter().filter(|entry| entry.offset < end).collect();
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
        (read.into_iter().cloned().collect(), more)
    }
}
