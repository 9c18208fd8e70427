//! Refusals, told so that a flood of them can't fill a disk.
//!
//! Who has a valid token is told one by one, up to a bound in a minute; who has none, once a minute and address. What is
//! over a bound is counted, and the count becomes one record when the minute is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Act, Chain, Draft, Facts, Note, Timestamp};

/// How long one count goes on.
const WINDOW: Duration = Duration::from_mins(1);

/// So many refusals of one user are told one by one in that time.
const TOLD_MAX: u64 = 10;

/// So many addresses without a valid token are counted by themselves at a time; the rest share a count.
const ADDRESSES_MAX: usize = 100;

/// So many users are told by themselves at a time; the rest share the count of the addresses' rest.
const USERS_MAX: usize = 1_000;

/// Somebody was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denial {
    /// In whose chain it is told: the server's for who has no valid token.
    pub chain: Chain,
    /// Who, as in [`Draft::who`]; empty for who has no valid token.
    pub who: Arc<str>,
    /// From where.
    pub from: Arc<str>,
    /// What they wanted, or why not.
    pub what: Facts,
    /// The code of the refusal.
    pub outcome: &'static str,
}

/// What is counted at the moment.
#[derive(Debug, Default)]
pub struct Tally {
    counts: HashMap<Key, Count>,
    addresses: usize,
    users: usize,
}

/// Whose refusals share a count: an address, a user, or the rest of both.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Address(Arc<str>),
    User(Chain, Arc<str>),
    Rest,
}

#[derive(Debug)]
struct Count {
    since: Instant,
    all: u64,
    told: u64,
    first: Denial,
}

impl Tally {
    /// Takes a refusal; the record of it, where it is told by itself.
    pub fn note(&mut self, denial: Denial, now: Instant, at: Timestamp) -> Option<Note> {
        let (mut key, counted, max) = if denial.who.is_empty() {
            (Key::Address(Arc::clone(&denial.from)), &mut self.addresses, ADDRESSES_MAX)
        } else {
            (Key::User(denial.chain.clone(), Arc::clone(&denial.who)), &mut self.users, USERS_MAX)
        };
        if !self.counts.contains_key(&key) {
            if *counted < max {
                *counted += 1;
            } else {
                key = Key::Rest;
            }
        }
        let told_max = if matches!(key, Key::User(..)) { TOLD_MAX } else { 0 };
        let count =
            self.counts.entry(key).or_insert_with(|| Count { since: now, all: 0, told: 0, first: denial.clone() });
        count.all += 1;
        if count.told >= told_max {
            return None;
        }
        count.told += 1;
        let Denial { chain, who, from, what, outcome } = denial;
        Some(Note { chain, draft: Draft { at, act: Act::Denied, who, what, from, outcome } })
    }

    /// The counts whose time is over, as records; with `all`, those that go on too.
    pub fn take(&mut self, now: Instant, at: Timestamp, all: bool) -> Vec<Note> {
        let is_over = |_: &Key, count: &mut Count| all || now.saturating_duration_since(count.since) >= WINDOW;
        let mut taken = Vec::new();
        for (key, count) in self.counts.extract_if(is_over) {
            match key {
                Key::Address(_) => self.addresses -= 1,
                Key::User(..) => self.users -= 1,
                Key::Rest => {}
            }
            if count.all == count.told {
                continue;
            }
            let number = count.all - count.told;
            let Denial { chain, who, from, what, outcome } = count.first;
            let what = what.number("count", number);
            let (chain, draft) = if key == Key::Rest {
                let nobody: Arc<str> = "".into();
                let what = Facts::new().number("count", number).flag("others", true);
                (Chain::server(), Draft { at, act: Act::Denied, who: nobody.clone(), what, from: nobody, outcome })
            } else {
                (chain, Draft { at, act: Act::Denied, who, what, from, outcome })
            };
            taken.push(Note { chain, draft });
        }
        taken
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs some first instant")]
mod tests {
    use super::*;
    use crate::domain::ids::Tenant;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn denial(who: &str, from: &str) -> Denial {
        let chain = if who.is_empty() { Chain::server() } else { Chain::of(&Tenant::default()) };
        Denial { chain, who: who.into(), from: from.into(), what: Facts::new(), outcome: "unauthorized" }
    }

    #[test]
    fn a_flood_of_strangers_is_a_row_for_each_address_and_minute() {
        let (mut tally, begun) = (Tally::default(), Instant::now());
        for _ in 0..10_000 {
            assert_eq!(tally.note(denial("", "192.0.2.1"), begun, NOW), None);
        }
        tally.note(denial("", "192.0.2.2"), begun, NOW);
        assert_eq!(tally.take(begun + Duration::from_secs(59), NOW, false), []);
        let mut told = tally.take(begun + Duration::from_mins(1), NOW, false);
        told.sort_by(|one, other| one.draft.from.cmp(&other.draft.from));
        let told: Vec<_> =
            told.iter().map(|note| (note.chain.as_str(), &*note.draft.from, note.draft.what.to_json())).collect();
        let count = |number| format!("{{\"count\":{number}}}");
        assert_eq!(told, [("@server", "192.0.2.1", count(10_000)), ("@server", "192.0.2.2", count(1))]);
        assert_eq!(tally.take(begun + Duration::from_hours(1), NOW, true), []);
    }

    #[test]
    fn a_flood_from_everywhere_has_a_bound() {
        let (mut tally, begun) = (Tally::default(), Instant::now());
        for n in 0..10_000 {
            tally.note(denial("", &format!("2001:db8:{n:x}::/64")), begun, NOW);
            tally.note(denial(&format!("user:{n}"), "192.0.2.1"), begun, NOW);
        }
        let told = tally.take(begun, NOW, true);
        assert_eq!(told.len(), ADDRESSES_MAX + 1, "users within their bound were told at once");
        let Note { chain, draft: rest } = told.iter().find(|note| note.draft.from.is_empty()).unwrap();
        let others = 10_000 - ADDRESSES_MAX + 10_000 - USERS_MAX;
        assert_eq!(
            (chain.as_str(), rest.what.to_json()),
            ("@server", format!("{{\"count\":{others},\"others\":true}}"))
        );
        assert_eq!((tally.counts.len(), tally.addresses, tally.users), (0, 0, 0));
    }

    #[test]
    fn a_users_refusals_are_told_one_by_one_until_they_are_too_many() {
        let (mut tally, begun) = (Tally::default(), Instant::now());
        let told = (0..1_000).filter(|_| tally.note(denial("user:eve", "192.0.2.1"), begun, NOW).is_some()).count();
        assert_eq!(told as u64, TOLD_MAX);
        assert!(tally.note(denial("user:ada", "192.0.2.1"), begun, NOW).is_some());
        let rest = tally.take(begun + WINDOW, NOW, false);
        let rest: Vec<_> =
            rest.iter().map(|note| (note.chain.as_str(), &*note.draft.who, note.draft.what.to_json())).collect();
        assert_eq!(rest, [("default", "user:eve", format!("{{\"count\":{}}}", 1_000 - TOLD_MAX))]);
    }
}
