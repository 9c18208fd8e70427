//! The public keys that an issuer publishes: fetched ahead, kept, and renewed without anybody waiting.
//!
//! Each set has a thread that fetches it at the start and every ten minutes, a minute after a failure, and at most once a
//! minute because a token named a key that is not in it. What was fetched last counts whole; a failure changes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::{JwksUrl, TokenAlgorithm};

use super::jwt::PublicKey;

mod fetch;
mod parse;
#[cfg(test)]
mod tests;

use fetch::Fetcher;

/// How often a set is fetched without being asked for.
const EVERY: Duration = Duration::from_mins(10);
/// How soon after a failure.
const AGAIN: Duration = Duration::from_mins(1);
/// How often unknown keys may bring a fetch.
const ASKED_EVERY: Duration = Duration::from_mins(1);

/// What a set has for a token.
pub(super) enum Found {
    /// The key that it names; without a name, the only one.
    Key(Arc<PublicKey>),
    /// Nothing, as far as was fetched.
    Nothing,
}

/// The keys of one `jwks_url`, for one algorithm.
pub(super) struct KeySet {
    url: JwksUrl,
    algorithm: TokenAlgorithm,
    state: Mutex<State>,
    news: Condvar,
}

/// One key with its name in the set.
pub(super) type Named = (Option<String>, Arc<PublicKey>);

#[derive(Default)]
struct State {
    keys: Vec<Named>,
    /// Whether a fetch was tried to its end, well or not.
    was_tried: bool,
    is_fetching: bool,
    is_asked: bool,
    last_asked: Option<Instant>,
}

impl KeySet {
    /// An empty set, not yet fetched.
    pub(super) fn new(url: JwksUrl, algorithm: TokenAlgorithm) -> Self {
        Self { url, algorithm, state: Mutex::default(), news: Condvar::new() }
    }

    /// Begins to fetch, until the last holder of the set but the thread is gone.
    pub(super) fn start(this: &Arc<Self>, clock: Clock) {
        this.state().is_fetching = true;
        let set = Arc::downgrade(this);
        let host = this.url.host().to_owned();
        let fetcher = Fetcher::new(&this.url);
        let thread = std::thread::Builder::new().name("key-set".to_owned());
        if let Err(error) = thread.spawn(move || run(&set, || fetcher.fetch(), &clock)) {
            log::error!("no thread to fetch the keys of {host} by: {error}");
            this.failed();
        }
    }

    /// The key for a token that names `kid`.
    pub(super) fn find(&self, kid: Option<&str>) -> Found {
        let state = self.state();
        let named = match kid {
            Some(_) => state.keys.iter().find(|(name, _)| name.as_deref() == kid),
            // Without a name there must be nothing to choose.
            None => state.keys.first().filter(|_| state.keys.len() == 1),
        };
        named.map_or(Found::Nothing, |(_, key)| Found::Key(Arc::clone(key)))
    }

    /// Asks for a newer set, which is granted once a minute. Whether one is on its way, or none was ever had: then the
    /// token may do in a moment.
    pub(super) fn ask(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_due = state.last_asked.is_none_or(|last| now.saturating_duration_since(last) >= ASKED_EVERY);
        if is_due && !state.is_fetching {
            state.last_asked = Some(now);
            state.is_asked = true;
            self.news.notify_all();
        }
        state.is_fetching || state.is_asked || state.keys.is_empty()
    }

    /// Waits until the set was tried once; what is left of `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Duration {
        // The machine's clock counts here, as the wait is for another machine.
        let clock = Clock::system();
        let start = clock.now();
        let state = self.state();
        let _ = self.news.wait_timeout_while(state, patience, |state| !state.was_tried);
        patience.saturating_sub(clock.now().saturating_duration_since(start))
    }

    fn fetched(&self, keys: Vec<Named>) {
        let mut state = self.state();
        let is_new = state.keys.len() != keys.len() || state.keys.iter().zip(&keys).any(|(old, new)| old.0 != new.0);
        if is_new {
            log::info!("{} keys for {} fetched from {}", keys.len(), self.algorithm.as_str(), self.url.host());
        }
        state.keys = keys;
        self.ended(&mut state);
    }

    fn failed(&self) {
        self.ended(&mut self.state());
    }

    fn ended(&self, state: &mut State) {
        state.was_tried = true;
        state.is_fetching = false;
        self.news.notify_all();
    }

    /// Nothing in here can be left half done, so a panic of another thread is none of ours.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fetches until nobody needs the set any more. A panic over what an issuer sent is a failure like any other: a thread
/// that is gone would never fetch again, and nobody would hear of it.
fn run(set: &Weak<KeySet>, fetch: impl Fn() -> Result<String, String>, clock: &Clock) {
    loop {
        let Some(this) = set.upgrade() else { return };
        let fetched = AssertUnwindSafe(|| fetch().and_then(|text| parse::keys(&text, this.algorithm)));
        let result = catch_unwind(fetched).unwrap_or_else(|_| Err("a defect of this server met them".to_owned()));
        let pause = match result {
            Ok(keys) => {
                this.fetched(keys);
                EVERY
            }
            Err(problem) => {
                let kept = this.state().keys.len();
                log::warn!("no keys from {}: {problem}; the {kept} that were had before still count", this.url.host());
                this.failed();
                AGAIN
            }
        };
        drop(this);
        if !sleep(set, pause, clock) {
            return;
        }
    }
}

/// Waits until the next fetch is due or asked for; false when nobody needs the set any more.
fn sleep(set: &Weak<KeySet>, pause: Duration, clock: &Clock) -> bool {
    // Held for a moment at a time, so that the last user's drop is seen.
    const MOMENT: Duration = Duration::from_millis(500);
    let begun = clock.now();
    loop {
        let Some(this) = set.upgrade() else { return false };
        let woken = this.news.wait_timeout_while(this.state(), MOMENT, |state| !state.is_asked);
        let (mut state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        if state.is_asked || clock.now().saturating_duration_since(begun) >= pause {
            state.is_asked = false;
            state.is_fetching = true;
            return true;
        }
    }
}
