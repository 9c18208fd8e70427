//! What a personal room does besides pushing its entries: it brings what time does into the log, and shows critical
//! notifications again until somebody acknowledges them.
//!
//! The fold is the log's own and stands in the store; the room looks at it when it opens and after each entry, and keeps
//! only when something is due next and what is to be shown again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::Room;
use super::join::Join;
use crate::bridge::inbox::{ChangeInbox, InboxChange, List, ListInbox, Listed};
use crate::delivery::{Frame, Receive};
use crate::domain::cursor::Cursor;
use crate::domain::entry::{Entry, Timestamp};
use crate::domain::ids::SessionId;
use crate::domain::redaction::View;
use crate::domain::tail::Bounds;
use crate::protocol::push;

/// Looks follow each other no faster: an order to many brings bursts.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// How long to wait after the inbox could not be read, or what was due not be written.
const RETRY: Duration = Duration::from_secs(1);
/// A timer is set no further ahead: wall clocks are set, and timers don't know.
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// A personal room's own.
#[derive(Default)]
pub(super) struct Inbox {
    /// A look is under way or about to be.
    looking: Option<SpawnHandle>,
    /// Something changed since it began.
    is_stale: bool,
    /// Something is due then.
    due: Option<SpawnHandle>,
    /// What nobody has acknowledged is shown then.
    again: Option<SpawnHandle>,
    /// What nobody has acknowledged; `None` before the first look.
    unacknowledged: Option<Vec<Frame>>,
    /// Sessions that have not been shown it since they came.
    ungreeted: HashSet<SessionId>,
    /// It was to be shown while a look was under way.
    is_owed: bool,
}

impl Inbox {
    /// After a panic: timers went with the context, and everybody is shown once more what they may have missed.
    pub(super) fn restarted(self) -> Self {
        Self { ungreeted: self.ungreeted, ..Self::default() }
    }

    /// What nobody has acknowledged, unless a look is on its way: what was just acknowledged must not come back.
    fn known(&self) -> Option<&Vec<Frame>> {
        self.unacknowledged.as_ref().filter(|_| self.looking.is_none())
    }
}

impl Room {
    /// Looks soon at what is due and what is to be shown again.
    pub(super) fn look_into_inbox(&mut self, ctx: &mut Context<Self>) {
        let Some(inbox) = &mut self.inbox else { return };
        if inbox.looking.is_some() {
            inbox.is_stale = true;
            return;
        }
        let pause = if inbox.unacknowledged.is_some() { LOOK_PAUSE } else { Duration::ZERO };
        inbox.looking = Some(ctx.run_later(pause, Self::look));
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let list = ListInbox { log: self.key.clone(), list: List::Unacknowledged };
        let looking = self.context.bridge.inboxes.list.send(list).into_actor(self);
        let looking = ctx.spawn(looking.map(|listed, room, ctx| {
            let Some(inbox) = &mut room.inbox else { return };
            inbox.looking = None;
            match listed {
                Ok(Ok(listed)) => {
                    if inbox.is_stale {
                        // Others may have acknowledged since; what time does is looked at again as well.
                        return room.look_into_inbox(ctx);
                    }
                    room.looked(listed, ctx);
                }
                _ => inbox.looking = Some(ctx.run_later(RETRY, Self::look)),
            }
        }));
        if let Some(inbox) = &mut self.inbox {
            inbox.is_stale = false;
            inbox.looking = Some(looking);
        }
    }

    fn looked(&mut self, Listed { notifications, due, .. }: Listed, ctx: &mut Context<Self>) {
        let Some(inbox) = &mut self.inbox else { return };
        let frames: Vec<_> = notifications.iter().map(|text| Frame::text(&push::inbox::again(text))).collect();
        let every = self.context.config.inbox.again;
        match (&inbox.again, frames.is_empty()) {
            (Some(timer), true) => {
                ctx.cancel_future(*timer);
                inbox.again = None;
            }
            (None, false) => inbox.again = Some(ctx.run_interval(every, |room, _| room.show_again())),
            _ => {}
        }
        inbox.unacknowledged = Some(frames);
        let (ungreeted, is_owed) = (std::mem::take(&mut inbox.ungreeted), std::mem::take(&mut inbox.is_owed));
        for session in ungreeted {
            self.greet(&session);
        }
        if is_owed {
            self.show_again();
        }
        self.settle_when_due(due, ctx);
    }

