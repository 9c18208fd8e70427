//! A session: one client's commands, in the order sent, answered once each.
//!
//! It lives on the worker thread of its connection and exactly as long as that; what outlives the connection is the
//! Directory's record (so that the client can return by its secret) and the member in each room (so that nobody sees it
//! leave). However a session ends, panics included, `Open`'s drop tells both: the one door out.
//!
//! ```text
//! connection ─ Incoming ─▶ Session ─ Join, Publish, … ─▶ Room
//!      ▲                      ▲ ◀─ JoinDone, Answered ───── Room, bridge
//!      └── outbox ◀── replies ┘
//! ```
//!
//! What a session has taken from its connection and not answered is bounded by its [`Gauge`](crate::delivery::Gauge); beyond it the connection
//! is not read. Every command that waits for somebody else has a deadline.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytestring::ByteString;
use tokio::sync::oneshot;

use super::directory::{Secret, SessionEnded};
use super::limits::Arrival;
use super::room::Gone;
use super::room::join::{Join, Participant};
use super::{Node, WorkerContext};
use crate::auth::Identity;
use crate::bridge::inbox::{InboxChanged, InboxError, Placed};
use crate::bridge::{AppendError, Appended};
use crate::delivery::{Farewell, Frame, Outbox};
use crate::domain::cursor::Cursor;
use crate::domain::ids::RoomName;
use crate::domain::presence::Device;
use crate::domain::redaction::Redaction;
use crate::domain::visibility::Reader;
use crate::protocol::codes::CloseCode;
use crate::protocol::command::{self, Command, CommandId, Incoming as Understood};
use crate::protocol::{Refusal, push};

mod alarms;
mod asker;
mod audit;
mod commands;
mod connect;
mod faults;
mod few;
mod inbox;
mod order;
mod quota;
mod slot;

pub use alarms::Alarms;
use alarms::SetAlarm;
pub use asker::Asker;
use faults::Faults;
use few::Few;
pub use inbox::InboxOpen;
use inbox::Me;
use quota::Quota;
use slot::{Slot, SlotState};

/// A text message from the client.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Incoming(pub ByteString);

/// A message that can't be text of this protocol, and why.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unreadable(pub &'static str);

/// The connection is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ConnectionEnded {
    /// How it ended.
    pub farewell: Farewell,
}

/// A newer connection took the session up; this one ends without a word.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakenUp;

/// A backend or an operator ends the session.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// Somebody asks in which rooms the session is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TellRooms {
    /// Hears their names.
    pub reply: oneshot::Sender<Vec<RoomName>>,
}

/// A room died. Its sessions come back by cursor.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RoomGone {
    /// Its number.
    pub number: u64,
}

/// A room answered a join; the client has heard it through the hub.
#[derive(Message)]
#[rtype(result = "()")]
pub struct JoinDone {
    /// Which command.
    pub ticket: u64,
    /// Whether the session is in the room now, or has a page to catch up first.
    pub is_in: bool,
}

/// A join reached a room that had just retired; here it is back, to be sent to the room's successor.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Moved(pub Box<Join>);

/// Somebody answered a command.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Answered {
    /// Which command.
    pub ticket: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a command ended.
pub enum Outcome {
    /// The log has, or has not, taken an entry; the room's rules are for what a refusal tells.
    Appended(Result<Appended, AppendError>, Redaction),
    /// An order to notify was, or was not, taken.
    Notified(Result<Placed, Refusal>),
    /// The own inbox was, or was not, changed.
    Inbox(Result<InboxChanged, InboxError>),
    /// The whole reply.
    Text(String),
    /// It was refused.
    Refused(Refusal),
}

/// What a connection's first request says of the client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Where it is, as far as trusted proxies tell.
    pub address: IpAddr,
    /// What it runs on.
    pub device: Device,
    /// Whether it asked for us by a name that guests come by.
    pub name_is_ours: bool,
}

/// A command that waits for somebody else for so long is answered `unavailable`.
const DEADLINE: Duration = Duration::from_secs(10);

/// Commands of one session under way at once.
const IN_FLIGHT_MAX: u32 = 64;

/// The address of a session. Cloning shares it: one of its own for each command would be two allocations more.
pub type SessionAddr = Arc<Addr<Session>>;

/// One client's session, while its connection stands.
pub struct Session {
    addr: SessionAddr,
    context: Rc<WorkerContext>,
    outbox: Rc<Outbox>,
    client: Client,
    arrival: Arrival,
    phase: Phase,
    /// What the client did wrong, if it did.
    faults: Option<Box<Faults>>,
    /// The user's own room was opened since this session was registered.
    is_stirred: bool,
}

