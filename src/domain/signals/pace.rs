//! When a room's gathered signals go out.
//!
//! A push costs as much for one signal as for ten, so it pays to gather; and what is gathered is seen later. Who moves on
//! and on, such as a pointer on its way, is to be seen moving: then a tick ends a tick's length after the one before.
//! Where signals come now and then, nothing runs smoothly anyway: then a tick begins with its first signal and lasts its
//! whole length, and a beat more while it has gathered little.
//!
//! Ticks end on beats, which all rooms have at the same moments: a thread with many rooms wakes once a beat and not once
//! a room, and writes once to a socket that is in several of them.

use std::time::{Duration, Instant};

use crate::domain::entry::Timestamp;

/// How a room's ticks follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    tick: Duration,
    sent_at: Option<Instant>,
    is_smooth: bool,
}

/// Beats of a tick.
const BEATS: u32 = 4;
/// Of so many sessions a signal delivered costs next to nothing, and more would only be later.
const ENOUGH: usize = 16;

impl Pace {
    /// Nothing was sent yet; `tick` is what is set for signals.
    #[must_use]
    pub fn new(tick: Duration) -> Self {
        Self { tick: tick.max(Duration::from_millis(1)), sent_at: None, is_smooth: false }
    }

    /// How long from `now`, which is `wall` by the wall's clock, a tick goes on whose first signal came when it `began`.
    #[must_use]
    pub fn first(&self, began: Instant, now: Instant, wall: Timestamp) -> Duration {
        let left = |of: Duration, since: Instant| of.saturating_sub(now.saturating_duration_since(since));
        let Some(sent_at) = self.sent_at.filter(|_| self.is_smooth) else {
            return self.until_beat(left(self.tick, began), wall);
        };
        // A timer is a little late, which must not make each tick miss its beat. And what comes shortly before a beat goes
        // with the next, so that there is something to gather.
        self.until_beat(left(self.tick * 7 / 8, sent_at).max(left(self.beat(), began)), wall)
    }

    /// How long after a tick was sent it is worth looking whether the next has begun: before any could be over.
    #[must_use]
    pub fn look(&self, wall: Timestamp) -> Duration {
        self.until_beat(self.tick / 2, wall)
    }

    /// How much longer a tick lasts that is over by [`first`](Self::first) and has signals of so many sessions; `None` when
    /// it has gathered enough.
    #[must_use]
    pub fn more(&self, signallers: usize, wall: Timestamp) -> Option<Duration> {
        // As above: the next beat, and not what is left of this one.
        (!self.is_smooth && signallers < ENOUGH).then(|| self.until_beat(self.beat() / 2, wall))
    }

    /// A tick's signals were sent; `goes_on` says whether somebody was in the tick before, too.
    pub fn sent(&mut self, now: Instant, goes_on: bool) {
        // Two ticks with a pause between them are not on and on; who moves a little slower than a tick is.
        let is_near = |before: Instant| now.saturating_duration_since(before) < self.tick * 3;
        self.is_smooth = goes_on && self.sent_at.is_some_and(is_near);
        self.sent_at = Some(now);
    }

    fn beat(&self) -> Duration {
        self.tick / BEATS
    }

