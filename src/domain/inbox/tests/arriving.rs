//! A notification reaches an inbox.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{By, Removed, body};
use super::*;

#[test]
fn its_entry_has_everything_with_the_counts_then() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    let facts = Notification {
        level: Level::Warning,
        title: "Revenue is \"down\"".into(),
        message: Some("by 5 %".into()),
        topic: Some("kpi".into()),
        room: Some(room("dashboard:sales")),
        duration_ms: None,
        critical: true,
        actions: r#"[{"id":"open","label":"Open","url":"/kpi"}]"#.into(),
        metadata: Some(r#"{"x":1.50}"#.into()),
        dedupe: None,
        expires: Some(after(60)),
    };
    let decided = log.arrives(2, facts, LOUD);
    assert_eq!(decided.arrived, Some(Arrived::New { offset: 2, replaces: None }));
    assert_eq!((decided.entries[0].kind, decided.entries[0].by), (Kind::Notification, By::Sender));
    assert_eq!(
        *log.last(),
        json!({
            "notification": {
                "id": id(2).to_string(), "level": "warning", "title": "Revenue is \"down\"", "message": "by 5 %",
                "topic": "kpi", "room": "dashboard:sales", "at": "2026-11-21T06:00:00.000Z", "duration": null,
                "critical": true, "actions": [{ "id": "open", "label": "Open", "url": "/kpi" }],
                "metadata": { "x": 1.50 }, "expires": "2026-11-21T07:00:00.000Z",
                "quiet": false, "read": null, "archived": null, "acked": null, "snoozed_until": null,
            },
            "unread": 2, "unseen": 2,
        })
    );
    assert!(decided.entries[0].body.contains(r#""metadata":{"x":1.50}"#), "the sender's digits stay as they are");
    assert_eq!(log.entries[0]["notification"]["topic"], Value::Null);
}

#[test]
fn what_is_kept_and_its_state_make_the_whole_again() {
    let mut log = Log::new();
    let decided = log.arrives(1, dedupe("job"), LOUD);
    let [(kept, text)] = &decided.texts[..] else { panic!("one text of one new item") };
    let item = log.inbox.item(*kept).unwrap();
    let pushed: Value = serde_json::from_str(&body::notification(text, item)).unwrap();
    assert_eq!(pushed, log.last()["notification"]);

    log.now = after(1);
    log.mark_as(these(&[1]), Status::Read);
    let listed: Value = serde_json::from_str(&body::listed(text, log.inbox.item(id(1)).unwrap())).unwrap();
    let mut expected = pushed;
    expected["read"] = json!("2026-11-21T06:01:00.000Z");
    expected["offset"] = json!(1);
    assert_eq!(listed, expected);
}

#[test]
fn the_same_one_again_is_known_while_it_is_there_and_when_it_is_gone() {
    let mut log = Log::new();
    log.arrives(1, Notification { expires: Some(after(5)), ..plain() }, LOUD);
    for minutes in [0, 1, 6, 7] {
        log.now = after(minutes);
        let again = log.arrives(1, plain(), LOUD);
        assert_eq!(again.arrived, Some(Arrived::Duplicate), "after {minutes} minutes");
    }
    assert_eq!(log.head(), 2, "it came and it expired");
}

#[test]
fn a_muted_one_comes_already_read_and_lights_no_badge() {
    let mut log = Log::new();
    let decided = log.arrives(1, plain(), MUTED);
    assert_eq!(decided.counts, counts(0, 0));
    assert_eq!(log.last()["notification"]["quiet"], json!(true));
    assert_eq!(log.last()["notification"]["read"], json!("2026-11-21T06:00:00.000Z"));
    assert_eq!(log.shelf(Shelf::Current), [1]);
}

#[test]
fn a_critical_one_is_loud_whatever_was_judged() {
    let mut log = Log::new();
    let decided = log.arrives(1, critical(), Verdict { piles_until: Some(after(5)), ..MUTED });
    assert_eq!((decided.counts, log.inbox.pile()), (counts(1, 1), None));
    assert_eq!(log.last()["notification"]["quiet"], json!(false));
}

#[test]
fn one_with_the_same_dedupe_takes_the_place_of_the_unread_one() {
    let mut log = Log::new();
    log.arrives(1, Notification { critical: true, ..dedupe("job") }, LOUD);
    log.arrive_plain([2]);
    log.mark(Mark::Seen { upto: 2 });
    let decided = log.arrives(3, dedupe("job"), LOUD);
    assert_eq!(decided.arrived, Some(Arrived::New { offset: 4, replaces: Some(id(1)) }));
    assert_eq!(decided.removed, [(id(1), Removed::Replaced)]);
    assert_eq!((decided.counts, &log.last()["replaces"]), (counts(2, 1), &json!(id(1).to_string())));
    assert_eq!(log.shelf(Shelf::Current), [3, 2]);
    assert_eq!(log.inbox.unacknowledged().count(), 0, "what is replaced is not pushed any more");

    // A mark or an ack that still names the old one is harmless, and so is the old one itself.
    let head = log.head();
    log.mark_as(these(&[1]), Status::Read);
    assert_eq!(log.mark(Mark::Ack { id: id(1) }).acked, None);
    assert_eq!(log.arrives(1, dedupe("job"), LOUD).arrived, Some(Arrived::Duplicate));
    assert_eq!(log.head(), head);
}

#[test]
fn what_was_read_or_archived_stays_beside_a_new_one_and_what_is_snoozed_does_not() {
    for (status, stays) in
        [(Status::Read, true), (Status::Archived, true), (Status::Snoozed { until: after(9) }, false)]
    {
        let mut log = Log::new();
        log.arrives(1, dedupe("job"), LOUD);
        log.mark_as(these(&[1]), status);
        log.arrives(2, dedupe("job"), LOUD);
        assert_eq!(log.inbox.item(id(1)).is_some(), stays, "{status:?}");
        assert_eq!(log.last()["replaces"].is_null(), stays, "{status:?}");
    }
}

#[test]
fn of_two_unread_ones_with_the_same_dedupe_the_newer_goes() {
    let mut log = Log::new();
    log.arrives(1, dedupe("job"), LOUD);
    log.mark_as(these(&[1]), Status::Read);
    log.arrives(2, dedupe("job"), LOUD);
    log.mark_as(these(&[1]), Status::Unread);
    log.arrives(3, dedupe("job"), LOUD);
    assert_eq!(log.shelf(Shelf::Unread), [3, 1]);
    log.arrives(4, dedupe("other"), LOUD);
    assert_eq!(log.shelf(Shelf::Unread), [4, 3, 1]);
}

#[test]
fn one_that_comes_too_late_never_surfaces() {
    let mut log = Log::new();
    let arrival = |notification| Arc::new(Arrival::new(id(1), after(0), notification));
    let past_its_use = arrival(Notification { expires: Some(after(5)), critical: true, ..plain() });
    log.now = after(5);
    let decided = log.decide(Change::Arrive { arrival: past_its_use, verdict: LOUD }).unwrap();
    assert_eq!((decided.arrived, log.head()), (Some(Arrived::TooLate), 0));

    log.now = Timestamp(START + 90 * DAY);
    let decided = log.decide(Change::Arrive { arrival: arrival(plain()), verdict: LOUD }).unwrap();
    assert_eq!((decided.arrived, log.head()), (Some(Arrived::TooLate), 0));
    let decided = log.decide(Change::Arrive { arrival: arrival(critical()), verdict: LOUD }).unwrap();
    assert_eq!(decided.arrived, Some(Arrived::New { offset: 1, replaces: None }));
}
