//! Signals of one tick: what may be lost and is soon stale. Newest wins, nothing is kept.
//!
//! A signal replaces one of the same session and event that was not sent yet, so what a room sends in a tick grows with
//! who moves and not with how often. Who signalled is told apart, because nobody is sent their own.

use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::ids::{SessionId, UserId};

pub mod pace;

/// What a room gathers between two ticks at most; beyond it signals are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalBounds {
    /// Different events of one session.
    pub events_per_session: usize,
    /// Bytes of events and data together.
    pub bytes_max: usize,
}

impl Default for SignalBounds {
    fn default() -> Self {
        Self { events_per_session: 16, bytes_max: 256 * 1024 }
    }
}

/// What became of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It goes out with the next tick.
    Added,
    /// So does it, in place of an older one.
    Replaced,
    /// The tick is full; it is dropped.
    Full,
}

/// What one session signalled in a tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signaller {
    /// Whose signals they are; it is not sent them.
    pub session: SessionId,
    /// The user behind it.
    pub user: UserId,
    /// Event and data (compact JSON), in the order in which the events were first heard of; never empty.
    pub signals: Vec<(Arc<str>, Arc<str>)>,
}

/// The signals of one tick, to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gathered {
    /// In the order in which the sessions were first heard of; never empty.
    pub signallers: Vec<Signaller>,
    /// Whether one of them was among those of the tick before: somebody moves on and on.
    pub goes_on: bool,
}

impl Gathered {
    /// What `session` is sent: everything but its own. Empty when nobody else signalled.
    pub fn without<'a>(&'a self, session: &'a SessionId) -> impl Iterator<Item = &'a Signaller> {
        self.signallers.iter().filter(move |signaller| signaller.session != *session)
    }
}

/// The signals of a room since its last tick.
#[derive(Debug, Default)]
pub struct Signals {
    bounds: SignalBounds,
    signallers: Vec<Signaller>,
    slots: FxHashMap<SessionId, usize>,
    /// Who was in the tick before, by hashes: names would be shared with the threads of their sessions, for nothing.
    before: FxHashSet<u64>,
    bytes: usize,
}

