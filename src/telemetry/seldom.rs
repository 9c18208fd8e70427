//! Lines that strangers can cause, kept few: a flood must not fill a disk, nor hide what else is told.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many lines of a kind are told within [`WINDOW`].
const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// One kind of line.
pub struct Seldom(Mutex<Lately>);

struct Lately {
    since: Option<Instant>,
    told: u32,
    untold: u64,
}

/// How many of the same kind were not told before this one. Shown, it is the end of a sentence, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Untold(u64);

impl Seldom {
    /// A kind of line that was never told.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Lately { since: None, told: 0, untold: 0 }))
    }

    /// Whether to tell one more; `None` while enough were told lately. The next line says how many those were.
    #[must_use]
    pub fn is_told(&self, now: Instant) -> Option<Untold> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            (lately.since, lately.told) = (Some(now), 0);
        }
        if lately.told >= LINES_MAX {
            lately.untold += 1;
            return None;
        }
        lately.told += 1;
        Some(Untold(std::mem::take(&mut lately.untold)))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " (before it {count} of the kind were not told)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::entry::Timestamp;

    #[test]
    fn of_a_flood_a_few_are_told_and_the_others_counted() {
        let clock = Clock::manual(Timestamp(0));
        let seldom = Seldom::new();
        let told = |times: usize| (0..times).filter_map(|_| seldom.is_told(clock.now())).collect::<Vec<_>>();
        assert_eq!(told(1_000), vec![Untold(0); 10]);
        clock.advance(WINDOW);
        assert_eq!(told(2), [Untold(990), Untold(0)]);
        assert_eq!(Untold(990).to_string(), " (before it 990 of the kind were not told)");
        assert_eq!(Untold(0).to_string(), "");
    }
}
