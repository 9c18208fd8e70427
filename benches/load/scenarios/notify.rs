//! One notification to everybody: how soon those who are here have it, how long until all inboxes are written, and how long
//! a publish waits meanwhile.
//!
//! ```text
//! all come, most go ──▶ client 0 says `notify` to everyone ──▶ `notified` ──▶ a `notification` to each who is here
//!                       client 1 publishes, one after the other, each until its reply
//! ```
//!
//! Inboxes are written in the order of the users' names, and those who are here stand evenly among them with the last one
//! of all: when that one has it, everybody has.

use std::time::{Duration, Instant};

use super::tokens::Tokens;
use super::{ARRIVALS_IN_FLIGHT, Bench, Pause, Quiet, Stage};
use crate::Outcome;
use crate::histogram::Histogram;
use crate::report::{Order, Row, grouped};
use crate::scan::Marker;
use crate::swarm::{Load, Swarm, Turn};
use crate::wire::Wire;

const USERS: usize = 10_000;
const CONNECTIONS: usize = 1_000;
/// Orders, one after the other.
const ORDERS: u64 = 3;
/// Users who come and go at once: so many files are open for them.
const PASSERS_BY: usize = 1_000;
/// When for so long nobody came, nobody will.
const STANDSTILL_MAX: Duration = Duration::from_secs(10);
/// When nobody was told for so long, and for so long for each user, nobody will be: the next one here may stand far behind
/// in the order of names.
const SILENCE_MAX: Duration = Duration::from_secs(10);
const SILENCE_MAX_EACH: Duration = Duration::from_millis(1);
/// What the store is told of users is written beside the logs; by then it is.
const REMEMBERED: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &Bench<'_>) -> Outcome<Row> {
    let mut stage = bench.stage("notify")?;
    let wanted = bench.options.connections_or(CONNECTIONS).max(2);
    let here = stage.affordable(wanted);
    let users = bench.options.users_or(USERS).max(here);
    let tokens = Tokens::new(&bench.clock);
    // The last of each stretch of users is here, so the last of all is.
    let is_here = |user: usize| (user + 1) * here / users > user * here / users;

    let absent: Vec<_> = (0..users).filter(|user| !is_here(*user)).collect();
    for some in absent.chunks(PASSERS_BY) {
        let mut swarm = Swarm::new(stage.server.address, Wire::Copresence, &bench.clock)?;
        come(&mut stage, &mut swarm, some, &tokens)?;
        swarm.leave();
    }
    let present: Vec<_> = (0..users).filter(|user| is_here(*user)).collect();
    let mut swarm = Swarm::new(stage.server.address, Wire::Copresence, &bench.clock)?;
    come(&mut stage, &mut swarm, &present, &tokens)?;
    stage.swarm = swarm;
    stage.swarm.send(1, r#"{"type":"join","id":2,"room":"load"}"#);
    stage.swarm.run(&mut Quiet::new(stage.now()))?;
    stage.swarm.run(&mut Pause(stage.now() + REMEMBERED))?;

    let mut notify = Notify::new(here, SILENCE_MAX + SILENCE_MAX_EACH * u32::try_from(users)?, stage.now());
    let spent = stage.measure(&mut notify)?;

    let mut row = Row {
        scenario: "notify",
        load: format!("{ORDERS} to {} users, {} of them here", grouped(users as u64), grouped(here as u64)),
        payload: "title and message, 90 B".to_owned(),
        features: "disk log of each user, one publisher beside it".to_owned(),
        item: "inboxes",
        latency_ms: notify.latency.percentiles(),
        ..Row::default()
    };
    let all_have = notify.all_have.as_secs_f64() * 1e3 / ORDERS as f64;
    row.notes.push(format!("from the answer until the last one has it: {all_have:.0} ms on average"));
    if let Some(ms) = notify.publishes.percentiles() {
        row.notes.push(format!("a publish meanwhile: {:.1} / {:.1} / {:.1} ms", ms.p50, ms.p95, ms.p99));
    }
    if notify.recipients != Some(users as u64) {
        row.failures.push(format!("the last order reached {:?} instead of {users}", notify.recipients));
    }
    Ok(stage.end(row.checked(notify.order(here)).spent(ORDERS * users as u64, spent)))
}

/// Brings users in, client `n` of the swarm being the `n`th of them.
fn come(stage: &mut Stage<'_>, swarm: &mut Swarm, users: &[usize], tokens: &Tokens) -> Outcome<()> {
    let now = stage.now();
    let mut coming = Coming { users, tokens, dialed: 0, connected: 0, give_up: now + STANDSTILL_MAX };
    swarm.run(&mut coming)?;
    if coming.connected < users.len() {
        stage.failures.push(format!("only {} of {} connected", coming.connected, users.len()));
    }
    stage.failures.extend(swarm.tally().failures());
    Ok(())
}

