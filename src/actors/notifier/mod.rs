//! The one who takes orders to notify, finds whom they reach, and goes on until everybody has them.
//!
//! ```text
//! Session, HTTP ─ Order ─▶ Notifier ─ addressing ─▶ rooms, followers, users
//!                             │   ◀─ names ────────┘
//!                             └─ NotifyStep ─▶ bridge: the order first, then inboxes in bounded batches, in order
//! ```
//!
//! An order is answered when it is on the disk with everybody whom it reaches; the inboxes follow. How far they came is
//! committed with each batch of them, so after a crash, days later too, the first step goes on exactly there.
//!
//! Always true: one step is under way at a time, so inboxes are written in the order of the answers. What waits is
//! bounded. What dies with a panic is the step: its orders are answered `unavailable`, and those that it had written go
//! on with the next step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use super::directory::Directory;
use super::room::RoomContext;
use crate::bridge::inbox::{DueOrder, DueOrders, Later, NewOrder, NotifyProgress, NotifyStep, Placed, ReadDueOrders};
use crate::domain::audit::Draft;
use crate::domain::entry::Timestamp;
use crate::domain::ids::{Tenant, UserId};
use crate::domain::notification::{NotificationId, Notify};
use crate::protocol::Refusal;

mod addressing;

use addressing::Addressing;

/// Notify somebody. Rights were looked at before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Order {
    /// In which world.
    pub tenant: Tenant,
    /// Who orders, as the author of entries.
    pub from: Arc<str>,
    /// Under whose name the order's key counts.
    pub publisher: Arc<str>,
    /// What, and to whom.
    pub notify: Notify,
    /// Who did it, for the audit log.
    pub audit: Option<Draft>,
    /// Hears how it ended. It must only post a letter.
    pub done: OrderDone,
}

/// Told once how an [`Order`] ended.
pub type OrderDone = Box<dyn FnOnce(Result<Placed, Refusal>) + Send>;

/// Orders that may wait for the step before.
const WAITING_MAX: usize = 10_000;
/// Orders of one step: their users are looked up one after the other.
const STEP_ORDERS: usize = 64;
/// Inboxes of one step, as of a batch of a log: more share a sync no better.
const STEP_INBOXES: usize = 256;
/// Orders that escalate in one step.
const STEP_ESCALATIONS: usize = 16;
/// How long to wait after the store could not take a step.
const RETRY: Duration = Duration::from_secs(1);
/// How long an escalation that can't be addressed is put off. Others go ahead of it meanwhile.
const ESCALATE_LATER_MS: i64 = 10_000;
/// A timer is set no further ahead: wall clocks are set, and timers don't know.
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// The actor. Its struct outlives a panic.
pub struct Notifier {
    context: Arc<RoomContext>,
    directory: Addr<Directory>,
    waiting: VecDeque<Order>,
    /// A step is under way.
    is_busy: bool,
    /// Some inboxes of orders that were answered are not written yet, as far as we know.
    has_more: bool,
    /// When the next order escalates.
    due: Option<Timestamp>,
    timer: Option<SpawnHandle>,
}

/// An order with whom it reaches, or why it can't be taken.
type Addressed = Result<NewOrder, Refusal>;

/// What a step came to.
struct Stepped {
    /// In the order in which they were taken: how it ended, and who hears of it.
    answers: Vec<(OrderDone, Result<Placed, Refusal>)>,
    /// How far it came; `None` when the store could not be asked.
    progress: Option<NotifyProgress>,
    /// Whether the store could be asked what is due; else the same step would follow at once, over and over.
    is_due_known: bool,
}

impl Notifier {
    /// One that will go on with what an earlier process left.
    #[must_use]
    pub fn new(context: Arc<RoomContext>, directory: Addr<Directory>) -> Self {
        let waiting = VecDeque::new();
        Self { context, directory, waiting, is_busy: false, has_more: true, due: None, timer: None }
    }

    /// Takes the next step, if there is one to take and none under way.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.is_busy {
            return;
        }
        let now = self.context.clock.wall();
        let is_due = self.due.is_some_and(|due| due <= now);
        if self.waiting.is_empty() && !self.has_more && !is_due {
            return self.wake_up_when_due(ctx);
        }
        self.is_busy = true;
        let orders: Vec<_> = self.waiting.drain(..self.waiting.len().min(STEP_ORDERS)).collect();
        let addressing = Addressing { context: Arc::clone(&self.context), directory: self.directory.clone() };
        let step = step(addressing, orders, now, is_due).into_actor(self);
        ctx.spawn(step.map(|stepped, notifier, ctx| notifier.stepped(stepped, ctx)));
    }

    fn stepped(&mut self, stepped: Stepped, ctx: &mut Context<Self>) {
        self.is_busy = false;
        let is_away = stepped.progress.is_none() || !stepped.is_due_known;
        if let Some(progress) = stepped.progress {
            self.has_more = progress.has_more;
            self.due = progress.due;
        }
        for (done, answer) in stepped.answers {
            done(answer);
        }
        if is_away {
            self.wake_up(RETRY, ctx);
        } else {
            self.go_on(ctx);
        }
    }

    fn wake_up_when_due(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.due else { return };
        let wait_ms = due.0.saturating_sub(self.context.clock.wall().0).max(0);
        self.wake_up(Duration::from_millis(wait_ms.unsigned_abs()).min(LOOK_AGAIN), ctx);
    }

    fn wake_up(&mut self, after: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.run_later(after, |notifier, ctx| {
            notifier.timer = None;
            notifier.go_on(ctx);
        }));
    }
}

