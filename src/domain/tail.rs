//! The newest entries of a log in memory: what a room delivers from, and what most returning readers need.
//!
//! ```text
//! log    |······ trimmed ······|floor ─── kept ─── before|─── in memory ───|head
//! cursor      TooOld             Older: read the log       Recovered        Ahead
//! ```
//!
//! Always true: `floor ≤ before ≤ head`, and the entries in memory are those after `before` up to `head`, without a
//! hole. An answer is all that follows a cursor (a page of it), or the reason why not; never a part that pretends to be
//! all. The tail doesn't read: on [`Since::Older`] its owner asks the log, while entries keep arriving, and brings what
//! it read to [`Tail::join_page`].

use std::collections::VecDeque;
use std::sync::Arc;

use super::cursor::{Cursor, ResetReason};
use super::entry::Entry;

/// How much of something may be held: a bound on entries and one on bytes by [`Entry::weight`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// At most so many entries.
    pub entries_max: usize,
    /// At most so many bytes.
    pub bytes_max: usize,
}

impl Bounds {
    /// One page of a catch-up, as the protocol names it.
    pub const PAGE: Self = Self { entries_max: 1_000, bytes_max: 256 * 1024 };

    /// What to read from the log for a page of these bounds: the cursor's own entry comes first and is not sent, so
    /// there has to be room for it and then some.
    #[must_use]
    pub fn with_proof(self) -> Self {
        Self { entries_max: self.entries_max.saturating_add(1), bytes_max: self.bytes_max.saturating_mul(2) }
    }
}

/// How an arriving entry stands to the newest one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// It is the next one, and is the head now.
    Next,
    /// At or below the head: delivered before, so drop it.
    Old,
    /// Entries are missing before it. Nothing was taken; read the log from `expected` on first.
    Hole {
        /// The first offset that is missing.
        expected: u64,
    },
}

/// What follows a cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Since {
    /// These do, exactly and in order.
    Recovered {
        /// At most a page; empty when the reader has everything.
        entries: Vec<Arc<Entry>>,
        /// The end of the page: where the reader is then.
        cursor: Cursor,
        /// Whether the log goes on behind the page, so that the reader has to ask again from `cursor`.
        more: bool,
    },
    /// The log keeps it, memory doesn't: read the log as it says and bring the page to [`Tail::join_page`].
    Older(Reading),
    /// The reader can't go on from there and takes the picture as new.
    Reset(ResetReason),
}

/// Where a read of the log has to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The first offset to ask for. It is the cursor's own, so that the first entry's id proves the cursor or refutes it,
    /// unless that was settled already.
    pub from: u64,
    /// Whether the cursor's id needs no proof any more.
    pub is_proven: bool,
}

