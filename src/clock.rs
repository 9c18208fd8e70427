//! Where "now" comes from. Nothing else in the house asks the system for the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::entry::Timestamp;

/// A source of time that is handed to whoever needs one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Mutex<Hands>>),
}

/// A manual clock's two readings; they move together.
#[derive(Debug)]
struct Hands {
    instant: Instant,
    wall_ms: i64,
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `wall` until it is [moved on](Self::advance); for tests.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a manual clock needs some first instant")]
    pub fn manual(wall: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(Hands { instant: Instant::now(), wall_ms: wall.0 }))))
    }

    /// Moves a manual clock on; the system's clock ignores it.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hands) = &self.0 {
            let mut hands = hands.lock().unwrap_or_else(PoisonError::into_inner);
            hands.instant += by;
            hands.wall_ms += i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        }
    }

    /// Monotonic time, for everything that lasts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(hands) => hands.lock().unwrap_or_else(PoisonError::into_inner).instant,
        }
    }

    /// Wall-clock time, for what people read and tokens say.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Manual(hands) => Timestamp(hands.lock().unwrap_or_else(PoisonError::into_inner).wall_ms),
        }
    }
}
