//! What grows with a room, and with how many rooms there are: nothing should, for each delivery.
//!
//! Members: one publish at a time to a room of 100, 1,000 and 10,000. Rooms: one or more publishes under way, in turn to 1, 100,
//! 10,000 and 50,000 rooms of one member each; a connection is in several of them. A crowd: 10,000 connections that all join one
//! room at once, and how much all of them are sent in the end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::stamp::{self, Stamps};
use super::{ARRIVALS_IN_FLIGHT, Bench, DRAIN_MAX, Quiet, Stage, WARM_UP, fanout};
use crate::Outcome;
use crate::histogram::Histogram;
use crate::report::{Row, grouped};
use crate::scan::Marker;
use crate::swarm::{Load, Swarm, Turn};

const MEMBERS: [usize; 3] = [100, 1_000, 10_000];
const ROOMS: [usize; 4] = [1, 100, 10_000, 50_000];
/// Connections that have all of the rooms among them: as many as rooms, up to this.
const CONNECTIONS: usize = 5_000;
/// One at a time shows what a room more costs; many at once, what is gathered of them.
const IN_FLIGHT: [usize; 2] = [1, 64];
const CROWD: usize = 10_000;

/// How often the server tells changes of presence by default, in milliseconds.
const PRESENCE_TICK_MS: u128 = 50;
/// Frames that a member gets of a join itself: the answer, who is here, and one more.
const FRAMES_OF_A_JOIN: u64 = 3;

pub(super) fn run_all(bench: &Bench<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for members in bench.options.members.map_or(MEMBERS.to_vec(), |members| vec![members]) {
        rows.push(fanout::one_at_a_time(bench, "growth", members)?);
    }
    for rooms in bench.options.rooms.map_or(ROOMS.to_vec(), |rooms| vec![rooms]) {
        for in_flight in bench.options.in_flight.map_or(IN_FLIGHT.to_vec(), |in_flight| vec![in_flight]) {
            rows.push(spread(bench, rooms.max(1), in_flight.max(1))?);
        }
    }
    rows.push(crowd(bench)?);
    Ok(rows)
}

/// Publishes in turn to all of so many rooms.
fn spread(bench: &Bench<'_>, rooms: usize, in_flight: usize) -> Outcome<Row> {
    let mut stage = bench.stage("growth")?;
    let connections = stage.affordable(rooms.min(CONNECTIONS));
    enter(&mut stage, rooms, connections)?;

    let mut spread = Spread::new(rooms, connections, in_flight, bench.options.bytes, stage.now());
    spread.begin(stage.now(), WARM_UP);
    stage.swarm.run(&mut spread)?;
    spread.begin(stage.now(), Duration::from_secs(bench.options.seconds_or(5)));
    let spent = stage.measure(&mut spread)?;
    let (acked, latency_ms) = (spread.acked, spread.latency.percentiles());
    // What is under way must be answered too, it only doesn't count.
    spread.in_flight_max = 0;
    spread.begin(stage.now(), DRAIN_MAX);
    stage.swarm.run(&mut spread)?;

    let mut row = Row {
        scenario: "growth",
        load: format!(
            "{} rooms of one member, on {} connections, {in_flight} in flight",
            grouped(rooms as u64),
            grouped(connections as u64)
        ),
        payload: format!("event, data {} B", bench.options.bytes),
        features: bench.features("own delivery, presence, heartbeats"),
        item: "acked publishes",
        latency_ms,
        ..Row::default()
    };
    if spread.in_flight > 0 {
        row.failures.push(format!("{} publishes were never answered", spread.in_flight));
    }
    Ok(stage.end(row.spent(acked, spent)))
}

fn room_name(room: usize) -> String {
    format!("growth:{room}")
}

/// Brings `connections` in, which have all of the rooms among them.
fn enter(stage: &mut Stage<'_>, rooms: usize, connections: usize) -> Outcome<()> {
    let mut entry = Entry { rooms, connections, dialed: 0, joined: 0, give_up: stage.now() + Entry::STANDSTILL_MAX };
    stage.swarm.run(&mut entry)?;
    if entry.joined < rooms {
        stage.failures.push(format!("only {} of {rooms} rooms were joined", entry.joined));
    }
    stage.swarm.run(&mut Quiet::new(stage.now()))
}

