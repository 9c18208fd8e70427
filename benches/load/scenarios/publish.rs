//! Many rooms with one publisher each: how many publishes a second the log takes and acknowledges.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::stamp::Stamps;
use super::{Bench, DRAIN_MAX, WARM_UP};
use crate::Outcome;
use crate::histogram::Histogram;
use crate::report::{Row, grouped};
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

const ROOMS: usize = 1_000;
const IN_FLIGHT: usize = 256;

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("publish")?;
    let rooms = stage.affordable(bench.options.rooms.unwrap_or(ROOMS).max(1));
    // A publisher waits for its reply, so more than one a room can't be under way.
    let in_flight = bench.options.in_flight.unwrap_or(IN_FLIGHT).clamp(1, rooms);
    stage.gather(rooms, room_of, Reach::All)?;

    let mut publish = Publish::new(rooms, in_flight, bench.options.bytes, stage.now());
    publish.begin(stage.now(), WARM_UP);
    stage.swarm.run(&mut publish)?;
    publish.begin(stage.now(), Duration::from_secs(bench.options.seconds_or(8)));
    let spent = stage.measure(&mut publish)?;
    let (acked, latency_ms) = (publish.acked, publish.latency.percentiles());

    // What is under way at the end of the window must be answered too, it only doesn't count.
    publish.in_flight_max = 0;
    publish.begin(stage.now(), DRAIN_MAX);
    stage.swarm.run(&mut publish)?;

    let mut row = Row {
        scenario: "publish",
        load: format!("{} rooms × 1 publisher, {in_flight} in flight", grouped(rooms as u64)),
        payload: format!("event, data {} B", bench.options.bytes),
        features: format!("{} log, own delivery, presence, heartbeats", bench.options.log().name()),
        item: "acked publishes",
        latency_ms,
        ..Row::default()
    };
    if publish.in_flight > 0 {
        row.failures.push(format!("{} publishes were never answered", publish.in_flight));
    }
    Ok(stage.end(row.spent(acked, spent)))
}

fn room_of(publisher: usize) -> String {
    format!("publish:{publisher}")
}

struct Publish {
    in_flight_max: usize,
    data_bytes: usize,
    stamps: Stamps,
    /// Who waits for no reply, longest first.
    free: VecDeque<usize>,
    in_flight: usize,
    /// When each publisher sent its last one.
    sent: Vec<Instant>,
    // What follows is of this phase (warm-up, measurement or drain) alone.
    until: Instant,
    acked: u64,
    latency: Histogram,
}

impl Publish {
    fn new(rooms: usize, in_flight_max: usize, data_bytes: usize, now: Instant) -> Self {
        Self {
            in_flight_max,
            data_bytes,
            stamps: Stamps::new(now),
            free: (0..rooms).collect(),
            in_flight: 0,
            sent: vec![now; rooms],
            until: now,
            acked: 0,
            latency: Histogram::default(),
        }
    }

    /// Starts another phase, whose figures begin at nothing; what is under way goes on.
    fn begin(&mut self, now: Instant, lasts: Duration) {
        (self.until, self.acked, self.latency) = (now + lasts, 0, Histogram::default());
    }
}

impl Load for Publish {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        let is_drained = self.in_flight_max == 0 && self.in_flight == 0;
        if now >= self.until || is_drained {
            return Ok(Turn::Done);
        }
        while self.in_flight < self.in_flight_max
            && let Some(who) = self.free.pop_front()
        {
            let (room, data) = (room_of(who), self.stamps.data(now, self.data_bytes));
            swarm.send(who, &format!(r#"{{"type":"publish","id":3,"room":"{room}","event":"load","data":{data}}}"#));
            self.sent[who] = now;
            self.in_flight += 1;
        }
        Ok(Turn::Wait(self.until - now))
    }

    fn message(&mut self, who: usize, kind: &[u8], _text: &[u8], now: Instant) {
        // A refusal frees the publisher as well; the swarm counts it, and the run fails by it.
        if kind != b"published" && kind != b"error" {
            return;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        self.free.push_back(who);
        if kind == b"published" {
            self.acked += 1;
            self.latency.record(now.saturating_duration_since(self.sent[who]));
        }
    }
}
