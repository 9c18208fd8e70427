//! A storm that comes and goes: so many connect, join, stay a moment and leave, three times over.
//!
//! ```text
//! this thread   dial, connect, join ──▶ all are there ──▶ all leave ──▶ all are gone      three rounds
//! beside it     a publisher and its room: how late deliveries are in the calm before, and while others come and go
//! ```
//!
//! The same rooms are filled each time, by other guests, or with `--users` by users with tokens, who come again. Memory is
//! looked at when all are there and when all are gone: what a round leaves behind for good would show in the next.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::arrival::Arrival;
use super::stamp::{self, Stamps};
use super::tokens::Tokens;
use super::{ARRIVALS_IN_FLIGHT, Bench, Pause, Stage};
use crate::Outcome;
use crate::histogram::{Histogram, Percentiles};
use crate::peer::Peer;
use crate::process::{self, Spent};
use crate::report::{Row, grouped};
use crate::scan::Marker;
use crate::server::Server;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

const CONNECTIONS: usize = 5_000;
const MEMBERS: usize = 10;
const ROUNDS: usize = 3;
/// How long a round stays, and how long the server has for what it does behind those who left.
const STAY: Duration = Duration::from_secs(2);
/// By when all connections of a round are closed on the server's side.
const GONE_MAX: Duration = Duration::from_secs(15);

/// The room beside it: small enough to cost next to nothing, lively enough for a p99 of a storm that lasts a second.
const LIVELY: &str = "lively";
const LIVELY_MEMBERS: usize = 10;
const LIVELY_RATE: u32 = 50;

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("storm")?;
    let connections = stage.affordable(bench.options.connections_or(CONNECTIONS).max(1));
    let members = bench.options.members.unwrap_or(MEMBERS).max(1);
    let in_flight = bench.options.in_flight.unwrap_or(ARRIVALS_IN_FLIGHT).max(1);
    let users = bench.options.users.filter(|_| bench.peer == Peer::Copresence);
    let tokens = Tokens::new(&bench.clock);
    let tokens: Vec<_> = (0..users.unwrap_or(0).min(connections)).map(|user| tokens.of(user)).collect();
    let calm = Duration::from_secs(bench.options.seconds_or(5));

    stage.gather(LIVELY_MEMBERS, |_| LIVELY.to_owned(), Reach::All)?;
    let weather = Weather(AtomicU8::new(CALM));
    let Stage { server, swarm, failures, .. } = &mut stage;
    let storm = Storm { bench, server, connections, members, in_flight, tokens: &tokens };
    let (storm, lively) = thread::scope(|scope| {
        let lively = Lively::new(&weather, bench.clock.now());
        let beside = scope.spawn(move || lively.run(swarm));
        thread::sleep(calm);
        let rounds = (0..ROUNDS).map(|_| storm.round(&weather, failures)).collect::<Outcome<Vec<_>>>();
        weather.set(OVER);
        (rounds, beside.join().unwrap_or_else(|_| Err("the publisher beside the storm panicked".to_owned())))
    });
    let (rounds, lively) = (storm?, lively?);

    let joined: usize = rounds.iter().map(|round| round.joined).sum();
    let mut spent = Spent::default();
    let mut latency = Histogram::default();
    for round in &rounds {
        spent += round.spent;
        latency.add(&round.latency);
    }
    let mut row = Row {
        scenario: "storm",
        load: format!(
            "{ROUNDS} × {} connections into rooms of {members} and away, {in_flight} in flight",
            grouped(connections as u64)
        ),
        payload: if users.is_some() { "upgrade, connect with a token, join" } else { "upgrade, connect, join" }
            .to_owned(),
        features: bench.features("presence, signals, a lively room beside it"),
        item: "joins",
        latency_ms: latency.percentiles(),
        ..Row::default()
    };
    row.notes.push(format!("resident, all there: {}", in_mib(rounds.iter().map(|round| round.there_kib))));
    row.notes.push(format!("resident, all gone: {}", in_mib(rounds.iter().map(|round| round.gone_kib))));
    row.notes.push(format!("deliveries to others: {}; {} while the storm came and went", of(lively[0]), of(lively[1])));
    Ok(stage.end(row.spent(joined as u64, spent)))
}

/// The figures of each round, and the last one as a multiple of the first.
fn in_mib(kib: impl Iterator<Item = u64>) -> String {
    let mib: Vec<f64> = kib.map(|kib| kib as f64 / 1_024.0).collect();
    let each: Vec<_> = mib.iter().map(|mib| format!("{mib:.1}")).collect();
    format!("{} MiB, the last {:.2} × the first", each.join(", "), mib[mib.len() - 1] / mib[0].max(f64::MIN_POSITIVE))
}

