//! Who lives where on this node: rooms by name, sessions by secret.
//!
//! Only the Directory starts and retires rooms. To retire one it asks with `Retire` and parks look-ups; the room decides
//! in the order of its own mailbox, and leaves the map only when it agreed. Rooms bear a number that is never used
//! twice, so late news of an old one hits nothing.
//!
//! A session's record outlives its connection by the grace time: name, user and generation. Whoever brings the secret in
//! that time takes the session up under a newer generation.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::limits::Meters;
use super::room::signals::Gathering;
use super::room::{Recalled, Retire, Room, RoomContext};
use super::session::{SessionAddr, TakenUp};
use crate::bridge::users::Remember;
use crate::delivery::Farewell;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{RoomKey, RoomName, SessionId, UserKey};
use crate::domain::known_user::News;
use crate::protocol::Refusal;
use crate::supervise;

mod inboxes;
pub mod queries;
mod sessions;

use sessions::{Connection, Record, Removed, Sessions};

/// Where is this room? Opens it if nobody has it open.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Locate {
    /// Which room.
    pub key: RoomKey,
    /// Hears where.
    pub reply: Reply,
}

/// How who asks for a room hears of it.
pub type Reply = oneshot::Sender<Result<Located, NodeFull>>;

/// As many rooms are open as may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeFull;

impl NodeFull {
    /// What the client hears.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        Refusal::over_limit("this node has as many rooms open as it may have")
    }
}

/// Where a room is. Cloning shares it: an address of its own for each session would be two allocations more.
#[derive(Clone)]
pub struct Located(Arc<RoomPlace>);

/// A room's place.
pub struct RoomPlace {
    /// Its mailbox.
    pub addr: Addr<Room>,
    /// Its number, never used twice.
    pub number: u64,
    /// What everybody in it may do together.
    pub meters: Arc<Meters>,
    /// How many members it had when it last looked. The room writes, anybody reads.
    pub members: Arc<AtomicUsize>,
    /// What those who are in it signal.
    pub signals: Arc<Gathering>,
}

/// A [`Located`] that keeps no place alive.
pub struct LocatedBefore(Weak<RoomPlace>);

impl Located {
    /// The same, for whoever only remembers it.
    #[must_use]
    pub fn downgrade(&self) -> LocatedBefore {
        LocatedBefore(Arc::downgrade(&self.0))
    }
}

impl LocatedBefore {
    /// The place, while somebody holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Located> {
        self.0.upgrade().map(Located)
    }
}

impl Deref for Located {
    type Target = RoomPlace;

    fn deref(&self) -> &RoomPlace {
        &self.0
    }
}

/// A client connected, and this is its session from now on. Nobody waits for an answer: what is asked of the Directory
/// later finds it, because that comes later into the same mailbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OpenSession {
    /// Its public name.
    pub session: SessionId,
    /// What will prove that it is the client's.
    pub secret: Secret,
    /// Whose it is.
    pub user: UserKey,
    /// Who serves it; hears `InboxOpen` if the user's own room is open.
    pub addr: SessionAddr,
}

/// A client connected with a secret: take its session up, if there is one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakeUp {
    /// What the client kept.
    pub secret: String,
    /// Whose session it must be.
    pub user: UserKey,
    /// Who serves it from now on; hears `InboxOpen` if the user's own room is open.
    pub addr: SessionAddr,
    /// Hears which session it is; nothing when the secret is unknown, too old, or another user's.
    pub reply: oneshot::Sender<Option<Registration>>,
}

/// An open session.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its public name.
    pub session: SessionId,
    /// What proves that it is ours.
    pub secret: Secret,
    /// Which of its connections this is; the newest owns it.
    pub generation: u64,
    /// Whether it was taken up.
    pub resumed: bool,
}

impl Opened {
    /// A new one, which nobody knows yet.
    #[must_use]
    pub fn drawn() -> Self {
        Self { session: SessionId::random(), secret: Secret::random(), generation: 1, resumed: false }
    }
}

/// A session that was taken up, on its way to who serves it. Nobody else would end it, so one that is not claimed ends by itself: the
/// connection can be gone before the answer is looked at.
pub struct Registration {
    opened: Option<Opened>,
    directory: Addr<Directory>,
}

impl Registration {
    /// The session; whoever has it tells of its end from now on.
    ///
    /// # Panics
    /// Never: it is there until it is claimed, and that takes this with it.
    #[must_use]
    pub fn claim(mut self) -> Opened {
        self.opened.take().expect("it is there until it is claimed")
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(Opened { secret, generation, .. }) = self.opened.take() else { return };
        self.directory.do_send(SessionEnded { secret, generation, farewell: Farewell::Lost, rooms: Vec::new() });
    }
}

