//! How fast is too fast, and who keeps on.
//!
//! A bucket per kind of command holds a burst and fills at an even rate (GCRA, one atomic word each, so no lock is
//! taken for a command). A command pays in every scope that it concerns, the narrowest first: what a session is refused
//! costs its user and its address nothing, so that a flood is felt by the one who makes it.
//!
//! What all sessions have in common, their [`Rates`] and governor's arithmetic, stands once in a [`Scope`]; of a bucket
//! of its own a session has the word alone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};

use super::entry;
use level::{InTheKey, Level};

mod level;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Published entries; in a room, entries of all kinds.
    Publish,
    /// Changes of state.
    Set,
    /// Activities.
    Track,
    /// Signals.
    Signal,
    /// Changes of presence, one for each room that hears of it.
    Presence,
    /// Joins, pages of a catch-up among them.
    Join,
    /// Readings of history.
    History,
    /// Orders to notify.
    Notify,
    /// Changes of one's own inbox, preferences and follows.
    Mark,
    /// Readings of one's own inbox and preferences.
    Inbox,
    /// Connections, and tokens to be checked.
    Connect,
    /// What comes over the wire, in blocks of [`BLOCK`] bytes.
    Blocks,
}

/// Bytes are counted in blocks of this size; see [`blocks`].
pub const BLOCK: u32 = 256;

/// A message counts as so many blocks at least, because handling one costs something however short it is.
const BLOCKS_MIN: u32 = 2;

/// How fast, and how much at once after a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many a second in the long run; 0 counts as 1.
    pub per_s: u32,
    /// So many at once; 0 counts as 1.
    pub burst: u32,
}

/// The rates of one scope by kind; a kind without one is not limited there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rates([Option<Rate>; Kind::COUNT]);

/// Tells the time to buckets; cheap to clone.
pub trait Clock: GovernorClock<Instant = Instant> + Clone {}

impl<C: GovernorClock<Instant = Instant> + Clone> Clock for C {}

/// What all buckets of one scope share: their rates, and when they began. `C` is the clock that is handed in.
pub struct Scope<C: Clock>([Option<Limiter<C>>; Kind::COUNT]);

/// The buckets of one session, one user, one address, one room or the node.
pub struct Meters<C: Clock> {
    scope: Arc<Scope<C>>,
    levels: [Level; Kind::COUNT],
}

/// A rate, applied to any level that is handed in.
struct Limiter<C: Clock> {
    limiter: RateLimiter<Level, InTheKey, C, NoOpMiddleware<Instant>>,
    rate: Rate,
}

/// A command that was too fast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFast {
    /// Which of the scopes refused it, by its place in the list.
    pub scope: usize,
    /// The rate that was exceeded.
    pub rate: Rate,
    /// After so long it is taken, if nothing else is asked of the same scopes meanwhile.
    pub wait: Duration,
}

/// How often one client was refused lately; who keeps on is to be ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    since: Option<Instant>,
    counted: u32,
    /// Until when it was told to wait.
    told_until: Option<Instant>,
}

/// Refusals are counted for so long and then forgotten.
const WINDOW: Duration = Duration::from_secs(10);
/// What is refused so shortly after the first refusal was under way before the client could hear of it.
const UNDER_WAY: Duration = Duration::from_secs(1);

impl Kind {
    const COUNT: usize = 12;

    /// As what its author pays for an entry.
    #[must_use]
    pub const fn of_entry(kind: entry::Kind) -> Self {
        match kind {
            // Nobody writes what is hidden.
            entry::Kind::Event | entry::Kind::Hidden => Self::Publish,
            entry::Kind::State => Self::Set,
            entry::Kind::Activity => Self::Track,
            entry::Kind::Notification => Self::Notify,
            entry::Kind::Marked | entry::Kind::Preferred => Self::Mark,
        }
    }

    /// In the plural, for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Publish => "publishes",
            Self::Set => "changes of state",
            Self::Track => "activities",
            Self::Signal => "signals",
            Self::Presence => "changes of presence",
            Self::Join => "joins",
            Self::History => "readings of history",
            Self::Notify => "notifications",
            Self::Mark => "changes of the inbox",
            Self::Inbox => "readings of the inbox",
            Self::Connect => "connects",
            Self::Blocks => "bytes",
        }
    }

    /// What one of a rate's units is, in what [`words`](Self::words) names.
    #[must_use]
    pub const fn unit(self) -> u32 {
        if matches!(self, Self::Blocks) { BLOCK } else { 1 }
    }
}

/// What a message of so many bytes costs.
#[must_use]
pub fn blocks(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK as usize)).unwrap_or(u32::MAX).max(BLOCKS_MIN)
}

