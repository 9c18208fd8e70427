//! Inboxes and orders, tried on files.

mod orders;
mod rows;

use super::*;
use crate::domain::ids::{RoomName, Tenant};
use crate::domain::inbox::{Mark, Status, Which};
use crate::domain::inbox_log::{NotPlaced, Placed};
use crate::domain::notification::{Addressees, Escalation, Level, Notification, NotificationId, Notify};
use crate::store::error::ReadError;
use crate::store::tests::Folder;
use crate::store::writer::Writer;
use std::time::Duration;
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY_MS: i64 = 24 * 3600 * 1000;
const KEEP: Keep = Keep { newest: 1_000, age: Duration::from_hours(90 * 24) };

fn id(number: u128) -> NotificationId {
    NotificationId(Uuid::from_u128(number))
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn own(name: &str) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::personal(&user(name)))
}

fn plain() -> Notification {
    Notification {
        level: Level::Info,
        title: "t".into(),
        message: None,
        topic: None,
        room: None,
        duration_ms: Some(5_000),
        critical: false,
        actions: "[]".into(),
        metadata: None,
        dedupe: None,
        expires: None,
    }
}

/// An order to these users.
fn order(number: u128, at: Timestamp, users: &[&str], notification: Notification) -> NewOrder {
    let recipients: Vec<_> = users.iter().map(|name| user(name)).collect();
    let to = Addressees::Users(recipients.clone());
    NewOrder {
        id: id(number),
        tenant: Tenant::default(),
        at,
        from: r#"{"api":"billing"}"#.into(),
        publisher: "api:billing".into(),
        notify: Arc::new(Notify { to, notification, escalation: None, key: None }),
        recipients,
        escalates: None,
        audit: None,
    }
}

fn keyed(mut order: NewOrder, key: &str) -> NewOrder {
    let notify = Notify { key: Some(key.into()), ..Notify::clone(&order.notify) };
    order.notify = Arc::new(notify);
    order
}

/// The same, critical, and it escalates to grace after a minute.
fn escalating(mut order: NewOrder) -> NewOrder {
    let escalation = Escalation { after: Duration::from_mins(1), to: Addressees::Users(vec![user("grace")]) };
    let mut notify = Notify { escalation: Some(escalation), ..Notify::clone(&order.notify) };
    notify.notification.critical = true;
    order.notify = Arc::new(notify);
    order
}

/// Who hears of what is under way; here, answers come as values.
struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}

impl Handler<StepTaken> for Nobody {
    type Result = ();

    fn handle(&mut self, _: StepTaken, _: &mut Self::Context) {}
}

/// Takes a step that has no time limit but `inboxes_max`.
fn try_step(
    writer: &mut Writer,
    orders: Vec<NewOrder>,
    later: Vec<Later>,
    inboxes_max: usize,
    now: Timestamp,
) -> Result<Stepped, ReadError> {
    let reply = Context::<Nobody>::new().address().recipient();
    writer.step(&Step { orders, later, inboxes_max, rows_max: usize::MAX, now, keep: KEEP, reply })
}

fn step(writer: &mut Writer, orders: Vec<NewOrder>, now: Timestamp) -> Stepped {
    try_step(writer, orders, Vec::new(), 256, now).unwrap()
}

fn placed(stepped: &Stepped, index: usize) -> Placed {
    stepped.progress.placed[index].unwrap()
}

/// Has one inbox changed by its owner.
fn change(writer: &mut Writer, name: &str, at: Timestamp, change: InboxChange) -> Result<InboxChanged, InboxError> {
    let (mut outcomes, _) = writer.change_inboxes(&[write(name, at, change)], &KEEP, usize::MAX);
    outcomes.remove(0)
}

fn write(name: &str, at: Timestamp, change: InboxChange) -> InboxWrite {
    InboxWrite { log: own(name), from: r#"{"user":"ada"}"#.into(), at, change, epoch: None, audit: None }
}

fn read_mark(number: u128) -> InboxChange {
    InboxChange::Mark(Mark::As { which: Which::These(vec![id(number)]), status: Status::Read })
}

fn list(store: &Arc<crate::store::Store>, name: &str) -> Result<Listed, ReadError> {
    let page = List::Page { before: None, limit: 200, filter: crate::domain::inbox::Filter::default() };
    store.reader().unwrap().list(&ReadList { log: own(name), list: page, keep: KEEP })
}

fn unread(store: &Arc<crate::store::Store>, name: &str) -> u32 {
    list(store, name).unwrap().counts.unread
}
