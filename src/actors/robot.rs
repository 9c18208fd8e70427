//! The demo's robot colleague: a member of one room without a connection.
//!
//! ```text
//! Room ── Company, StateChanged, Alone ──▶ Robot          (somebody is there: she works; nobody: she has no timer)
//! Room ◀── Point, Write, RobotEnded ────── Robot
//! ```
//!
//! The room makes her a member when the first other one comes, so she stands in the newcomer's list, and takes her out
//! with the last. What she writes goes the way of all entries, through the room to the bridge, and none of it counts
//! against anybody's limits. What she does is decided in [`crate::domain::robot`].
//!
//! Her letters are bounded by what she does: one entry of the feed, one change of state and one activity on their way, and
//! twenty pointers a second. Those of a room are as many as its changes of state.
//!
//! She is one per node: when nodes share rooms, one of them has to be chosen to have her.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::room::Room;
use super::room::robot::{Point, RobotEnded, Write};
use crate::clock::Clock;
use crate::domain::entry::{Entry, Kind};
use crate::domain::ids::{RoomKey, RoomName, SessionId, Tenant, UserId};
use crate::domain::robot::{self, Act, NAME, Outcome, ROOM, TARGET, USER};
use crate::domain::state::Change;
use crate::domain::user::User;
use crate::protocol::push;
use crate::supervise;

/// Who she is to a room.
pub struct Guise {
    /// As others see her.
    pub user: Arc<User>,
    /// Her public name as a session, for as long as the node runs.
    pub session: SessionId,
    /// Her name as the author of entries, as JSON.
    pub from: Arc<str>,
}

/// Where she is, for the room that she belongs to.
#[derive(Clone)]
pub struct Host {
    /// Which room that is.
    pub key: RoomKey,
    /// Who she is there.
    pub guise: Arc<Guise>,
    /// Her mailbox.
    pub addr: Addr<Robot>,
}

impl Host {
    /// Starts her on the thread of `arbiter`. The same `seed` does the same.
    ///
    /// # Panics
    /// Never: her names are good ones.
    #[must_use]
    pub fn start(arbiter: &ArbiterHandle, clock: &Clock, seed: u64) -> Self {
        let user = UserId::parse(USER).expect("nine plain letters are a user's id");
        let room = RoomName::parse(ROOM).expect("letters and a colon are a room's name");
        let session = SessionId::random();
        let from = push::from_member(&user, &session);
        let guise = Arc::new(Guise { user: Arc::new(User::new(user, NAME.into(), None)), session, from });
        let (of_robot, of_clock) = (Arc::clone(&guise), clock.clone());
        let addr = supervise::start_restarting_in(arbiter, "the demo's robot".to_owned(), clock, move |_| Robot {
            started: of_clock.now(),
            clock: of_clock,
            guise: of_robot,
            rules: robot::Robot::new(seed),
            company: None,
            timer: None,
        });
        Self { key: RoomKey::new(Tenant::default(), room), guise, addr }
    }
}

/// Her life on this node.
pub struct Robot {
    clock: Clock,
    started: Instant,
    guise: Arc<Guise>,
    rules: robot::Robot,
    company: Option<Place>,
    /// Set only while somebody is there.
    timer: Option<SpawnHandle>,
}

/// The room in which somebody is.
struct Place {
    room: Addr<Room>,
    number: u64,
}

/// Somebody is in the room, or it comes back from a panic.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Company {
    /// The room.
    pub room: Addr<Room>,
    /// Its number.
    pub number: u64,
    /// Its state as JSON.
    pub state: Arc<str>,
    /// As of this offset.
    pub offset: u64,
}

/// Nobody else is in the room any more, or there is no room.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Alone {
    /// The room's number; news of an older one are none.
    pub number: u64,
}

/// The room's state changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StateChanged {
    /// By this entry.
    pub entry: Arc<Entry>,
}

/// What she wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrote {
    /// An entry of the feed.
    Feed,
    /// Figures.
    Figures,
    /// The target, with this value as JSON.
    Target(Arc<str>),
    /// That she set the target.
    Activity,
}

/// How something that she wrote ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Told {
    wrote: Wrote,
    outcome: Outcome,
}

/// Goes with what she writes. Dropped untold, because a room or the bridge died over it, it tells that nobody knows.
pub struct Receipt {
    robot: Addr<Robot>,
    wrote: Option<Wrote>,
}

