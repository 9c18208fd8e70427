//! Orders: taken once, delivered once, waited for, forgotten.

use super::*;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("u{n}")).collect()
}

#[test]
fn an_order_reaches_its_inboxes_in_bounded_steps_over_restarts_and_once() {
    let folder = Folder::new();
    let names = names(600);
    let users: Vec<_> = names.iter().map(String::as_str).collect();
    let mut writer = folder.open().writer().unwrap();
    let first = try_step(&mut writer, vec![order(1, NOW, &users, plain())], vec![], 0, NOW).unwrap();
    assert_eq!((placed(&first, 0).recipients, first.progress.has_more, first.grown.len()), (600, true, 0));
    let mut reached = Vec::new();
    for left in [true, true, false] {
        // Whoever was there to go on is gone; what is written is enough.
        drop(writer);
        writer = folder.open().writer().unwrap();
        let stepped = step(&mut writer, vec![], NOW);
        assert_eq!(stepped.progress.has_more, left);
        assert!(stepped.grown.iter().all(|grown| grown.entries.len() == 1 && grown.entries[0].offset == 1));
        reached.extend(stepped.grown.into_iter().map(|grown| grown.log));
    }
    let all: Vec<_> = names.iter().map(|name| own(name)).collect();
    assert_eq!(reached, all, "in their order, once each");
    assert!(step(&mut writer, vec![], NOW).grown.is_empty());
    drop(writer);
    let store = folder.open();
    assert!(users.iter().all(|user| unread(&store, user) == 1));
}

#[test]
fn orders_are_delivered_in_the_order_of_their_answers() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let orders = (1..=5).map(|n| order(n, NOW, &["ada", "bob"], plain())).collect();
    try_step(&mut writer, orders, vec![], 0, NOW).unwrap();
    step(&mut writer, vec![order(6, NOW, &["ada"], plain())], NOW);
    let listed = list(&store, "ada").unwrap().notifications;
    let ids: Vec<_> = listed.iter().map(|text| text.get(7..43).unwrap().to_owned()).collect();
    assert_eq!(ids, (1..=6).rev().map(|n| id(n).to_string()).collect::<Vec<_>>());
}

#[test]
fn a_key_is_remembered_for_a_day_by_its_sender() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let ada = |number, at| keyed(order(number, at, &["ada"], plain()), "k");
    // Twice in one step, and once more in a later one, as a sender who heard no answer repeats it.
    let stepped = step(&mut writer, vec![ada(1, NOW), ada(2, NOW)], NOW);
    assert_eq!((placed(&stepped, 0).duplicate, placed(&stepped, 1).duplicate), (false, true));
    let almost = Timestamp(NOW.0 + DAY_MS - 1);
    let again = placed(&step(&mut writer, vec![ada(3, almost)], almost), 0);
    assert_eq!((again.id, again.recipients, again.duplicate), (id(1), 1, true));
    let other = keyed(order(4, NOW, &["ada"], Notification { level: Level::Error, ..plain() }), "k");
    assert_eq!(step(&mut writer, vec![other], NOW).progress.placed, [Err(NotPlaced::Conflict)]);
    let somebody_else = NewOrder { publisher: "api:other".into(), ..ada(5, NOW) };
    assert!(!placed(&step(&mut writer, vec![somebody_else], NOW), 0).duplicate);
    // A day later the key is free, and what was ordered under it then is known from now on.
    let later = Timestamp(NOW.0 + DAY_MS);
    assert!(!placed(&step(&mut writer, vec![ada(6, later)], later), 0).duplicate);
    assert!(placed(&step(&mut writer, vec![ada(7, later)], later), 0).duplicate);
    assert_eq!(unread(&store, "ada"), 3);
}

