//! What may be lost and is soon stale: gathered for a tick, newest wins, nobody hears their own.
//!
//! Sessions put their signals into what the room gathers without a letter to it, which would wake its thread for each of
//! them; the first one of a tick tells the room that it has begun.
//!
//! ```text
//! Session ─ take ─▶ Gathering            Session ─ TickBegins ─▶ Room … beat ─▶ one frame ─▶ audience
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;

use super::Room;
use crate::delivery::Frame;
use crate::domain::ids::{SessionId, UserId};
use crate::domain::signals::{Gathered, SignalBounds, Signals};
use crate::protocol::push;

/// The signals of a room since its last tick. Bounded by what it gathers, and locked for an entry in a table at most.
pub struct Gathering(Mutex<State>);

struct State {
    signals: Signals,
    /// Whether the room was told that a tick has begun.
    is_told: bool,
}

/// A signal waits, and no tick is under way. There is one of it at most, whatever comes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TickBegins;

impl Default for Gathering {
    fn default() -> Self {
        Self(Mutex::new(State { signals: Signals::new(SignalBounds::default()), is_told: false }))
    }
}

impl Gathering {
    /// Takes a signal; a full tick drops it, which is what signals are for. Answers whether the room has to be told that a
    /// tick [begins](TickBegins).
    #[must_use]
    pub fn take(&self, session: &SessionId, user: &UserId, event: Arc<str>, data: Arc<str>) -> bool {
        self.with(|state| {
            state.signals.add(session, user, event, data);
            !std::mem::replace(&mut state.is_told, true)
        })
    }

    /// Drops what a session signalled.
    pub(super) fn forget(&self, session: &SessionId) {
        self.with(|state| state.signals.forget(session));
    }

    /// Drops everything: the room begins anew.
    pub(super) fn clear(&self) {
        self.with(|state| (state.signals, state.is_told) = (Signals::new(SignalBounds::default()), false));
    }

    /// How many sessions have signalled.
    fn signallers(&self) -> usize {
        self.with(|state| state.signals.signallers())
    }

    /// Ends the tick.
    fn end(&self) -> Option<Gathered> {
        self.with(|state| {
            state.is_told = false;
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
        self.begin_tick(ctx);
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
        if self.signals.take(session, user, event, data) {
            self.begin_tick(ctx);
        }
    }

    fn begin_tick(&mut self, ctx: &mut Context<Self>) {
        let wait = self.pace.first(self.context.clock.now(), self.context.clock.wall());
        ctx.run_later(wait, |room, ctx| match room.pace.more(room.signals.signallers(), room.context.clock.wall()) {
            Some(more) => drop(ctx.run_later(more, |room, _| room.send_signals())),
            None => room.send_signals(),
        });
    }

    /// One frame for all, and another for each who signalled, without their own.
    fn send_signals(&mut self) {
        let Some(mut gathered) = self.signals.end() else { return };
        self.pace.sent(self.context.clock.now(), gathered.goes_on);
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
