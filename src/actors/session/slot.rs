//! A room of a session's, and a join that is under way.

use std::collections::VecDeque;

use crate::actors::directory::Located;
use crate::protocol::command::Incoming as Understood;

/// A room of the session's.
pub(super) struct Slot {
    pub(super) state: SlotState,
    pub(super) located: Option<Located>,
}

pub(super) enum SlotState {
    /// A join is on its way; what follows for this room waits for it.
    Joining(Box<Joining>),
    /// In it.
    In,
}

/// A join that is on its way.
pub(super) struct Joining {
    pub(super) ticket: u64,
    pub(super) queue: VecDeque<Understood>,
    pub(super) was_in: bool,
}

impl SlotState {
    /// On its way in, by the command `ticket`.
    pub(super) fn joining(ticket: u64, was_in: bool) -> Self {
        Self::Joining(Box::new(Joining { ticket, queue: VecDeque::new(), was_in }))
    }
}

impl Slot {
    pub(super) fn is_joining(&self, by: u64) -> bool {
        matches!(&self.state, SlotState::Joining(joining) if joining.ticket == by)
    }
}
