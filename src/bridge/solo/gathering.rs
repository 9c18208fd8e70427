//! What was appended and is not committed yet: one batch on its way, and what gathers behind it.

use std::collections::VecDeque;
use std::mem;

use crate::bridge::Done;
use crate::store::Write;

use super::start::Limits;

/// Appends in order, bounded in number and bytes.
pub(super) struct Gathering {
    limits: Limits,
    queue: VecDeque<(Write, Done)>,
    /// Who appended the batch that is on its way; empty while none is.
    committing: Vec<Done>,
    committing_bytes: usize,
    /// Of everything that waits, the batch on its way included.
    bytes: usize,
    taken: u64,
    answered: u64,
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
        let bytes = self.bytes + weight(&write);
        let entries = self.queue.len() + self.committing.len();
        if entries >= self.limits.waiting_entries_max || bytes > self.limits.waiting_bytes_max {
            return Err(done);
        }
        self.bytes = bytes;
        self.taken += 1;
        self.queue.push_back((write, done));
        Ok(())
    }

    /// What is to be committed now; `None` while a batch is on its way or nothing waits.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Write>> {
        if !self.committing.is_empty() || self.queue.is_empty() {
            return None;
        }
        let count = self.queue.len().min(self.limits.batch_rows_max);
        let (writes, dones): (Vec<_>, Vec<_>) = self.queue.drain(..count).unzip();
        self.committing_bytes = writes.iter().map(weight).sum();
        self.committing = dones;
        Some(writes)
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
    write.draft.body.len() + write.draft.from.len() + key + 256
}
