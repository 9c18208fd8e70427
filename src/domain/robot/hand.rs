//! Where the pointer is: from place to place, slow at both ends, with a rest in between.

use std::time::Duration;

use super::dice::Dice;

/// A little more seldom than the rooms hand signals on; whoever draws it smooths it.
const EVERY: Duration = Duration::from_millis(50);
/// Milliseconds of a rest.
const REST_MS: (i64, i64) = (400, 2_200);
/// Places have so much of the board around them, in ten-thousandths.
const PLACES: (i64, i64) = (600, 9_400);
/// Milliseconds of the shortest way; each ten-thousandth takes an eighth of one more.
const WAY_MS: i64 = 500;

#[derive(Debug)]
pub(super) struct Hand {
    from: (i64, i64),
    to: (i64, i64),
    since: Duration,
    way: Duration,
}

impl Hand {
    /// In the middle, and at rest.
    pub(super) fn new() -> Self {
        let middle = (5_000, 5_000);
        Self { from: middle, to: middle, since: Duration::ZERO, way: Duration::ZERO }
    }

    /// Somebody looks from now on: it is where it has got to, and goes on from there.
    pub(super) fn wake(&mut self, now: Duration) {
        let at = self.at(now);
        *self = Self { from: at, to: at, since: now, way: Duration::ZERO };
    }

    /// Where it is, in ten-thousandths.
    pub(super) fn at(&self, now: Duration) -> (i64, i64) {
        let gone = thousandths(now.saturating_sub(self.since), self.way);
        // 3t² - 2t³: it sets out and arrives gently.
        let eased = gone * gone * (3_000 - 2 * gone) / 1_000_000;
        let between = |from: i64, to: i64| from + (to - from) * eased / 1_000;
        (between(self.from.0, self.to.0), between(self.from.1, self.to.1))
    }

    /// When it is to be told again. One that has arrived rests a while and sets out for another place.
    pub(super) fn go_on(&mut self, now: Duration, dice: &mut Dice) -> Duration {
        if now < self.since + self.way {
            return now + EVERY;
        }
        let to = (dice.between(PLACES.0, PLACES.1), dice.between(PLACES.0, PLACES.1));
        let far = (to.0 - self.to.0).abs() + (to.1 - self.to.1).abs();
        // Who has not been anywhere yet sets out at once.
        let rest = if self.way.is_zero() { 0 } else { dice.between(REST_MS.0, REST_MS.1) };
        let milliseconds = |number: i64| Duration::from_millis(number.unsigned_abs());
        let (since, way) = (now + milliseconds(rest), milliseconds(WAY_MS + far / 8));
        *self = Self { from: self.to, to, since, way };
        since + EVERY
    }
}

/// How much of `whole` is over, from 0 to 1000.
fn thousandths(part: Duration, whole: Duration) -> i64 {
    if part >= whole {
        return 1_000;
    }
    i64::try_from(part.as_micros() * 1_000 / whole.as_micros().max(1)).unwrap_or(1_000)
}
