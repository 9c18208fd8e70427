//! The demo's robot colleague: what she does next, and when.
//!
//! ```text
//! come, see, told ──▶ Robot ── act(now) ──▶ what to do now      next() ──▶ when to ask again
//! ```
//!
//! She points at things, changes the figures of the sales dashboard, sets its target now and then, and numbers a feed by
//! which a page proves that nothing was lost. Times are counted from her start, and what looks like chance comes of a seed:
//! the same calls with the same seed are the same colleague.
//!
//! Always true: at most one entry of her feed is on its way, and a number is given up only together with its whole run, so
//! a run never has a hole. What is no number is somebody's own, and is left alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::state::Change;

mod dice;
mod hand;
#[cfg(test)]
mod tests;
mod walk;

use dice::Dice;
use hand::Hand;
use walk::WALKS;

/// The room that she is in.
pub const ROOM: &str = "dashboard:sales";
/// Who she is. No guest is called so: their ids are drawn, and begin with `guest-`.
pub const USER: &str = "bot:grace";
/// What she is called.
pub const NAME: &str = "Grace";
/// What her presence says of her, as JSON.
pub const PRESENCE: &str = r#"{"bot":true}"#;
/// What she sets now and then, in EUR.
pub const TARGET: &str = "target";

/// Four numbers a second: a gap of two seconds shows as eight.
const FEED_EVERY: Duration = Duration::from_millis(250);
/// Milliseconds between two changes of a figure.
const CHANGE_EVERY_MS: (i64, i64) = (1_600, 2_400);
/// Milliseconds between two new targets.
const TARGET_EVERY_MS: (i64, i64) = (16_000, 24_000);
/// A target that somebody else has set is theirs for so long.
const HANDS_OFF: Duration = Duration::from_secs(30);
/// Who could not set the target because another change is on its way tries again then.
const SOON: Duration = Duration::from_millis(500);
/// Targets are whole steps of so many EUR, of which there are so many.
const TARGET_STEP: i64 = 10_000;
const TARGET_STEPS: (i64, i64) = (120, 140);

/// Something that she does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Her pointer is here now, in ten-thousandths of the board's width and height.
    Point {
        /// From the left.
        x: i64,
        /// From the top.
        y: i64,
    },
    /// The feed goes on.
    Feed {
        /// Which run: another one begins where it can't be known whether a number was written.
        run: String,
        /// Its number in the run: 1, 2, 3 …
        n: u64,
    },
    /// Figures change, unless somebody wrote them after `if_offset`.
    Set {
        /// What is different.
        change: Change,
        /// The newest change that she has seen.
        if_offset: u64,
        /// Whether it is the target, which she tells as an activity when it was taken.
        is_target: bool,
    },
}

/// How something that she wrote ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is in the log.
    Written,
    /// It is not.
    Refused,
    /// Nobody can tell.
    Unknown,
}

/// What a key of the state holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Known {
    /// Nothing.
    #[default]
    Missing,
    /// A number, in the smallest unit of its walk.
    Number(i64),
    /// Something of somebody else's.
    Foreign,
}

impl Known {
    fn of(json: &str, units: i64) -> Self {
        serde_json::from_str(json).map_or(Self::Foreign, |value: Value| Self::of_value(&value, units))
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "bounded just here")]
    fn of_value(value: &Value, units: i64) -> Self {
        let number = value.as_f64().map(|number| number * units as f64);
        number.filter(|number| number.abs() < 1e15).map_or(Self::Foreign, |number| Self::Number(number.round() as i64))
    }
}

/// When each thing is due next.
#[derive(Debug, Default)]
struct Due {
    feed: Duration,
    point: Duration,
    change: Duration,
    target: Duration,
}

/// The colleague.
#[derive(Debug)]
pub struct Robot {
    dice: Dice,
    life: u64,
    run: u32,
    /// The number that the feed's next entry bears.
    n: u64,
    feed_is_out: bool,
    change_is_out: bool,
    hand: Hand,
    /// In the order of [`WALKS`].
    figures: [Known; WALKS.len()],
    target: Known,
    /// Until then the target is somebody else's.
    hands_off_until: Duration,
    /// The newest change of state that she knows of.
    seen: u64,
    due: Due,
}

