//! The scenarios, and what they share: a stage with a server and clients, the clients' arrival, and quiet.

mod arrival;
mod fanout;
mod growth;
mod idle;
mod join;
mod member;
mod mesh;
mod notify;
mod publish;
mod stamp;
mod storm;
mod tokens;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use copresence::clock::Clock;

use crate::Outcome;
use crate::options::{Log, Options, Scenario};
use crate::peer::Peer;
use crate::process::{self, Spent, Window};
use crate::report::{Row, grouped};
use crate::server::Server;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Reach;

/// Connections that are under way at once while members arrive, where arriving is not what is measured.
const ARRIVALS_IN_FLIGHT: usize = 64;
/// Files that a process needs besides its connections.
const OTHER_FILES: usize = 200;
/// How long a load runs before it is measured: code paths, allocator and scheduler settle.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long is waited for what is still missing at the end.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Above this share of its one core the generator itself may be what limits a rate.
const GENERATOR_CPU_PERCENT_MAX: f64 = 85.0;

/// Above this the machine was not ours alone, and the reader should know.
const OTHERS_CPU_PERCENT_MAX: f64 = 10.0;

/// A run's settings.
pub(crate) struct Bench<'a> {
    pub(crate) options: &'a Options,
    pub(crate) binary: PathBuf,
    /// The folder that stores are made in.
    pub(crate) store: PathBuf,
    pub(crate) clock: Clock,
    /// Which server is measured.
    pub(crate) peer: Peer,
}

/// A server of its own for one row, and its clients.
struct Stage<'a> {
    bench: &'a Bench<'a>,
    server: Server,
    swarm: Swarm,
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Bench<'_> {
    /// Runs what the options ask for, one row after the other.
    pub(crate) fn run_all(&self) -> Outcome<Vec<Row>> {
        let mut rows = Vec::new();
        if self.options.runs(Scenario::Fanout) {
            rows.push(fanout::paced(self)?);
        }
        if self.options.runs(Scenario::Saturated) {
            rows.extend(fanout::saturated(self)?);
        }
        if self.options.runs(Scenario::Mesh) {
            rows.extend(mesh::run_all(self)?);
        }
        if self.options.runs(Scenario::Idle) {
            rows.push(idle::run(self)?);
        }
        if self.options.runs(Scenario::Join) {
            rows.push(join::run(self)?);
        }
        if self.options.runs(Scenario::Storm) {
            rows.push(storm::run(self)?);
        }
        // A peer that only passes bytes on has no log that could acknowledge, and no inbox.
        if self.peer == Peer::Copresence && self.options.runs(Scenario::Publish) {
            rows.push(publish::run(self)?);
        }
        if self.peer == Peer::Copresence && self.options.runs(Scenario::Notify) {
            rows.push(notify::run(self)?);
        }
        // It asks for minutes, and a peer has no members, so only who names it gets it.
        if self.peer == Peer::Copresence && self.options.scenario.contains(&Scenario::Growth) {
            rows.extend(growth::run_all(self)?);
        }
        for row in rows.iter_mut().filter(|row| row.server.is_empty()) {
            row.server = self.peer.name();
        }
        Ok(rows)
    }

    /// What is at work besides passing bytes on: all of `ours` in our server, nothing in a peer.
    fn features(&self, ours: &str) -> String {
        self.features_on(self.options.log(), ours)
    }

    /// As [`features`](Self::features), for rooms with such a log.
    fn features_on(&self, log: Log, ours: &str) -> String {
        match self.peer {
            Peer::Copresence => format!("{} log, {ours}", log.name()),
            _ => "none".to_owned(),
        }
    }

    fn stage(&self, what: &str) -> Outcome<Stage<'_>> {
        self.stage_on(self.options.log(), what)
    }

    /// A stage whose rooms have such a log.
    fn stage_on(&self, log: Log, what: &str) -> Outcome<Stage<'_>> {
        writeln!(std::io::stderr(), "{}: {what} …", self.peer.name())?;
        let server = match self.peer {
            Peer::Copresence => Server::start(&self.binary, &self.store, log)?,
            peer => Server::start_peer(peer, &self.store, &self.clock)?,
        };
        let swarm = Swarm::new(server.address, self.peer.wire(), &self.clock)?;
        Ok(Stage { bench: self, server, swarm, notes: Vec::new(), failures: Vec::new() })
    }
}

