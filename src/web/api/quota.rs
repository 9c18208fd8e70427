//! What a call pays, and from which buckets.
//!
//! A user's calls are paid from the buckets of the user and of the address, which the user's sessions share: whoever
//! was refused over a connection gets no further over HTTP. A backend is its operator's own and has no bucket; but what
//! anybody writes into a room is paid from the room's, because its members have to bear it, whoever wrote it.

use std::net::IpAddr;
use std::sync::Arc;

use super::asked::Caller;
use crate::actors::limits::{Address, Limits, User, too_fast};
use crate::config::RoomRates;
use crate::domain::ids::RoomKey;
use crate::domain::limits::{Kind, blocks, take_all};
use crate::protocol::Refusal;

/// What one caller pays from.
pub(super) struct Quota {
    limits: Arc<Limits>,
    /// None for a backend.
    own: Option<(Arc<User>, Arc<Address>)>,
}

/// Whose each bucket is, in the order in which a user pays.
const SCOPES: [&str; 2] = ["user's", "address'"];

impl Quota {
    /// The buckets of `caller` at this address.
    pub(super) fn of(caller: &Caller, limits: &Arc<Limits>, address: IpAddr) -> Self {
        let own = match caller {
            Caller::Backend(_) => None,
            Caller::User(identity) => Some((limits.user(&identity.tenant, &identity.user.id), limits.address(address))),
        };
        Self { limits: Arc::clone(limits), own }
    }

    /// Pays for one of `kind`.
    pub(super) fn pay(&self, kind: Kind) -> Result<(), Refusal> {
        self.take(kind, 1)
    }

    /// Pays for so many bytes of a request.
    pub(super) fn pay_for_bytes(&self, bytes: usize) -> Result<(), Refusal> {
        self.take(Kind::Blocks, blocks(bytes))
    }

    /// Pays in its room, of these rates, for an entry that was paid for as `kind`.
    pub(super) fn pay_in_room(&self, room: &RoomKey, rates: RoomRates, kind: Kind) -> Result<(), Refusal> {
        self.limits.room(room, rates).take(Kind::Publish, 1).map_err(|refused| {
            let own = self.own.iter().flat_map(|(user, address)| [&user.meters, &address.meters]);
            // What was just paid has to come back as well.
            let paid_back = own.map(|meters| meters.refills(kind, 1)).max().unwrap_or_default();
            too_fast(Kind::Publish, &refused, "room's", refused.wait.max(paid_back))
        })
    }

    fn take(&self, kind: Kind, cost: u32) -> Result<(), Refusal> {
        let Some((user, address)) = &self.own else { return Ok(()) };
        take_all(&[&user.meters, &address.meters], kind, cost)
            .map_err(|refused| too_fast(kind, &refused, SCOPES[refused.scope], refused.wait))
    }
}
