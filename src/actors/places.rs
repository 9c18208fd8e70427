//! Where rooms are, as far as one thread has heard.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use super::directory::{Located, LocatedBefore, NodeFull, Reply};
use crate::domain::ids::RoomKey;

/// Rooms that sessions of this thread have looked up, for as long as somebody holds their place: the Directory does while they
/// are open. A room that retired meanwhile sends a join back, which then asks the Directory. Of those who look for the same
/// room at once, as when all of a team come, the first asks for all.
#[derive(Default)]
pub struct Places {
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    rooms: FxHashMap<RoomKey, LocatedBefore>,
    /// Who waits for the Directory's answer, by room.
    asked: FxHashMap<RoomKey, Vec<Reply>>,
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

    /// Has `reply` hear where the room is, once the thread is [`told`](Self::told). Answers whether this is the first who wants
    /// to know, and so has to ask.
    #[must_use]
    pub fn wait(&self, key: &RoomKey, reply: Reply) -> bool {
        let asked = &mut self.known.borrow_mut().asked;
        if let Some(waiting) = asked.get_mut(key) {
            waiting.push(reply);
            return false;
        }
        asked.insert(key.clone(), vec![reply]);
        true
    }

    /// The Directory has answered; an error is that it never will, and then nobody hears anything.
    pub fn told(&self, key: RoomKey, answer: Result<Result<Located, NodeFull>, oneshot::error::RecvError>) {
        let waiting = self.known.borrow_mut().asked.remove(&key).unwrap_or_default();
        let Ok(located) = answer else { return };
        if let Ok(located) = &located {
            self.note(key, located);
        }
        for reply in waiting {
            // Who asked may be gone by now.
            let _ = reply.send(located.clone());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{RoomName, Tenant};

    #[test]
    fn of_those_who_look_for_a_room_at_once_the_first_asks_and_all_hear() {
        let places = Places::default();
        let lobby = RoomKey::new(Tenant::default(), RoomName::parse("lobby").unwrap());
        let other = RoomKey::new(Tenant::default(), RoomName::parse("other").unwrap());
        let ask = |key: &RoomKey| {
            let (reply, located) = oneshot::channel();
            (places.wait(key, reply), located)
        };
        let ((first, mut one), (second, mut two), (elsewhere, mut three)) = (ask(&lobby), ask(&lobby), ask(&other));
        assert_eq!((first, second, elsewhere), (true, false, true));
        places.told(lobby.clone(), Ok(Err(NodeFull)));
        assert!(one.try_recv().unwrap().is_err() && two.try_recv().unwrap().is_err());
        assert_eq!(three.try_recv().err(), Some(oneshot::error::TryRecvError::Empty));
        // The Directory died over it: all hear that there is no answer, and the next one asks again.
        let (first, mut one) = ask(&lobby);
        let (second, mut two) = ask(&lobby);
        assert_eq!((first, second), (true, false));
        let (unheard, answer) = oneshot::channel::<()>();
        drop(unheard);
        places.told(lobby.clone(), Err(answer.blocking_recv().unwrap_err()));
        assert_eq!(one.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert_eq!(two.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert!(ask(&lobby).0);
    }
}