/// Connections that each join several rooms.
struct Entry {
    rooms: usize,
    connections: usize,
    dialed: usize,
    joined: usize,
    give_up: Instant,
}

impl Entry {
    const STANDSTILL_MAX: Duration = Duration::from_secs(10);
    /// Joins that are under way at once.
    const UNDER_WAY: usize = 256;

    /// How many rooms the first so many connections are in.
    fn rooms_of(&self, connections: usize) -> usize {
        // Room n is connection n's, modulo their number: those of the first ones are spread over all of the list.
        let (each, left) = (self.rooms / self.connections, self.rooms % self.connections);
        connections * each + connections.min(left)
    }
}

impl Load for Entry {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        while self.dialed < self.connections && self.rooms_of(self.dialed) < self.joined + Self::UNDER_WAY {
            let mut greeting = vec![r#"{"type":"connect","id":1}"#.to_owned()];
            for room in (self.dialed..self.rooms).step_by(self.connections) {
                greeting.push(format!(r#"{{"type":"join","id":2,"room":"{}"}}"#, room_name(room)));
            }
            swarm.dial("/v1/ws", &greeting)?;
            self.dialed += 1;
        }
        let is_over = self.joined >= self.rooms || now >= self.give_up;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(100)) })
    }

    fn message(&mut self, _who: usize, kind: &[u8], _text: &[u8], now: Instant) {
        if kind == b"joined" {
            self.joined += 1;
            self.give_up = now + Self::STANDSTILL_MAX;
        }
    }
}

/// So many publishes under way, each to the next room.
struct Spread {
    rooms: usize,
    connections: usize,
    in_flight_max: usize,
    data_bytes: usize,
    stamps: Stamps,
    stamp: Marker,
    next: usize,
    in_flight: usize,
    // What follows is of this phase (warm-up, measurement or drain) alone.
    until: Instant,
    acked: u64,
    latency: Histogram,
}

impl Spread {
    fn new(rooms: usize, connections: usize, in_flight_max: usize, data_bytes: usize, now: Instant) -> Self {
        Self {
            rooms,
            connections,
            in_flight_max,
            data_bytes,
            stamps: Stamps::new(now),
            stamp: Marker::new(stamp::START),
            next: 0,
            in_flight: 0,
            until: now,
            acked: 0,
            latency: Histogram::default(),
        }
    }

    fn begin(&mut self, now: Instant, lasts: Duration) {
        (self.until, self.acked, self.latency) = (now + lasts, 0, Histogram::default());
    }
}

impl Load for Spread {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        let is_drained = self.in_flight_max == 0 && self.in_flight == 0;
        if now >= self.until || is_drained {
            return Ok(Turn::Done);
        }
        while self.in_flight < self.in_flight_max {
            let (room, data) = (self.next % self.rooms, self.stamps.data(now, self.data_bytes));
            let text = swarm.wire().publish(self.next as u64, &room_name(room), &data);
            swarm.send(room % self.connections, &text);
            self.next += 1;
            self.in_flight += 1;
        }
        Ok(Turn::Wait(self.until - now))
    }

    fn message(&mut self, _who: usize, kind: &[u8], text: &[u8], now: Instant) {
        match kind {
            // A refusal ends a publish as well; the swarm counts it, and the run fails by it.
            b"published" | b"error" => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.acked += u64::from(kind == b"published");
            }
            b"event" => {
                if let Some(stamp) = self.stamp.after(text) {
                    self.stamps.record_age(stamp, now, &mut self.latency);
                }
            }
            _ => {}
        }
    }
}