impl Rate {
    /// The same for `times` as many.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { per_s: self.per_s.saturating_mul(times), burst: self.burst.saturating_mul(times) }
    }

    /// How long one takes to come back. Rounded up, so that a rate is never exceeded.
    fn period(self) -> Duration {
        Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(self.per_s.max(1))))
    }

    /// How long `cost` takes to come back.
    fn refills(self, cost: u32) -> Duration {
        self.period().saturating_mul(cost.min(self.burst.max(1)))
    }
}

impl Rates {
    /// The same with a rate for `kind`.
    #[must_use]
    pub fn with(mut self, kind: Kind, rate: Rate) -> Self {
        self.0[kind as usize] = Some(rate);
        self
    }

    /// All rates for `times` as many.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self(self.0.map(|rate| rate.map(|rate| rate.times(times))))
    }

    /// After so long without use every bucket is full, and as good as a new one.
    #[must_use]
    pub fn fill_time(&self) -> Duration {
        self.0.iter().flatten().map(|rate| rate.refills(rate.burst)).max().unwrap_or_default()
    }
}

impl<C: Clock> Scope<C> {
    /// A scope of these rates.
    #[must_use]
    pub fn new(rates: &Rates, clock: &C) -> Arc<Self> {
        Arc::new(Self(rates.0.map(|rate| rate.map(|rate| Limiter::new(rate, clock.clone())))))
    }

    /// Full buckets for one more.
    #[must_use]
    pub fn meters(self: &Arc<Self>) -> Meters<C> {
        Meters { scope: Arc::clone(self), levels: Default::default() }
    }
}

impl<C: Clock> Meters<C> {
    /// Takes `cost` of `kind`.
    ///
    /// # Errors
    /// [`TooFast`] when so much is not there; then nothing was taken. A cost above the burst counts as the burst, else
    /// it could never be paid.
    pub fn take(&self, kind: Kind, cost: u32) -> Result<(), TooFast> {
        let Some(limiter) = &self.scope.0[kind as usize] else { return Ok(()) };
        limiter.take(&self.levels[kind as usize], cost)
    }

    /// How long until `cost` of `kind` would be taken; takes nothing.
    #[must_use]
    pub fn wait(&self, kind: Kind, cost: u32) -> Duration {
        let Some(limiter) = &self.scope.0[kind as usize] else { return Duration::ZERO };
        let level = self.levels[kind as usize].clone();
        limiter.take(&level, cost).err().map_or(Duration::ZERO, |refused| refused.wait)
    }

    /// How long `cost` of `kind` takes to come back once it was taken.
    #[must_use]
    pub fn refills(&self, kind: Kind, cost: u32) -> Duration {
        self.scope.0[kind as usize].as_ref().map_or(Duration::ZERO, |limiter| limiter.rate.refills(cost))
    }
}

/// Takes `cost` of `kind` in each scope, in their order.
///
/// # Errors
/// [`TooFast`] from the first scope that refuses. What the ones before it took is gone. After its `wait` all scopes take
/// it, if nothing else is asked of them meanwhile.
pub fn take_all<C: Clock>(scopes: &[&Meters<C>], kind: Kind, cost: u32) -> Result<(), TooFast> {
    let mut paid_back = Duration::ZERO;
    for (scope, meters) in scopes.iter().enumerate() {
        if let Err(refused) = meters.take(kind, cost) {
            // Else who comes again as told would be refused by the next.
            let beyond = scopes[scope..].iter().map(|meters| meters.wait(kind, cost)).max().unwrap_or_default();
            return Err(TooFast { scope, wait: beyond.max(paid_back), ..refused });
        }
        paid_back = paid_back.max(meters.refills(kind, cost));
    }
    Ok(())
}

impl<C: Clock> Limiter<C> {
    fn new(rate: Rate, clock: C) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(rate.period()).expect("a period is at least a nanosecond").allow_burst(burst);
        Self { limiter: RateLimiter::new(quota, InTheKey, clock), rate }
    }

    fn take(&self, level: &Level, cost: u32) -> Result<(), TooFast> {
        let cost = NonZeroU32::new(cost.min(self.rate.burst)).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_key_n(level, cost) {
            // More than the burst is never asked for.
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(self.limiter.clock().now());
                Err(TooFast { scope: 0, rate: self.rate, wait })
            }
        }
    }
}

impl Patience {
    /// Notes a refusal that says to wait for so long; whether there were now more than `max` within ten seconds. Those of the
    /// first second are not counted, because a client that sends ahead has to hear of the limit before it can keep to it;
    /// nor is who came back after the time that it was told, however often that is too soon again.
    pub fn is_over(&mut self, max: u32, wait: Duration, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        let has_waited = self.told_until.is_none_or(|until| now >= until);
        if age >= WINDOW {
            *self = Self { since: Some(now), ..Self::default() };
        } else if age >= UNDER_WAY && !has_waited {
            self.counted = self.counted.saturating_add(1);
        }
        self.told_until = self.told_until.max(now.checked_add(wait));
        self.counted > max
    }
}

#[cfg(test)]
mod tests;
