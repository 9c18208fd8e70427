//! Who waits for an answer, and gets one however the one who was asked ends.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::{Answered, JoinDone, Outcome, SessionAddr};
use crate::delivery::hub::Then;
use crate::protocol::Refusal;

/// Goes with a letter and everything that is made of it. When the last of that is dropped without an answer, because a
/// room or the bridge panicked over it or ended with it in its mailbox, the session hears `unavailable` at once, and not
/// by its own deadline ten seconds later.
pub struct Asker {
    session: SessionAddr,
    ticket: u64,
    is_answered: Cell<bool>,
}

/// When it is worth asking again: whoever panicked is back by then.
const AGAIN: Duration = Duration::from_millis(100);

impl Asker {
    /// The command `ticket` of `session`.
    #[must_use]
    pub fn new(session: &SessionAddr, ticket: u64) -> Self {
        Self { session: Arc::clone(session), ticket, is_answered: Cell::new(false) }
    }

    /// Whose command it is.
    #[must_use]
    pub fn session(&self) -> &SessionAddr {
        &self.session
    }

    /// Under which number it knows the command.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    /// The command ended so.
    pub fn answer(&self, outcome: Outcome) {
        self.is_answered.set(true);
        self.session.do_send(Answered { ticket: self.ticket, outcome });
    }

    /// The command was refused.
    pub fn refuse(&self, refusal: Refusal) {
        self.answer(Outcome::Refused(refusal));
    }

    /// The join was answered by a page, and more are to be asked for.
    pub fn got_page(&self) {
        self.is_answered.set(true);
        self.session.do_send(JoinDone { ticket: self.ticket, is_in: false });
    }

    /// The join is being answered by the hub, which calls this when it was.
    #[must_use]
    pub fn joined_then(&self) -> Then {
        self.is_answered.set(true);
        let (session, ticket) = (Arc::clone(&self.session), self.ticket);
        Box::new(move || session.do_send(JoinDone { ticket, is_in: true }))
    }
}

impl Drop for Asker {
    /// A late word hits nothing: the session forgets a ticket with its first answer.
    fn drop(&mut self) {
        if !self.is_answered.get() {
            let refusal = Refusal::unavailable("no answer came of it; whether it was done is not known");
            self.refuse(refusal.after(AGAIN));
        }
    }
}