enum Phase {
    /// Nothing was said yet.
    Fresh,
    /// `connect` is on its way.
    Connecting,
    /// Connected.
    Open(Box<Open>),
    /// A close is on its way; what still comes is not looked at.
    Closing,
}

/// Commands that wait for writes, by room. Boxed where it is kept, for most sessions have none.
type BehindWrites = Few<RoomName, VecDeque<Understood>>;

/// What a connected session has. Dropping it tells rooms and Directory that the connection is gone.
struct Open {
    node: Arc<Node>,
    identity: Identity,
    secret: Secret,
    /// Whether the session was taken up.
    is_resumed: bool,
    /// Whether the user's own room was open then.
    has_own_room: bool,
    /// Who this is to its rooms.
    who: Arc<Participant>,
    rooms: Few<RoomName, Slot>,
    waiting: Few<u64, Waiting>,
    /// What waits for writes of this session's, by room.
    behind_writes: Option<Box<BehindWrites>>,
    last_ticket: u64,
    /// The alarm that is set for the earliest of what it waits for.
    alarm: Option<Box<SetAlarm>>,
    /// Guests have none.
    expiry: Option<Box<Expiry>>,
    quota: Quota,
    reader: Reader,
    /// Where it is in its user's own room.
    me: Me,
    farewell: Farewell,
}

/// The end of a session's token.
#[derive(Clone, Copy)]
struct Expiry {
    /// When the client is told of it; `None` once it was.
    warn_at: Option<Instant>,
    end_at: Instant,
}

/// A command that waits for somebody else.
struct Waiting {
    id: Option<CommandId>,
    deadline: Instant,
    /// The room, for a join.
    joining: Option<RoomName>,
    /// The room, for a write.
    writing: Option<RoomName>,
    /// Whether no command asked for it: a join of `@me`.
    is_unasked: bool,
    /// For a join of `@me`, where the session goes in from, unasked, should the join fail.
    else_from: Option<Cursor>,
}

impl Session {
    /// Starts a session on the connection's thread.
    #[must_use]
    pub fn start_here(
        context: &Rc<WorkerContext>,
        outbox: Rc<Outbox>,
        client: Client,
        arrival: Arrival,
    ) -> SessionAddr {
        let actor = Context::new();
        let addr = Arc::new(actor.address());
        let session = Self {
            addr: Arc::clone(&addr),
            context: Rc::clone(context),
            outbox,
            client,
            arrival,
            phase: Phase::Fresh,
            faults: None,
            is_stirred: false,
        };
        actor.run(session);
        addr
    }

    fn open(&mut self) -> Option<&mut Open> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            _ => None,
        }
    }

    fn node(&self) -> &Arc<Node> {
        &self.context.node
    }

    /// Takes a message that is not a `connect` to be.
    fn take(&mut self, text: &str, ctx: &mut Context<Self>) {
        // Before it is read: what is too much is not worth the reading.
        if matches!(self.phase, Phase::Open(_)) && !self.pays_for_bytes(text) {
            return;
        }
        let limit = self.node().config.limits.message_bytes;
        if text.len() > limit {
            let refusal = Refusal::too_large(format!("a message has at most {limit} bytes"));
            return self.refuse(command::command_id_of(text).as_ref(), &refusal);
        }
        match command::parse(text) {
            Ok(understood) => self.act(understood, ctx),
            Err(rejected) => {
                self.refuse(rejected.id.as_ref(), &rejected.refusal);
                if rejected.is_unreadable {
                    self.count_unreadable();
                }
                if matches!(self.phase, Phase::Fresh) {
                    self.close(CloseCode::BadProtocol);
                }
            }
        }
    }

    fn act(&mut self, understood: Understood, ctx: &mut Context<Self>) {
        match (&self.phase, understood) {
            (Phase::Fresh, Understood { id, command: Command::Connect(connect) }) => self.connect(id, connect, ctx),
            (Phase::Fresh | Phase::Connecting, Understood { id, .. }) => {
                self.refuse(id.as_ref(), &Refusal::bad_message("type: the first message is connect"));
                self.close(CloseCode::BadProtocol);
            }
            (Phase::Open(_), Understood { id, command: Command::Connect(_) }) => {
                self.refuse(id.as_ref(), &Refusal::bad_message("type: this session is connected already"));
                self.close(CloseCode::BadProtocol);
            }
            (Phase::Open(_), understood) => self.perform(understood, ctx),
            (Phase::Closing, _) => {}
        }
    }

    /// Queues a message for the client and closes the gap it leaves in the gauge.
    fn reply(&mut self, text: &str) {
        self.say(text);
        self.outbox.gauge.answered();
    }

    fn say(&self, text: &str) {
        let now = self.node().clock.now();
        self.context.worker.push(&self.outbox, &Frame::text(text), now);
    }

    /// Answers a command that has nothing to tell but that it was done.
    fn ok(&mut self, id: Option<&CommandId>) {
        if let Some(id) = id {
            self.say(&push::ok(id));
        }
        self.outbox.gauge.answered();
    }

    /// Answers a command that was not done. Without an id at most ten a second are told.
    fn refuse(&mut self, id: Option<&CommandId>, refusal: &Refusal) {
        if id.is_some() || self.may_tell_bare_error() {
            self.say(&push::error(id, refusal));
        }
        self.outbox.gauge.answered();
    }

    fn may_tell_bare_error(&mut self) -> bool {
        let now = self.node().clock.now();
        self.faults.get_or_insert_default().may_tell_bare_error(now)
    }

    fn count_unreadable(&mut self) {
        let now = self.node().clock.now();
        if self.faults.get_or_insert_default().are_too_many(now) {
            self.close(CloseCode::BadProtocol);
        }
    }

    /// Ends the connection; the session ends when the connection has.
    fn close(&mut self, code: CloseCode) {
        self.end(code, None);
    }

    /// As [`close`](Self::close), and asks the client to stay away for `after`.
    fn close_for(&mut self, code: CloseCode, after: Duration) {
        self.end(code, Some(after));
    }

    fn end(&mut self, code: CloseCode, after: Option<Duration>) {
        if let Some(open) = self.open() {
            open.farewell = Farewell::of(code);
        }
        self.context.worker.end_after(&self.outbox, code, after);
        self.phase = Phase::Closing;
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // More than the gauge lets through, because rooms answer into the same mailbox.
        ctx.set_mailbox_capacity(2 * IN_FLIGHT_MAX as usize);
    }
}