    /// How long it is until the first beat that is no sooner than `least` from now.
    fn until_beat(&self, least: Duration, wall: Timestamp) -> Duration {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let beat = micros(self.beat()).max(1);
        let since_beat = wall.0.saturating_mul(1_000).saturating_add(micros(least)).rem_euclid(beat);
        least + Duration::from_micros((beat - since_beat).rem_euclid(beat).unsigned_abs())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(32);
    const BEAT: Duration = Duration::from_millis(8);

    /// When a room sends whose signals come at these milliseconds, each of the session beside it.
    fn sends(signals: impl IntoIterator<Item = (i64, u32)>) -> Vec<(i64, usize)> {
        let start = Instant::now();
        let at = |ms: i64| start + Duration::from_millis(ms.unsigned_abs());
        let wait = |duration: Duration| i64::try_from(duration.as_millis()).unwrap();
        let (mut pace, mut sends) = (Pace::new(TICK), Vec::new());
        let (mut before, mut gathered): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let (mut due, mut is_first) = (None, true);
        let mut signals = signals.into_iter().peekable();
        for now in 0..5_000 {
            while let Some((_, who)) = signals.next_if(|(ms, _)| *ms == now) {
                if !gathered.contains(&who) {
                    gathered.push(who);
                }
                if due.is_none() {
                    (due, is_first) = (Some(now + wait(pace.first(at(now), at(now), Timestamp(now)))), true);
                }
            }
            if due != Some(now) {
                continue;
            }
            let more = pace.more(gathered.len(), Timestamp(now)).filter(|_| std::mem::take(&mut is_first));
            due = more.map(|more| now + wait(more));
            if due.is_none() {
                sends.push((now, gathered.len()));
                pace.sent(at(now), gathered.iter().any(|who| before.contains(who)));
                before = std::mem::take(&mut gathered);
            }
        }
        sends
    }

    fn gaps(sends: &[(i64, usize)]) -> Vec<i64> {
        sends.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    #[test]
    fn who_moves_on_and_on_is_seen_once_a_tick() {
        // As fast as a browser does, and slower and faster.
        for every in [5, 16, 20] {
            let sends = sends((0..200).map(|n| (n * every, 1)));
            let settled = &gaps(&sends)[3..sends.len() - 2];
            assert!(settled.iter().all(|gap| *gap == 32), "every {every}: {settled:?}");
        }
        // Slower than a tick: each signal goes out after a beat or two.
        let sends = sends((0..100).map(|n| (n * 40, 1)));
        assert!(sends[3..].iter().all(|(at, _)| (8..=16).contains(&(at % 40))), "{sends:?}");
    }

    #[test]
    fn now_and_then_ten_people_are_gathered_for_a_tick_and_up_to_two_beats() {
        // Each of ten signals five times a second.
        let sends = sends((0..198).map(|n| (n * 20, u32::try_from(n % 10).unwrap())));
        assert!(sends.iter().all(|(_, gathered)| *gathered == 3), "{sends:?}");
    }

    #[test]
    fn no_tick_is_longer_than_itself_and_two_beats_nor_shorter_than_itself_unless_somebody_goes_on() {
        let (now, mut pace) = (Instant::now(), Pace::new(Duration::from_millis(33)));
        let beat = pace.beat();
        for wall in (1_763_708_652_000..1_763_708_652_200).map(Timestamp) {
            let first = pace.first(now, now, wall);
            assert!(first >= pace.tick && first < pace.tick + beat, "{first:?}");
            let over = Timestamp(wall.0 + i64::try_from(first.as_millis()).unwrap());
            let more = pace.more(1, over).unwrap();
            assert!(more >= beat / 2 && more < beat * 3 / 2, "{more:?}");
            assert_eq!(pace.more(ENOUGH, over), None);
        }
        pace.sent(now, false);
        pace.sent(now, true);
        assert_eq!(pace.more(1, Timestamp(0)), None);
        assert!(pace.first(now, now, Timestamp(0)) <= pace.tick);
        let late = now + pace.tick * 3;
        assert!(pace.first(late, late, Timestamp(1)) < beat * 2, "nothing was sent for long");
        pace.sent(late, true);
        assert!(pace.more(1, Timestamp(0)).is_some(), "there was a pause");
    }

    #[test]
    fn a_tick_that_is_looked_at_later_ends_when_it_would_have() {
        let (began, pace) = (Instant::now(), Pace::new(TICK));
        for wall in 0..32 {
            let ends = |after: i64| {
                let later = Duration::from_millis(after.unsigned_abs());
                later + pace.first(began, began + later, Timestamp(wall + after))
            };
            assert!((0..=24).all(|after| ends(after) == ends(0)), "{wall}");
            assert!(pace.look(Timestamp(wall)) <= TICK * 3 / 4);
        }
    }

    #[test]
    fn rooms_end_their_ticks_at_the_same_moments() {
        let (now, pace) = (Instant::now(), Pace::new(TICK));
        for wall in 1_000..1_100 {
            let end = Duration::from_millis(wall) + pace.first(now, now, Timestamp(i64::try_from(wall).unwrap()));
            assert_eq!(end.as_micros() % BEAT.as_micros(), 0, "{end:?}");
        }
    }
}
