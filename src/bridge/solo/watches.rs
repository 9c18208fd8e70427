//! Who hears of which log.

use std::collections::HashMap;

use actix::Recipient;

use crate::bridge::Arrived;
use crate::domain::ids::RoomKey;

/// Watches by log.
#[derive(Default)]
pub(super) struct Watches {
    by_log: HashMap<RoomKey, Vec<(u64, Recipient<Arrived>)>>,
    last: u64,
}

impl Watches {
    /// Begins a watch and gives it a number that no other ever had.
    pub(super) fn add(&mut self, log: &RoomKey, watcher: Recipient<Arrived>) -> u64 {
        self.last += 1;
        let watchers = self.by_log.entry(log.clone()).or_default();
        // Whoever died without a word is followed by a successor, and leaves no more than this.
        watchers.retain(|(_, watcher)| watcher.connected());
        watchers.push((self.last, watcher));
        self.last
    }

    /// Ends a watch; true when it was the last of its log.
    pub(super) fn remove(&mut self, log: &RoomKey, watch: u64) -> bool {
        let Some(watchers) = self.by_log.get_mut(log) else { return false };
        let before = watchers.len();
        watchers.retain(|(number, _)| *number != watch);
        let is_last = watchers.is_empty() && before > 0;
        if is_last {
            self.by_log.remove(log);
        }
        is_last
    }

    /// Whether anybody watches.
    pub(super) fn has(&self, log: &RoomKey) -> bool {
        self.by_log.contains_key(log)
    }

    /// Ends all watches of a log that are there now.
    pub(super) fn forget(&mut self, log: &RoomKey) {
        self.by_log.remove(log);
    }

    /// Tells all watchers of a log; true when they are found to be gone, all of them. The letters are bounded by what is
    /// in flight, so they go past the bound of the mailbox.
    pub(super) fn announce(&mut self, log: &RoomKey, arrived: Arrived) -> bool {
        let Some(watchers) = self.by_log.get_mut(log) else { return false };
        watchers.retain(|(_, watcher)| watcher.connected());
        // Nearly always there is one: the room.
        if let Some(((_, first), others)) = watchers.split_first() {
            for (_, watcher) in others {
                watcher.do_send(arrived.clone());
            }
            first.do_send(arrived);
            return false;
        }
        self.by_log.remove(log);
        true
    }
}
