//! Logs and users that are forgotten.

use crate::domain::cursor::Cursor;
use crate::domain::grants::Grants;
use crate::domain::ids::{UserId, UserKey};
use crate::domain::inbox::Filter;
use crate::domain::inbox::Keep as InboxKeep;
use crate::domain::inbox_log::{InboxChange, List, NewOrder};
use crate::domain::known_user::{News, Profile};
use crate::domain::log::Keep;
use crate::domain::notification::NotificationId;
use crate::protocol::command::inbox::notify;
use crate::store::inbox::{Grown, InboxWrite, ReadFollowers, ReadList, ReadWelcome, Step};
use crate::store::{Reader, Selected, Sweep, Trim, Writer};

use super::*;

fn user(name: &str) -> UserKey {
    UserKey::new(Tenant::default(), UserId::parse(name).unwrap())
}

fn own(name: &str) -> RoomKey {
    RoomKey::new(Tenant::default(), RoomName::personal(&user(name).user))
}

/// An order to these users, with what else the command says.
fn order(users: &[&str], rest: &str) -> NewOrder {
    let command = format!(r#"{{"to":{{"users":{users:?}}},"notification":{{"title":"t"{rest}}}}}"#);
    NewOrder {
        id: NotificationId(Uuid::now_v7()),
        tenant: Tenant::default(),
        at: NOW,
        from: r#"{"api":"billing"}"#.into(),
        publisher: "api:billing".into(),
        notify: Arc::new(notify(&command).unwrap()),
        recipients: users.iter().map(|name| user(name).user).collect(),
        escalates: None,
        audit: None,
    }
}

/// Takes a step with these orders; the logs that grew.
fn step(writer: &mut Writer, orders: Vec<NewOrder>, inboxes_max: usize) -> Vec<RoomKey> {
    let (addr, _) = actix::dev::channel::channel::<Deaf>(1);
    let reply = actix::Addr::new(addr).recipient();
    let step = Step {
        orders,
        later: Vec::new(),
        inboxes_max,
        rows_max: usize::MAX,
        now: NOW,
        keep: InboxKeep::default(),
        reply,
    };
    writer.step(&step).unwrap().grown.into_iter().map(|Grown { log, .. }| log).collect()
}

struct Deaf;

impl actix::Actor for Deaf {
    type Context = actix::Context<Self>;
}

impl actix::Handler<crate::store::inbox::StepTaken> for Deaf {
    type Result = ();

    fn handle(&mut self, _: crate::store::inbox::StepTaken, _: &mut Self::Context) {}
}

fn change(writer: &mut Writer, name: &str, change: InboxChange) {
    let write = InboxWrite { log: own(name), from: "null".into(), at: NOW, change, epoch: None, audit: None };
    let (outcomes, _) = writer.change_inboxes(&[write], &InboxKeep::default(), usize::MAX);
    outcomes.into_iter().next().unwrap().unwrap();
}

fn count(reader: &mut Reader, name: &str) -> usize {
    let list = List::Page { before: None, limit: 50, filter: Filter::default() };
    reader.list(&ReadList { log: own(name), list, keep: InboxKeep::default() }).unwrap().notifications.len()
}

fn follow(room_name: &str) -> InboxChange {
    InboxChange::Follow { room: RoomName::parse(room_name).unwrap(), follows: true }
}

#[test]
fn nothing_of_a_forgotten_user_is_left_and_their_log_begins_another_life() {
    let folder = Folder::new();
    let store = folder.open();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let profile = Profile {
        name: "Ada".into(),
        avatar: None,
        roles: vec!["editor".into()],
        grants: Grants::open(),
        is_guest: false,
    };
    writer.remember(&[(user("ada"), News::token(profile.into(), None, NOW))]).unwrap();
    step(&mut writer, vec![order(&["ada", "bob"], "")], 10);
    change(&mut writer, "ada", follow("dashboard:sales"));
    change(&mut writer, "bob", follow("dashboard:sales"));
    let before = reader.ends(&own("ada")).unwrap().head;
    assert_eq!((before.offset, count(&mut reader, "ada")), (2, 1));
    for _ in 0..2 {
        writer.forget_user(&user("ada"), None).unwrap();
        let ends = reader.ends(&own("ada")).unwrap();
        assert_eq!((ends.head.offset, ends.head == ends.floor, ends.head.epoch != before.epoch), (0, true, true));
        assert_eq!((count(&mut reader, "ada"), count(&mut reader, "bob")), (0, 1));
        assert_eq!(reader.user(&user("ada")).unwrap(), None);
        let editors = Selected {
            tenant: Tenant::default(),
            role: Some("editor".into()),
            with_guests: true,
            after: None,
            limit: 9,
        };
        assert_eq!(reader.users(&editors).unwrap(), (Vec::new(), None));
        assert_eq!(reader.followers(&ReadFollowers { room: room("dashboard:sales") }).unwrap(), [user("bob").user]);
        assert!(!reader.preferences(&own("ada")).unwrap().contains("dashboard"));
    }
    // No table has a row of a log that is not there, nor the name anywhere.
    let sqlite = folder.sqlite();
    for table in ["entries", "dedupe", "state", "inboxes", "inbox_items", "inbox_gone", "inbox_undos"] {
        let sql = format!("select count(*) from {table} where log not in (select id from logs)");
        assert_eq!(sqlite.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    for (table, column) in [("logs", "room"), ("users", "user"), ("user_roles", "user"), ("followers", "user")] {
        let sql = format!("select count(*) from {table} where {column} like '%ada%'");
        assert_eq!(sqlite.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    // Who comes back begins at 1, in the life that everybody was told of before.
    let promised = reader.ends(&own("ada")).unwrap().head.epoch;
    step(&mut writer, vec![order(&["ada"], "")], 10);
    let head = reader.ends(&own("ada")).unwrap().head;
    assert_eq!((head.offset, head.epoch, count(&mut reader, "ada")), (1, promised, 1));
    // Also over a restart, and of a log that never was: a cursor of before is told so.
    let (never, welcome) = (Cursor::start(store.epoch()), |reader: &mut Reader, name, since| {
        let asked = ReadWelcome { log: own(name), since: Some(since), keep: InboxKeep::default() };
        format!("{:?}", reader.welcome(&asked).unwrap().since.unwrap())
    });
    writer.forget_user(&user("eve"), None).unwrap();
    drop(writer);
    store.release();
    let store = folder.open();
    let mut reader = store.reader().unwrap();
    for (name, cursor) in [("ada", before), ("ada", Cursor::start(before.epoch)), ("eve", never)] {
        assert_eq!(welcome(&mut reader, name, cursor), "Reset(EpochChanged)", "{name}");
    }
    assert!(welcome(&mut reader, "bob", never).starts_with("Recovered"));
}

#[test]
fn an_order_of_before_passes_a_forgotten_user_over_and_one_of_after_reaches_them() {
    let folder = Folder::new();
    let store = folder.open();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let remembered =
        || -> i64 { folder.sqlite().query_row("select count(*) from forgotten_users", [], |row| row.get(0)).unwrap() };
    // More than a chunk ahead of her, so that a step ends before it comes to her.
    let names: Vec<_> = (0..300).map(|n| format!("u{n:03}")).chain(["zoe".to_owned()]).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(step(&mut writer, vec![order(&names, "")], 256).len(), 256);
    writer.forget_user(&user("zoe"), None).unwrap();
    assert_eq!(remembered(), 1);
    let reached = step(&mut writer, vec![order(&["zoe", "bob"], "")], 45);
    assert_eq!((reached.len(), reached.contains(&own("zoe"))), (44, false));
    assert_eq!(count(&mut reader, "zoe"), 0);
    let reached = step(&mut writer, Vec::new(), 10);
    assert_eq!(reached, [own("zoe"), own("bob")]);
    // Once nothing of before is under way, nothing is remembered.
    step(&mut writer, Vec::new(), 10);
    assert_eq!(remembered(), 0);
    writer.forget_user(&user("bob"), None).unwrap();
    assert_eq!(remembered(), 0);
}

#[test]
fn an_escalation_passes_over_who_was_forgotten_since_the_order() {
    let folder = Folder::new();
    let store = folder.open();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    let critical = r#","critical":true,"escalate_after":60,"escalate_to":{"users":["bob","eve"]}"#;
    let first = order(&["ada"], critical);
    let id = first.id;
    step(&mut writer, vec![first], 10);
    writer.forget_user(&user("bob"), None).unwrap();
    let mut escalation = order(&["bob", "eve"], "");
    escalation.escalates = Some(id);
    assert_eq!(step(&mut writer, vec![escalation], 10), [own("eve")]);
    assert_eq!((count(&mut reader, "bob"), count(&mut reader, "eve")), (0, 1));
    step(&mut writer, Vec::new(), 10);
    let left: i64 = folder.sqlite().query_row("select count(*) from forgotten_users", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// Writes to a log and trims all of it.
fn empty(writer: &mut Writer, log: &str) {
    writer.commit(&[write(log, "1"), write(log, "2")], NOW);
    let later = Timestamp(NOW.0 + 31 * 24 * 3600 * 1000);
    let trimmed = writer.trim(&room(log), &Trim { keep: Keep::DISK, now: later, rows_max: 100 }).unwrap();
    assert_eq!(trimmed.floor.unwrap().offset, 2);
}

#[test]
fn a_log_without_anything_left_is_forgotten_and_lives_on_under_another_epoch() {
    let folder = Folder::new();
    let store = folder.open();
    let (mut writer, mut reader) = (store.writer().unwrap(), store.reader().unwrap());
    empty(&mut writer, "a");
    let before = reader.ends(&room("a")).unwrap().head;
    writer.commit(&[write("b", "1")], NOW);
    writer.commit(&[keyed("c", "1", "user:ada", "k")], NOW);
    change(&mut writer, "ada", follow("b"));
    let log = room("c");
    let keep = Keep { entries_max: 0, ..Keep::DISK };
    for log in [&log, &own("ada")] {
        writer.trim(log, &Trim { keep, now: NOW, rows_max: 9 }).unwrap();
    }
    let all = [room("a"), room("b"), room("c"), own("ada"), room("never")];
    let bare = |reader: &mut Reader| -> Vec<_> {
        let standings = reader.sweep(Sweep { after: 0, logs_max: 100 }).unwrap();
        standings.into_iter().filter(|standing| standing.is_bare).filter_map(|standing| standing.log).collect()
    };
    // One has entries, one a key that still counts, one preferences, and one is none.
    assert_eq!(bare(&mut reader), [room("a")]);
    assert_eq!(writer.forget_logs(&all).unwrap(), [room("a")]);
    assert_eq!(writer.forget_logs(&all).unwrap(), []);
    let promised = reader.ends(&room("a")).unwrap().head;
    assert_eq!((promised.offset, promised.entry), (0, None));
    assert!(![before.epoch, store.epoch()].contains(&promised.epoch));
    // Its number may be another's by now, of which nothing was counted yet.
    let placed = placed(&writer.commit(&[write("a", "3")], NOW)[0]);
    assert_eq!((placed.epoch, placed.appended.offset), (promised.epoch, 1));
    assert_eq!(writer.trim(&room("a"), &Trim { keep, now: NOW, rows_max: 9 }).unwrap().floor.unwrap().offset, 1);
    // Once the key is too old to count, its log goes, too.
    writer.purge(Timestamp(NOW.0 + DEDUPE_MS), 100).unwrap();
    assert_eq!(writer.forget_logs(&all).unwrap(), [room("a"), room("c")]);
}

#[test]
fn a_copy_that_was_put_back_promises_no_epoch_of_before() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    empty(&mut writer, "a");
    writer.forget_logs(&[room("a")]).unwrap();
    let promised = store.reader().unwrap().ends(&room("a")).unwrap().head;
    drop(writer);
    store.release();
    std::fs::remove_file(folder.boot()).unwrap();
    let store = folder.open();
    assert_eq!(store.reader().unwrap().ends(&room("a")).unwrap().head, Cursor::start(store.epoch()));
    assert_ne!(store.epoch(), promised.epoch);
}

#[test]
fn a_start_that_makes_room_keeps_the_epochs_of_logs_that_are_there() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    empty(&mut writer, "a");
    let there = placed(&writer.commit(&[write("b", "1")], NOW)[0]);
    writer.forget_logs(&[room("a")]).unwrap();
    let (promised, old) = (store.reader().unwrap().ends(&room("a")).unwrap().head.epoch, store.epoch());
    drop(writer);
    store.release();
    let mut sqlite = folder.sqlite();
    let transaction = sqlite.transaction().unwrap();
    super::super::forgetting::make_room_in(&transaction).unwrap();
    transaction.commit().unwrap();
    let store = folder.open();
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.ends(&room("b")).unwrap().head.epoch, there.epoch);
    let now = reader.ends(&room("a")).unwrap().head.epoch;
    assert!(now == store.epoch() && ![promised, old].contains(&now));
}
