//! Where each log stands, so that a batch asks the file only for logs that were quiet for long.

use std::collections::HashMap;
use std::mem;

use crate::domain::ids::{Epoch, RoomKey};

/// Where a log stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The log's number in this file.
    pub(super) log: i64,
    /// Its life.
    pub(super) epoch: Epoch,
    /// Its newest offset.
    pub(super) offset: u64,
}

/// The heads used last, in two generations: what was not asked for while a whole generation filled is forgotten. Keyed by
/// names that clients choose, so by a hash that they can't aim at.
#[derive(Debug)]
pub(super) struct Heads {
    young: HashMap<RoomKey, Head>,
    old: HashMap<RoomKey, Head>,
    generation_max: usize,
}

impl Heads {
    /// Keeps at least the last `generation_max`, at most twice as many.
    pub(super) fn new(generation_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation_max }
    }

    pub(super) fn find(&mut self, key: &RoomKey) -> Option<Head> {
        if let Some(head) = self.young.get(key) {
            return Some(*head);
        }
        let (key, head) = self.old.remove_entry(key)?;
        self.put(key, head);
        Some(head)
    }

    pub(super) fn put(&mut self, key: RoomKey, head: Head) {
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, head);
    }

    /// The log is no more, or lives another life.
    pub(super) fn forget(&mut self, key: &RoomKey) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// After a failure nothing is taken for known.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::ids::{RoomName, Tenant};

    use super::*;

    #[test]
    fn a_log_in_use_is_not_forgotten_and_a_quiet_one_is() {
        let key = |n: usize| RoomKey::new(Tenant::default(), RoomName::parse(&format!("r{n}")).unwrap());
        let head = |offset| Head { log: 1, epoch: Epoch::random(), offset };
        let mut heads = Heads::new(10);
        heads.put(key(0), head(7));
        for n in 1..100 {
            heads.put(key(n), head(1));
            assert_eq!(heads.find(&key(0)).unwrap().offset, 7);
        }
        assert_eq!(heads.find(&key(1)), None);
        assert!(heads.young.len() + heads.old.len() <= 20);
        heads.clear();
        assert_eq!(heads.find(&key(0)), None);
    }
}
