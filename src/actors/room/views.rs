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
use crate::domain::redaction::{Redaction, View};
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
        if let Some(seat) = self.seats.get_mut(&session).filter(|seat| seat.who.generation == generation) {
            seat.view = self.redaction.view(&reader);
            seat.reader = reader.clone();
            self.audience.regard(&seat.who.hub, seat.who.outbox, seat.view);
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
                admitted.push((seat.who.hub.number, seat.who.outbox));
            }
        }
        let frames = frames(&opened, views, &self.redaction, encode);
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

/// A frame of the entry for each of the views. Those in which nothing was to be taken out share one.
fn frames(
    entry: &Arc<Entry>,
    views: Vec<View>,
    redaction: &Redaction,
    encode: impl Fn(&Entry) -> Frame,
) -> Arc<[(View, Frame)]> {
    let mut whole: Option<Frame> = None;
    let mut frame_of = |view| {
        let shown = in_view(entry, redaction, view);
        if Arc::ptr_eq(&shown, entry) { whole.get_or_insert_with(|| encode(entry)).clone() } else { encode(&shown) }
    };
    views.into_iter().map(|view| (view, frame_of(view))).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use uuid::Uuid;

    use super::*;
    use crate::domain::entry::{Draft, Kind, Timestamp};
    use crate::domain::ids::{EntryId, RoomName, UserId};
    use crate::domain::redaction::Rule;

    #[test]
    fn an_entry_is_encoded_once_for_all_views_that_show_it_whole_and_once_for_each_other() {
        let rule = |path: &str, role: &str| Rule { path: path.parse().unwrap(), unless_role: role.to_owned() };
        let redaction = Redaction::new(vec![rule("/a", "x"), rule("/b", "y"), rule("/not/there", "z")]);
        let view = |roles: &[&str]| {
            let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
            redaction.view(&Reader::user(&UserId::parse("ada").unwrap(), &roles))
        };
        let draft = Draft {
            id: EntryId(Uuid::from_u128(7)),
            at: Timestamp(1),
            kind: Kind::Event,
            from: "{}".into(),
            body: push::publish_body("e", r#"{"a":1,"b":2}"#),
        };
        let (entry, encoded) = (Arc::new(draft.at_offset(1)), Cell::new(0));
        let encode = |entry: &Entry| {
            encoded.set(encoded.get() + 1);
            Frame::text(&push::entry(&RoomName::parse("desk").unwrap(), entry))
        };
        let views = vec![View::WHOLE, view(&["x", "y"]), view(&["x"]), view(&[])];
        let frames = frames(&entry, views.clone(), &redaction, encode);
        assert_eq!(frames.iter().map(|(view, _)| *view).collect::<Vec<_>>(), views);
        assert_eq!(encoded.get(), 3);
        assert_eq!(frames[0].1, frames[1].1);
        assert!(frames[0].1 != frames[2].1 && frames[2].1 != frames[3].1);
    }
}
