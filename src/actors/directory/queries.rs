//! What others ask of the register: who is where, and that somebody's sessions end.

use std::sync::atomic::Ordering;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Connection, Directory, Located, Secret};
use crate::actors::room::Abandon;
use crate::actors::session::TellRooms;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomKey, RoomName, SessionId, Tenant, UserKey};

/// Where is this room, if somebody has it open? Unlike `Locate` it opens none.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Find {
    /// Which room.
    pub key: RoomKey,
    /// Hears where.
    pub reply: oneshot::Sender<Option<Located>>,
}

/// Which rooms is somebody in? By name, ascending.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ListRooms {
    /// In which world.
    pub tenant: Tenant,
    /// What their names begin with.
    pub prefix: String,
    /// Only those behind this name.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Hears them with their members' number, and whether there are more.
    pub reply: oneshot::Sender<(Vec<(RoomName, usize)>, bool)>,
}

/// Where is this user?
#[derive(Message)]
#[rtype(result = "()")]
pub struct FindUser {
    /// Who.
    pub user: UserKey,
    /// Hears of each of the user's sessions.
    pub reply: oneshot::Sender<Vec<Whereabouts>>,
}

/// One session of a user.
pub struct Whereabouts {
    /// Its public name.
    pub session: SessionId,
    /// When its connection ended; `None` while it stands.
    pub gone_at: Option<Timestamp>,
    /// Brings the names of its rooms.
    pub rooms: oneshot::Receiver<Vec<RoomName>>,
}

/// End sessions for good: their clients are closed with 4403 and their secrets hold no longer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndSessions {
    /// Whose.
    pub whose: Whose,
    /// Hears how many there were.
    pub reply: oneshot::Sender<usize>,
}

/// A user was forgotten: end their sessions likewise, and their own room, which knows the life of its log before this one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ForgetUser {
    /// Whom.
    pub user: UserKey,
    /// Hears how many sessions there were.
    pub reply: oneshot::Sender<usize>,
}

/// Which sessions are meant.
pub enum Whose {
    /// All of a user's.
    User(UserKey),
    /// This one, if it is in that world.
    Session(Tenant, SessionId),
}

/// Everybody leaves, for this node ends: remember when they were here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SeeOff {
    /// Hears when the bridge has been told.
    pub reply: oneshot::Sender<()>,
}

/// How much is there?
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeCensus {
    /// Hears it.
    pub reply: oneshot::Sender<Census>,
}

/// How much there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Census {
    /// Open rooms, those included that nobody is in and that are about to go.
    pub rooms: usize,
    /// Sessions, those included whose client may still return.
    pub sessions: usize,
}

// Who asked may have gone meanwhile, and then nobody wants the answer.

impl Handler<Find> for Directory {
    type Result = ();

    fn handle(&mut self, find: Find, _: &mut Self::Context) {
        let _ = find.reply.send(self.rooms.get(&find.key).map(|place| place.located.clone()));
    }
}

impl Handler<ListRooms> for Directory {
    type Result = ();

    fn handle(&mut self, list: ListRooms, _: &mut Self::Context) {
        let fits =
            |name: &str| name.starts_with(&list.prefix) && list.after.as_deref().is_none_or(|after| name > after);
        let of_tenant = self.rooms.iter().filter(|(key, _)| key.tenant == list.tenant && fits(key.room.as_str()));
        // The number is what each room said last, so no room is asked and none has to answer.
        let counted = of_tenant.map(|(key, place)| (&key.room, place.located.members.load(Ordering::Relaxed)));
        let mut rooms: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
        let has_more = rooms.len() > list.limit;
        if has_more {
            rooms.select_nth_unstable(list.limit);
            rooms.truncate(list.limit);
        }
        rooms.sort_unstable();
        let rooms = rooms.into_iter().map(|(name, count)| (name.clone(), count)).collect();
        let _ = list.reply.send((rooms, has_more));
    }
}

impl Handler<FindUser> for Directory {
    type Result = ();

    fn handle(&mut self, find: FindUser, _: &mut Self::Context) {
        let secrets = self.sessions.secrets_of(&find.user);
        let of_user = secrets.iter().filter_map(|secret| self.sessions.get(secret));
        let whereabouts = of_user.map(|record| {
            let (reply, rooms) = oneshot::channel();
            let gone_at = match &record.connection {
                Connection::Standing(addr) => {
                    addr.do_send(TellRooms { reply });
                    None
                }
                Connection::Gone(was) => {
                    let _ = reply.send(was.rooms.iter().map(|(name, _)| name.clone()).collect());
                    Some(was.at)
                }
            };
            Whereabouts { session: record.session.clone(), gone_at, rooms }
        });
        let _ = find.reply.send(whereabouts.collect());
    }
}

impl Handler<EndSessions> for Directory {
    type Result = ();

    fn handle(&mut self, end: EndSessions, _: &mut Self::Context) {
        let secrets = match &end.whose {
            Whose::User(user) => self.sessions.secrets_of(user).to_vec(),
            Whose::Session(tenant, session) => {
                let secret = self.sessions.secret_of(session).cloned();
                let is_of = |secret: &Secret| self.sessions.get(secret).is_some_and(|r| r.user.tenant == *tenant);
                secret.filter(is_of).into_iter().collect()
            }
        };
        self.end(&secrets);
        let _ = end.reply.send(secrets.len());
    }
}

impl Handler<ForgetUser> for Directory {
    type Result = ();

    /// The sessions first: they hear of their end before the room can tell them of its own.
    fn handle(&mut self, ForgetUser { user, reply }: ForgetUser, ctx: &mut Self::Context) {
        let secrets = self.sessions.secrets_of(&user).to_vec();
        self.end(&secrets);
        self.abandon_room(&RoomKey::new(user.tenant, RoomName::personal(&user.user)), ctx);
        let _ = reply.send(secrets.len());
    }
}

impl Directory {
    /// Without its record nobody takes a session up again, however its connection ends.
    fn end(&mut self, secrets: &[Secret]) {
        for secret in secrets {
            if let Some(record) = self.forget(secret) {
                record.end();
            }
        }
    }

    /// Whoever looks the room up from now on, or waits to hear whether it retires, finds another one.
    fn abandon_room(&mut self, key: &RoomKey, ctx: &mut Context<Self>) {
        let Some(place) = self.rooms.remove(key) else { return };
        place.located.addr.do_send(Abandon);
        let parked = place.parked.unwrap_or_default();
        if parked.is_empty() {
            return;
        }
        let located = self.start_room(key, ctx.address());
        for reply in parked {
            let _ = reply.send(Ok(located.clone()));
        }
    }
}

impl Handler<SeeOff> for Directory {
    type Result = ();

    fn handle(&mut self, see_off: SeeOff, _: &mut Self::Context) {
        let now = self.context.clock.wall();
        for (user, left_at) in self.sessions.users() {
            self.remember_seen(user.clone(), left_at.unwrap_or(now));
        }
        let _ = see_off.reply.send(());
    }
}

impl Handler<TakeCensus> for Directory {
    type Result = ();

    fn handle(&mut self, census: TakeCensus, _: &mut Self::Context) {
        let _ = census.reply.send(Census { rooms: self.rooms.len(), sessions: self.sessions.len() });
    }
}
