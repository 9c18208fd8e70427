//! A notification reaches an inbox.

use std::sync::Arc;

use super::decide::{By, Deciding};
use super::{Item, Pile, Removed, body};
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::notification::{Notification, NotificationId};
use crate::domain::preferences::Verdict;

/// A notification on its way to the inboxes, made once for all whom it reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Its name.
    pub id: NotificationId,
    /// When it was ordered.
    pub at: Timestamp,
    /// What it says.
    pub notification: Notification,
    /// Its fields that never change, as JSON without the braces; see [`body::fixed`].
    pub text: Arc<str>,
}

impl Arrival {
    /// Renders what is the same in every inbox.
    #[must_use]
    pub fn new(id: NotificationId, at: Timestamp, notification: Notification) -> Self {
        let text = body::fixed(id, at, &notification).into();
        Self { id, at, notification, text }
    }
}

/// What became of an arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrived {
    /// It is in the inbox.
    New {
        /// Where it surfaced.
        offset: u64,
        /// The one whose place it took: that is neither pushed nor escalated any more.
        replaces: Option<NotificationId>,
    },
    /// The inbox held it already, or did once.
    Duplicate,
    /// It was past its use or too old before it came, so that it never surfaced.
    TooLate,
}

impl Deciding<'_> {
    pub(super) fn arrive(&mut self, arrival: &Arrival, verdict: Verdict, by: By) -> Arrived {
        let outcome = self.outcome(arrival);
        let Arrived::New { offset, replaces } = outcome else { return outcome };
        if let Some(old) = replaces {
            self.remove(old, Removed::Replaced);
        }
        let facts = &arrival.notification;
        let is_loud = facts.critical;
        let item = Item {
            id: arrival.id,
            level: facts.level,
            topic: facts.topic.clone(),
            room: facts.room.clone(),
            critical: facts.critical,
            dedupe: facts.dedupe.clone(),
            at: arrival.at,
            expires: facts.expires,
            surfaced: offset,
            touched: offset,
            quiet: verdict.quiet && !is_loud,
            read: (verdict.read && !is_loud).then_some(self.now),
            archived: None,
            acked: None,
            snoozed_until: None,
        };
        // Quiet hours that are over by now have no digest to come.
        if let Some(until) = verdict.piles_until.filter(|until| *until > self.now && !is_loud) {
            self.inbox.pile.get_or_insert_with(Pile::default).add(facts.level, until);
        }
        let fields = body::arrived(&arrival.text, &item, replaces);
        self.inbox.place(item);
        self.note(arrival.id);
        self.out.texts.push((arrival.id, Arc::clone(&arrival.text)));
        self.write(Kind::Notification, by, fields);
        outcome
    }

    fn outcome(&self, arrival: &Arrival) -> Arrived {
        if self.inbox.item(arrival.id).is_some() || self.inbox.is_gone(arrival.id) {
            return Arrived::Duplicate;
        }
        let facts = &arrival.notification;
        let is_past_its_use = facts.expires.is_some_and(|expires| expires <= self.now);
        let is_too_old = !facts.critical && self.keep.too_old_at(arrival.at) <= self.now;
        if is_past_its_use || is_too_old {
            return Arrived::TooLate;
        }
        Arrived::New { offset: self.next(), replaces: self.replaced_by(facts) }
    }

    /// The one whose place a new one takes: of those with the same value that were neither read nor archived the
    /// newest. A snoozed one too, or both would stand in the list when its snooze ends.
    fn replaced_by(&self, facts: &Notification) -> Option<NotificationId> {
        let dedupe = facts.dedupe.as_ref()?;
        let is_same = |item: &&Item| item.dedupe.as_ref() == Some(dedupe);
        let is_open = |item: &&Item| item.read.is_none() && item.archived.is_none();
        self.inbox.items().rev().filter(is_same).find(is_open).map(|item| item.id)
    }
}
