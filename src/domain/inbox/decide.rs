//! What a change does to an inbox: the entries to append, and what to write beside them.

use std::sync::Arc;
use std::time::Duration;

use super::arrive::{Arrival, Arrived};
use super::{Counts, Inbox, Item, Mark, Removed, Undo, body};
use crate::domain::entry::{Kind, Timestamp};
use crate::domain::notification::NotificationId;
use crate::domain::preferences::{Preferences, Verdict};

/// How much an inbox keeps. Critical ones that are not acknowledged are kept beyond both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// So many of the newest.
    pub newest: usize,
    /// For so long from their order on.
    pub age: Duration,
}

impl Default for Keep {
    /// 1,000 for 90 days.
    fn default() -> Self {
        Self { newest: 1_000, age: Duration::from_hours(90 * 24) }
    }
}

impl Keep {
    /// When what was ordered at `at` is too old.
    #[must_use]
    pub fn too_old_at(&self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// What happens to an inbox.
#[derive(Clone, Debug)]
pub enum Change {
    /// A notification reaches it.
    Arrive {
        /// What; the same for everybody whom it reaches.
        arrival: Arc<Arrival>,
        /// What the user's preferences say of it.
        verdict: Verdict,
    },
    /// The user marks something.
    Mark(Mark),
    /// The user's preferences are others, or the rooms that the user follows.
    Prefer {
        /// What they were.
        before: Box<Preferences>,
        /// What they are now.
        after: Box<Preferences>,
    },
    /// Time goes by: nothing but what is due.
    Settle,
}

/// Why a change does not happen. Nothing of it did, and nothing that was due either.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The inbox does not hold this one and remembers none of this id: `not_found`.
    #[error("there is no notification {0} in the inbox")]
    UnknownNotification(NotificationId),
    /// No mark that could be taken back stands there: `not_found`.
    #[error(
        "at offset {0} is nothing that can be undone: it is no mark, it is `seen` or `acked`, or too many came after it"
    )]
    NothingToUndo(u64),
    /// A snooze that would have ended already: `bad_message`.
    #[error("`until` has passed already")]
    UntilPassed,
}

/// What happens then. The entries get the offsets that follow the log's head, in their order.
///
/// Whoever keeps the fold as rows writes what stands here, and [`Inbox::seen`] and [`Inbox::pile`] as they are now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decided {
    /// The entries to append; none when nothing changes.
    pub entries: Vec<Written>,
    /// Items that are new or others than before, as they are now.
    pub changed: Vec<Item>,
    /// Those that the inbox held and holds no more, in the order in which they went.
    pub removed: Vec<(NotificationId, Removed)>,
    /// The fixed fields of the items that are new, as [`Arrival::text`].
    pub texts: Vec<(NotificationId, Arc<str>)>,
    /// What can be taken back from now on; of all that can the oldest beyond [`super::UNDOS_KEPT`] goes.
    pub undo: Option<Undo>,
    /// Of an arrival: what became of it.
    pub arrived: Option<Arrived>,
    /// The critical one that was acknowledged by this, and was not before: it is pushed and escalated no more.
    pub acked: Option<NotificationId>,
    /// The counts at `offset`.
    pub counts: Counts,
    /// The newest entry of the log when all this is written.
    pub offset: u64,
}

/// An entry to append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// `Notification`, `Marked` or `Preferred`.
    pub kind: Kind,
    /// Whose doing it is, for the entry's `from`.
    pub by: By,
    /// The fields of its kind as JSON without the braces, with the counts after this very entry:
    /// `"notifications":["018f…"],"as":"read","unread":1,"unseen":0`.
    pub body: Arc<str>,
}

/// Whose doing an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum By {
    /// Of whoever sent the change.
    Sender,
    /// Nobody's: it was time.
    Time,
}

impl Inbox {
    /// Lets `change` happen at `now`, after everything that is due by then. The log's newest entry is `head`.
    ///
    /// The same change once more writes nothing.
    ///
    /// # Errors
    /// [`Refused`]; the inbox is then as it was before.
    pub fn decide(&mut self, change: Change, now: Timestamp, head: u64, keep: &Keep) -> Result<Decided, Refused> {
        if let Change::Mark(mark) = &change {
            self.check(mark, now)?;
        }
        let mut deciding = Deciding { inbox: self, now, head, keep, changed: Vec::new(), out: Decided::default() };
        deciding.settle();
        match change {
            Change::Arrive { arrival, verdict } => {
                deciding.out.arrived = Some(deciding.arrive(&arrival, verdict, By::Sender));
            }
            Change::Mark(mark) => deciding.mark(mark),
            Change::Prefer { before, after } => deciding.prefer(&before, &after),
            Change::Settle => {}
        }
        // The change can have made something due: one too many, an old one acknowledged, a snooze that an undo brought
        // back after its end.
        deciding.settle();
        Ok(deciding.done())
    }
}

/// A change under way.
pub(super) struct Deciding<'a> {
    pub(super) inbox: &'a mut Inbox,
    pub(super) now: Timestamp,
    pub(super) keep: &'a Keep,
    pub(super) out: Decided,
    head: u64,
    /// In the order of their first change; some may be gone by the end.
    changed: Vec<NotificationId>,
}

impl Deciding<'_> {
    /// The newest entry so far.
    pub(super) fn head(&self) -> u64 {
        self.head + self.out.entries.len() as u64
    }

    /// The offset of the entry that is [written](Self::write) next.
    pub(super) fn next(&self) -> u64 {
        self.head() + 1
    }

    /// Appends an entry about what has just been done to the inbox, with the counts after it.
    pub(super) fn write(&mut self, kind: Kind, by: By, fields: String) {
        let body = body::with_counts(fields, self.inbox.counts());
        self.out.entries.push(Written { kind, by, body: body.into() });
    }

    /// Says that the store has an item to write.
    pub(super) fn note(&mut self, id: NotificationId) {
        self.changed.push(id);
    }

    /// Takes an item out.
    pub(super) fn remove(&mut self, id: NotificationId, why: Removed) {
        self.inbox.remove(id);
        self.out.removed.push((id, why));
    }

    fn prefer(&mut self, before: &Preferences, after: &Preferences) {
        if before == after {
            return;
        }
        self.inbox.pile = self.inbox.pile.take().filter(|_| after.digest);
        // Other quiet hours end at another time, or are over already; then what piled up is told at once.
        if let Some(pile) = &mut self.inbox.pile
            && before.quiet_hours != after.quiet_hours
        {
            pile.until = after.quiet_until(self.now).unwrap_or(self.now);
        }
        let body = format!("\"preferences\":{}", after.to_json());
        self.out.entries.push(Written { kind: Kind::Preferred, by: By::Sender, body: body.into() });
    }

    fn done(mut self) -> Decided {
        self.changed.sort_unstable();
        self.changed.dedup();
        self.out.changed = self.changed.iter().filter_map(|id| self.inbox.item(*id).cloned()).collect();
        self.out.counts = self.inbox.counts();
        self.out.offset = self.head();
        self.out
    }
}
