//! What one session may do in a second.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::RateLimiter;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};

use crate::clock::Clock;

/// A bucket of publishes, filled at an even rate.
pub(super) struct Quota {
    bucket: RateLimiter<NotKeyed, InMemoryState, HandedIn, NoOpMiddleware<Instant>>,
    clock: HandedIn,
}

/// Our clock, as governor wants to be handed one.
#[derive(Clone)]
struct HandedIn(Clock);

impl GovernorClock for HandedIn {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Quota {
    /// `per_s` publishes a second, `burst` at once. Zeroes count as one.
    pub(super) fn new(per_s: u32, burst: u32, clock: &Clock) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = governor::Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(burst));
        let clock = HandedIn(clock.clone());
        Self { bucket: RateLimiter::direct_with_clock(quota, clock.clone()), clock }
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self) -> Result<(), Duration> {
        self.bucket.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entry::Timestamp;

    #[test]
    fn a_burst_is_taken_and_then_the_rate_holds() {
        let clock = Clock::manual(Timestamp(0));
        let quota = Quota::new(20, 3, &clock);
        for _ in 0..3 {
            assert_eq!(quota.take(), Ok(()));
        }
        let wait = quota.take().unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(50), "{wait:?}");
        clock.advance(wait);
        assert_eq!(quota.take(), Ok(()));
        assert!(quota.take().is_err());
    }
}
