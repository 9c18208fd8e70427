//! What time does to an inbox.

use std::sync::Arc;

use uuid::Builder;
use xxhash_rust::xxh3::xxh3_128;

use super::arrive::Arrival;
use super::decide::{By, Deciding};
use super::{Inbox, Item, Removed, body};
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::notification::{Level, Notification, NotificationId};
use crate::domain::preferences::Verdict;

/// What came quietly in quiet hours, for the digest at their end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pile {
    /// When the quiet hours end.
    pub until: Timestamp,
    /// How many came, by level in the order of [`Level::ALL`]; those read, archived or replaced meanwhile too.
    pub counts: [u32; 4],
}

impl Default for Pile {
    fn default() -> Self {
        Self { until: Timestamp(i64::MIN), counts: [0; 4] }
    }
}

impl Pile {
    /// Counts one more. Quiet hours that were set longer meanwhile make one pile with what came before.
    pub(super) fn add(&mut self, level: Level, until: Timestamp) {
        self.until = self.until.max(until);
        let count = &mut self.counts[level as usize - 1];
        *count = count.saturating_add(1);
    }

    /// The notification that tells of it. Its id follows from the inbox and the end of the quiet hours, so the same
    /// digest is the same notification however often it is made.
    fn tell(&self, inbox: &Inbox) -> Arrival {
        let total: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let by_level = || Level::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0);
        let words: Vec<_> = by_level().map(|(level, count)| format!("{count} {}", level.as_str())).collect();
        let numbers: Vec<_> = by_level().map(|(level, count)| format!("\"{}\":{count}", level.as_str())).collect();
        let things = if total == 1 { "notification" } else { "notifications" };
        let notification = Notification {
            level: Level::Info,
            title: format!("{total} {things} came in quiet hours").into(),
            message: Some(words.join(", ").into()),
            topic: None,
            room: None,
            duration_ms: Some(10_000),
            critical: false,
            actions: Arc::from("[]"),
            metadata: Some(format!("{{\"digest\":{{{}}}}}", numbers.join(",")).into()),
            dedupe: None,
            expires: None,
        };
        let mut seed = b"digest".to_vec();
        seed.extend_from_slice(inbox.epoch.0.as_bytes());
        seed.extend_from_slice(&self.until.0.to_be_bytes());
        let hash = xxh3_128(&seed).to_be_bytes();
        let random: &[u8; 10] = hash.first_chunk().expect("a hash of 16 bytes begins with 10");
        let id = Builder::from_unix_timestamp_millis(u64::try_from(self.until.0).unwrap_or(0), random).into_uuid();
        Arrival::new(NotificationId(id), self.until, notification)
    }
}

impl Deciding<'_> {
    /// Writes what is due. Once more at the same time writes nothing.
    pub(super) fn settle(&mut self) {
        self.expire();
        self.surface();
        self.tell_digest();
        self.trim();
    }

    fn expire(&mut self) {
        let now = self.now;
        let is_past_its_use = |item: &Item| item.expires.is_some_and(|expires| expires <= now);
        let ids: Vec<_> = self.inbox.items().filter(|item| is_past_its_use(item)).map(|item| item.id).collect();
        self.remove_all(&ids, Removed::Expired, "expired");
    }

    /// Snoozes that end, in the order of their ends. Each has an entry of its own: lists are paged by the offset where
    /// an item surfaced, so no two may share one.
    fn surface(&mut self) {
        let now = self.now;
        let mut due: Vec<_> = self
            .inbox
            .items()
            .filter_map(|item| Some((item.snoozed_until.filter(|until| *until <= now)?, item.surfaced, item.id)))
            .filter(|(_, _, id)| !self.inbox.item(*id).is_some_and(|item| self.is_too_old(item)))
            .collect();
        due.sort_unstable();
        for (_, _, id) in due {
            let Some(mut item) = self.inbox.item(id).cloned() else { continue };
            let offset = self.next();
            item.snoozed_until = None;
            // Whoever snoozes wants to hear of it again, which one that is read already would not let them.
            item.read = None;
            item.surfaced = offset;
            item.touched = offset;
            self.inbox.place(item);
            self.note(id);
            self.write(Kind::Marked, By::Time, body::marked(&[id], "surfaced"));
        }
    }

    fn tell_digest(&mut self) {
        let Some(pile) = self.inbox.pile.take_if(|pile| pile.until <= self.now) else { return };
        let arrival = pile.tell(self.inbox);
        self.arrive(&arrival, Verdict { quiet: false, read: true, piles_until: None }, By::Time);
    }

    /// Takes away what is too old, and what stands below the newest; never a critical one that waits for its `ack`.
    fn trim(&mut self) {
        let beyond = self.inbox.items.len().saturating_sub(self.keep.newest);
        let is_due =
            |(rank, item): &(usize, &Item)| self.is_too_old(item) || (*rank < beyond && !item.is_unacknowledged());
        let ids: Vec<_> = self.inbox.items().enumerate().filter(is_due).map(|(_, item)| item.id).collect();
        self.remove_all(&ids, Removed::Trimmed, "trimmed");
    }

    fn is_too_old(&self, item: &Item) -> bool {
        !item.is_unacknowledged() && self.keep.too_old_at(item.at) <= self.now
    }

    fn remove_all(&mut self, ids: &[NotificationId], why: Removed, status: &str) {
        if ids.is_empty() {
            return;
        }
        for id in ids {
            self.remove(*id, why);
        }
        self.write(Kind::Marked, By::Time, body::marked(ids, status));
    }
}