impl Robot {
    /// A colleague that has done nothing yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            life: dice.roll(),
            hand: Hand::new(),
            dice,
            run: 1,
            n: 1,
            feed_is_out: false,
            change_is_out: false,
            figures: [Known::Missing; WALKS.len()],
            target: Known::Missing,
            hands_off_until: Duration::ZERO,
            seen: 0,
            due: Due::default(),
        }
    }

    /// Somebody is here, and the room's state is this JSON, as of `offset`. She goes on from it, whoever made it. Who set a
    /// target that she finds is not known, so it is taken for somebody else's.
    pub fn come(&mut self, now: Duration, state: &str, offset: u64) {
        let state: BTreeMap<String, Value> = serde_json::from_str(state).unwrap_or_default();
        let known = |key: &str, units| state.get(key).map_or(Known::Missing, |value| Known::of_value(value, units));
        for (figure, walk) in self.figures.iter_mut().zip(&WALKS) {
            *figure = known(walk.key, walk.units);
        }
        self.target = known(TARGET, 1);
        self.seen = offset;
        let is_new = self.target == Known::Missing;
        self.hands_off_until = if is_new { now } else { now + HANDS_OFF };
        let change = if self.figures.contains(&Known::Missing) { now } else { now + self.between(CHANGE_EVERY_MS) };
        let target = if is_new { now } else { now + self.between(TARGET_EVERY_MS) };
        self.due = Due { feed: now, point: now, change, target };
        self.hand.wake(now);
    }

    /// The state changed with the entry at `offset`.
    pub fn see(&mut self, now: Duration, offset: u64, change: &Change, is_own: bool) {
        self.seen = self.seen.max(offset);
        let set = change.set.iter().map(|(key, json)| (&**key, Some(&**json)));
        for (key, json) in set.chain(change.removed.iter().map(|key| (&**key, None))) {
            let known = |units| json.map_or(Known::Missing, |json| Known::of(json, units));
            if let Some(at) = WALKS.iter().position(|walk| walk.key == key) {
                self.figures[at] = known(WALKS[at].units);
            } else if key == TARGET {
                self.target = known(1);
                if !is_own {
                    self.hands_off_until = now + HANDS_OFF;
                }
            }
        }
    }

    /// How the entry of the feed that was on its way ended. A number that was refused comes again; where nobody can tell, the
    /// run is over.
    pub fn fed(&mut self, outcome: Outcome) {
        self.feed_is_out = false;
        match outcome {
            Outcome::Written => self.n += 1,
            Outcome::Refused => {}
            Outcome::Unknown => (self.run, self.n) = (self.run + 1, 1),
        }
    }

    /// The change of state that was on its way ended, in whatever way: what became of it is [seen](Self::see).
    pub fn changed(&mut self) {
        self.change_is_out = false;
    }

    /// When there is something to do.
    #[must_use]
    pub fn next(&self) -> Duration {
        let Due { feed, point, change, target } = self.due;
        feed.min(point).min(change).min(target)
    }

    /// What to do now. What was slept over is not made up for.
    pub fn act(&mut self, now: Duration) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.due.feed <= now {
            let on_time = self.due.feed + FEED_EVERY;
            self.due.feed = if on_time > now { on_time } else { now + FEED_EVERY };
            if !std::mem::replace(&mut self.feed_is_out, true) {
                acts.push(Act::Feed { run: format!("{:016x}-{}", self.life, self.run), n: self.n });
            }
        }
        if self.due.point <= now {
            let (x, y) = self.hand.at(now);
            acts.push(Act::Point { x, y });
            self.due.point = self.hand.go_on(now, &mut self.dice);
        }
        if self.due.change <= now {
            self.due.change = now + self.between(CHANGE_EVERY_MS);
            acts.extend(self.change());
        }
        if self.due.target <= now {
            let is_free = self.hands_off_until <= now;
            if is_free && !self.change_is_out {
                self.due.target = now + self.between(TARGET_EVERY_MS);
                acts.extend(self.aim());
            } else {
                self.due.target = self.hands_off_until.max(now + SOON);
            }
        }
        acts
    }

    /// All figures that are missing, else another value for one of them.
    fn change(&mut self) -> Option<Act> {
        if self.change_is_out {
            return None;
        }
        let mut set: Vec<_> = Vec::new();
        for (figure, walk) in self.figures.iter().zip(&WALKS) {
            if *figure == Known::Missing {
                set.push((walk.key.into(), walk.json(walk.start(&mut self.dice)).into()));
            }
        }
        if set.is_empty() {
            let numbers: Vec<(usize, i64)> = (self.figures.iter().enumerate())
                .filter_map(|(at, figure)| if let Known::Number(value) = figure { Some((at, *value)) } else { None })
                .collect();
            let (at, value) = *numbers.get(self.dice.below(numbers.len()))?;
            let walk = &WALKS[at];
            set.push((walk.key.into(), walk.json(walk.step(value, &mut self.dice)).into()));
        }
        Some(self.set(set, false))
    }

    /// Another target.
    fn aim(&mut self) -> Option<Act> {
        if self.target == Known::Foreign {
            return None;
        }
        let (from, to) = TARGET_STEPS;
        let mut steps = self.dice.between(from, to);
        if self.target == Known::Number(steps * TARGET_STEP) {
            steps += if steps < to { 1 } else { -1 };
        }
        let set = vec![(TARGET.into(), (steps * TARGET_STEP).to_string().into())];
        Some(self.set(set, true))
    }

    fn set(&mut self, set: Vec<(Arc<str>, Arc<str>)>, is_target: bool) -> Act {
        self.change_is_out = true;
        Act::Set { change: Change { set, removed: Vec::new() }, if_offset: self.seen, is_target }
    }

    fn between(&mut self, (from, to): (i64, i64)) -> Duration {
        Duration::from_millis(self.dice.between(from, to).unsigned_abs())
    }
}