    /// Shows a session that came what nobody has acknowledged, now or once that is known.
    pub(super) fn greet(&mut self, session: &SessionId) {
        let Some(inbox) = &mut self.inbox else { return };
        let Some(frames) = inbox.known() else {
            inbox.ungreeted.insert(session.clone());
            return;
        };
        let Some(seat) = self.seats.get(session) else { return };
        for frame in frames {
            self.audience.attach(
                &seat.who.hub,
                seat.who.outbox,
                (seat.receive, seat.view),
                (Some(frame.clone()), None),
                false,
            );
        }
    }

    fn show_again(&mut self) {
        let Some(inbox) = &mut self.inbox else { return };
        let Some(frames) = inbox.known() else {
            inbox.is_owed = true;
            return;
        };
        for frame in frames {
            self.audience.push(frame, Receive::ENTRIES);
        }
    }

    fn settle_when_due(&mut self, due: Option<Timestamp>, ctx: &mut Context<Self>) {
        let Some(inbox) = &mut self.inbox else { return };
        if let Some(timer) = inbox.due.take() {
            ctx.cancel_future(timer);
        }
        let Some(due) = due else { return };
        let wait_ms = due.0.saturating_sub(self.context.clock.wall().0).max(0);
        let wait = Duration::from_millis(wait_ms.unsigned_abs()).min(LOOK_AGAIN);
        inbox.due = Some(ctx.run_later(wait, move |room, ctx| {
            let now = room.context.clock.wall();
            if now >= due { room.settle(now, ctx) } else { room.settle_when_due(Some(due), ctx) }
        }));
    }

    /// Has what is due written; its entries bring the next look.
    fn settle(&mut self, at: Timestamp, ctx: &mut Context<Self>) {
        let room = ctx.address();
        self.context.bridge.inboxes.change.do_send(ChangeInbox {
            log: self.key.clone(),
            from: "null".into(),
            at,
            change: InboxChange::Settle,
            epoch: None,
            audit: None,
            done: Box::new(move |_| room.do_send(Settled)),
        });
    }

    /// Gives one session some entries, ahead of whatever it is attached for.
    pub(super) fn push_to(&mut self, join: &Join, entries: &[Arc<Entry>]) {
        let is_listening = self.seats.get(&join.who.session).is_some_and(|seat| seat.who.outbox == join.who.outbox);
        for entry in entries {
            let frame = Frame::text(&push::entry(&self.name, entry));
            // A listener stays one; who is none yet is only handed the frame.
            if is_listening {
                self.audience.attach(
                    &join.who.hub,
                    join.who.outbox,
                    (Receive::ALL, View::WHOLE),
                    (Some(frame), None),
                    false,
                );
            } else {
                self.audience.detach(&join.who.hub, join.who.outbox, Some(frame), false);
            }
        }
    }

    /// A page of what a session missed that is not the last: it gets it, and the next is looked for.
    pub(super) fn go_on_quietly(
        &mut self,
        join: Join,
        entries: &[Arc<Entry>],
        cursor: Cursor,
        ctx: &mut Context<Self>,
    ) {
        self.push_to(&join, entries);
        let Some(tail) = &self.tail else { return };
        let since = tail.after(&cursor, Bounds::PAGE);
        self.answer(join, cursor, since, ctx);
    }
}

/// What was due is written, or could not be.
#[derive(Message)]
#[rtype(result = "()")]
struct Settled;

impl Handler<Settled> for Room {
    type Result = ();

    /// A look tells what is due next; after a failure that is the same again, so it waits a little.
    fn handle(&mut self, _: Settled, ctx: &mut Self::Context) {
        let Some(inbox) = &mut self.inbox else { return };
        if inbox.looking.is_none() {
            inbox.looking = Some(ctx.run_later(RETRY, Self::look));
        }
    }
}
