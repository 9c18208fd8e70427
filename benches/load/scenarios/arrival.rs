//! Clients that dial, connect and join, so many at a time.

use std::time::{Duration, Instant};

use copresence::clock::Clock;

use crate::Outcome;
use crate::histogram::Histogram;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

/// When for so long nobody joined, nobody will: those who are missing were refused or forgotten.
const STANDSTILL_MAX: Duration = Duration::from_secs(10);

/// A load that ends when all of `count` clients have joined, or were lost.
pub(super) struct Arrival<D> {
    count: usize,
    in_flight_max: usize,
    dial: D,
    /// When each client was dialed, by its number.
    dialed: Vec<Instant>,
    joined: usize,
    latency: Histogram,
    give_up: Instant,
}

/// Guests: member `n` joins `room_of(n)`.
pub(super) fn guests(
    count: usize,
    in_flight_max: usize,
    room_of: impl Fn(usize) -> String,
    reach: Reach,
    clock: &Clock,
) -> Arrival<impl FnMut(&mut Swarm, usize) -> Outcome<()>> {
    Arrival::by(count, in_flight_max, move |swarm: &mut Swarm, who| swarm.join(&room_of(who), reach), clock)
}

impl<D: FnMut(&mut Swarm, usize) -> Outcome<()>> Arrival<D> {
    /// Client `n` comes by `dial(n)`.
    pub(super) fn by(count: usize, in_flight_max: usize, dial: D, clock: &Clock) -> Self {
        let give_up = clock.now() + STANDSTILL_MAX;
        let dialed = Vec::with_capacity(count);
        Self { count, in_flight_max, dial, dialed, joined: 0, latency: Histogram::default(), give_up }
    }

    pub(super) fn joined(&self) -> usize {
        self.joined
    }

    /// Times from the dial to `joined`.
    pub(super) fn latency(&self) -> &Histogram {
        &self.latency
    }

    /// The same, for whoever has no other use for this.
    pub(super) fn into_latency(self) -> Histogram {
        self.latency
    }
}

impl<D: FnMut(&mut Swarm, usize) -> Outcome<()>> Load for Arrival<D> {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        let settled = self.joined + swarm.tally().lost;
        let last = self.count.min(settled + self.in_flight_max);
        while self.dialed.len() < last {
            (self.dial)(swarm, self.dialed.len())?;
            self.dialed.push(now);
        }
        let is_over = settled >= self.count || now >= self.give_up;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(100)) })
    }

    fn message(&mut self, who: usize, kind: &[u8], _text: &[u8], now: Instant) {
        if kind == b"joined" {
            self.joined += 1;
            self.give_up = now + STANDSTILL_MAX;
            self.latency.record(now.saturating_duration_since(self.dialed[who]));
        }
    }
}
