//! Frames of one room that wait behind each other, made one, so that a listener is given them in one go.
//!
//! In a busy room each of a thousand listeners would queue and write every frame by itself. What waits is joined first, which
//! is a copy for each worker thread: then a listener has one piece in place of many, its socket takes it by a plain `send`,
//! and no count of who shares the bytes is written to by two threads in turn.

use actix::prelude::*;

use super::{Hub, Push, Receive};
use crate::delivery::frame::Frame;
use crate::delivery::worker::SLICE;
use crate::telemetry::metrics::COUNTS;

/// So many bytes are joined at most: what a socket takes in one go. They stand once for each worker thread.
const BYTES_MAX: usize = 64 << 10;
/// A longer frame is shared as it is: copying it costs more than it spares.
const FRAME_MAX: usize = 8 << 10;
/// So many frames are joined at most.
const FRAMES_MAX: usize = 256;

/// What waits to be handed out to the listeners of one room.
#[derive(Default)]
pub(super) struct Batch {
    room: u64,
    kind: Option<Receive>,
    frames: Vec<Frame>,
    bytes: usize,
    /// Whether a [`Close`] is on its way.
    is_close_due: bool,
}

impl Batch {
    fn takes(&self, push: &Push) -> bool {
        let is_same = self.room == push.room && self.kind == Some(push.kind);
        let has_room = self.frames.len() < FRAMES_MAX && self.bytes + push.frame.len() <= BYTES_MAX;
        is_same && has_room && push.frame.len() <= FRAME_MAX
    }

    fn add(&mut self, push: Push) {
        (self.room, self.kind) = (push.room, Some(push.kind));
        self.bytes += push.frame.len();
        self.frames.push(push.frame);
    }
}

/// What was in the mailbox when a batch began is worked off: it waits for nothing more.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Close;

impl Handler<Push> for Hub {
    type Result = ();

    fn handle(&mut self, push: Push, ctx: &mut Self::Context) {
        if !self.batch.takes(&push) {
            self.close_batch();
        }
        // Counted before it is posted, so this says whether more is on its way.
        let waits_for_more = self.waiting() > self.batch.bytes + push.frame.len();
        if waits_for_more && push.frame.len() <= FRAME_MAX {
            if !std::mem::replace(&mut self.batch.is_close_due, true) {
                ctx.notify(Close);
            }
            return self.batch.add(push);
        }
        if !self.batch.frames.is_empty() {
            self.batch.add(push);
            return self.close_batch();
        }
        // With nothing else to hand out there is nothing to gather either: each socket is written as it is met.
        let at_once = if waits_for_more { 0 } else { SLICE };
        self.hand_out(&push, 1, at_once);
    }
}

impl Handler<Close> for Hub {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        self.batch.is_close_due = false;
        self.close_batch();
    }
}

impl Hub {
    /// Hands out what waits, ahead of anything else that is said to its listeners.
    pub(super) fn close_batch(&mut self) {
        let Some(kind) = self.batch.kind.take() else { return };
        let mut frames = std::mem::take(&mut self.batch.frames);
        let count = frames.len() as u64;
        let frame = if frames.len() > 1 { Some(Frame::joined(&frames)) } else { frames.pop() };
        frames.clear();
        (self.batch.frames, self.batch.bytes) = (frames, 0);
        if let Some(frame) = frame {
            self.hand_out(&Push { room: self.batch.room, frame, kind }, count, 0);
        }
    }

    /// Gives a piece of so many frames to all who want it, to so many of them at once.
    fn hand_out(&mut self, push: &Push, frames: u64, mut at_once: usize) {
        if let Some(listeners) = self.rooms.get(&push.room) {
            let now = self.clock.now();
            let mut given = 0;
            for seat in listeners.seats.iter().filter(|seat| seat.receive.has(push.kind)) {
                if at_once > 0 {
                    at_once -= 1;
                    self.worker.push_through(&seat.outbox, &push.frame, now);
                } else {
                    self.worker.push(&seat.outbox, &push.frame, now);
                }
                given += 1;
            }
            // Once a piece, not once a reader: this count is shared by all threads.
            COUNTS.delivered(given * frames);
        }
        self.handed_out(push.frame.len());
    }
}