impl Receipt {
    /// It ended so.
    pub fn tell(mut self, outcome: Outcome) {
        self.tell_once(outcome);
    }

    fn tell_once(&mut self, outcome: Outcome) {
        if let Some(wrote) = self.wrote.take() {
            self.robot.do_send(Told { wrote, outcome });
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.tell_once(Outcome::Unknown);
    }
}

impl Robot {
    /// Time since her start.
    fn now(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    fn work(&mut self, ctx: &mut Context<Self>) {
        for act in self.rules.act(self.now()) {
            self.perform(act, ctx);
        }
        self.wait(ctx);
    }

    /// Sleeps until there is something to do; without company for good.
    fn wait(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.company.is_some() {
            let wait = self.rules.next().saturating_sub(self.now());
            self.timer = Some(ctx.run_later(wait, |robot, ctx| {
                robot.timer = None;
                robot.work(ctx);
            }));
        }
    }

    fn perform(&self, act: Act, ctx: &Context<Self>) {
        match act {
            Act::Point { x, y } => {
                // As the browser's client says it: 0 to 1 with four digits.
                let data = format!("{{\"x\":0.{x:04},\"y\":0.{y:04}}}").into();
                if let Some(place) = &self.company {
                    place.room.do_send(Point { data });
                }
            }
            Act::Feed { run, n } => {
                let data = format!("{{\"run\":\"{run}\",\"n\":{n}}}");
                self.write(ctx, Kind::Event, push::publish_body("feed", &data), None, Wrote::Feed);
            }
            Act::Set { change, if_offset, is_target } => {
                let target = change.set.first().filter(|_| is_target).map(|(_, json)| Wrote::Target(Arc::clone(json)));
                let wrote = target.unwrap_or(Wrote::Figures);
                self.write(ctx, Kind::State, change.to_body(), Some(if_offset), wrote);
            }
        }
    }

    fn write(&self, ctx: &Context<Self>, kind: Kind, body: Arc<str>, if_offset: Option<u64>, wrote: Wrote) {
        let receipt = Receipt { robot: ctx.address(), wrote: Some(wrote) };
        // Without a room the receipt is dropped, which tells as much.
        if let Some(place) = &self.company {
            place.room.do_send(Write { kind, body, if_offset, receipt });
        }
    }
}

impl Actor for Robot {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wait(ctx);
    }
}

impl Supervised for Robot {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.timer = None;
    }
}

impl Handler<Company> for Robot {
    type Result = ();

    fn handle(&mut self, Company { room, number, state, offset }: Company, ctx: &mut Self::Context) {
        self.company = Some(Place { room, number });
        self.rules.come(self.now(), &state, offset);
        self.work(ctx);
    }
}

impl Handler<Alone> for Robot {
    type Result = ();

    fn handle(&mut self, alone: Alone, ctx: &mut Self::Context) {
        if self.company.as_ref().is_some_and(|place| place.number == alone.number) {
            self.company = None;
            self.wait(ctx);
        }
    }
}

impl Handler<StateChanged> for Robot {
    type Result = ();

    fn handle(&mut self, StateChanged { entry }: StateChanged, _: &mut Self::Context) {
        if let Some(change) = Change::from_body(&entry.body) {
            self.rules.see(self.now(), entry.offset, &change, entry.from == self.guise.from);
        }
    }
}

impl Handler<Told> for Robot {
    type Result = ();

    fn handle(&mut self, Told { wrote, outcome }: Told, ctx: &mut Self::Context) {
        match wrote {
            Wrote::Feed => self.rules.fed(outcome),
            Wrote::Figures => self.rules.changed(),
            Wrote::Target(value) => {
                self.rules.changed();
                if outcome == Outcome::Written {
                    let metadata = format!("{{\"value\":{value}}}");
                    let body = push::track_body("set", Some(TARGET), Some(&metadata));
                    self.write(ctx, Kind::Activity, body, None, Wrote::Activity);
                }
            }
            Wrote::Activity => {}
        }
    }
}

impl Drop for Robot {
    /// After too many panics: nobody would move the pointer of a member that stays.
    fn drop(&mut self) {
        if let Some(place) = &self.company {
            place.room.do_send(RobotEnded);
        }
    }
}
