//! Steps and changes of inboxes that stop in time.

use std::sync::Arc;

use actix::prelude::*;
use uuid::Uuid;

use super::{Folder, NOW};
use crate::domain::ids::{RoomKey, RoomName, Tenant, UserId};
use crate::domain::inbox::{Filter, Keep, Mark, Status, Which};
use crate::domain::inbox_log::{InboxChange, List, NewOrder};
use crate::domain::notification::{Addressees, Level, Notification, NotificationId, Notify};
use crate::store::Reader;
use crate::store::inbox::{InboxWrite, InboxesChanged, ReadList, Step, StepTaken};

/// Hears what nobody sends in these tests, which call the writer by itself.
struct Deaf;

impl Actor for Deaf {
    type Context = Context<Self>;
}

impl Handler<StepTaken> for Deaf {
    type Result = ();

    fn handle(&mut self, _: StepTaken, _: &mut Self::Context) {}
}

impl Handler<InboxesChanged> for Deaf {
    type Result = ();

    fn handle(&mut self, _: InboxesChanged, _: &mut Self::Context) {}
}

fn user(n: usize) -> UserId {
    UserId::parse(&format!("user-{n}")).unwrap()
}

fn log(n: usize) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::personal(&user(n)))
}

fn order(users: usize) -> NewOrder {
    let notification = Notification {
        level: Level::Info,
        title: "t".into(),
        message: None,
        topic: None,
        room: None,
        duration_ms: None,
        critical: false,
        actions: "[]".into(),
        metadata: None,
        dedupe: None,
        expires: None,
    };
    let recipients: Vec<_> = (0..users).map(user).collect();
    let notify = Notify { to: Addressees::Users(recipients.clone()), notification, escalation: None, key: None };
    NewOrder {
        id: NotificationId(Uuid::now_v7()),
        tenant: Tenant::default(),
        at: NOW,
        from: "null".into(),
        publisher: "api:test".into(),
        notify: Arc::new(notify),
        recipients,
        escalates: None,
        audit: None,
    }
}

fn step(orders: Vec<NewOrder>, inboxes_max: usize, rows_max: usize, reply: &Addr<Deaf>) -> Step {
    let (later, keep, reply) = (Vec::new(), Keep::default(), reply.clone().recipient());
    Step { orders, later, inboxes_max, rows_max, now: NOW, keep, reply }
}

fn held(reader: &mut Reader, n: usize) -> usize {
    let list = List::Page { before: None, limit: 200, filter: Filter::default() };
    let asked = ReadList { log: log(n), list, keep: Keep::default() };
    reader.list(&asked).unwrap().notifications.len()
}

#[actix::test]
async fn a_step_that_has_read_enough_leaves_the_rest_to_the_next_one() {
    let folder = Folder::new();
    let store = folder.open();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let deaf = Deaf.start();
    for _ in 0..3 {
        let stepped = writer.step(&step(vec![order(10)], 256, usize::MAX, &deaf)).unwrap();
        assert!(!stepped.progress.has_more);
    }
    // Inboxes of three: after four of them ten rows were read.
    let mut stepped = writer.step(&step(vec![order(10)], 256, 10, &deaf)).unwrap();
    assert_eq!((stepped.grown.len(), stepped.progress.has_more), (4, true));
    let mut written = stepped.grown.len();
    while stepped.progress.has_more {
        stepped = writer.step(&step(Vec::new(), 3, usize::MAX, &deaf)).unwrap();
        assert!(stepped.grown.len() <= 3);
        written += stepped.grown.len();
    }
    assert_eq!(written, 10);
    assert!((0..10).all(|n| held(&mut reader, n) == 4), "each got it, once");
}

#[actix::test]
async fn changes_that_read_too_much_are_left_for_the_next_transaction() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let deaf = Deaf.start();
    for _ in 0..3 {
        writer.step(&step(vec![order(4)], 256, usize::MAX, &deaf)).unwrap();
    }
    let read_all = |n| InboxWrite {
        log: log(n),
        from: "null".into(),
        at: NOW,
        change: InboxChange::Mark(Mark::As {
            which: Which::All { upto: 3, filter: Filter::default() },
            status: Status::Read,
        }),
        epoch: None,
        audit: None,
    };
    let changes: Vec<_> = (0..4).map(read_all).collect();
    let (outcomes, grown) = writer.change_inboxes(&changes, &Keep::default(), 4);
    assert_eq!((outcomes.len(), grown.len()), (2, 2), "after two of three rows each there are over four");
    let (outcomes, _) = writer.change_inboxes(&changes[2..], &Keep::default(), 1);
    assert_eq!(outcomes.len(), 1, "the first one always is");
    assert_eq!(outcomes[0].as_ref().map(|changed| changed.counts.unread), Ok(0));
}
