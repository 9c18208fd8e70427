//! The bound on what was taken from a connection and not answered.

use std::cell::Cell;
use std::task::{Context, Poll, ready};

use super::bell::Bell;

/// How much a session has taken from its connection and not answered. Beside the outbox, for it belongs to the connection
/// too, is shared by the same two on one thread, and would be an allocation of its own.
pub struct Gauge {
    taken: Cell<u32>,
    max: Cell<u32>,
    /// Whether the connection has something more for the session, which waits until there is room.
    is_awaited: Cell<bool>,
    has_room: Bell,
}

impl Default for Gauge {
    /// Until it is connected, a session takes one message at a time: what follows `connect` waits for it.
    fn default() -> Self {
        Self { taken: Cell::new(0), max: Cell::new(1), is_awaited: Cell::new(false), has_room: Bell::default() }
    }
}

impl Gauge {
    /// Ready when one more may be taken; else the task is woken when it may.
    pub fn poll_room(&self, task: &Context<'_>) -> Poll<()> {
        while self.taken.get() >= self.max.get() {
            self.is_awaited.set(true);
            ready!(self.has_room.poll_rung(task));
        }
        self.is_awaited.set(false);
        Poll::Ready(())
    }

    /// Whether the client has said more already.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.is_awaited.get()
    }

    /// One was taken.
    pub fn taken(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    /// One was answered.
    pub fn answered(&self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.has_room.ring();
    }

    /// The session is connected, and takes up to `max`.
    pub fn open(&self, max: u32) {
        self.max.set(max);
        self.has_room.ring();
    }
}