#[test]
fn an_order_is_forgotten_when_nobody_can_ask_for_it_and_nothing_is_left_of_it() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let count = || -> i64 { folder.sqlite().query_row("select count(*) from orders", [], |row| row.get(0)).unwrap() };
    let many: Vec<_> = (1..=100).map(|n| order(n, NOW, &["ada"], plain())).collect();
    step(&mut writer, many, NOW);
    step(&mut writer, vec![escalating(order(200, NOW, &["ada"], plain()))], NOW);
    let undelivered = order(201, NOW, &["bob"], plain());
    try_step(&mut writer, vec![undelivered], vec![], 0, NOW).unwrap();
    assert_eq!(count(), 102);
    let late = Timestamp(NOW.0 + DAY_MS);
    try_step(&mut writer, vec![], vec![], 0, late).unwrap();
    assert_eq!(count(), 38, "in slices");
    try_step(&mut writer, vec![], vec![], 0, late).unwrap();
    assert_eq!(count(), 2, "one that waits for an acknowledgement, and one that is on its way, stay");
    step(&mut writer, vec![], late);
    change(&mut writer, "ada", late, InboxChange::Mark(Mark::Ack { id: id(200) })).unwrap();
    step(&mut writer, vec![], late);
    assert_eq!(count(), 0);
}

#[test]
fn an_order_escalates_once_unless_somebody_acknowledged_in_time() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let (late, minute) = (Timestamp(NOW.0 + 60_000), Timestamp(NOW.0 + 59_999));
    let both =
        vec![escalating(order(1, NOW, &["ada", "bob"], plain())), escalating(order(2, NOW, &["ada", "bob"], plain()))];
    assert_eq!(step(&mut writer, both, NOW).progress.due, Some(late));
    let due = |now| store.reader().unwrap().due(ReadDue { now, limit: 10 }).unwrap().orders;
    assert!(due(minute).is_empty());
    let orders = due(late);
    assert_eq!(orders.iter().map(|order| order.id).collect::<Vec<_>>(), [id(1), id(2)]);
    assert_eq!(orders[0].to, Addressees::Users(vec![user("grace")]));
    // Bob acknowledges between the look and the step.
    change(&mut writer, "bob", late, InboxChange::Mark(Mark::Ack { id: id(1) })).unwrap();
    let escalation =
        |number, escalated| NewOrder { escalates: Some(id(escalated)), ..order(number, late, &["grace"], plain()) };
    let stepped = step(&mut writer, vec![escalation(11, 1), escalation(12, 2), escalation(13, 2)], late);
    assert_eq!(stepped.progress.placed[0], Err(NotPlaced::Settled));
    assert!(stepped.progress.placed[1].is_ok());
    assert_eq!(stepped.progress.placed[2], Err(NotPlaced::Settled), "once");
    assert_eq!((stepped.progress.due, unread(&store, "grace")), (None, 1));
    assert!(due(Timestamp(i64::MAX)).is_empty());
}

#[test]
fn what_can_not_escalate_gives_way_to_those_behind_it() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let orders = (1..=3).map(|n| escalating(order(n, NOW, &["ada"], plain()))).collect();
    step(&mut writer, orders, NOW);
    folder.sqlite().execute("update orders set notify = 'x' where number = 1", []).unwrap();
    let late = Timestamp(NOW.0 + 60_000);
    let due = store.reader().unwrap().due(ReadDue { now: late, limit: 2 }).unwrap();
    assert_eq!((due.damaged, due.orders.len()), (vec![id(1)], 1));
    let put_off = Timestamp(late.0 + 10_000);
    let later = vec![Later { id: id(1), at: None }, Later { id: id(2), at: Some(put_off) }];
    try_step(&mut writer, vec![], later, 0, late).unwrap();
    let ids = |now| {
        let due = store.reader().unwrap().due(ReadDue { now, limit: 10 }).unwrap();
        assert!(due.damaged.is_empty());
        due.orders.iter().map(|order| order.id).collect::<Vec<_>>()
    };
    assert_eq!((ids(late), ids(put_off)), (vec![id(3)], vec![id(3), id(2)]));
    // Nobody is asked again about one that was acknowledged meanwhile.
    change(&mut writer, "ada", late, InboxChange::Mark(Mark::Ack { id: id(2) })).unwrap();
    try_step(&mut writer, vec![], vec![Later { id: id(2), at: Some(put_off) }], 0, late).unwrap();
    assert_eq!(ids(put_off), [id(3)]);
}

