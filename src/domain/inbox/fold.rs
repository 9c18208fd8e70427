//! The fold as a value, and how a store keeps it.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Counts, Item, Keep, Pile, Undo};
use crate::domain::entry::Timestamp;
use crate::domain::ids::Epoch;
use crate::domain::notification::NotificationId;

/// So many ids of removed notifications are remembered: a mark that still names one is harmless, and the same one that
/// arrives again is known.
pub const GONE_KEPT: usize = 1_000;

/// So many marks can be taken back.
pub const UNDOS_KEPT: usize = 20;

/// What a user's log says of the user's notifications, true at its newest entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inbox {
    pub(super) epoch: Epoch,
    /// By the offset where they surfaced last, which is the order in which everybody sees them.
    pub(super) items: BTreeMap<u64, Item>,
    /// Where an id stands in `items`.
    pub(super) places: FxHashMap<NotificationId, u64>,
    pub(super) gone: Gone,
    pub(super) seen: u64,
    pub(super) pile: Option<Pile>,
    /// Oldest first.
    pub(super) undos: VecDeque<Undo>,
}

/// The fold in the form of rows. What [`Inbox::snapshot`] gives, [`Inbox::from_snapshot`] takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The life of the log.
    pub epoch: Epoch,
    /// All items, in any order.
    pub items: Vec<Item>,
    /// Ids of removed notifications, oldest first. For one change those that the change names are enough, when whoever
    /// keeps them drops all but the newest [`GONE_KEPT`] itself.
    pub gone: Vec<NotificationId>,
    /// The watermark: what surfaced up to this offset was seen.
    pub seen: u64,
    /// What piles up for the digest.
    pub pile: Option<Pile>,
    /// Marks that can be taken back, oldest first. For one change the one that an undo names is enough, when whoever
    /// keeps them drops all but the newest [`UNDOS_KEPT`] itself.
    pub undos: Vec<Undo>,
}

impl Inbox {
    /// The inbox of a log without entries.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self::from_snapshot(Snapshot { epoch, items: vec![], gone: vec![], seen: 0, pile: None, undos: vec![] })
    }

    /// The fold that was kept as `snapshot`.
    #[must_use]
    pub fn from_snapshot(snapshot: Snapshot) -> Self {
        let mut gone = Gone::default();
        for id in snapshot.gone {
            gone.remember(id);
        }
        Self {
            epoch: snapshot.epoch,
            places: snapshot.items.iter().map(|item| (item.id, item.surfaced)).collect(),
            items: snapshot.items.into_iter().map(|item| (item.surfaced, item)).collect(),
            gone,
            seen: snapshot.seen,
            pile: snapshot.pile,
            undos: snapshot.undos.into(),
        }
    }

    /// The fold as rows; items in the order in which they surfaced.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            epoch: self.epoch,
            items: self.items.values().cloned().collect(),
            gone: self.gone.order.iter().copied().collect(),
            seen: self.seen,
            pile: self.pile.clone(),
            undos: self.undos.iter().cloned().collect(),
        }
    }

    /// What a badge shows now.
    ///
    /// Counted anew each time: an inbox is small, and a number that nobody keeps cannot be wrong.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for item in self.items.values().filter(|item| item.is_unread()) {
            counts.unread += 1;
            counts.unseen += u32::from(item.surfaced > self.seen);
        }
        counts
    }

    /// The watermark: what surfaced up to this offset was seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// What piles up for the digest.
    #[must_use]
    pub fn pile(&self) -> Option<&Pile> {
        self.pile.as_ref()
    }

    /// All items, in the order in which they surfaced.
    #[must_use]
    pub fn items(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.items.values()
    }

    /// The item with this id, if the inbox holds it.
    #[must_use]
    pub fn item(&self, id: NotificationId) -> Option<&Item> {
        self.items.get(self.places.get(&id)?)
    }

    /// Whether the inbox held this id and remembers it.
    #[must_use]
    pub fn is_gone(&self, id: NotificationId) -> bool {
        self.gone.ids.contains(&id)
    }

    /// Critical ones that nobody acknowledged, in the order in which they surfaced; archived and snoozed ones too.
    pub fn unacknowledged(&self) -> impl Iterator<Item = NotificationId> {
        self.items.values().filter(|item| item.is_unacknowledged()).map(|item| item.id)
    }

    /// When time does something next, so that [`super::Change::Settle`] would write an entry; `None` for never.
    #[must_use]
    pub fn due_next(&self, keep: &Keep) -> Option<Timestamp> {
        let of_items = self.items.values().flat_map(|item| {
            let too_old = (!item.is_unacknowledged()).then(|| keep.too_old_at(item.at));
            [item.snoozed_until, item.expires, too_old]
        });
        of_items.flatten().chain(self.pile.as_ref().map(|pile| pile.until)).min()
    }

    /// Changes the item with this id in its place; `change` leaves `surfaced` alone.
    pub(super) fn change(&mut self, id: NotificationId, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.places.get(&id).and_then(|place| self.items.get_mut(place)) {
            change(item);
        }
    }

    /// Puts an item where it surfaced, also when it stood elsewhere before.
    pub(super) fn place(&mut self, item: Item) {
        if let Some(before) = self.places.insert(item.id, item.surfaced) {
            self.items.remove(&before);
        }
        self.items.insert(item.surfaced, item);
    }

    /// Takes an item out and remembers its id.
    pub(super) fn remove(&mut self, id: NotificationId) {
        if let Some(place) = self.places.remove(&id) {
            self.items.remove(&place);
            self.gone.remember(id);
        }
    }
}

/// The newest ids that were removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Gone {
    order: VecDeque<NotificationId>,
    ids: FxHashSet<NotificationId>,
}

impl Gone {
    fn remember(&mut self, id: NotificationId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > GONE_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}