/// All join one room at once, once they are connected.
fn crowd(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("growth")?;
    let count = stage.affordable(bench.options.connections.unwrap_or(CROWD).max(1));
    let mut crowd = Crowd::new(count, stage.now());
    stage.swarm.run(&mut crowd)?;
    if crowd.connected < count {
        stage.failures.push(format!("only {} of {count} connected", crowd.connected));
    }
    stage.swarm.run(&mut Quiet::new(stage.now()))?;

    let before = (stage.swarm.tally().messages, stage.swarm.tally().bytes);
    // A room that has too much to do says so, and when to come again; so it is done.
    stage.swarm.expect_refusals("unavailable");
    crowd.rush(&mut stage.swarm, bench.clock.now());
    let began = stage.now();
    let spent = stage.measure(&mut crowd)?;
    stage.swarm.run(&mut Quiet::new(stage.now()))?;
    let lasted = stage.now() - began;
    let (frames, bytes) = (stage.swarm.tally().messages - before.0, stage.swarm.tally().bytes - before.1);

    let each = |all: u64| all as f64 / count as f64;
    let mut row = Row {
        scenario: "growth",
        load: format!("{} join one room at once", grouped(count as u64)),
        payload: "join".to_owned(),
        features: bench.features("guests, presence, signals"),
        item: "joins",
        latency_ms: crowd.latency.percentiles(),
        notes: vec![format!(
            "{} were sent {} frames and {} bytes in all: {:.1} frames and {:.0} bytes each; {} joins were told to come again",
            grouped(count as u64),
            grouped(frames),
            grouped(bytes),
            each(frames),
            each(bytes),
            grouped(stage.swarm.tally().refused)
        )],
        ..Row::default()
    };
    if crowd.joined < count {
        row.failures.push(format!("only {} of {count} joined", crowd.joined));
    }
    // One for each tick of presence while somebody joins, whatever the number of those who do.
    let ticks = u64::try_from(lasted.as_millis() / PRESENCE_TICK_MS).unwrap_or(u64::MAX);
    if frames > count as u64 * (FRAMES_OF_A_JOIN + ticks) + stage.swarm.tally().refused {
        row.failures.push(format!("{frames} frames for {count} joins in {ticks} ticks of presence"));
    }
    Ok(stage.end(row.spent(crowd.joined as u64, spent)))
}

/// Connects so many at a time, and then has all of them join at once.
struct Crowd {
    count: usize,
    dialed: usize,
    connected: usize,
    /// When all joined; nobody has before.
    rushed: Option<Instant>,
    joined: usize,
    /// Who was told to come again, and when; the earliest first.
    again: VecDeque<(Instant, usize)>,
    latency: Histogram,
    give_up: Instant,
}

impl Crowd {
    const JOIN: &str = r#"{"type":"join","id":2,"room":"crowd"}"#;
    /// What the server says with `unavailable`.
    const COME_AGAIN: Duration = Duration::from_secs(1);
    const STANDSTILL_MAX: Duration = Duration::from_secs(10);

    fn new(count: usize, now: Instant) -> Self {
        Self {
            count,
            dialed: 0,
            connected: 0,
            rushed: None,
            joined: 0,
            again: VecDeque::new(),
            latency: Histogram::default(),
            give_up: now + Self::STANDSTILL_MAX,
        }
    }

    fn rush(&mut self, swarm: &mut Swarm, now: Instant) {
        (self.rushed, self.give_up) = (Some(now), now + Self::STANDSTILL_MAX);
        for who in 0..self.dialed {
            swarm.send(who, Self::JOIN);
        }
    }
}

impl Load for Crowd {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        if self.rushed.is_none() {
            let last = self.count.min(self.connected + swarm.tally().lost + ARRIVALS_IN_FLIGHT);
            while self.dialed < last {
                swarm.dial("/v1/ws", &[r#"{"type":"connect","id":1}"#.to_owned()])?;
                self.dialed += 1;
            }
        }
        while let Some((_, who)) = self.again.pop_front_if(|(due, _)| *due <= now) {
            swarm.send(who, Self::JOIN);
        }
        let done = if self.rushed.is_some() { self.joined } else { self.connected };
        let is_over = done + swarm.tally().lost >= self.count || now >= self.give_up;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(20)) })
    }

    fn message(&mut self, who: usize, kind: &[u8], _text: &[u8], now: Instant) {
        match (kind, self.rushed) {
            (b"connected", None) => self.connected += 1,
            (b"joined", Some(rushed)) => {
                self.joined += 1;
                self.latency.record(now.saturating_duration_since(rushed));
            }
            (b"error", Some(_)) => self.again.push_back((now + Self::COME_AGAIN, who)),
            _ => return,
        }
        self.give_up = now + Self::STANDSTILL_MAX;
    }
}