/// Finds whom the orders reach, and those that escalate now, and writes them.
async fn step(addressing: Addressing, orders: Vec<Order>, now: Timestamp, is_due: bool) -> Stepped {
    let inboxes = &addressing.context.bridge.inboxes;
    let mut addressed: Vec<(Option<OrderDone>, Addressed)> = Vec::with_capacity(orders.len());
    for Order { tenant, from, publisher, notify, audit, done } in orders {
        let recipients = addressing.recipients(&tenant, &notify.to).await;
        let order = |recipients| new_order(now, (tenant, from, publisher), Arc::new(notify), recipients, None, audit);
        addressed.push((Some(done), recipients.map(order)));
    }
    let due = if is_due {
        inboxes.due.send(ReadDueOrders { now, limit: STEP_ESCALATIONS }).await.ok().and_then(Result::ok)
    } else {
        Some(DueOrders::default())
    };
    let is_due_known = due.is_some();
    let later = escalate(&addressing, now, due.unwrap_or_default(), &mut addressed).await;
    let new = addressed.iter().filter_map(|(_, order)| order.as_ref().ok().cloned()).collect();
    let letter = NotifyStep { orders: new, later, inboxes_max: STEP_INBOXES, now };
    let progress = inboxes.step.send(letter).await.ok().and_then(Result::ok);
    let mut placed = progress.as_ref().map(|progress| progress.placed.clone()).unwrap_or_default().into_iter();
    let unavailable = || Refusal::unavailable("notifications can't be written now").after(RETRY);
    let mut answers = Vec::with_capacity(addressed.len());
    for (done, order) in addressed {
        let answer = match order {
            Ok(_) => placed.next().map_or_else(
                || Err(unavailable()),
                |placed| placed.map_err(|refused| Refusal::conflict(refused.to_string())),
            ),
            Err(refusal) => Err(refusal),
        };
        if let Some(done) = done {
            answers.push((done, answer));
        }
    }
    Stepped { answers, progress, is_due_known }
}

/// Adds the orders that go out because nobody acknowledged, and returns those that can't now: each leaves the queue or
/// gives way, so that none is met over and over while others wait behind it.
async fn escalate(
    addressing: &Addressing,
    now: Timestamp,
    due: DueOrders,
    addressed: &mut Vec<(Option<OrderDone>, Addressed)>,
) -> Vec<Later> {
    let is_audited = addressing.context.config.audit.enabled;
    let mut later = Vec::new();
    for id in due.damaged {
        log::error!("the order of notification {id} is damaged and can't escalate");
        later.push(Later { id, at: None });
    }
    for order in due.orders {
        let id = order.id;
        match addressing.recipients(&order.tenant, &order.to).await {
            Ok(recipients) => addressed.push((None, Ok(escalation(now, order, recipients, is_audited)))),
            Err(refusal) => {
                log::warn!("notification {id} can't escalate yet: {refusal}");
                later.push(Later { id, at: Some(Timestamp(now.0.saturating_add(ESCALATE_LATER_MS))) });
            }
        }
    }
    later
}

fn new_order(
    at: Timestamp,
    (tenant, from, publisher): (Tenant, Arc<str>, Arc<str>),
    notify: Arc<Notify>,
    recipients: Vec<UserId>,
    escalates: Option<NotificationId>,
    audit: Option<Draft>,
) -> NewOrder {
    let id = NotificationId(Uuid::now_v7());
    NewOrder { id, tenant, at, from, publisher, notify, recipients, escalates, audit }
}

/// The order that goes out when nobody acknowledged: the same, but for somebody else, and the last of it.
fn escalation(at: Timestamp, due: DueOrder, recipients: Vec<UserId>, is_audited: bool) -> NewOrder {
    let DueOrder { id, tenant, from, notify, to } = due;
    let mut notification = notify.notification.clone();
    // With them it would take the place of, or go with, what it reminds of.
    (notification.dedupe, notification.expires) = (None, None);
    let notify = Notify { to, notification, escalation: None, key: None };
    let audit = is_audited.then(|| Draft::of_escalation(id, at));
    let publisher = format!("escalation:{id}").into();
    new_order(at, (tenant, from, publisher), Arc::new(notify), recipients, Some(id), audit)
}

impl Actor for Notifier {
    type Context = Context<Self>;

    /// Also after a panic, whose step may have written what it did not answer.
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        self.go_on(ctx);
    }
}

impl Supervised for Notifier {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.is_busy = false;
        self.has_more = true;
        self.timer = None;
    }
}

impl Handler<Order> for Notifier {
    type Result = ();

    fn handle(&mut self, order: Order, ctx: &mut Self::Context) {
        if self.waiting.len() >= WAITING_MAX {
            let refusal = Refusal::unavailable("too many notifications wait to be written").after(RETRY);
            return (order.done)(Err(refusal));
        }
        self.waiting.push_back(order);
        self.go_on(ctx);
    }
}
