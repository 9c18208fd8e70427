//! Many rooms in which every member signals: cursors of people who work together.
//!
//! Members take turns evenly over each period, and neighbours in that order are in different rooms, so that no tick of a
//! room finds all of its members at once. Signals may be lost by design (newest wins); the share that came is a note.

use std::time::{Duration, Instant};

use super::stamp::{self, Stamps};
use super::{Bench, WARM_UP};
use crate::Outcome;
use crate::histogram::Histogram;
use crate::report::{Row, grouped};
use crate::scan;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

/// Rooms, members of each, signals a second of each member.
#[derive(Clone, Copy)]
struct Shape {
    rooms: usize,
    members: usize,
    hz: u32,
}

const SHAPES: [Shape; 2] = [Shape { rooms: 20, members: 50, hz: 4 }, Shape { rooms: 100, members: 10, hz: 5 }];

/// One row for each of the two usual shapes, or for the one that the options ask for.
pub(super) fn run_all(bench: &Bench<'_>) -> Outcome<Vec<Row>> {
    let options = bench.options;
    let is_asked = options.rooms.is_some() || options.members.is_some() || options.hz.is_some();
    // Without a scenario those options are meant for all of them, and one mesh is enough.
    let shapes = if is_asked { &SHAPES[..1] } else { &SHAPES[..] };
    shapes
        .iter()
        .map(|usual| {
            let shape = Shape {
                rooms: options.rooms.unwrap_or(usual.rooms).max(1),
                members: options.members.unwrap_or(usual.members).max(1),
                hz: options.hz.unwrap_or(usual.hz).max(1),
            };
            run(bench, shape)
        })
        .collect()
}

fn run(bench: &Bench<'_>, shape: Shape) -> Outcome<Row> {
    let mut stage = bench.stage("mesh")?;
    let clients = stage.affordable(shape.rooms * shape.members);
    stage.gather(clients, |member| room_of(member, shape), Reach::Others)?;

    let mut mesh = Mesh::new(shape, clients, stage.now());
    mesh.begin(stage.now(), WARM_UP);
    stage.swarm.run(&mut mesh)?;
    let seconds = bench.options.seconds_or(10);
    mesh.begin(stage.now(), Duration::from_secs(seconds));
    let spent = stage.measure(&mut mesh)?;

    let expected = u64::from(mesh.sent) * (shape.members as u64 - 1);
    let mut notes = Vec::new();
    if expected > 0 {
        let percent = mesh.delivered as f64 / expected as f64 * 100.0;
        let pushes = mesh.delivered as f64 / mesh.pushes.max(1) as f64;
        notes.push(format!("{percent:.1} % of the signals sent were delivered, {pushes:.1} to a push"));
    }
    if mesh.lag_max > Duration::from_millis(100) {
        notes.push(format!("the generator signalled up to {} ms late", mesh.lag_max.as_millis()));
    }
    let row = Row {
        scenario: "mesh",
        load: format!("{} rooms × {} members, each {} signals/s", grouped(shape.rooms as u64), shape.members, shape.hz),
        payload: format!("signal, data {} B", mesh.data(stage.now()).len()),
        features: bench.features("signals gathered, presence, heartbeats"),
        item: "signals delivered",
        latency_ms: mesh.latency.percentiles(),
        notes,
        ..Row::default()
    };
    Ok(stage.end(row.spent(mesh.delivered, spent)))
}

fn room_of(member: usize, shape: Shape) -> String {
    format!("mesh:{}", member % shape.rooms)
}

struct Mesh {
    shape: Shape,
    clients: usize,
    stamps: Stamps,
    // What follows is of this phase (warm-up or measurement) alone.
    started: Instant,
    until: Instant,
    sent: u32,
    lag_max: Duration,
    delivered: u64,
    pushes: u64,
    latency: Histogram,
}

impl Mesh {
    fn new(shape: Shape, clients: usize, now: Instant) -> Self {
        Self {
            shape,
            clients,
            stamps: Stamps::new(now),
            started: now,
            until: now,
            sent: 0,
            lag_max: Duration::ZERO,
            delivered: 0,
            pushes: 0,
            latency: Histogram::default(),
        }
    }

    /// Starts another phase, whose figures begin at nothing.
    fn begin(&mut self, now: Instant, lasts: Duration) {
        (self.started, self.until) = (now, now + lasts);
        (self.sent, self.delivered, self.pushes) = (0, 0, 0);
        (self.lag_max, self.latency) = (Duration::ZERO, Histogram::default());
    }

    fn data(&self, now: Instant) -> String {
        format!(r#"{{"x":0.4375,"y":0.8125,"t":{}}}"#, self.stamps.data(now, 0))
    }

    fn signal(&mut self, swarm: &mut Swarm, now: Instant) {
        let who = self.sent as usize % self.clients;
        let (room, data) = (room_of(who, self.shape), self.data(now));
        swarm.send(who, &swarm.wire().signal(&room, &data));
        self.sent += 1;
    }
}

impl Load for Mesh {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        if now >= self.until || self.clients == 0 {
            return Ok(Turn::Done);
        }
        let a_second = f64::from(self.shape.hz) * self.clients as f64;
        loop {
            let due = self.started + Duration::from_secs_f64(f64::from(self.sent) / a_second);
            if due > now {
                return Ok(Turn::Wait(due.min(self.until) - now));
            }
            self.lag_max = self.lag_max.max(now - due);
            self.signal(swarm, now);
        }
    }

    fn message(&mut self, _who: usize, kind: &[u8], text: &[u8], now: Instant) {
        if kind != b"signals" {
            return;
        }
        self.pushes += 1;
        let mut rest = text;
        while let Some(start) = scan::find(rest, stamp::START.as_bytes()) {
            rest = &rest[start + stamp::START.len()..];
            self.stamps.record_age(rest, now, &mut self.latency);
            self.delivered += 1;
        }
    }
}
