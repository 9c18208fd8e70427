//! The bound on what a session has taken from its connection and not answered.

use std::cell::Cell;

use tokio::sync::Notify;

/// How much a session has taken from its connection and not answered. Shared with the connection's task on one thread.
pub struct Gauge {
    taken: Cell<usize>,
    max: Cell<usize>,
    has_room: Notify,
}

/// Commands of one session under way at once.
pub(super) const IN_FLIGHT_MAX: usize = 64;

impl Default for Gauge {
    /// Until it is connected, a session takes one message at a time: what follows `connect` waits for it.
    fn default() -> Self {
        Self { taken: Cell::new(0), max: Cell::new(1), has_room: Notify::new() }
    }
}

impl Gauge {
    /// Waits until one more may be taken.
    pub async fn wait_for_room(&self) {
        while self.taken.get() >= self.max.get() {
            self.has_room.notified().await;
        }
    }

    /// One was taken.
    pub fn taken(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    /// One was answered.
    pub(super) fn answered(&self) {
        self.taken.set(self.taken.get().saturating_sub(1));
        self.has_room.notify_one();
    }

    /// The session is connected.
    pub(super) fn open(&self) {
        self.max.set(IN_FLIGHT_MAX);
        self.has_room.notify_one();
    }
}
