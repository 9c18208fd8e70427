//! What not all listeners of a room hear alike: a frame for each view, and another one for who may not see an entry.
//!
//! Apart from the way of nearly every frame, which is one for all and looks at nobody's view.

use std::sync::Arc;

use actix::prelude::*;
use rustc_hash::FxHashSet;

use super::{Hub, Receive, Seat};
use crate::delivery::frame::Frame;
use crate::delivery::worker::OutboxId;
use crate::domain::redaction::View;
use crate::protocol::codes::CloseCode;
use crate::telemetry::metrics::COUNTS;

/// Give a listener of a room another view of it from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Regard {
    /// The room's number.
    pub room: u64,
    /// Whose outbox.
    pub outbox: OutboxId,
    /// Which view.
    pub view: View,
}

/// Give all listeners of a room that want it the frame of their view.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PushViews {
    /// The room's number.
    pub room: u64,
    /// What to give, by view; there is one for every view that somebody has.
    pub frames: Arc<[(View, Frame)]>,
    /// For an entry that not everybody may see.
    pub kept: Option<KeptFrom>,
    /// What kind of thing it is.
    pub kind: Receive,
}

/// From whom an entry is kept, told by who may see it: whoever is missing in a list shall see less, not more.
#[derive(Clone, Debug)]
pub struct KeptFrom {
    /// Who may see it.
    pub admitted: FxHashSet<OutboxId>,
    /// What the others get.
    pub instead: Frame,
}

impl PushViews {
    /// What it counts as while it is not worked off.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let frames: usize = self.frames.iter().map(|(_, frame)| frame.len()).sum();
        frames + self.kept.as_ref().map_or(0, |kept| kept.instead.len())
    }

    /// The frame of one listener.
    fn of(&self, seat: &Seat) -> Option<&Frame> {
        match &self.kept {
            Some(kept) if !kept.admitted.contains(&seat.id) => Some(&kept.instead),
            // Few: as many as somebody here has.
            _ => self.frames.iter().find(|(view, _)| *view == seat.view).map(|(_, frame)| frame),
        }
    }
}

impl Handler<PushViews> for Hub {
    type Result = ();

    fn handle(&mut self, push: PushViews, _: &mut Self::Context) {
        self.close_batch();
        if let Some(listeners) = self.rooms.get(&push.room) {
            let now = self.clock.now();
            let mut given = 0;
            for seat in listeners.seats.iter().filter(|seat| seat.receive.has(push.kind)) {
                match push.of(seat) {
                    Some(frame) => self.worker.push(&seat.outbox, frame, now),
                    // The room knows every listener's view, so this is a slip; a hole would be one that nobody sees.
                    None => self.worker.end(&seat.outbox, CloseCode::Restarting),
                }
                given += 1;
            }
            COUNTS.delivered(given);
        }
        self.handed_out(push.bytes());
    }
}

impl Handler<Regard> for Hub {
    type Result = ();

    fn handle(&mut self, regard: Regard, _: &mut Self::Context) {
        self.close_batch();
        if let Some(listeners) = self.rooms.get_mut(&regard.room)
            && let Some(&place) = listeners.by_outbox.get(&regard.outbox)
        {
            listeners.seats[place].view = regard.view;
        }
    }
}