impl Stage<'_> {
    /// As many of the `wanted` connections as this process, and the server with the same limit, may open.
    fn affordable(&mut self, wanted: usize) -> usize {
        let affordable = process::open_files_max().saturating_sub(OTHER_FILES).min(wanted);
        if affordable < wanted {
            self.notes.push(format!(
                "{} connections instead of {}: `ulimit -n` is {}",
                grouped(affordable as u64),
                grouped(wanted as u64),
                process::open_files_max()
            ));
        }
        affordable
    }

    /// Brings `count` members in, member `n` into `room_of(n)`, and waits until nobody is told of it any more.
    fn gather(&mut self, count: usize, room_of: impl Fn(usize) -> String, reach: Reach) -> Outcome<()> {
        let mut arrival = arrival::guests(count, ARRIVALS_IN_FLIGHT, room_of, reach, &self.bench.clock);
        self.swarm.run(&mut arrival)?;
        if arrival.joined() < count {
            self.failures.push(format!("only {} of {count} joined", arrival.joined()));
        }
        self.swarm.run(&mut Quiet::new(self.bench.clock.now()))
    }

    fn now(&self) -> Instant {
        self.bench.clock.now()
    }

    /// Runs `load` and says what CPU it took.
    fn measure(&mut self, load: &mut impl Load) -> Outcome<Spent> {
        let window = Window::open(&self.bench.clock, self.server.pid());
        self.swarm.run(load)?;
        Ok(window.close(&self.bench.clock))
    }

    /// Sends the clients and the server away, and notes on `row` what should not have happened.
    fn end(self, mut row: Row) -> Row {
        row.notes.extend(self.notes);
        if row.generator_cpu_percent > GENERATOR_CPU_PERCENT_MAX {
            row.notes.push("the generator was at its own limit: rates are lower bounds".to_owned());
        }
        if row.others_cpu_percent > OTHERS_CPU_PERCENT_MAX {
            row.notes.push(format!("others used {:.0} % of a core meanwhile", row.others_cpu_percent));
        }
        row.failures.extend(self.failures);
        row.failures.extend(self.swarm.tally().failures());
        drop(self.swarm);
        row.failures.extend(self.server.stop(&self.bench.clock, self.bench.peer));
        row
    }
}

/// Waits until no client was told anything for a while.
struct Quiet {
    messages: u64,
    since: Instant,
    give_up: Instant,
}

impl Quiet {
    const LASTS: Duration = Duration::from_millis(500);
    const WAIT_MAX: Duration = Duration::from_secs(15);

    fn new(now: Instant) -> Self {
        Self { messages: 0, since: now, give_up: now + Self::WAIT_MAX }
    }
}

impl Load for Quiet {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        if swarm.tally().messages != self.messages {
            self.messages = swarm.tally().messages;
            self.since = now;
        }
        let is_over = now >= self.since + Self::LASTS || now >= self.give_up;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(50)) })
    }

    fn message(&mut self, _who: usize, _kind: &[u8], _text: &[u8], _now: Instant) {}
}

/// Lets time pass until then; the swarm answers heartbeats by itself.
struct Pause(Instant);

impl Load for Pause {
    fn turn(&mut self, _swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        Ok(if now >= self.0 { Turn::Done } else { Turn::Wait(self.0 - now) })
    }

    fn message(&mut self, _who: usize, _kind: &[u8], _text: &[u8], _now: Instant) {}
}
