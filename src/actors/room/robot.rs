//! The room's side of the demo's robot: a member that comes with the first other one and goes with the last.

use std::sync::Arc;

use actix::prelude::*;

use super::Room;
use super::publish::ToAppend;
use crate::actors::robot::{Alone, Company, Host, Receipt, StateChanged};
use crate::bridge::AppendError;
use crate::domain::entry::{Entry, Kind};
use crate::domain::ids::UserId;
use crate::domain::presence::{Change, Device, StateChange};
use crate::domain::robot::{Outcome, PRESENCE};

/// The robot of this room.
pub(super) struct Resident {
    host: Host,
    /// Whether she was told that somebody is here.
    is_awake: bool,
}

/// She points somewhere.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Point {
    /// Where, as the browser's client says it.
    pub data: Arc<str>,
}

/// She writes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Write {
    /// What kind of entry.
    pub kind: Kind,
    /// Its fields as JSON without braces.
    pub body: Arc<str>,
    /// For a change of state: see [`Append::if_offset`](crate::bridge::Append::if_offset).
    pub if_offset: Option<u64>,
    /// Hears how it ended.
    pub receipt: Receipt,
}

/// She is no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RobotEnded;

/// The newest connection of a session that has none.
const GENERATION: u64 = 1;

impl Resident {
    /// The robot, if this is her room.
    pub(super) fn of(room: &Room) -> Option<Self> {
        let host = room.context.robot.as_ref().filter(|host| host.key == room.key)?;
        Some(Self { host: host.clone(), is_awake: false })
    }
}

impl Room {
    /// Somebody may have come or gone: she comes with the first, and goes with the last whose grace time is over.
    pub(super) fn mind_robot(&mut self, ctx: &Context<Self>) {
        let Some(resident) = &mut self.resident else { return };
        let guise = &resident.host.guise;
        let is_member = self.roster.presence(&guise.session).is_some();
        let has_company = !self.seats.is_empty() || self.roster.count() > usize::from(is_member);
        // One that ended without being in a room told nobody.
        if has_company == resident.is_awake || !resident.host.addr.connected() {
            return;
        }
        resident.is_awake = has_company;
        if !has_company {
            self.roster.leave(&guise.session, GENERATION);
            self.signals.forget(&guise.session);
            return resident.host.addr.do_send(Alone { number: self.number });
        }
        if self.settings.presence {
            let change = Change { status: None, state: StateChange::Set(PRESENCE.into()) };
            let wall = self.context.clock.wall();
            self.roster.attach(&guise.session, GENERATION, &guise.user, Device::Other, &change, wall);
        }
        self.tell_robot(ctx);
    }

    /// Tells her how things are, if she is awake.
    pub(super) fn tell_robot(&mut self, ctx: &Context<Self>) {
        let (Some(resident), Some(tail)) = (&self.resident, &self.tail) else { return };
        if resident.is_awake {
            let state = self.shown.whole_state();
            let offset = tail.head().offset;
            resident.host.addr.do_send(Company { room: ctx.address(), number: self.number, state, offset });
        }
    }

    /// Tells her of a change of state.
    pub(super) fn show_robot(&self, entry: &Arc<Entry>) {
        if let Some(resident) = self.resident.as_ref().filter(|resident| resident.is_awake && entry.kind == Kind::State)
        {
            resident.host.addr.do_send(StateChanged { entry: Arc::clone(entry) });
        }
    }

    /// The room is no more.
    pub(super) fn leave_robot(&self) {
        if let Some(resident) = self.resident.as_ref().filter(|resident| resident.is_awake) {
            resident.host.addr.do_send(Alone { number: self.number });
        }
    }

    /// Whether that is her, whom nobody can tell anything.
    pub(super) fn is_robot(&self, user: &UserId) -> bool {
        self.resident.as_ref().is_some_and(|resident| resident.host.guise.user.id == *user)
    }
}

impl Handler<Point> for Room {
    type Result = ();

    fn handle(&mut self, Point { data }: Point, ctx: &mut Self::Context) {
        let Some(resident) = self.resident.as_ref().filter(|resident| resident.is_awake) else { return };
        let guise = Arc::clone(&resident.host.guise);
        self.gather(&guise.session, &guise.user.id, "cursor".into(), data, ctx);
    }
}

impl Handler<Write> for Room {
    type Result = ();

    fn handle(&mut self, write: Write, _: &mut Self::Context) {
        let Write { kind, body, if_offset, receipt } = write;
        let resident = self.resident.as_ref().filter(|resident| resident.is_awake && !self.is_retired);
        let Some(resident) = resident.filter(|_| !self.audience.is_behind()) else {
            return receipt.tell(Outcome::Refused);
        };
        let from = Arc::clone(&resident.host.guise.from);
        self.append(ToAppend { kind, from, body, key: None, if_offset }, move |result| {
            receipt.tell(match result {
                Ok(_) => Outcome::Written,
                Err(AppendError::Unavailable { .. }) => Outcome::Unknown,
                Err(_) => Outcome::Refused,
            });
        });
    }
}

impl Handler<RobotEnded> for Room {
    type Result = ();

    fn handle(&mut self, _: RobotEnded, ctx: &mut Self::Context) {
        if let Some(resident) = self.resident.take() {
            self.roster.leave(&resident.host.guise.session, GENERATION);
            self.signals.forget(&resident.host.guise.session);
            self.presence_changed(ctx);
            self.retire_when_idle(ctx);
        }
    }
}