#[test]
fn a_damaged_order_reaches_nobody_else_s_inboxes_too_late() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let orders = (1..=5).map(|n| order(n, NOW, &["ada"], plain())).collect();
    try_step(&mut writer, orders, vec![], 0, NOW).unwrap();
    let sqlite = folder.sqlite();
    sqlite.execute("update orders set notify = 'x' where number = 1", []).unwrap();
    sqlite.execute("update orders set tenant = 'a/b' where number = 2", []).unwrap();
    sqlite.execute("update orders set id = x'00' where number = 3", []).unwrap();
    sqlite.execute("delete from orders where number = 4", []).unwrap();
    let stepped = step(&mut writer, vec![], NOW);
    assert_eq!((stepped.progress.has_more, unread(&store, "ada")), (false, 1));
    // Names that can't be read are passed over, and met once.
    let broken = order(6, NOW, &["ada", "bob"], plain());
    try_step(&mut writer, vec![broken], vec![], 0, NOW).unwrap();
    sqlite.execute("update order_chunks set users = char(1) || char(10) || 'bob'", []).unwrap();
    assert!(!step(&mut writer, vec![], NOW).progress.has_more);
    assert_eq!((unread(&store, "ada"), unread(&store, "bob")), (1, 1));
}

#[test]
fn a_full_disk_takes_no_order_half_and_goes_on_by_itself() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    step(&mut writer, vec![order(1, NOW, &["ada"], plain())], NOW);
    writer.limit_pages(Some(120));
    let long: Arc<str> = "x".repeat(2_000).into();
    let mut taken = 1;
    let (mut refused, mut refused_changes) = (0, 0);
    for number in 2..=200 {
        let notification = Notification { message: Some(Arc::clone(&long)), ..plain() };
        let order = order(number, NOW, &["ada", "bob", "cora"], notification);
        match try_step(&mut writer, vec![order], vec![], 256, NOW) {
            Ok(stepped) => {
                assert_eq!(stepped.grown.len(), 3);
                taken += 1;
            }
            Err(ReadError::Sqlite(_)) => refused += 1,
            Err(ReadError::Damaged { .. }) => panic!("a full disk is no damage"),
        }
        // They find what room is left for them, and then none.
        match change(&mut writer, "zoe", NOW, follow(&format!("hall:{number}"))) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, change::unavailable());
                refused_changes += 1;
            }
        }
    }
    assert!(refused_changes > 0, "the limit was never reached");
    assert!(refused > 0, "the limit was never reached");
    assert_eq!((unread(&store, "ada"), unread(&store, "bob")), (taken, taken - 1), "what was refused is nowhere");
    writer.limit_pages(None);
    step(&mut writer, vec![order(999, NOW, &["ada"], plain())], NOW);
    assert!(change(&mut writer, "zoe", NOW, follow("hall")).is_ok());
    assert_eq!(unread(&store, "ada"), taken + 1);
}

fn follow(room: &str) -> InboxChange {
    InboxChange::Follow { room: RoomName::parse(room).unwrap(), follows: true }
}

#[test]
fn who_follows_a_room_is_found_until_they_do_not() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let hall = RoomKey::new(Tenant::default(), RoomName::parse("hall").unwrap());
    let found = |room: &RoomKey| store.reader().unwrap().followers(&ReadFollowers { room: room.clone() }).unwrap();
    for name in ["ada", "bob"] {
        change(&mut writer, name, NOW, follow("hall")).unwrap();
        assert_eq!(change(&mut writer, name, NOW, follow("hall")).unwrap().offset, 1, "once more writes nothing");
    }
    assert_eq!(found(&hall), [user("ada"), user("bob")]);
    let elsewhere = RoomKey::new(Tenant::parse("acme").unwrap(), hall.room.clone());
    assert!(found(&elsewhere).is_empty());
    let unfollow = InboxChange::Follow { room: hall.room.clone(), follows: false };
    change(&mut writer, "ada", NOW, unfollow.clone()).unwrap();
    assert_eq!(change(&mut writer, "ada", NOW, unfollow).unwrap().offset, 2);
    assert_eq!(found(&hall), [user("bob")]);
    // What a change of preferences is refused changes nobody's follows.
    let set = InboxChange::Prefer(r#"{"follows":["hall"]}"#.into());
    assert!(matches!(change(&mut writer, "ada", NOW, set), Err(InboxError::Bad(_))));
}
