//! What may be lost and is soon stale: gathered for a tick, newest wins, nobody hears their own.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::Room;
use crate::delivery::Frame;
use crate::domain::entry::Timestamp;
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
            let wait = until_tick(self.context.config.signals.tick, self.context.clock.wall());
            self.timers.signals = Some(ctx.run_later(wait, |room, _| room.send_signals()));
        }
    }
}

/// How long until the next tick. All rooms have theirs at the same time, so that a thread with many lively rooms wakes once a
/// tick, and so do the hubs, which then write what each socket gets from all of them together. What comes shortly before
/// a tick goes with the one after it, so that there is something to gather.
fn until_tick(tick: Duration, wall: Timestamp) -> Duration {
    let tick_us = i64::try_from(tick.as_micros()).unwrap_or(i64::MAX).max(1);
    let left_us = tick_us - wall.0.saturating_mul(1_000).rem_euclid(tick_us);
    let wait_us = if left_us < tick_us / 4 { left_us + tick_us } else { left_us };
    Duration::from_micros(wait_us.unsigned_abs())
}

impl Room {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_tick_together_and_never_too_soon() {
        let tick = Duration::from_millis(33);
        for wall in 1_763_708_652_000..1_763_708_652_200 {
            let wait = until_tick(tick, Timestamp(wall));
            assert!(wait >= tick / 4 && wait < tick * 5 / 4, "{wait:?}");
            assert_eq!((wall * 1_000 + i64::try_from(wait.as_micros()).unwrap()) % 33_000, 0);
        }
    }
}
