//! What records say of orders to notify and of changes of inboxes: whose, and which kind; never what stands in them.

use super::{Act, Draft, Facts, OK};
use crate::domain::entry::Timestamp;
use crate::domain::inbox::Mark;
use crate::domain::inbox_log::{InboxChange, NewOrder};
use crate::domain::notification::{Addressees, NotificationId};

impl Act {
    /// What this change of an inbox is; `None` for what nobody does but time.
    #[must_use]
    pub fn of_change(change: &InboxChange) -> Option<Self> {
        match change {
            InboxChange::Mark(_) => Some(Self::Mark),
            InboxChange::Prefer(_) | InboxChange::Follow { .. } => Some(Self::Preferences),
            InboxChange::Settle => None,
        }
    }
}

impl Draft {
    /// Nobody acknowledged a notification in time, so the server orders another one.
    #[must_use]
    pub fn of_escalation(escalated: NotificationId, at: Timestamp) -> Self {
        let what = Facts::new().name("escalates", &escalated.to_string());
        Self { at, act: Act::Notify, who: "".into(), what, from: "".into(), outcome: OK }
    }

    /// It is this order, which reaches so many.
    #[must_use]
    pub fn of_order(mut self, order: &NewOrder, recipients: usize) -> Self {
        let what = self.what.name("notification", &order.id.to_string());
        let what = match &order.notify.to {
            Addressees::Users(_) => what.name("to", "users"),
            Addressees::Room(room) => what.name("to", "room").name("room", room.as_str()),
            Addressees::Role(role) => what.name("to", "role").name("role", role),
            Addressees::Everyone => what.name("to", "everyone"),
        };
        self.what = what.number("recipients", recipients as u64);
        self
    }

    /// It is this change of an inbox; of preferences these keys became others.
    #[must_use]
    pub fn of_change(mut self, change: &InboxChange, keys: &[&'static str]) -> Self {
        self.what = match change {
            InboxChange::Mark(mark) => {
                let what = self.what.name("as", word_of(mark));
                if let Mark::Ack { id } = mark { what.name("notification", &id.to_string()) } else { what }
            }
            InboxChange::Prefer(_) => self.what.name("keys", &keys.join(" ")),
            InboxChange::Follow { room, follows: true } => self.what.name("follow", room.as_str()),
            InboxChange::Follow { room, follows: false } => self.what.name("unfollow", room.as_str()),
            InboxChange::Settle => self.what,
        };
        self
    }
}

/// As entries call it.
fn word_of(mark: &Mark) -> &'static str {
    match mark {
        Mark::Seen { .. } => "seen",
        Mark::As { status, .. } => status.as_str(),
        Mark::Undo { .. } => "undone",
        Mark::Ack { .. } => "acked",
    }
}
