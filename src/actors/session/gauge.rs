//! The bound on what a session has taken from its connection and not answered.

use std::cell::Cell;
use std::task::{Context, Poll, ready};

use crate::delivery::Bell;

/// How much a session has taken from its connection and not answered. Shared with the connection's task on one thread.
pub struct Gauge {
    taken: Cell<usize>,
    max: Cell<usize>,
    /// Whether the connection has something more for the session, which waits until there is room.
    is_awaited: Cell<bool>,
    has_room: Bell,
}

/// Commands of one session under way at once.
pub(super) const IN_FLIGHT_MAX: usize = 64;

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
    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited.get()
    }

    /// One was taken.
    pub fn taken(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    /// One was answered.
    pub(super) fn answered(&self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.has_room.ring();
    }

    /// The session is connected.
    pub(super) fn open(&self) {
        self.max.set(IN_FLIGHT_MAX);
        self.has_room.ring();
    }
}
