//! What was appended and is not committed yet: one batch on its way, and what gathers behind it.

use std::collections::VecDeque;
use std::mem;

use crate::bridge::Done;
use crate::domain::audit::Draft;
use crate::store::Write;

use super::start::Limits;

/// Appends in order, bounded in number and bytes.
pub(super) struct Gathering {
    limits: Limits,
    queue: VecDeque<Waiting>,
    /// Who appended the batch that is on its way; empty while none is.
    committing: Vec<Done>,
    committing_bytes: usize,
    /// Of everything that waits, the batch on its way included.
    bytes: usize,
    taken: u64,
    answered: u64,
}

struct Waiting {
    write: Write,
    done: Done,
    /// Whether the next one has to be in the same transaction.
    goes_on: bool,
}

impl Gathering {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: VecDeque::new(),
            committing: Vec::new(),
            committing_bytes: 0,
            bytes: 0,
            taken: 0,
            answered: 0,
        }
    }

    /// Takes an append, or gives back who is to be told that there is no room for it.
    pub(super) fn offer(&mut self, write: Write, done: Done) -> Result<(), Done> {
        if !self.has_room(1, weight(&write)) {
            return Err(done);
        }
        self.put(write, done, false);
        Ok(())
    }

    /// Takes several appends that are to be in one transaction, all or none.
    pub(super) fn offer_all(&mut self, writes: Vec<(Write, Done)>) -> Result<(), Vec<Done>> {
        let bytes = writes.iter().map(|(write, _)| weight(write)).sum();
        if !self.has_room(writes.len(), bytes) {
            return Err(writes.into_iter().map(|(_, done)| done).collect());
        }
        let last = writes.len();
        for (number, (write, done)) in (1..).zip(writes) {
            self.put(write, done, number < last);
        }
        Ok(())
    }

    fn has_room(&self, more: usize, bytes: usize) -> bool {
        let entries = self.queue.len() + self.committing.len() + more;
        entries <= self.limits.waiting_entries_max && self.bytes + bytes <= self.limits.waiting_bytes_max
    }

    fn put(&mut self, write: Write, done: Done, goes_on: bool) {
        self.bytes += weight(&write);
        self.taken += 1;
        self.queue.push_back(Waiting { write, done, goes_on });
    }

    /// What is to be committed now; `None` while a batch is on its way or nothing waits.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Write>> {
        if !self.committing.is_empty() || self.queue.is_empty() {
            return None;
        }
        let mut count = self.queue.len().min(self.limits.batch_rows_max);
        while count > 0 && self.queue[count - 1].goes_on {
            count += 1;
        }
        let (writes, dones): (Vec<_>, Vec<_>) = self.queue.drain(..count).map(|one| (one.write, one.done)).unzip();
        self.committing_bytes = writes.iter().map(weight).sum();
        self.committing = dones;
        Some(writes)
    }

    /// Whether a batch with appends is on its way.
    pub(super) fn is_busy(&self) -> bool {
        !self.committing.is_empty()
    }

    /// The batch is back: who appended it, in order.
    pub(super) fn returned(&mut self) -> Vec<Done> {
        self.bytes -= mem::take(&mut self.committing_bytes);
        self.answered += self.committing.len() as u64;
        mem::take(&mut self.committing)
    }

    /// How many appends were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many of them came back.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }
}

/// What a waiting append counts as: its texts, and a fixed part for the rest.
fn weight(write: &Write) -> usize {
    let key = write.key.as_ref().map_or(0, |key| key.publisher.len() + key.key.len());
    let audit = write.audit.as_ref().map_or(0, Draft::weight);
    write.draft.body.len() + write.draft.from.len() + key + audit + 256
}
