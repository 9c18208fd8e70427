//! The fold as a store keeps it: rows that are written from what was decided and from nothing else.

use std::collections::BTreeMap;

use super::super::{GONE_KEPT, Item, Pile, Snapshot, UNDOS_KEPT, Undo};
use super::*;

/// Tables in memory.
pub(super) struct Rows {
    epoch: Epoch,
    items: BTreeMap<NotificationId, Item>,
    gone: Vec<NotificationId>,
    seen: u64,
    pile: Option<Pile>,
    undos: BTreeMap<u64, Undo>,
}

impl Rows {
    pub(super) fn new(inbox: &Inbox) -> Self {
        let epoch = inbox.snapshot().epoch;
        Self { epoch, items: BTreeMap::new(), gone: vec![], seen: 0, pile: None, undos: BTreeMap::new() }
    }

    /// Writes what was decided.
    pub(super) fn write(&mut self, decided: &Decided, inbox: &Inbox) {
        self.items.extend(decided.changed.iter().map(|item| (item.id, item.clone())));
        for (id, _) in &decided.removed {
            self.items.remove(id);
            self.gone.push(*id);
        }
        self.gone.drain(..self.gone.len().saturating_sub(GONE_KEPT));
        self.undos.extend(decided.undo.iter().map(|undo| (undo.offset, undo.clone())));
        while self.undos.len() > UNDOS_KEPT {
            self.undos.pop_first();
        }
        self.seen = inbox.seen();
        self.pile = inbox.pile().cloned();
    }

    /// Everything, items in the order of their ids.
    pub(super) fn load(&self) -> Inbox {
        self.load_some(self.gone.clone(), self.undos.values().cloned().collect())
    }

    /// What a change asks for: of what went, and of what can be undone, no more than it names.
    pub(super) fn load_for(&self, change: &Change) -> Inbox {
        let named = |id: &NotificationId| match change {
            Change::Arrive { arrival, .. } => arrival.id == *id,
            Change::Mark(Mark::As { which: Which::These(ids), .. }) => ids.contains(id),
            Change::Mark(Mark::Ack { id: acked }) => acked == id,
            _ => false,
        };
        let undone = match change {
            Change::Mark(Mark::Undo { offset }) => self.undos.get(offset).cloned(),
            _ => None,
        };
        self.load_some(self.gone.iter().filter(|id| named(id)).copied().collect(), undone.into_iter().collect())
    }

    fn load_some(&self, gone: Vec<NotificationId>, undos: Vec<Undo>) -> Inbox {
        let items = self.items.values().cloned().collect();
        Inbox::from_snapshot(Snapshot {
            epoch: self.epoch,
            items,
            gone,
            seen: self.seen,
            pile: self.pile.clone(),
            undos,
        })
    }
}
