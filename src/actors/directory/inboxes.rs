//! Users' own rooms: who has to hear when one opens.
//!
//! A session that is connected is interested, whether or not the room is open. Always true: when the room of a user
//! opens, or its log grows while no room watches it, all connected sessions of the user are called, and whoever connects
//! later is called if it is open. So each goes in by its own cursor, and none is forgotten.

use actix::prelude::*;

use super::Directory;
use crate::actors::session::{InboxOpen, SessionAddr};
use crate::bridge::inbox::Stirred;
use crate::domain::ids::{RoomKey, RoomName, UserKey};

impl Directory {
    /// Calls a session that has just come.
    pub(super) fn tell_if_inbox_open(&self, user: &UserKey, session: &SessionAddr) {
        if self.rooms.contains_key(&RoomKey::new(user.tenant.clone(), RoomName::personal(&user.user))) {
            session.do_send(InboxOpen);
        }
    }

    /// Calls the sessions of whoever's own room this is, if it is one.
    pub(super) fn call_owner(&self, key: &RoomKey) {
        let Some(owner) = key.room.owner() else { return };
        for session in self.sessions.addresses_of(&UserKey::new(key.tenant.clone(), owner)) {
            session.do_send(InboxOpen);
        }
    }
}

impl Handler<Stirred> for Directory {
    type Result = ();

    /// They look the room up, which opens it, also when one retires just now.
    fn handle(&mut self, Stirred { log }: Stirred, _: &mut Self::Context) {
        self.call_owner(&log);
    }
}