fn of(latency: Option<Percentiles>) -> String {
    latency.map_or_else(|| "none".to_owned(), |ms| format!("{:.1} / {:.1} / {:.1} ms", ms.p50, ms.p95, ms.p99))
}

/// One round after the other.
struct Storm<'a> {
    bench: &'a Bench<'a>,
    server: &'a Server,
    connections: usize,
    members: usize,
    in_flight: usize,
    /// With none, all come as guests.
    tokens: &'a [String],
}

struct Round {
    joined: usize,
    spent: Spent,
    latency: Histogram,
    there_kib: u64,
    gone_kib: u64,
}

impl Storm<'_> {
    fn round(&self, weather: &Weather, failures: &mut Vec<String>) -> Outcome<Round> {
        let Self { bench, server, connections, members, in_flight, tokens } = *self;
        let sockets = process::open_sockets(server.pid());
        let mut swarm = Swarm::new(server.address, bench.peer.wire(), &bench.clock)?;
        let dial = |swarm: &mut Swarm, who: usize| {
            let room = format!("storm:{}", who / members);
            if tokens.is_empty() {
                return swarm.join(&room, Reach::All);
            }
            let connect = format!(r#"{{"type":"connect","id":1,"token":"{}"}}"#, tokens[who % tokens.len()]);
            swarm.dial("/v1/ws", &[connect, format!(r#"{{"type":"join","id":2,"room":"{room}"}}"#)])
        };
        let mut arrival = Arrival::by(connections, in_flight, dial, &bench.clock);
        let window = process::Window::open(&bench.clock, server.pid());
        weather.set(STORM);
        swarm.run(&mut arrival)?;
        let spent = window.close(&bench.clock);
        if arrival.joined() < connections {
            failures.push(format!("only {} of {connections} joined", arrival.joined()));
        }
        weather.set(BETWEEN);
        swarm.run(&mut Pause(bench.clock.now() + STAY))?;
        failures.extend(swarm.tally().failures());
        let there_kib = server.rss_kib();
        weather.set(STORM);
        swarm.leave();
        let give_up = bench.clock.now() + GONE_MAX;
        while process::open_sockets(server.pid()) > sockets {
            if bench.clock.now() > give_up {
                failures.push(format!("some connections still stood {} s after they left", GONE_MAX.as_secs()));
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        weather.set(BETWEEN);
        thread::sleep(STAY);
        let gone_kib = server.rss_kib();
        Ok(Round { joined: arrival.joined(), spent, latency: arrival.into_latency(), there_kib, gone_kib })
    }
}

/// What goes on beside the lively room; written by one thread, read by the other.
struct Weather(AtomicU8);

const CALM: u8 = 0;
const STORM: u8 = 1;
/// All are there, or all are gone: neither of the two that are compared.
const BETWEEN: u8 = 2;
const OVER: u8 = 3;

impl Weather {
    fn set(&self, weather: u8) {
        self.0.store(weather, Ordering::Relaxed);
    }

    fn now(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The room beside the storm: member 0 publishes, so many a second.
struct Lively<'a> {
    weather: &'a Weather,
    stamps: Stamps,
    stamp: Marker,
    started: Instant,
    sent: u32,
    /// In the calm, and in the storm.
    latencies: [Histogram; 2],
}

impl<'a> Lively<'a> {
    fn new(weather: &'a Weather, now: Instant) -> Self {
        let (stamps, stamp) = (Stamps::new(now), Marker::new(stamp::START));
        Self { weather, stamps, stamp, started: now, sent: 0, latencies: Default::default() }
    }

    /// Until the storm is over. An error as text, because others can't leave their thread.
    fn run(mut self, swarm: &mut Swarm) -> Result<[Option<Percentiles>; 2], String> {
        swarm.run(&mut self).map_err(|error| error.to_string())?;
        Ok(self.latencies.map(|latency| latency.percentiles()))
    }
}

impl Load for Lively<'_> {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        if self.weather.now() == OVER {
            return Ok(Turn::Done);
        }
        loop {
            let due = self.started + Duration::from_secs(1) * self.sent / LIVELY_RATE;
            if due > now {
                return Ok(Turn::Wait(due - now));
            }
            self.sent += 1;
            swarm.send(0, &swarm.wire().publish(u64::from(self.sent), LIVELY, &self.stamps.data(now, 0)));
        }
    }

    fn message(&mut self, _who: usize, _kind: &[u8], text: &[u8], now: Instant) {
        let latency = self.latencies.get_mut(usize::from(self.weather.now()));
        if let (Some(latency), Some(stamp)) = (latency, self.stamp.after(text)) {
            self.stamps.record_age(stamp, now, latency);
        }
    }
}
