//! The hubs that have listeners of one room.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::frame::Frame;
use super::hub::{Attach, Detach, DropRoom, HubHandle, KeptFrom, Push, PushSignals, PushViews, Receive, Regard, Then};
use super::worker::OutboxId;
use crate::domain::redaction::View;

/// Whom a room speaks to. Owned by the room; one letter per worker that has listeners, whatever their number.
pub struct Audience {
    room: u64,
    hubs: Vec<Listening>,
}

struct Listening {
    hub: HubHandle,
    outboxes: usize,
}

impl Audience {
    /// Nobody yet. `room` is the number under which hubs know it.
    #[must_use]
    pub fn new(room: u64) -> Self {
        Self { room, hubs: Vec::new() }
    }

    /// Lets an outbox hear the room, from `first` on if there is one, behind which `then` is called. `is_new` says that it did
    /// not before.
    pub fn attach(
        &mut self,
        hub: &HubHandle,
        outbox: OutboxId,
        (receive, view): (Receive, View),
        (first, then): (Option<Frame>, Option<Then>),
        is_new: bool,
    ) {
        let place = self.hubs.iter().position(|listening| listening.hub.number == hub.number).unwrap_or_else(|| {
            self.hubs.push(Listening { hub: hub.clone(), outboxes: 0 });
            self.hubs.len() - 1
        });
        let listening = &mut self.hubs[place];
        listening.outboxes += usize::from(is_new);
        if let Some(first) = &first {
            count(&listening.hub, first);
        }
        listening.hub.addr.do_send(Attach { room: self.room, outbox, receive, view, first, then });
    }

    /// Ends what an outbox hears, behind `last`. `was_listening` says that it did hear.
    pub fn detach(&mut self, hub: &HubHandle, outbox: OutboxId, last: Option<Frame>, was_listening: bool) {
        if let Some(last) = &last {
            count(hub, last);
        }
        hub.addr.do_send(Detach { room: self.room, outbox, last });
        if was_listening && let Some(place) = self.hubs.iter().position(|listening| listening.hub.number == hub.number)
        {
            self.hubs[place].outboxes -= 1;
            if self.hubs[place].outboxes == 0 {
                self.hubs.swap_remove(place);
            }
        }
    }

    /// Gives everybody a frame.
    pub fn push(&self, frame: &Frame, kind: Receive) {
        for listening in &self.hubs {
            count(&listening.hub, frame);
            listening.hub.addr.do_send(Push { room: self.room, frame: frame.clone(), kind });
        }
    }

    /// Gives an outbox that hears the room another view of it.
    pub fn regard(&self, hub: &HubHandle, outbox: OutboxId, view: View) {
        hub.addr.do_send(Regard { room: self.room, outbox, view });
    }

    /// Gives everybody the frame of their view; where there is `kept`, who is not admitted (by the number of their hub)
    /// gets the frame beside.
    pub fn push_views(&self, frames: &Arc<[(View, Frame)]>, kept: Option<(&[(u32, OutboxId)], &Frame)>, kind: Receive) {
        for listening in &self.hubs {
            let kept = kept.map(|(admitted, instead)| {
                let of_this_hub = admitted.iter().filter(|(hub, _)| *hub == listening.hub.number);
                KeptFrom { admitted: of_this_hub.map(|(_, outbox)| *outbox).collect(), instead: instead.clone() }
            });
            let push = PushViews { room: self.room, frames: Arc::clone(frames), kept, kind };
            listening.hub.pending.fetch_add(push.bytes(), Ordering::Relaxed);
            listening.hub.addr.do_send(push);
        }
    }

    /// Gives everybody the signals of a tick, and those who signalled (by the number of their hub) what the others did.
    pub fn push_signals(&self, frame: &Frame, instead: &[(u32, OutboxId, Option<Frame>)]) {
        for listening in &self.hubs {
            let of_this_hub = instead.iter().filter(|(hub, ..)| *hub == listening.hub.number);
            let instead = of_this_hub.map(|(_, outbox, others)| (*outbox, others.clone())).collect();
            count(&listening.hub, frame);
            // Each its own: else all threads would write to the count of who shares the bytes, for each listener.
            listening.hub.addr.do_send(PushSignals { room: self.room, frame: frame.copied(), instead });
        }
    }

    /// Whether some hub is so far behind that no more should be taken in.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.hubs.iter().any(|listening| listening.hub.is_behind())
    }
}

impl Drop for Audience {
    /// The hubs forget the room, however it ended.
    fn drop(&mut self) {
        for listening in &self.hubs {
            listening.hub.addr.do_send(DropRoom { room: self.room });
        }
    }
}

fn count(hub: &HubHandle, frame: &Frame) {
    hub.pending.fetch_add(frame.len(), Ordering::Relaxed);
}
