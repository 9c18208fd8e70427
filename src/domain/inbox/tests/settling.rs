//! What time does.

use serde_json::json;

use super::super::{By, GONE_KEPT, Removed};
use super::*;
use crate::domain::preferences::Preferences;

#[test]
fn a_snooze_that_ends_surfaces_the_item_again_unread_and_unseen() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.mark(Mark::Seen { upto: 2 });
    log.mark_as(these(&[1]), Status::Read);
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    assert_eq!(log.inbox.due_next(&log.keep), Some(after(5)));
    assert!(log.settle_at(4).entries.is_empty());
    let decided = log.settle_at(5);
    assert_eq!(decided.entries[0].by, By::Time);
    assert_eq!(
        *log.last(),
        json!({ "notifications": [id(1).to_string()], "as": "surfaced", "unread": 2, "unseen": 1 })
    );
    assert!(log.settle_at(6).entries.is_empty(), "a snooze ends once");
}

#[test]
fn a_second_snooze_is_not_ended_by_the_first() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    log.mark_as(these(&[1]), Status::Snoozed { until: after(9) });
    assert!(log.settle_at(5).entries.is_empty());
    assert_eq!(log.settle_at(9).entries.len(), 1);
}

#[test]
fn what_is_past_its_use_goes_critical_or_not_snoozed_or_not() {
    let mut log = Log::new();
    let expiring = |facts| Notification { expires: Some(after(5)), ..facts };
    log.arrives(1, expiring(plain()), LOUD);
    log.arrives(2, expiring(critical()), LOUD);
    log.arrives(3, expiring(plain()), LOUD);
    log.arrive_plain([4]);
    log.mark_as(these(&[3]), Status::Snoozed { until: after(4) });
    let decided = log.settle_at(5);
    assert_eq!(decided.removed, [1, 2, 3].map(|number| (id(number), Removed::Expired)));
    assert_eq!(
        *log.last(),
        json!({
            "notifications": ([1, 2, 3].map(|number| id(number).to_string())), "as": "expired", "unread": 1, "unseen": 1,
        })
    );
    assert_eq!((log.head(), log.inbox.unacknowledged().count()), (6, 0), "what went does not surface");
}

#[test]
fn every_change_first_settles_what_is_due() {
    let mut log = Log::new();
    log.arrives(1, Notification { expires: Some(after(5)), ..plain() }, LOUD);
    log.arrive_plain([2]);
    log.mark_as(these(&[2]), Status::Snoozed { until: after(5) });
    log.now = after(5);
    let decided = log.arrives(3, plain(), LOUD);
    let who: Vec<_> = decided.entries.iter().map(|entry| (entry.kind, entry.by)).collect();
    assert_eq!(who, [(Kind::Marked, By::Time), (Kind::Marked, By::Time), (Kind::Notification, By::Sender)]);
    assert_eq!(decided.arrived, Some(Arrived::New { offset: 6, replaces: None }));
    let unread: Vec<_> = log.entries[3..].iter().map(|entry| entry["unread"].as_u64().unwrap()).collect();
    assert_eq!(unread, [0, 1, 2]);
    // A client could not know of the one that surfaced in the same step.
    assert_eq!(log.shelf(Shelf::Current), [3, 2]);
}

#[test]
fn an_inbox_keeps_the_newest_and_every_critical_one_that_is_not_acknowledged() {
    let mut log = Log::keeping(3);
    log.arrives(1, critical(), LOUD);
    log.arrive_plain(2..=5);
    assert_eq!(log.shelf(Shelf::Current), [5, 4, 3, 1]);
    assert_eq!(log.last()["as"], "trimmed");
    // Acknowledged, it is one of those beyond the newest.
    let decided = log.mark(Mark::Ack { id: id(1) });
    assert_eq!((decided.acked, &decided.removed[..]), (Some(id(1)), &[(id(1), Removed::Trimmed)][..]));
    assert_eq!(log.shelf(Shelf::Current), [5, 4, 3]);
    // Newest means where it surfaced last.
    log.mark_as(these(&[3]), Status::Snoozed { until: after(5) });
    log.settle_at(5);
    log.arrive_plain([6]);
    assert_eq!(log.shelf(Shelf::Current), [6, 3, 5]);
}

#[test]
fn what_is_too_old_goes_and_a_critical_one_waits_for_its_ack() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.arrives(2, critical(), LOUD);
    log.mark_as(these(&[1]), Status::Snoozed { until: Timestamp(START + 90 * DAY) });
    log.now = after(1);
    log.arrive_plain([3]);
    assert_eq!(log.inbox.due_next(&log.keep), Some(Timestamp(START + 90 * DAY)));
    let decided = log.settle_at(90 * 24 * 60);
    assert_eq!((&decided.removed[..], decided.entries.len()), (&[(id(1), Removed::Trimmed)][..], 1));
    log.settle_at(91 * 24 * 60);
    assert_eq!(log.shelf(Shelf::Current), [2]);
    assert_eq!(log.inbox.due_next(&log.keep), None);
    log.mark(Mark::Ack { id: id(2) });
    assert_eq!(log.shelf(Shelf::Current), []);
}

