//! What of a session is worth a record of the audit log.

use super::Session;
use crate::actors::audit;
use crate::auth::{Identity, Refused};
use crate::domain::audit::Facts;
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
        let address = self.client.address;
        let Some(open) = self.open() else { return };
        let what = Facts::new().name("wanted", wanted).name("room", room.as_str());
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