/// A session's connection has ended, in whatever way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SessionEnded {
    /// Which session.
    pub secret: Secret,
    /// By which connection; an older one's end is no news.
    pub generation: u64,
    /// How it ended.
    pub farewell: Farewell,
    /// Where it was, for the news of its return.
    pub rooms: Vec<(RoomName, Located)>,
}

/// A room has nobody left and would like to go.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RoomIdle {
    /// Which room.
    pub key: RoomKey,
    /// Its number.
    pub number: u64,
}

/// A room's answer to `Retire`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RetireAnswer {
    /// Which room.
    pub key: RoomKey,
    /// Its number.
    pub number: u64,
    /// Whether it is still idle, and gone.
    pub agreed: bool,
}

/// A room died.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RoomDied {
    /// Which room.
    pub key: RoomKey,
    /// Its number.
    pub number: u64,
}

/// What proves that a session is the client's own. Never logged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Uuid);

impl Secret {
    /// Its digits, as a client knows it.
    const LENGTH: usize = uuid::fmt::Simple::LENGTH;

    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// What a client brought, if it can be one.
    fn parse(text: &str) -> Option<Self> {
        // By its length alone it is told from the other forms that a UUID has.
        (text.len() == Self::LENGTH).then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
    }

    /// As it goes to the client.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.simple().to_string()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The register of one node.
pub struct Directory {
    context: Arc<RoomContext>,
    arbiters: Vec<ArbiterHandle>,
    rooms: HashMap<RoomKey, Place>,
    last_number: u64,
    sessions: Sessions,
}

struct Place {
    located: Located,
    /// `Some` while the room decides whether it retires.
    parked: Option<Vec<Reply>>,
}

/// How often records of sessions that did not return are cleared away.
const SWEEP: Duration = Duration::from_secs(1);
/// How often buckets that nobody holds are cleared away.
const LIMITS_SWEEP: Duration = Duration::from_secs(10);

impl Directory {
    /// An empty register that starts its rooms on `arbiters` in turn.
    #[must_use]
    pub fn new(context: Arc<RoomContext>, arbiters: Vec<ArbiterHandle>) -> Self {
        Self { context, arbiters, rooms: HashMap::new(), last_number: 0, sessions: Sessions::default() }
    }

    fn start_room(&mut self, key: &RoomKey, directory: Addr<Self>) -> Located {
        self.last_number += 1;
        let number = self.last_number;
        let arbiter = &self.arbiters[usize::try_from(number).unwrap_or(0) % self.arbiters.len()];
        let (context, name) = (Arc::clone(&self.context), key.clone());
        let members = Arc::<AtomicUsize>::default();
        let signals = Arc::<Gathering>::default();
        let shared = (Arc::clone(&members), Arc::clone(&signals));
        let addr = supervise::start_restarting_in(arbiter, format!("room {key}"), &self.context.clock, move |ctx| {
            Room::new(name, number, context, directory, shared, ctx)
        });
        let meters = self.context.limits.room(key, self.context.config.room(&key.room).rates);
        let located = Located(Arc::new(RoomPlace { addr, number, meters, members, signals }));
        self.rooms.insert(key.clone(), Place { located: located.clone(), parked: None });
        self.call_owner(key);
        located
    }

    /// Takes a session up under a newer generation, if the secret holds.
    fn recall(&mut self, TakeUp { secret, user, addr, .. }: &TakeUp) -> Option<Opened> {
        let now = self.context.clock.now();
        let secret = Secret::parse(secret)?;
        let record = self.sessions.get(&secret).filter(|record| record.user == *user)?;
        if matches!(&record.connection, Connection::Gone(was) if now >= was.until) {
            return None;
        }
        let (record, old) = self.sessions.take_up(&secret, Arc::clone(addr))?;
        match old {
            // The old one ends without a word; its rooms hear of the newer generation when it joins them again.
            Connection::Standing(old) => old.do_send(TakenUp),
            Connection::Gone(was) => {
                for (_, room) in &was.rooms {
                    room.addr.do_send(Recalled { session: record.session.clone(), generation: record.generation });
                }
            }
        }
        Some(Opened { session: record.session.clone(), secret, generation: record.generation, resumed: true })
    }

