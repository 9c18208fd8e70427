//! What a session pays for its commands, and what happens when it can't.

use std::time::Duration;

use super::{Open, Session};
use crate::actors::limits::{Meters, Standing, too_fast};
use crate::domain::limits::{Kind, Patience, TooFast, blocks, take_all};
use crate::protocol::Refusal;
use crate::protocol::codes::CloseCode;
use crate::protocol::command::{CommandId, command_id_of};
use crate::telemetry::seldom::Seldom;

/// The buckets that a session pays from, the narrowest first.
pub(super) struct Quota {
    session: Meters,
    standing: Standing,
    patience: Patience,
}

/// Whose each bucket is, in the order of [`Quota::pay`].
const SCOPES: [&str; 3] = ["session's", "user's", "address'"];
/// Refusals beyond this scope are the doing of others, and no reason to end a client.
const OWN_SCOPES: usize = 2;

impl Quota {
    pub(super) fn new(session: Meters, standing: Standing) -> Self {
        Self { session, standing, patience: Patience::default() }
    }

    fn scopes(&self) -> [&Meters; 3] {
        [&self.session, &self.standing.user.meters, &self.standing.address.meters]
    }

    fn pay(&self, kind: Kind, cost: u32) -> Result<(), TooFast> {
        take_all(&self.scopes(), kind, cost)
    }

    /// How long what was just paid takes to come back.
    fn refills(&self, kind: Kind, cost: u32) -> Duration {
        self.scopes().into_iter().map(|meters| meters.refills(kind, cost)).max().unwrap_or_default()
    }
}

impl Open {
    /// Pays for a command in its room's buckets too, which everybody there shares.
    ///
    /// # Errors
    /// The refusal, which tells nothing against the sender.
    pub(super) fn pay_in_room(&self, room: &Meters, kind: Kind) -> Result<(), Refusal> {
        room.take(kind, 1)
            .map_err(|refused| too_fast(kind, &refused, "room's", refused.wait.max(self.quota.refills(kind, 1))))
    }
}

impl Session {
    /// Pays for the bytes of a message; its id is looked for only when it has to be refused.
    pub(super) fn pays_for_bytes(&mut self, text: &str) -> bool {
        let cost = blocks(text.len());
        let Some(open) = self.open() else { return false };
        match open.quota.pay(Kind::Blocks, cost) {
            Ok(()) => true,
            Err(refused) => {
                self.refuse_too_fast(command_id_of(text).as_ref(), Kind::Blocks, &refused);
                false
            }
        }
    }

    /// Pays for a command. When it can't be paid, the client is told, and ended if it keeps on; a signal without an id
    /// vanishes, as any signal may.
    pub(super) fn pays(&mut self, id: Option<&CommandId>, kind: Kind, cost: u32) -> bool {
        let Some(open) = self.open() else { return false };
        let Err(refused) = open.quota.pay(kind, cost) else { return true };
        self.refuse_too_fast(id, kind, &refused);
        false
    }

    fn refuse_too_fast(&mut self, id: Option<&CommandId>, kind: Kind, refused: &TooFast) {
        if kind == Kind::Signal && id.is_none() {
            self.outbox.gauge.answered();
        } else {
            self.refuse(id, &too_fast(kind, refused, SCOPES[refused.scope], refused.wait));
        }
        let (now, max) = (self.node().clock.now(), self.node().config.limits.refusals_max);
        let keeps_on = refused.scope < OWN_SCOPES
            && self.open().is_some_and(|open| open.quota.patience.is_over(max, refused.wait, now));
        if keeps_on {
            static KEPT_ON: Seldom = Seldom::new();
            if let Some(untold) = KEPT_ON.is_told(now) {
                log::info!("a session from {} kept on over a limit of {}{untold}", self.client.address, kind.words());
            }
            self.close_for(CloseCode::RateLimited, self.node().config.limits.pause.max(refused.wait));
        }
    }
}
