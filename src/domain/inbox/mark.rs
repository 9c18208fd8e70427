//! What a user does to notifications, and taking it back.

use super::decide::{By, Deciding};
use super::{Filter, Inbox, Item, Mark, Refused, Status, UNDOS_KEPT, Which, body};
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::notification::NotificationId;

/// What a mark changed, so that it can be taken back.
///
/// An item goes back as a whole, and only where its `touched` is still `offset`: whoever archives one of those that were
/// just read, and then takes the reading back, finds the archived one as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undo {
    /// The offset of the mark's entry.
    pub offset: u64,
    /// What was before.
    pub before: Vec<Before>,
}

/// What an item was before a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// Which item.
    pub id: NotificationId,
    /// See [`Item::read`].
    pub read: Option<Timestamp>,
    /// See [`Item::archived`].
    pub archived: Option<Timestamp>,
    /// See [`Item::snoozed_until`].
    pub snoozed_until: Option<Timestamp>,
}

impl Inbox {
    /// Says no to a mark that cannot be, before anything happened.
    pub(super) fn check(&self, mark: &Mark, now: Timestamp) -> Result<(), Refused> {
        match mark {
            Mark::Seen { .. } => Ok(()),
            Mark::As { which, status } => {
                if matches!(status, Status::Snoozed { until } if *until <= now) {
                    return Err(Refused::UntilPassed);
                }
                let Which::These(ids) = which else { return Ok(()) };
                ids.iter().try_for_each(|id| self.check_known(*id))
            }
            Mark::Undo { offset } => {
                let is_known = self.undos.iter().any(|undo| undo.offset == *offset);
                if is_known { Ok(()) } else { Err(Refused::NothingToUndo(*offset)) }
            }
            Mark::Ack { id } => self.check_known(*id),
        }
    }

    fn check_known(&self, id: NotificationId) -> Result<(), Refused> {
        let is_known = self.places.contains_key(&id) || self.is_gone(id);
        if is_known { Ok(()) } else { Err(Refused::UnknownNotification(id)) }
    }
}