impl Handler<Incoming> for Session {
    type Result = ();

    fn handle(&mut self, Incoming(text): Incoming, ctx: &mut Self::Context) {
        self.take(&text, ctx);
    }
}

impl Handler<Unreadable> for Session {
    type Result = ();

    fn handle(&mut self, Unreadable(why): Unreadable, _: &mut Self::Context) {
        let is_fresh = matches!(self.phase, Phase::Fresh | Phase::Connecting);
        self.refuse(None, &Refusal::bad_message(why));
        self.count_unreadable();
        if is_fresh {
            self.close(CloseCode::BadProtocol);
        }
    }
}

impl Handler<ConnectionEnded> for Session {
    type Result = ();

    fn handle(&mut self, ended: ConnectionEnded, ctx: &mut Self::Context) {
        if let Some(open) = self.open() {
            open.farewell = ended.farewell;
        }
        ctx.stop();
    }
}

impl Handler<TakenUp> for Session {
    type Result = ();

    fn handle(&mut self, _: TakenUp, _: &mut Self::Context) {
        self.close(CloseCode::TakenOver);
    }
}

impl Handler<End> for Session {
    type Result = ();

    fn handle(&mut self, _: End, _: &mut Self::Context) {
        self.close(CloseCode::Ended);
    }
}

impl Handler<TellRooms> for Session {
    type Result = ();

    fn handle(&mut self, ask: TellRooms, _: &mut Self::Context) {
        let asked_for = |open: &mut Open| open.rooms.keys().filter(|room| !room.is_personal()).cloned().collect();
        let rooms = self.open().map(asked_for);
        // Who asked may be gone by now.
        let _ = ask.reply.send(rooms.unwrap_or_default());
    }
}

impl Handler<RoomGone> for Session {
    type Result = ();

    fn handle(&mut self, gone: RoomGone, _: &mut Self::Context) {
        let was_in = |slot: &Slot| slot.located.as_ref().is_some_and(|located| located.number == gone.number);
        if self.open().is_some_and(|open| open.rooms.values().any(was_in)) {
            self.close(CloseCode::Restarting);
        }
    }
}

impl Drop for Session {
    /// A session that died must not leave its connection deaf; one that ended has closed it already.
    fn drop(&mut self) {
        self.context.worker.end(&self.outbox, CloseCode::Restarting);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut rooms = Vec::new();
        for (name, slot) in self.rooms.take() {
            let Some(located) = slot.located else { continue };
            located.addr.do_send(Gone {
                session: self.who.session.clone(),
                generation: self.who.generation,
                farewell: self.farewell,
            });
            // Nobody returns into a room by name that the client never asked for.
            if !name.is_personal() {
                rooms.push((name, located));
            }
        }
        self.node.directory.do_send(SessionEnded {
            secret: self.secret.clone(),
            generation: self.who.generation,
            farewell: self.farewell,
            rooms,
        });
    }
}
