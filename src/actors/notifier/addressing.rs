//! From "who follows the sales dashboard" to names.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::actors::directory::Directory;
use crate::actors::directory::queries::Find;
use crate::actors::room::RoomContext;
use crate::actors::room::look::NameMembers;
use crate::bridge::inbox::ReadFollowers;
use crate::bridge::users::{ReadUser, ReadUsers, Users};
use crate::domain::grants::Right;
use crate::domain::ids::{RoomKey, RoomName, Tenant, UserId, UserKey};
use crate::domain::notification::Addressees;
use crate::protocol::Refusal;

/// Whom an order may reach at most.
const RECIPIENTS_MAX: usize = 1_000_000;
/// Users read at once.
const PAGE: usize = 1_000;
/// A room that does not answer for so long can't say who is in it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where names are looked up.
pub(super) struct Addressing {
    pub(super) context: Arc<RoomContext>,
    pub(super) directory: Addr<Directory>,
}

impl Addressing {
    /// Whom an order reaches, each once.
    pub(super) async fn recipients(&self, tenant: &Tenant, to: &Addressees) -> Result<Vec<UserId>, Refusal> {
        match to {
            Addressees::Users(users) => Ok(users.clone()),
            Addressees::Room(room) => self.of_room(tenant, room).await,
            Addressees::Role(role) => self.known(tenant, Some(role.to_string())).await,
            Addressees::Everyone => self.known(tenant, None).await,
        }
    }

    /// Who is in the room, and who follows it and may still join it.
    async fn of_room(&self, tenant: &Tenant, room: &RoomName) -> Result<Vec<UserId>, Refusal> {
        let key = RoomKey::new(tenant.clone(), room.clone());
        let mut reached: BTreeSet<UserId> = self.members(&key).await?.into_iter().collect();
        let reading = self.context.bridge.inboxes.followers.send(ReadFollowers { room: key }).await;
        let Ok(Ok(followers)) = reading else { return Err(away()) };
        for follower in followers {
            // Who is here was let in by a token of today.
            if !reached.contains(&follower) && self.may_join(tenant, &follower, room).await? {
                reached.insert(follower);
            }
        }
        Ok(reached.into_iter().collect())
    }

    async fn members(&self, key: &RoomKey) -> Result<Vec<UserId>, Refusal> {
        let (reply, found) = oneshot::channel();
        self.directory.do_send(Find { key: key.clone(), reply });
        let Some(located) = in_time(found).await? else { return Ok(Vec::new()) };
        let (reply, members) = oneshot::channel();
        // A room that is gone by now has nobody in it.
        if located.addr.try_send(NameMembers { reply }).is_err() {
            return if located.addr.connected() { Err(away()) } else { Ok(Vec::new()) };
        }
        in_time(members).await
    }

    /// By the newest token that was seen of the follower.
    async fn may_join(&self, tenant: &Tenant, follower: &UserId, room: &RoomName) -> Result<bool, Refusal> {
        let user = UserKey::new(tenant.clone(), follower.clone());
        let Ok(Ok(known)) = self.context.bridge.users.one.send(ReadUser { user }).await else { return Err(away()) };
        let open_to = self.context.config.open_to();
        Ok(known.is_some_and(|known| known.profile.grants.clone().open_to(&open_to).allow(room, Right::Join)))
    }

    /// The users of the tenant, or those with a role.
    async fn known(&self, tenant: &Tenant, role: Option<String>) -> Result<Vec<UserId>, Refusal> {
        let mut reached = Vec::new();
        let mut after = None;
        loop {
            let (tenant, role) = (tenant.clone(), role.clone());
            let page = ReadUsers { tenant, role, with_guests: true, after, limit: PAGE };
            let Ok(Ok(Users { users, next })) = self.context.bridge.users.many.send(page).await else {
                return Err(away());
            };
            reached.extend(users.into_iter().map(|known| known.user));
            if reached.len() > RECIPIENTS_MAX {
                return Err(Refusal::over_limit("a notification reaches at most 1,000,000 users"));
            }
            after = next;
            if after.is_none() {
                return Ok(reached);
            }
        }
    }
}

async fn in_time<T>(answer: oneshot::Receiver<T>) -> Result<T, Refusal> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(told)) => Ok(told),
        _ => Err(away()),
    }
}

fn away() -> Refusal {
    Refusal::unavailable("who is to be notified can't be told now").after(Duration::from_secs(1))
}