    /// The one way out for a session: whose last one it was is remembered as seen.
    fn forget(&mut self, secret: &Secret) -> Option<Record> {
        let Removed { record, left_at } = self.sessions.remove(secret, self.context.clock.wall())?;
        if let Some(at) = left_at {
            self.remember_seen(record.user.clone(), at);
        }
        Some(record)
    }

    fn remember_seen(&self, user: UserKey, at: Timestamp) {
        self.context.bridge.users.remember.do_send(Remember { user, news: News::seen(at) });
    }
}

impl Actor for Directory {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(4_096);
        ctx.run_interval(SWEEP, |directory, _| {
            for secret in directory.sessions.over(directory.context.clock.now()) {
                directory.forget(&secret);
            }
        });
        ctx.run_interval(LIMITS_SWEEP, |directory, _| directory.context.limits.sweep());
    }
}

impl Supervised for Directory {}

impl Handler<Locate> for Directory {
    type Result = ();

    fn handle(&mut self, locate: Locate, ctx: &mut Self::Context) {
        let is_full = self.rooms.len() >= self.context.config.limits.rooms_per_node;
        let located = match self.rooms.get_mut(&locate.key) {
            Some(Place { parked: Some(parked), .. }) => {
                parked.push(locate.reply);
                return;
            }
            Some(place) => Ok(place.located.clone()),
            None if is_full => Err(NodeFull),
            None => Ok(self.start_room(&locate.key, ctx.address())),
        };
        // Who asked may be gone by now.
        let _ = locate.reply.send(located);
    }
}

impl Handler<OpenSession> for Directory {
    type Result = ();

    fn handle(&mut self, OpenSession { session, secret, user, addr }: OpenSession, _: &mut Self::Context) {
        self.tell_if_inbox_open(&user, &addr);
        self.sessions.insert(secret, Record { session, user, generation: 1, connection: Connection::Standing(addr) });
    }
}

impl Handler<TakeUp> for Directory {
    type Result = ();

    fn handle(&mut self, letter: TakeUp, ctx: &mut Self::Context) {
        let opened = self.recall(&letter);
        if opened.is_some() {
            self.tell_if_inbox_open(&letter.user, &letter.addr);
        }
        let registration = opened.map(|opened| Registration { opened: Some(opened), directory: ctx.address() });
        // Unheard, it comes back and ends itself.
        let _ = letter.reply.send(registration);
    }
}

impl Handler<SessionEnded> for Directory {
    type Result = ();

    fn handle(&mut self, ended: SessionEnded, _: &mut Self::Context) {
        let is_news = |record: &Record| record.generation == ended.generation;
        if !self.sessions.get(&ended.secret).is_some_and(is_news) {
            return;
        }
        match self.context.grace(ended.farewell) {
            None => {
                self.forget(&ended.secret);
            }
            Some(grace) => {
                let until = self.context.clock.now() + grace;
                self.sessions.lose(&ended.secret, until, self.context.clock.wall(), ended.rooms);
            }
        }
    }
}

impl Handler<RoomIdle> for Directory {
    type Result = ();

    fn handle(&mut self, idle: RoomIdle, _: &mut Self::Context) {
        let Some(place) = self.rooms.get_mut(&idle.key) else { return };
        if place.located.number == idle.number && place.parked.is_none() {
            place.parked = Some(Vec::new());
            place.located.addr.do_send(Retire);
        }
    }
}

impl Handler<RetireAnswer> for Directory {
    type Result = ();

    fn handle(&mut self, answer: RetireAnswer, ctx: &mut Self::Context) {
        let Some(place) = self.rooms.get_mut(&answer.key).filter(|place| place.located.number == answer.number) else {
            return;
        };
        let parked = place.parked.take().unwrap_or_default();
        let mut located = place.located.clone();
        if answer.agreed {
            self.rooms.remove(&answer.key);
            if parked.is_empty() {
                return;
            }
            located = self.start_room(&answer.key, ctx.address());
        }
        for reply in parked {
            let _ = reply.send(Ok(located.clone()));
        }
    }
}

impl Handler<RoomDied> for Directory {
    type Result = ();

    fn handle(&mut self, died: RoomDied, ctx: &mut Self::Context) {
        let Some(place) = self.rooms.get_mut(&died.key).filter(|place| place.located.number == died.number) else {
            return;
        };
        log::error!("room {} died; its sessions come back by cursor", died.key);
        let parked = place.parked.take().unwrap_or_default();
        self.rooms.remove(&died.key);
        if !parked.is_empty() {
            let located = self.start_room(&died.key, ctx.address());
            for reply in parked {
                let _ = reply.send(Ok(located.clone()));
            }
        }
    }
}