/// Users who connect, so many at a time.
struct Coming<'a> {
    users: &'a [usize],
    tokens: &'a Tokens,
    dialed: usize,
    connected: usize,
    give_up: Instant,
}

impl Load for Coming<'_> {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        let settled = self.connected + swarm.tally().lost;
        while self.dialed < self.users.len().min(settled + ARRIVALS_IN_FLIGHT) {
            let token = self.tokens.of(self.users[self.dialed]);
            swarm.dial("/v1/ws", &[format!(r#"{{"type":"connect","id":1,"token":"{token}"}}"#)])?;
            self.dialed += 1;
        }
        let is_over = settled >= self.users.len() || now >= self.give_up;
        Ok(if is_over { Turn::Done } else { Turn::Wait(Duration::from_millis(100)) })
    }

    fn message(&mut self, _who: usize, kind: &[u8], _text: &[u8], now: Instant) {
        if kind == b"connected" {
            self.connected += 1;
            self.give_up = now + STANDSTILL_MAX;
        }
    }
}

/// The orders, and the publisher beside them.
struct Notify {
    silence_max: Duration,
    ordered: u64,
    /// When the order that is under way was answered.
    answered: Option<Instant>,
    /// How many have had it, and how many of each client came in all.
    told: usize,
    told_of: Vec<u64>,
    again: u64,
    reordered: u64,
    all_have: Duration,
    last_heard: Instant,
    latency: Histogram,
    recipients: Option<u64>,
    published: Option<Instant>,
    publishes: Histogram,
    offset: Marker,
    named: Marker,
}

impl Notify {
    fn new(here: usize, silence_max: Duration, now: Instant) -> Self {
        Self {
            silence_max,
            ordered: 0,
            answered: None,
            told: here,
            told_of: vec![0; here],
            again: 0,
            reordered: 0,
            all_have: Duration::ZERO,
            last_heard: now,
            latency: Histogram::default(),
            recipients: None,
            published: None,
            publishes: Histogram::default(),
            offset: Marker::new(r#""offset":"#),
            named: Marker::new(r#""recipients":"#),
        }
    }

    /// What each client should have had, and what came.
    fn order(&self, here: usize) -> Order {
        let came: u64 = self.told_of.iter().sum();
        Order { lost: (ORDERS * here as u64).saturating_sub(came), duplicate: self.again, reordered: self.reordered }
    }
}

impl Load for Notify {
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn> {
        let is_done = self.told >= self.told_of.len() && (self.ordered == 0 || self.answered.is_some());
        if is_done && self.ordered == ORDERS || now >= self.last_heard + self.silence_max {
            return Ok(Turn::Done);
        }
        if is_done {
            (self.answered, self.told) = (None, 0);
            self.ordered += 1;
            self.last_heard = now;
            swarm.send(
                0,
                r#"{"type":"notify","id":3,"to":{"everyone":true},"notification":{"level":"warning","title":"Revenue is down","message":"12 % below what was planned for this week","topic":"kpi"}}"#,
            );
        }
        if self.published.is_none() {
            self.published = Some(now);
            swarm.send(1, r#"{"type":"publish","id":4,"room":"load","event":"load","data":1}"#);
        }
        Ok(Turn::Wait(Duration::from_millis(100)))
    }

    fn message(&mut self, who: usize, kind: &[u8], text: &[u8], now: Instant) {
        match kind {
            b"notified" => {
                self.answered = Some(now);
                self.recipients = self.named.number(text);
                self.last_heard = now;
            }
            b"published" => {
                if let Some(sent) = self.published.take() {
                    self.publishes.record(now.saturating_duration_since(sent));
                }
            }
            b"notification" => {
                // Nothing else is in these inboxes, so the n-th entry is the n-th order.
                let offset = self.offset.number(text).unwrap_or(0);
                match offset.cmp(&(self.told_of[who] + 1)) {
                    std::cmp::Ordering::Less => self.again += 1,
                    std::cmp::Ordering::Equal => self.told_of[who] += 1,
                    std::cmp::Ordering::Greater => self.reordered += 1,
                }
                self.told += 1;
                self.last_heard = now;
                // Some may be told ahead of the answer.
                let age = self.answered.map_or(Duration::ZERO, |answered| now.saturating_duration_since(answered));
                self.latency.record(age);
                if self.told == self.told_of.len() {
                    self.all_have += age;
                }
            }
            _ => {}
        }
    }
}