impl Deciding<'_> {
    pub(super) fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Seen { upto } => self.see(upto),
            Mark::As { which: Which::These(ids), status } => self.mark_these(&ids, status),
            Mark::As { which: Which::All { upto, filter }, status } => self.mark_all(upto, &filter, status),
            Mark::Undo { offset } => self.undo(offset),
            Mark::Ack { id } => self.acknowledge(id),
        }
    }

    fn see(&mut self, upto: u64) {
        let upto = upto.min(self.head());
        // A watermark that passes nothing would be an entry about nothing; and since such an entry is the newest one
        // itself, a client that sees up to the newest would write one more each time.
        let passes_something = upto > self.inbox.seen && {
            let passed = self.inbox.seen + 1..=upto;
            self.inbox.items.range(passed).next().is_some()
        };
        if passes_something {
            self.inbox.seen = upto;
            self.write(Kind::Marked, By::Sender, body::marked_seen(upto));
        }
    }

    fn mark_these(&mut self, ids: &[NotificationId], status: Status) {
        let changed = self.apply(ids, status);
        if !changed.is_empty() {
            self.write_marked(status, body::marked(&changed, status.as_str()));
        }
    }

    fn mark_all(&mut self, upto: u64, filter: &Filter, status: Status) {
        let upto = upto.min(self.head());
        // Putting everything away is no answer to what wants one; a critical one is archived by its id alone.
        let is_passed_over = |item: &Item| status == Status::Archived && item.is_unacknowledged();
        let reached = self.inbox.items.range(..=upto).map(|(_, item)| item);
        let ids: Vec<_> =
            reached.filter(|item| item.fits(filter) && !is_passed_over(item)).map(|item| item.id).collect();
        let changed = self.apply(&ids, status);
        if changed.is_empty() {
            return;
        }
        // Without a filter every client finds the same ones by itself; what a filter meant then, only the ids tell.
        let fields = if *filter == Filter::default() {
            body::marked_all(upto, status.as_str())
        } else {
            body::marked(&changed, status.as_str())
        };
        self.write_marked(status, fields);
    }

    fn write_marked(&mut self, status: Status, fields: String) {
        let fields = match status {
            Status::Snoozed { until } => body::with_until(fields, until),
            _ => fields,
        };
        self.write(Kind::Marked, By::Sender, fields);
    }

    /// Makes items what `status` says, remembers what they were, and returns those that are others now.
    fn apply(&mut self, ids: &[NotificationId], status: Status) -> Vec<NotificationId> {
        let now = self.now;
        self.rewrite(ids.iter().map(|id| (*id, ())), |item, ()| status.apply(item, now))
    }

    fn undo(&mut self, offset: u64) {
        let Some(undo) = self.inbox.undos.iter().find(|undo| undo.offset == offset).cloned() else { return };
        let changed = self.rewrite(undo.before.iter().map(|before| (before.id, before)), |item, before| {
            if item.touched == offset {
                before.restore(item);
            }
        });
        if !changed.is_empty() {
            self.write(Kind::Marked, By::Sender, body::with_undo(body::marked(&changed, "undone"), offset));
        }
    }

    /// Lets `change` loose on items; those that it did change are touched by the next entry, which can be taken back.
    fn rewrite<T>(
        &mut self,
        wanted: impl Iterator<Item = (NotificationId, T)>,
        change: impl Fn(&mut Item, T),
    ) -> Vec<NotificationId> {
        let offset = self.next();
        let mut before = Vec::new();
        for (id, how) in wanted {
            self.inbox.change(id, |item| {
                let was = Before::of(item);
                change(item, how);
                if Before::of(item) != was {
                    item.touched = offset;
                    before.push(was);
                }
            });
        }
        let changed: Vec<_> = before.iter().map(|before| before.id).collect();
        for id in &changed {
            self.note(*id);
        }
        if !changed.is_empty() {
            self.remember(Undo { offset, before });
        }
        changed
    }

    fn remember(&mut self, undo: Undo) {
        self.out.undo = Some(undo.clone());
        self.inbox.undos.push_back(undo);
        if self.inbox.undos.len() > UNDOS_KEPT {
            self.inbox.undos.pop_front();
        }
    }

    fn acknowledge(&mut self, id: NotificationId) {
        let now = self.now;
        if self.inbox.item(id).is_some_and(Item::is_unacknowledged) {
            self.inbox.change(id, |item| item.acked = Some(now));
            self.note(id);
            self.out.acked = Some(id);
            self.write(Kind::Marked, By::Sender, body::marked(&[id], "acked"));
        }
    }
}

impl Status {
    /// The status's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unread => "unread",
            Self::Archived => "archived",
            Self::Unarchived => "unarchived",
            Self::Snoozed { .. } => "snoozed",
        }
    }

    /// An item stands on one shelf: archiving ends a snooze, and a snooze takes it out of the archive. What was read
    /// stays read wherever it stands; `unread` of an archived or snoozed one counts only when that is back.
    fn apply(self, item: &mut Item, now: Timestamp) {
        match self {
            Self::Read => item.read = item.read.or(Some(now)),
            Self::Unread => item.read = None,
            Self::Archived => {
                item.archived = item.archived.or(Some(now));
                item.snoozed_until = None;
            }
            Self::Unarchived => {
                item.archived = None;
                item.snoozed_until = None;
            }
            Self::Snoozed { until } => {
                item.archived = None;
                item.snoozed_until = Some(until);
            }
        }
    }
}

impl Before {
    fn of(item: &Item) -> Self {
        Self { id: item.id, read: item.read, archived: item.archived, snoozed_until: item.snoozed_until }
    }

    fn restore(&self, item: &mut Item) {
        item.read = self.read;
        item.archived = self.archived;
        item.snoozed_until = self.snoozed_until;
    }
}
