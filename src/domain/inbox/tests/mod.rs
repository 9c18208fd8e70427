//! The inbox on values.

mod arriving;
mod listing;
mod marking;
mod model;
mod property;
mod replica;
mod rows;
mod settling;
mod undoing;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{Arrival, Arrived, Change, Counts, Decided, Filter, Inbox, Keep, Mark, Refused, Shelf, Status, Which};
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::ids::{Epoch, RoomName};
use crate::domain::notification::{Level, Notification, NotificationId};
use crate::domain::preferences::Verdict;

const LOUD: Verdict = Verdict { quiet: false, read: false, piles_until: None };
const MUTED: Verdict = Verdict { quiet: true, read: true, piles_until: None };

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// 2026-11-21T06:00:00Z: where all clocks here begin.
const START: i64 = 1_795_240_800_000;

/// The id of the notification that the tests call `number`.
fn id(number: u128) -> NotificationId {
    NotificationId(Uuid::from_u128(number))
}

/// `minutes` after the start.
fn after(minutes: i64) -> Timestamp {
    Timestamp(START + minutes * MINUTE)
}

/// An ordinary notification.
fn plain() -> Notification {
    Notification {
        level: Level::Info,
        title: "Revenue is down".into(),
        message: None,
        topic: None,
        room: None,
        duration_ms: Some(5_000),
        critical: false,
        actions: "[]".into(),
        metadata: None,
        dedupe: None,
        expires: None,
    }
}

fn critical() -> Notification {
    Notification { critical: true, ..plain() }
}

/// One that takes the place of the unread one with the same value.
fn dedupe(value: &str) -> Notification {
    Notification { dedupe: Some(value.into()), ..plain() }
}

fn upto(offset: u64, filter: Filter) -> Which {
    Which::All { upto: offset, filter }
}

fn these(numbers: &[u128]) -> Which {
    Which::These(numbers.iter().copied().map(id).collect())
}

fn counts(unread: u32, unseen: u32) -> Counts {
    Counts { unread, unseen }
}

/// An inbox with its log and its clock.
struct Log {
    inbox: Inbox,
    /// The bodies as JSON; the first stands at offset 1.
    entries: Vec<Value>,
    now: Timestamp,
    keep: Keep,
}

impl Log {
    fn new() -> Self {
        Self::keeping(1_000)
    }

    fn keeping(newest: usize) -> Self {
        let keep = Keep { newest, age: Duration::from_hours(90 * 24) };
        Self { inbox: Inbox::new(Epoch(Uuid::from_u128(7))), entries: Vec::new(), now: after(0), keep }
    }

    fn head(&self) -> u64 {
        self.entries.len() as u64
    }

    fn decide(&mut self, change: Change) -> Result<Decided, Refused> {
        let decided = self.inbox.decide(change, self.now, self.head(), &self.keep)?;
        for written in &decided.entries {
            self.entries.push(serde_json::from_str(&format!("{{{}}}", written.body)).unwrap());
            if written.kind != Kind::Preferred {
                assert!(self.entries.last().unwrap()["unread"].is_u64(), "an entry without its counts");
            }
        }
        assert_eq!(decided.offset, self.head());
        assert_eq!(decided.counts, self.inbox.counts());
        Ok(decided)
    }

    /// A notification that was ordered now.
    fn arrives(&mut self, number: u128, notification: Notification, verdict: Verdict) -> Decided {
        let arrival = Arc::new(Arrival::new(id(number), self.now, notification));
        self.decide(Change::Arrive { arrival, verdict }).unwrap()
    }

    /// The same, with some plain ones.
    fn arrive_plain(&mut self, numbers: impl IntoIterator<Item = u128>) {
        for number in numbers {
            let decided = self.arrives(number, plain(), LOUD);
            assert!(matches!(decided.arrived, Some(Arrived::New { .. })));
        }
    }

    fn mark(&mut self, mark: Mark) -> Decided {
        self.decide(Change::Mark(mark)).unwrap()
    }

    fn mark_as(&mut self, which: Which, status: Status) -> Decided {
        self.mark(Mark::As { which, status })
    }

    /// What is due `minutes` after the start.
    fn settle_at(&mut self, minutes: i64) -> Decided {
        self.now = after(minutes);
        self.decide(Change::Settle).unwrap()
    }

    fn last(&self) -> &Value {
        self.entries.last().unwrap()
    }

    /// The numbers of what a filter lists, newest first.
    fn listed(&self, filter: &Filter) -> Vec<u128> {
        self.inbox.list(filter, None, 1_000).items.iter().map(|item| item.id.0.as_u128()).collect()
    }

    fn shelf(&self, which: Shelf) -> Vec<u128> {
        self.listed(&Filter { shelf: which, ..Filter::default() })
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}
