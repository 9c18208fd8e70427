//! What a client does wrong, and when it is too much.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Of one session, from the first time that its client did something wrong.
#[derive(Default)]
pub(super) struct Faults {
    unreadable: VecDeque<Instant>,
    /// Since when errors without an id are counted, and how many there were.
    bare_errors: (Option<Instant>, u32),
}

/// So many unreadable messages within [`UNREADABLE_TIME`] are no accident.
const UNREADABLE_MAX: usize = 10;
const UNREADABLE_TIME: Duration = Duration::from_mins(1);
/// Errors without an id that a session hears in a second.
const BARE_ERRORS_MAX: u32 = 10;

impl Faults {
    /// Whether one more error without an id may be told.
    pub(super) fn may_tell_bare_error(&mut self, now: Instant) -> bool {
        let (since, told) = &mut self.bare_errors;
        if since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (*since, *told) = (Some(now), 0);
        }
        *told += 1;
        *told <= BARE_ERRORS_MAX
    }

    /// Counts an unreadable message; whether there are too many by now.
    pub(super) fn are_too_many(&mut self, now: Instant) -> bool {
        self.unreadable.push_back(now);
        while self.unreadable.front().is_some_and(|at| now.saturating_duration_since(*at) > UNREADABLE_TIME) {
            self.unreadable.pop_front();
        }
        self.unreadable.len() >= UNREADABLE_MAX
    }
}
