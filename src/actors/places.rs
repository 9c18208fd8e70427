//! Where rooms are, as far as one thread has heard.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::directory::{Located, LocatedBefore};
use crate::domain::ids::RoomKey;

/// Rooms that sessions of this thread have looked up, for as long as somebody holds their place: the Directory does while they
/// are open. A room that retired meanwhile sends a join back, which then asks the Directory.
#[derive(Default)]
pub struct Places {
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    rooms: FxHashMap<RoomKey, LocatedBefore>,
    /// So many are kept before those that are gone are looked for.
    cleared_at: usize,
}

/// Below so many it is not worth looking for those that are gone.
const KEPT_MIN: usize = 64;

impl Places {
    /// Where the room is, if that is known.
    #[must_use]
    pub fn get(&self, key: &RoomKey) -> Option<Located> {
        self.known.borrow().rooms.get(key)?.upgrade()
    }

    /// Notes where a room is.
    pub fn note(&self, key: RoomKey, located: &Located) {
        let known = &mut *self.known.borrow_mut();
        known.rooms.insert(key, located.downgrade());
        if known.rooms.len() >= known.cleared_at.max(KEPT_MIN) {
            known.rooms.retain(|_, located| located.upgrade().is_some());
            known.cleared_at = known.rooms.len() * 2;
        }
    }
}