impl Signals {
    /// None yet, and at most `bounds` of them in a tick.
    #[must_use]
    pub fn new(bounds: SignalBounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Takes a signal; `data` is compact JSON.
    pub fn add(&mut self, session: &SessionId, user: &UserId, event: Arc<str>, data: Arc<str>) -> Taken {
        let slot = self.slots.get(session).copied();
        let sent_already = slot.map_or(&[][..], |slot| &self.signallers[slot].signals);
        let older = sent_already.iter().position(|(other, _)| *other == event);

        let freed = older.map_or(0, |at| sent_already[at].1.len());
        let added = data.len() + if older.is_some() { 0 } else { event.len() };
        let bytes = self.bytes - freed + added;
        let is_one_too_many = older.is_none() && sent_already.len() >= self.bounds.events_per_session;
        if bytes > self.bounds.bytes_max || is_one_too_many {
            return Taken::Full;
        }
        self.bytes = bytes;

        let slot = slot.unwrap_or_else(|| {
            self.slots.insert(session.clone(), self.signallers.len());
            self.signallers.push(Signaller { session: session.clone(), user: user.clone(), signals: Vec::new() });
            self.signallers.len() - 1
        });
        let signals = &mut self.signallers[slot].signals;
        if let Some(older) = older {
            signals[older].1 = data;
            return Taken::Replaced;
        }
        signals.push((event, data));
        Taken::Added
    }

    /// Drops what a session signalled: it left, and a cursor of nobody would stay on every screen.
    pub fn forget(&mut self, session: &SessionId) {
        if let Some(slot) = self.slots.remove(session) {
            let signals = std::mem::take(&mut self.signallers[slot].signals);
            self.bytes -= signals.iter().map(|(event, data)| event.len() + data.len()).sum::<usize>();
        }
    }

    /// What was gathered since the last time; `None` when nobody signalled.
    pub fn take(&mut self) -> Option<Gathered> {
        self.slots.clear();
        self.bytes = 0;
        let mut signallers = std::mem::take(&mut self.signallers);
        signallers.retain(|signaller| !signaller.signals.is_empty());
        let hashes = || signallers.iter().map(|signaller| FxBuildHasher.hash_one(&signaller.session));
        let goes_on = hashes().any(|session| self.before.contains(&session));
        self.before.clear();
        self.before.extend(hashes());
        (!signallers.is_empty()).then_some(Gathered { signallers, goes_on })
    }

    /// How many sessions have something to be sent.
    #[must_use]
    pub fn signallers(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing waits for the next tick, so that it needs no timer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(signals: &mut Signals, session: &str, event: &str, data: &str) -> Taken {
        let user = UserId::parse("ada").unwrap();
        signals.add(&SessionId::parse(session).unwrap(), &user, event.into(), data.into())
    }

    fn words<'a>(signallers: impl Iterator<Item = &'a Signaller>) -> String {
        let lines = signallers.flat_map(|signaller| {
            signaller.signals.iter().map(|(event, data)| format!("{}.{event}={data}", signaller.session))
        });
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_newest_signal_of_a_session_and_event_wins() {
        let mut signals = Signals::default();
        assert_eq!(add(&mut signals, "a", "cursor", "1"), Taken::Added);
        assert_eq!(add(&mut signals, "b", "cursor", "2"), Taken::Added);
        assert_eq!(add(&mut signals, "a", "typing", "3"), Taken::Added);
        assert_eq!(add(&mut signals, "a", "cursor", "4"), Taken::Replaced);
        let gathered = signals.take().unwrap();
        assert_eq!(words(gathered.signallers.iter()), "a.cursor=4 a.typing=3 b.cursor=2");
        assert!(signals.take().is_none() && signals.is_empty(), "a tick takes everything");
    }

    #[test]
    fn nobody_hears_their_own() {
        let mut signals = Signals::default();
        add(&mut signals, "a", "cursor", "1");
        add(&mut signals, "b", "cursor", "2");
        let gathered = signals.take().unwrap();
        let without = |session| words(gathered.without(&SessionId::parse(session).unwrap()));
        assert_eq!(without("a"), "b.cursor=2");
        assert_eq!(without("c"), "a.cursor=1 b.cursor=2");
    }

    #[test]
    fn a_tick_is_bounded_in_events_of_a_session_and_in_bytes() {
        let mut signals = Signals::new(SignalBounds { events_per_session: 2, bytes_max: 10 });
        assert_eq!(add(&mut signals, "a", "x", "1"), Taken::Added);
        assert_eq!(add(&mut signals, "a", "y", "2"), Taken::Added);
        assert_eq!(add(&mut signals, "a", "z", "3"), Taken::Full);
        assert_eq!(add(&mut signals, "b", "x", "12345"), Taken::Added);
        assert_eq!(add(&mut signals, "c", "x", "1"), Taken::Full, "ten bytes are gathered");
        assert_eq!(add(&mut signals, "b", "x", "1"), Taken::Replaced, "a smaller one makes room");
        assert_eq!(add(&mut signals, "c", "x", "1"), Taken::Added);
        assert_eq!(words(signals.take().unwrap().signallers.iter()), "a.x=1 a.y=2 b.x=1 c.x=1");
    }

    #[test]
    fn who_is_in_one_tick_after_the_other_goes_on() {
        let mut signals = Signals::default();
        let goes_on: Vec<_> = [&["a", "b"][..], &["c", "b"], &["a"], &["a"], &["b"]]
            .into_iter()
            .map(|sessions| {
                for session in sessions {
                    add(&mut signals, session, "cursor", "1");
                }
                assert_eq!(signals.signallers(), sessions.len());
                signals.take().unwrap().goes_on
            })
            .collect();
        assert_eq!(goes_on, [false, true, false, true, false]);
    }

    #[test]
    fn who_left_signals_nothing_any_more() {
        let mut signals = Signals::default();
        add(&mut signals, "a", "cursor", "1");
        add(&mut signals, "b", "cursor", "2");
        let a = SessionId::parse("a").unwrap();
        signals.forget(&a);
        signals.forget(&a);
        assert_eq!(words(signals.take().unwrap().signallers.iter()), "b.cursor=2");
        add(&mut signals, "a", "cursor", "3");
        signals.forget(&a);
        assert!(signals.take().is_none());
    }
}
