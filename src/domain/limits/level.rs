//! How full one bucket is: a word that whoever owns the bucket keeps.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use governor::nanos::Nanos;
use governor::state::StateStore;

/// The moment at which the bucket is full, in nanoseconds since its scope began; 0 while nothing was ever taken.
#[derive(Debug, Default)]
pub(super) struct Level(AtomicU64);

/// Governor's store without a place of its own: the level is in the key. Its own stores would repeat the rate and the
/// clock in every session, or look each of them up in a map under a lock.
pub(super) struct InTheKey;

impl StateStore for InTheKey {
    type Key = Level;

    fn measure_and_replace<T, F, E>(&self, level: &Level, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut before = level.0.load(Ordering::Acquire);
        loop {
            let (answer, after) = decide((before > 0).then(|| Nanos::from(before)))?;
            // Somebody else took from it meanwhile: decide anew.
            match level.0.compare_exchange_weak(before, after.as_u64(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(answer),
                Err(now) => before = now,
            }
        }
    }
}

/// A level to try something on.
impl Clone for Level {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Acquire)))
    }
}

// Governor's keys could lie in a map, so it asks for these; ours never do.

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.0.load(Ordering::Acquire) == other.0.load(Ordering::Acquire)
    }
}

impl Eq for Level {}

impl Hash for Level {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.load(Ordering::Acquire).hash(hasher);
    }
}
