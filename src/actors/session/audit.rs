//! What of a session is worth a record of the audit log.

use std::net::IpAddr;

use super::{Open, Session};
use crate::actors::audit::{self, Deed};
use crate::auth::{Identity, Refused};
use crate::bridge::inbox::InboxChange;
use crate::domain::audit::{Act, Draft, Facts};
use crate::domain::ids::RoomName;
use crate::protocol::codes::ErrorCode;

impl Session {
    /// Somebody without a good token wanted to connect.
    pub(super) fn audit_turned_away(&self, refused: &Refused) {
        match refused {
            // A good token may have been brought; nobody was told no.
            Refused::KeysAwaited | Refused::GuestName => {}
            _ => self.node().audit.turned_away(self.client.address, refused.reason()),
        }
    }

    /// A user who is known was refused something of this name.
    pub(super) fn audit_denied(&self, identity: &Identity, wanted: &str, code: ErrorCode) {
        let what = Facts::new().name("wanted", wanted);
        let who = audit::user(&identity.user.id);
        self.node().audit.denied(&identity.tenant, who, self.client.address, what, code);
    }

    /// The connected user may not do this in that room.
    pub(super) fn audit_forbidden(&mut self, wanted: &str, room: &RoomName) {
        self.audit_not_allowed(Facts::new().name("wanted", wanted).name("room", room.as_str()));
    }

    /// The connected user may not do this.
    pub(super) fn audit_not_allowed(&mut self, what: Facts) {
        let address = self.client.address;
        let Some(open) = self.open() else { return };
        let who = audit::user(&open.identity.user.id);
        open.node.audit.denied(&open.identity.tenant, who, address, what, ErrorCode::Forbidden);
    }

    /// The connected user brought a token that is no good, or somebody else's.
    pub(super) fn audit_refresh(&mut self) {
        let address = self.client.address;
        let Some(open) = self.open() else { return };
        let (what, who) = (Facts::new().name("wanted", "refresh"), audit::user(&open.identity.user.id));
        open.node.audit.denied(&open.identity.tenant, who, address, what, ErrorCode::Unauthorized);
    }
}

impl Open {
    /// The record of what this user does, to travel with what does it.
    pub(super) fn draft(&self, address: IpAddr, act: Act, what: Facts) -> Option<Draft> {
        let who = audit::user(&self.identity.user.id);
        self.node.audit.draft(Deed { tenant: &self.identity.tenant, who, address, act, what })
    }

    /// What users mark in their own inboxes is nobody else's business; what they want to hear of may be.
    pub(super) fn draft_of_change(&self, address: IpAddr, change: &InboxChange) -> Option<Draft> {
        let act = Act::of_change(change).filter(|act| *act != Act::Mark)?;
        self.draft(address, act, Facts::new().name("user", self.identity.user.id.as_str()))
    }
}
