//! What may be lost and is soon stale: gathered for a tick, newest wins, nobody hears their own.

use std::sync::Arc;

use actix::prelude::*;

use super::Room;
use crate::delivery::Frame;
use crate::domain::ids::{SessionId, UserId};
use crate::protocol::push;

/// A session signals.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Signal {
    /// Who.
    pub session: SessionId,
    /// By which connection.
    pub generation: u64,
    /// What it is called.
    pub event: Arc<str>,
    /// What it says, as compact JSON.
    pub data: Arc<str>,
}

impl Handler<Signal> for Room {
    type Result = ();

    fn handle(&mut self, signal: Signal, ctx: &mut Self::Context) {
        let Some(seat) = self.seats.get(&signal.session).filter(|seat| seat.who.generation == signal.generation) else {
            return;
        };
        let user = seat.who.user.id.clone();
        self.gather(&signal.session, &user, signal.event, signal.data, ctx);
    }
}

impl Room {
    /// Keeps a signal for the tick. A full one drops it, which is what signals are for.
    pub(super) fn gather(
        &mut self,
        session: &SessionId,
        user: &UserId,
        event: Arc<str>,
        data: Arc<str>,
        ctx: &mut Context<Self>,
    ) {
        self.signals.add(session, user, event, data);
        if self.timers.signals.is_none() {
            let tick = self.context.config.signals.tick;
            self.timers.signals = Some(ctx.run_later(tick, |room, _| room.send_signals()));
        }
    }

    /// One frame for all, and another for each who signalled, without their own.
    fn send_signals(&mut self) {
        self.timers.signals = None;
        let Some(gathered) = self.signals.take() else { return };
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
