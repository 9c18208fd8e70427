//! In which order the commands of one session act: as they were sent, as far as one room goes.
//!
//! Letters to a room arrive in order by themselves. Two things do not: a join, which is answered only when the log was
//! read, and a write, which is in the log only when the bridge has answered. So what follows a join of its room waits
//! for it, and a reading of history waits for what the same session wrote there before.

use std::collections::VecDeque;

use actix::prelude::*;

use super::{Open, Phase, Session, Slot, SlotState};
use crate::domain::ids::RoomName;
use crate::protocol::command::{Command, Incoming as Understood};

impl Session {
    /// Queues a command behind what has to end before it in its room; gives it back when there is no such thing.
    pub(super) fn queue_in_order(&mut self, understood: Understood) -> Option<Understood> {
        let Some(room) = understood.command.room() else { return Some(understood) };
        let Some(open) = self.open() else { return Some(understood) };
        if let Some(Slot { state: SlotState::Joining(joining), .. }) = open.rooms.get_mut(room) {
            joining.queue.push_back(understood);
            return None;
        }
        if let Some(queue) = open.behind_writes.as_mut().and_then(|queues| queues.get_mut(room)) {
            queue.push_back(understood);
            return None;
        }
        if matches!(understood.command, Command::History(_)) && open.is_writing(room) {
            let room = room.clone();
            open.behind_writes.get_or_insert_default().insert(room, VecDeque::from([understood]));
            return None;
        }
        Some(understood)
    }

    /// Goes on with what waited for the session's writes into a room, once the last of them was answered.
    pub(super) fn write_ended(&mut self, room: &RoomName, ctx: &mut Context<Self>) {
        let Some(open) = self.open() else { return };
        if open.behind_writes.is_none() || open.is_writing(room) {
            return;
        }
        let queue = open.behind_writes.as_mut().and_then(|queues| queues.remove(room));
        open.behind_writes.take_if(|queues| queues.is_empty());
        // One of these may wait again; the others then queue up behind it.
        for understood in queue.unwrap_or_default() {
            if matches!(self.phase, Phase::Open(_)) {
                self.perform(understood, ctx);
            }
        }
    }
}

impl Open {
    fn is_writing(&self, room: &RoomName) -> bool {
        self.waiting.values().any(|waiting| waiting.writing.as_ref() == Some(room))
    }
}