#[test]
fn ids_that_went_are_remembered_for_a_while() {
    let mut log = Log::keeping(1);
    log.arrive_plain(1..=GONE_KEPT as u128 + 2);
    // One is held, the newest thousand that went are remembered, and one is forgotten.
    assert_eq!(log.inbox.snapshot().gone.len(), GONE_KEPT);
    assert_eq!((log.inbox.is_gone(id(1)), log.inbox.is_gone(id(2))), (false, true));
    let mark = |number| Change::Mark(Mark::As { which: these(&[number]), status: Status::Read });
    assert_eq!(log.decide(mark(1)), Err(Refused::UnknownNotification(id(1))));
    assert!(log.decide(mark(2)).is_ok_and(|decided| decided.entries.is_empty()));
}

#[test]
fn a_digest_tells_once_what_piled_up_in_quiet_hours() {
    let mut log = Log::new();
    let quiet = Verdict { quiet: true, read: false, piles_until: Some(after(60)) };
    for (number, level) in [(1, Level::Info), (2, Level::Error), (3, Level::Info)] {
        log.arrives(number, Notification { level, ..plain() }, quiet);
    }
    log.arrives(4, plain(), MUTED);
    let asleep = log.inbox.clone();
    assert_eq!(log.inbox.due_next(&log.keep), Some(after(60)));
    let decided = log.settle_at(60);
    let [written] = &decided.entries[..] else { panic!("one entry of the digest") };
    assert_eq!((written.kind, written.by, decided.arrived), (Kind::Notification, By::Time, None));
    let told = &log.last()["notification"];
    assert_eq!(told["title"], "3 notifications came in quiet hours");
    assert_eq!(
        (&told["message"], &told["metadata"]),
        (&json!("2 info, 1 error"), &json!({ "digest": { "info": 2, "error": 1 } }))
    );
    assert_eq!((&told["quiet"], told["read"].is_string()), (&json!(false), true), "a toast, and no badge");
    assert_eq!(decided.counts, counts(3, 3));
    assert_eq!((decided.texts.len(), log.inbox.pile()), (1, None));
    assert!(log.settle_at(61).entries.is_empty());

    // Whoever makes the same digest again, from rows that are older, makes the same notification.
    let again = asleep.clone().decide(Change::Settle, after(61), 4, &log.keep).unwrap();
    assert_eq!(again.texts, decided.texts);
    let mut confused = log.inbox.snapshot();
    confused.pile = asleep.pile().cloned();
    let once_more = Inbox::from_snapshot(confused).decide(Change::Settle, after(61), log.head(), &log.keep).unwrap();
    assert!(once_more.entries.is_empty());
    // In another inbox it is another one, for it says something else.
    let other = Inbox::from_snapshot(super::super::Snapshot { epoch: Epoch(Uuid::from_u128(8)), ..asleep.snapshot() })
        .decide(Change::Settle, after(60), 4, &log.keep)
        .unwrap();
    assert_ne!(other.texts[0].0, decided.texts[0].0);
}

#[test]
fn what_comes_after_quiet_hours_ended_piles_up_no_more() {
    let mut log = Log::new();
    log.now = after(60);
    log.arrives(1, plain(), Verdict { quiet: true, read: false, piles_until: Some(after(60)) });
    assert_eq!(log.inbox.pile(), None);
}

#[test]
fn preferences_that_change_are_an_entry_and_move_the_digest() {
    let set = |set: &str| {
        let Value::Object(set) = serde_json::from_str(set).unwrap() else { panic!() };
        Preferences::default().merge(&set).unwrap()
    };
    // 06:00 is when the tests begin.
    let early = set(r#"{"digest":true,"quiet_hours":{"from":"05:00","to":"07:00","zone":"UTC"}}"#);
    let longer = set(r#"{"digest":true,"quiet_hours":{"from":"05:00","to":"08:00","zone":"UTC"}}"#);
    let over = set(r#"{"digest":true}"#);
    let off = set(r#"{"quiet_hours":{"from":"05:00","to":"07:00","zone":"UTC"}}"#);
    for (next, due, entries) in
        [(&early, Some(after(60)), 0), (&longer, Some(after(120)), 1), (&off, None, 1), (&over, None, 2)]
    {
        let mut log = Log::new();
        let verdict = early.judge(Level::Info, None, None, false, log.now);
        log.arrives(1, plain(), verdict);
        let change = Change::Prefer { before: Box::new(early.clone()), after: Box::new(next.clone()) };
        let decided = log.decide(change).unwrap();
        assert_eq!((log.inbox.pile().map(|pile| pile.until), decided.entries.len()), (due, entries), "{next:?}");
        if entries > 0 {
            let told: Value = serde_json::from_str(&next.to_json()).unwrap();
            assert_eq!(log.entries[1], json!({ "preferences": told }));
        }
    }
}