/// The newest entries of one life of a log.
#[derive(Debug)]
pub struct Tail {
    bounds: Bounds,
    head: Cursor,
    floor: Cursor,
    /// The last entry that is no longer in memory.
    before: Cursor,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Tail {
    /// A tail that holds nothing yet of a log with these ends; see `bridge::Ends` for what they are. With bounds of zero
    /// it only counts.
    #[must_use]
    pub fn new(head: Cursor, floor: Cursor, bounds: Bounds) -> Self {
        Self { bounds, head, floor, before: head, entries: VecDeque::new(), bytes: 0 }
    }

    /// Takes an entry if it is the next one; the oldest ones make room for it.
    pub fn push(&mut self, entry: Arc<Entry>) -> Order {
        let expected = self.head.offset + 1;
        if entry.offset < expected {
            return Order::Old;
        }
        if entry.offset > expected {
            return Order::Hole { expected };
        }
        self.head = entry.cursor(self.head.epoch);
        self.bytes += entry.weight();
        self.entries.push_back(entry);
        while self.entries.len() > self.bounds.entries_max || self.bytes > self.bounds.bytes_max {
            self.pop();
        }
        Order::Next
    }

    /// The log trimmed itself up to `floor`: what it no longer keeps is no longer told from memory either, so that every
    /// node gives the same answer. A floor below the known one, or of another epoch, changes nothing.
    pub fn raise_floor(&mut self, floor: Cursor) {
        let is_news = floor.epoch == self.head.epoch && floor.offset > self.floor.offset;
        if !is_news || floor.offset > self.head.offset {
            return;
        }
        self.floor = floor;
        while self.before.offset < floor.offset {
            self.pop();
        }
    }

    /// The newest entry's position.
    #[must_use]
    pub fn head(&self) -> Cursor {
        self.head
    }

    /// The position of the last entry that the log no longer keeps, as far as it was told.
    #[must_use]
    pub fn floor(&self) -> Cursor {
        self.floor
    }

    /// The entries in memory, ascending.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    /// What follows `cursor`, at most `page` of it.
    #[must_use]
    pub fn after(&self, cursor: &Cursor, page: Bounds) -> Since {
        if let Some(reason) = self.refute(cursor) {
            return Since::Reset(reason);
        }
        if cursor.offset >= self.before.offset {
            return self.recovered(cursor, &[], page);
        }
        // The start of an epoch needs no proof, and the floor's id has just been compared.
        let is_proven = cursor.offset == 0 || cursor.offset == self.floor.offset;
        Since::Older(Reading { from: cursor.offset + u64::from(is_proven), is_proven })
    }

    /// What follows `cursor`, from a page of the log that was read as `reading` said and what arrived meanwhile.
    ///
    /// `read_head` and `read_floor` are the ends of the log at the moment when it was read. Nothing beyond this tail's
    /// head is told, even if the page has it: the reader gets that when it arrives here. Can answer
    /// [`Since::Older`] again, when the cursor's own entry alone filled the page.
    #[must_use]
    pub fn join_page(
        &self,
        cursor: &Cursor,
        reading: Reading,
        (read_head, read_floor): (&Cursor, &Cursor),
        read: &[Arc<Entry>],
        page: Bounds,
    ) -> Since {
        use ResetReason::{Ahead, EpochChanged, Forked, TooOld};

        if cursor.epoch != self.head.epoch || cursor.epoch != read_head.epoch {
            return Since::Reset(EpochChanged);
        }
        let mut read = read;
        if !reading.is_proven {
            match read.first() {
                Some(own) if own.offset == cursor.offset => {
                    if Some(own.id) != cursor.entry {
                        return Since::Reset(Forked);
                    }
                    read = &read[1..];
                }
                // It was trimmed between the question and the read; the floor bears its id.
                _ if read_floor.offset == cursor.offset => {
                    if read_floor.entry != cursor.entry {
                        return Since::Reset(Forked);
                    }
                }
                _ if read_head.offset < cursor.offset => return Since::Reset(Ahead),
                _ => return Since::Reset(TooOld),
            }
        }
        let next = cursor.offset + 1;
        let Some(first) = read.first() else {
            if cursor.offset >= self.before.offset {
                return self.recovered(cursor, &[], page);
            }
            // A log that keeps what follows and still brings nothing is asked once more, past the proof, and no more.
            let is_kept = read_floor.offset <= cursor.offset && cursor.offset < read_head.offset;
            if is_kept && reading.from <= cursor.offset {
                return Since::Older(Reading { from: next, is_proven: true });
            }
            return Since::Reset(TooOld);
        };
        if first.offset != next {
            return Since::Reset(TooOld);
        }
        let beyond_head = read.partition_point(|entry| entry.offset <= self.head.offset);
        let read = &read[..beyond_head];
        // Where page and tail meet, they must be the same history.
        let is_another = |last: &Arc<Entry>| self.position(last.offset).is_some_and(|ours| ours.entry != Some(last.id));
        if read.last().is_some_and(is_another) {
            return Since::Reset(Forked);
        }
        self.recovered(cursor, read, page)
    }

    /// Why a reader can't go on from `cursor`, as far as memory knows.
    fn refute(&self, cursor: &Cursor) -> Option<ResetReason> {
        if cursor.epoch != self.head.epoch {
            return Some(ResetReason::EpochChanged);
        }
        if cursor.offset > self.head.offset {
            return Some(ResetReason::Ahead);
        }
        if cursor.offset < self.floor.offset {
            return Some(ResetReason::TooOld);
        }
        self.position(cursor.offset).is_some_and(|ours| ours != *cursor).then_some(ResetReason::Forked)
    }

    /// The position at `offset`, if memory knows it.
    fn position(&self, offset: u64) -> Option<Cursor> {
        let epoch = self.head.epoch;
        if offset == 0 {
            return Some(Cursor::start(epoch));
        }
        if let Some(end) = [self.before, self.floor, self.head].into_iter().find(|end| end.offset == offset) {
            return Some(end);
        }
        let slot = usize::try_from(offset.checked_sub(self.before.offset + 1)?).ok()?;
        self.entries.get(slot).map(|entry| entry.cursor(epoch))
    }

    /// A page of `read` and then of what memory has behind it.
    fn recovered(&self, cursor: &Cursor, read: &[Arc<Entry>], page: Bounds) -> Since {
        let read_to = read.last().map_or(cursor.offset, |last| last.offset);
        // A page that ends before memory begins stands alone, and the reader asks again from its end.
        let from_memory = read_to.checked_sub(self.before.offset).and_then(|known| usize::try_from(known).ok());
        let rest = self.entries.iter().skip(from_memory.unwrap_or(self.entries.len()));

        let mut entries = Vec::new();
        let mut bytes = 0;
        for entry in read.iter().chain(rest) {
            bytes += entry.weight();
            let is_full = entries.len() >= page.entries_max || bytes > page.bytes_max;
            // One always fits, else its reader would never get on.
            if is_full && !entries.is_empty() {
                break;
            }
            entries.push(Arc::clone(entry));
        }
        let cursor = entries.last().map_or(*cursor, |last| last.cursor(self.head.epoch));
        let more = cursor.offset < self.head.offset;
        Since::Recovered { entries, cursor, more }
    }

    fn pop(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.bytes -= oldest.weight();
        self.before = oldest.cursor(self.head.epoch);
    }
}

#[cfg(test)]
mod tests;
