//! What may be lost and is soon stale: gathered for a tick, newest wins, nobody hears their own.
//!
//! Sessions put their signals into what the room gathers without a letter to it, which would wake its thread for each of
//! them. The first one after a pause tells the room that a tick has begun; after a tick the room looks for itself.
//!
//! ```text
//! Session ─ take ─▶ Gathering            Session ─ TickBegins ─▶ Room … beat ─▶ one frame ─▶ audience
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix::prelude::*;

use super::Room;
use crate::delivery::Frame;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::signals::{Gathered, Signals};
use crate::protocol::push;

/// The signals of a room since its last tick. Bounded by what it gathers, and locked for an entry in a table at most.
#[derive(Default)]
pub struct Gathering(Mutex<State>);

#[derive(Default)]
struct State {
    signals: Signals,
    /// When the first of them came.
    began: Option<Instant>,
    /// Whether the room looks after them, or was told to.
    is_watched: bool,
}

/// A signal waits that the room does not look for. There is one of it at most, whatever comes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TickBegins;

impl Gathering {
    /// Takes a signal; a full tick drops it, which is what signals are for. Answers whether the room has to be told that a
    /// tick [begins](TickBegins).
    #[must_use]
    pub fn take(&self, (session, user): (&SessionId, &UserId), event: Arc<str>, data: Arc<str>, now: Instant) -> bool {
        self.with(|state| {
            state.signals.add(session, user, event, data);
            state.began.get_or_insert(now);
            !std::mem::replace(&mut state.is_watched, true)
        })
    }

    /// Drops what a session signalled.
    pub(super) fn forget(&self, session: &SessionId) {
        self.with(|state| state.signals.forget(session));
    }

    /// Drops everything: the room begins anew.
    pub(super) fn clear(&self) {
        self.with(|state| *state = State::default());
    }

    /// How many sessions have signalled.
    fn signallers(&self) -> usize {
        self.with(|state| state.signals.signallers())
    }

    /// When the tick began that is under way. When none is, the room wants to be told of the next.
    fn began(&self) -> Option<Instant> {
        self.with(|state| {
            state.is_watched = state.began.is_some();
            state.began
        })
    }

    /// Ends the tick.
    fn end(&self) -> Option<Gathered> {
        self.with(|state| {
            state.began = None;
            state.signals.take()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler<TickBegins> for Room {
    type Result = ();

    fn handle(&mut self, _: TickBegins, ctx: &mut Self::Context) {
        self.watch_tick(ctx);
    }
}

impl Room {
    /// Takes a signal of somebody who has no session.
    pub(super) fn gather(
        &mut self,
        session: &SessionId,
        user: &UserId,
        event: Arc<str>,
        data: Arc<str>,
        ctx: &mut Context<Self>,
    ) {
        if self.signals.take((session, user), event, data, self.context.clock.now()) {
            self.watch_tick(ctx);
        }
    }

    /// Sends what is gathered when its time has come; when nothing is, rests until it is told.
    fn watch_tick(&mut self, ctx: &mut Context<Self>) {
        let Some(began) = self.signals.began() else { return };
        let wait = self.pace.first(began, self.context.clock.now(), self.context.clock.wall());
        ctx.run_later(wait, |room, ctx| match room.pace.more(room.signals.signallers(), room.context.clock.wall()) {
            Some(more) => drop(ctx.run_later(more, Self::end_tick)),
            None => room.end_tick(ctx),
        });
    }

    fn end_tick(&mut self, ctx: &mut Context<Self>) {
        // Who signalled may have left.
        let Some(gathered) = self.signals.end() else { return self.watch_tick(ctx) };
        self.pace.sent(self.context.clock.now(), gathered.goes_on);
        self.send_signals(gathered);
        // On a beat, when the thread is awake anyway: a letter would wake it, for each room at a time of its own.
        ctx.run_later(self.pace.look(self.context.clock.wall()), Self::watch_tick);
    }

    /// One frame for all, and another for each who signalled, without their own.
    fn send_signals(&self, mut gathered: Gathered) {
        // A session hears that it is in the room no longer after the room does, and may have signalled meanwhile.
        gathered.signallers.retain(|signaller| {
            let is_member = || self.roster.presence(&signaller.session).is_some();
            self.seats.contains_key(&signaller.session) || is_member() || self.is_robot(&signaller.user)
        });
        if gathered.signallers.is_empty() {
            return;
        }
        let batch = push::SignalBatch::new(&self.key.room, &gathered);
        let frame = Frame::text(batch.all());
        let instead: Vec<_> = batch
            .each_own()
            .filter_map(|(session, own)| {
                let seat = self.seats.get(session)?;
                Some((seat.who.hub.number, seat.who.outbox, own.map(|own| frame.without(own))))
            })
            .collect();
        self.audience.push_signals(&frame, &instead);
    }
}
