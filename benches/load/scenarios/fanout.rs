//! One large room, one publisher: what a delivery costs at a fixed rate (`fanout`) and flat out (`saturated`).
//!
//! The publisher is member 0, so each publish is delivered to all members. A publish counts as under way until the last
//! member has it; that bounds what the server has to queue, and makes `saturated` a closed loop over deliveries.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::member::{Came, Member};
use super::stamp::{self, Stamps};
use super::{Bench, DRAIN_MAX, WARM_UP};
use crate::Outcome;
use crate::histogram::Histogram;
use crate::options::Log;
use crate::peer::Peer;
use crate::report::{Order, Row, grouped};
use crate::scan::Marker;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

const ROOM: &str = "fanout";
const MEMBERS: usize = 1_000;
const RATE: u32 = 50;
const IN_FLIGHT: usize = 32;

/// When the next publish is due.
#[derive(Clone, Copy)]
enum Pace {
    /// So many a second.
    Rate(u32),
    /// As soon as fewer than this are under way.
    InFlight(usize),
}

/// At a fixed rate, far below what the server can do.
pub(super) fn paced(bench: &Bench<'_>) -> Outcome<Row> {
    let rate = bench.options.rate.unwrap_or(RATE).max(1);
    let pace = (Pace::Rate(rate), format!("{rate} msg/s"));
    run(bench, "fanout", (bench.options.log(), members(bench)), pace, bench.options.seconds_or(10))
}

/// As fast as the deliveries come in; our own server once with each kind of log, unless one is asked for.
pub(super) fn saturated(bench: &Bench<'_>) -> Outcome<Vec<Row>> {
    let in_flight = bench.options.in_flight.unwrap_or(IN_FLIGHT).max(1);
    let is_one = bench.options.log.is_some() || bench.peer != Peer::Copresence;
    let logs = if is_one { vec![bench.options.log()] } else { vec![Log::Disk, Log::Memory] };
    let row_of = |log| {
        let pace = (Pace::InFlight(in_flight), format!("{in_flight} in flight"));
        let mut row = run(bench, "saturated", (log, members(bench)), pace, bench.options.seconds_or(8))?;
        if !is_one && log == Log::Memory {
            row.server = Peer::IN_MEMORY;
        }
        Ok(row)
    };
    logs.into_iter().map(row_of).collect()
}

/// One publish after the other, each when all have the one before.
pub(super) fn one_at_a_time(bench: &Bench<'_>, scenario: &'static str, members: usize) -> Outcome<Row> {
    let pace = (Pace::InFlight(1), "one at a time".to_owned());
    run(bench, scenario, (bench.options.log(), members.max(1)), pace, bench.options.seconds_or(5))
}

fn members(bench: &Bench<'_>) -> usize {
    bench.options.members.unwrap_or(MEMBERS).max(1)
}

fn run(
    bench: &Bench<'_>,
    scenario: &'static str,
    (log, wanted): (Log, usize),
    (pace, load): (Pace, String),
    seconds: u64,
) -> Outcome<Row> {
    let mut stage = bench.stage_on(log, scenario)?;
    let members = stage.affordable(wanted);
    stage.gather(members, |_| ROOM.to_owned(), Reach::All)?;

    let mut fanout = Fanout::new(pace, members, bench.options.bytes, stage.now());
    fanout.begin(stage.now(), WARM_UP);
    stage.swarm.run(&mut fanout)?;
    fanout.begin(stage.now(), Duration::from_secs(seconds));
    let spent = stage.measure(&mut fanout)?;

    let row = Row {
        scenario,
        load: format!("{} members, 1 publisher, {load}", grouped(members as u64)),
        payload: fanout.payload(),
        features: bench.features_on(log, "presence, signals, heartbeats"),
        item: "deliveries",
        latency_ms: fanout.latency.percentiles(),
        notes: fanout.lag_note().into_iter().collect(),
        ..Row::default()
    };
    let order = fanout.order();
    Ok(stage.end(row.spent(fanout.deliveries, spent).checked(order)))
}

