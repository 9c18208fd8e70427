//! Who sees what: entries for some readers alone, and fields that take a role.
//!
//! One encoding for each view that somebody here has, not for each who has it. In a room where everybody sees everything
//! an entry costs a look at the start of its body, and then goes the way of all frames: one for all.

use std::sync::Arc;

use actix::prelude::*;

use super::Room;
use crate::delivery::{Frame, OutboxId, Receive};
use crate::domain::entry::Entry;
use crate::domain::ids::SessionId;
use crate::domain::redaction::View;
use crate::domain::visibility::{Kept, Reader, hidden, in_view, seen_all, with_body};
use crate::protocol::push;

/// A session has a new token, and may see more or less from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NewReader {
    /// Which session.
    pub session: SessionId,
    /// By which connection.
    pub generation: u64,
    /// Who it is now.
    pub reader: Reader,
}

impl Handler<NewReader> for Room {
    type Result = ();

    fn handle(&mut self, NewReader { session, generation, reader }: NewReader, _: &mut Self::Context) {
        if let Some(seat) = self.seats.get_mut(&session).filter(|seat| seat.generation == generation) {
            seat.view = self.redaction.view(&reader);
            seat.reader = reader.clone();
            self.audience.regard(&seat.hub, seat.outbox, seat.view);
        }
        // A join that waits for a page of the log is answered by who it is then.
        if let Some(joining) = self.joining.get_mut(&(session, generation)) {
            *joining = reader;
        }
    }
}

impl Room {
    /// Tells everybody of an entry, each as they may see it.
    pub(super) fn deliver(&self, entry: &Arc<Entry>) {
        let encode = |entry: &Entry| Frame::text(&push::entry(&self.name, entry));
        let kept = Kept::of(&entry.body);
        if self.redaction.is_empty() && kept == Kept::Open {
            return self.audience.push(&encode(entry), Receive::ENTRIES);
        }
        let (opened, visible_to) = match kept {
            Kept::Open => (Arc::clone(entry), None),
            Kept::For(visible_to, body) => (Arc::new(with_body(entry, body.into())), Some(visible_to)),
            Kept::Unreadable => return self.audience.push(&encode(&hidden(entry)), Receive::ENTRIES),
        };
        let (mut views, mut admitted): (Vec<View>, Vec<(u32, OutboxId)>) = (Vec::new(), Vec::new());
        for seat in self.seats.values() {
            if visible_to.as_ref().is_some_and(|visible_to| !visible_to.admits(&seat.reader)) {
                continue;
            }
            if !views.contains(&seat.view) {
                views.push(seat.view);
            }
            if visible_to.is_some() {
                admitted.push((seat.hub.number, seat.outbox));
            }
        }
        // Views in which nothing was to be taken out share the frame too.
        let mut whole: Option<Frame> = None;
        let frames = views.into_iter().map(|view| {
            let shown = in_view(&opened, &self.redaction, view);
            let is_whole = Arc::ptr_eq(&shown, &opened);
            (view, if is_whole { whole.get_or_insert_with(|| encode(&shown)).clone() } else { encode(&shown) })
        });
        let frames: Arc<[_]> = frames.collect();
        let hidden = visible_to.map(|_| encode(&hidden(entry)));
        let kept = hidden.as_ref().map(|hidden| (&*admitted, hidden));
        self.audience.push_views(&frames, kept, Receive::ENTRIES);
    }

    /// Entries as `reader` may see them.
    pub(super) fn see(&self, entries: &[Arc<Entry>], reader: &Reader) -> Vec<Arc<Entry>> {
        seen_all(entries, reader, &self.redaction)
    }

    /// The state as JSON, as `reader` may see it.
    pub(super) fn state_for(&mut self, reader: &Reader) -> Arc<str> {
        let view = self.redaction.view(reader);
        self.shown.state_json(&self.redaction, view)
    }
}
