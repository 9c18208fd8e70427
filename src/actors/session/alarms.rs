//! When sessions are to look at their deadlines: one timer for all of a thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::WeakAddr;
use actix::prelude::*;

use super::Session;
use crate::clock::Clock;
use crate::protocol::Refusal;

/// A time that a session asked for has come: it looks at all of its deadlines.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Alarm;

/// The alarms of one thread, at most one for each session. A timer for each session, set and left to run out for every few commands, would be the larger
/// part of what an idle one costs.
pub struct Alarms {
    clock: Clock,
    /// By time, and by a number for those of the same time.
    set: RefCell<BTreeMap<(Instant, u64), WeakAddr<Session>>>,
    last_number: Cell<u64>,
    is_running: Cell<bool>,
}

/// An alarm that is set. Dropping it cancels it, because a token may hold for a year, and its session for a minute.
pub(super) struct SetAlarm {
    key: (Instant, u64),
    alarms: Rc<Alarms>,
}

/// Alarms are looked at so often while there are any, which is how late one may be.
const TICK: Duration = Duration::from_secs(1);

impl Alarms {
    /// None yet.
    #[must_use]
    pub fn new(clock: &Clock) -> Rc<Self> {
        Rc::new(Self {
            clock: clock.clone(),
            set: RefCell::default(),
            last_number: Cell::new(0),
            is_running: Cell::new(false),
        })
    }

    /// Wakes the session at `at`, once, unless the alarm is dropped before.
    pub(super) fn set(self: &Rc<Self>, at: Instant, session: &Addr<Session>) -> SetAlarm {
        self.last_number.set(self.last_number.get() + 1);
        let key = (at, self.last_number.get());
        self.set.borrow_mut().insert(key, session.downgrade());
        if !self.is_running.replace(true) {
            actix_rt::spawn(Rc::clone(self).run());
        }
        SetAlarm { key, alarms: Rc::clone(self) }
    }

    /// How many are set.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.set.borrow().len()
    }

    async fn run(self: Rc<Self>) {
        while let Some(next) = self.next() {
            let wait = next.saturating_duration_since(self.clock.now());
            // An earlier one may be set meanwhile.
            tokio::time::sleep(wait.min(TICK)).await;
            self.wake_due();
        }
        self.is_running.set(false);
    }

    fn next(&self) -> Option<Instant> {
        self.set.borrow().first_key_value().map(|((at, _), _)| *at)
    }

    fn wake_due(&self) {
        let now = self.clock.now();
        while self.next().is_some_and(|at| at <= now) {
            let first = self.set.borrow_mut().pop_first();
            if let Some(session) = first.and_then(|(_, session)| session.upgrade()) {
                session.do_send(Alarm);
            }
        }
    }
}

impl Drop for SetAlarm {
    fn drop(&mut self) {
        self.alarms.set.borrow_mut().remove(&self.key);
    }
}

impl Session {
    /// Sets the alarm for the earliest deadline, unless it is set for a time before that.
    pub(super) fn watch_deadlines(&mut self) {
        let (addr, alarms) = (Arc::clone(&self.addr), Rc::clone(&self.context.alarms));
        let Some(open) = self.open() else { return };
        let expiry = open.expiry.as_deref().map(|expiry| expiry.warn_at.unwrap_or(expiry.end_at));
        let earliest = open.waiting.values().map(|waiting| waiting.deadline).chain(expiry).min();
        if let Some(at) = earliest.filter(|at| open.alarm.as_ref().is_none_or(|set| *at < set.key.0)) {
            open.alarm = Some(Box::new(alarms.set(at, &addr)));
        }
    }

    /// Ends the commands that have waited for too long.
    fn end_overdue(&mut self, ctx: &mut Context<Self>) {
        let now = self.node().clock.now();
        let Some(open) = self.open() else { return };
        let over: Vec<_> =
            open.waiting.iter().filter(|(_, waiting)| now >= waiting.deadline).map(|(t, _)| *t).collect();
        for ticket in over {
            let refusal = Refusal::unavailable("no answer in time; whether it was done is not known");
            self.finish(ticket, &refusal, ctx);
        }
    }
}

impl Handler<Alarm> for Session {
    type Result = ();

    fn handle(&mut self, _: Alarm, ctx: &mut Self::Context) {
        let Some(open) = self.open() else { return };
        open.alarm = None;
        self.end_overdue(ctx);
        self.look_at_expiry();
        self.watch_deadlines();
    }
}