struct Fanout {
    pace: Pace,
    data_bytes: usize,
    stamps: Stamps,
    members: Vec<Member>,
    /// For each publish under way, from offset `oldest` on: how many members have yet to get it.
    pending: VecDeque<usize>,
    oldest: u64,
    /// Publishes so far, so the head of the log.
    sent: u64,
    order: Order,
    offset: Marker,
    stamp: Marker,
    // What follows is of this phase (warm-up or measurement) alone.
    started: Instant,
    until: Instant,
    sent_in_phase: u32,
    lag_max: Duration,
    deliveries: u64,
    frame_bytes: u64,
    latency: Histogram,
}

impl Fanout {
    fn new(pace: Pace, members: usize, data_bytes: usize, now: Instant) -> Self {
        Self {
            pace,
            data_bytes,
            stamps: Stamps::new(now),
            members: (0..members).map(|_| Member::default()).collect(),
            pending: VecDeque::new(),
            oldest: 1,
            sent: 0,
            order: Order::default(),
            offset: Marker::new(r#""offset":"#),
            stamp: Marker::new(stamp::START),
            started: now,
            until: now,
            sent_in_phase: 0,
            lag_max: Duration::ZERO,
            deliveries: 0,
            frame_bytes: 0,
            latency: Histogram::default(),
        }
    }

    /// Starts another phase, whose figures begin at nothing.
    fn begin(&mut self, now: Instant, lasts: Duration) {
        (self.started, self.until) = (now, now + lasts);
        (self.sent_in_phase, self.deliveries, self.frame_bytes) = (0, 0, 0);
        (self.lag_max, self.latency) = (Duration::ZERO, Histogram::default());
    }

    fn publish(&mut self, swarm: &mut Swarm, now: Instant) {
        self.sent += 1;
        self.sent_in_phase += 1;
        self.pending.push_back(self.members.len());
        let data = self.stamps.data(now, self.data_bytes);
        let id = self.sent;
        swarm.send(0, &swarm.wire().publish(id, ROOM, &data));
    }

    /// Publishes what is due and returns how long until the next one is, at most.
    fn publish_due(&mut self, swarm: &mut Swarm, now: Instant) -> Duration {
        match self.pace {
            Pace::InFlight(most) => {
                while self.pending.len() < most {
                    self.publish(swarm, now);
                }
                self.until - now
            }
            Pace::Rate(rate) => loop {
                let due = (self.started + Duration::from_secs(1) * self.sent_in_phase / rate).min(self.until);
                if due > now || due == self.until {
                    return due.saturating_duration_since(now);
                }
                self.lag_max = self.lag_max.max(now - due);
                self.publish(swarm, now);
            },
        }
    }

    /// Marks `offset` as received by one member more, and forgets what all have.
    fn settle(&mut self, offset: u64) {
        let index = offset.checked_sub(self.oldest).and_then(|index| usize::try_from(index).ok());
        if let Some(missing) = index.and_then(|index| self.pending.get_mut(index)) {
            *missing -= 1;
        }
        while self.pending.front() == Some(&0) {
            self.pending.pop_front();
            self.oldest += 1;
        }
    }

    fn order(&self) -> Order {
        Order { lost: self.members.iter().map(|member| member.missing(self.sent)).sum(), ..self.order }
    }

    fn payload(&self) -> String {
        let frame = self.frame_bytes.checked_div(self.deliveries).unwrap_or(0);
        format!("event, data {} B, message {frame} B", self.data_bytes)
    }

    /// A generator that is late sends in bursts, which are cheaper for the server: then the figures flatter it.
    fn lag_note(&self) -> Option<String> {
        let ms = self.lag_max.as_millis();
        (ms > 100).then(|| format!("the generator published up to {ms} ms late"))
    }
}

impl Load for Fanout {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        if now < self.until {
            return Ok(Turn::Wait(self.publish_due(swarm, now)));
        }
        let is_over = self.pending.is_empty() || now >= self.until + DRAIN_MAX;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(100)) })
    }

    fn message(&mut self, who: usize, kind: &[u8], text: &[u8], now: Instant) {
        if kind != b"event" {
            return;
        }
        let (Some(offset), Some(stamp)) = (self.offset.number(text), self.stamp.after(text)) else { return };
        match self.members[who].take(offset) {
            Came::Again => {
                self.order.duplicate += 1;
                return;
            }
            Came::Late => self.order.reordered += 1,
            Came::InOrder => {}
        }
        self.deliveries += 1;
        self.frame_bytes += text.len() as u64;
        self.stamps.record_age(stamp, now, &mut self.latency);
        self.settle(offset);
    }
}
