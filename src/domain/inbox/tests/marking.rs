//! What a user does to notifications.

use serde_json::json;

use super::*;

#[test]
fn a_mark_names_what_it_changed_with_the_counts_then() {
    let mut log = Log::new();
    log.arrive_plain(1..=3);
    let decided = log.mark_as(these(&[3, 1]), Status::Read);
    assert_eq!((decided.counts, decided.offset), (counts(1, 1), 4));
    assert_eq!(
        *log.last(),
        json!({
            "notifications": [id(3).to_string(), id(1).to_string()], "as": "read", "unread": 1, "unseen": 1,
        })
    );
    log.mark_as(these(&[1, 2]), Status::Snoozed { until: after(5) });
    assert_eq!(
        *log.last(),
        json!({
            "notifications": [id(1).to_string(), id(2).to_string()], "as": "snoozed",
            "until": "2026-11-21T06:05:00.000Z", "unread": 0, "unseen": 0,
        })
    );
}

#[test]
fn a_mark_that_changes_nothing_writes_nothing() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    let marks = [
        Mark::As { which: these(&[1, 1]), status: Status::Read },
        Mark::As { which: these(&[2]), status: Status::Snoozed { until: after(9) } },
        Mark::As { which: these(&[1]), status: Status::Archived },
        Mark::Seen { upto: 2 },
    ];
    for mark in marks {
        let first = log.mark(mark.clone());
        let again = log.mark(mark.clone());
        assert_eq!((first.entries.len(), again.entries.len()), (1, 0), "{mark:?}");
        assert_eq!((first.counts, first.offset), (again.counts, again.offset));
        assert!(again.changed.is_empty() && again.undo.is_none());
    }
    let none = log.mark_as(upto(99, Filter { topic: Some("kpi".into()), ..Filter::default() }), Status::Read);
    assert!(none.entries.is_empty());
}

#[test]
fn one_unknown_id_refuses_the_whole_mark_and_what_is_due_waits() {
    let mut log = Log::new();
    log.arrives(1, Notification { expires: Some(after(5)), ..plain() }, LOUD);
    log.arrive_plain([2]);
    log.now = after(5);
    let before = log.inbox.clone();
    let refused = log.decide(Change::Mark(Mark::As { which: these(&[2, 9]), status: Status::Read }));
    assert_eq!(refused, Err(Refused::UnknownNotification(id(9))));
    assert_eq!(log.decide(Change::Mark(Mark::Ack { id: id(9) })), Err(Refused::UnknownNotification(id(9))));
    assert_eq!(log.inbox, before);
    // One that is gone by this very moment was known, so the other is marked.
    log.mark_as(these(&[1, 2]), Status::Read);
    assert_eq!(log.last()["notifications"], json!([id(2).to_string()]));
}

#[test]
fn seen_is_a_watermark_that_never_goes_back_nor_past_the_newest() {
    let mut log = Log::new();
    log.arrive_plain(1..=3);
    log.mark(Mark::Seen { upto: 2 });
    assert_eq!(*log.last(), json!({ "upto": 2, "as": "seen", "unread": 3, "unseen": 1 }));
    assert!(log.mark(Mark::Seen { upto: 1 }).entries.is_empty());
    log.mark(Mark::Seen { upto: u64::MAX });
    assert_eq!((&log.last()["upto"], log.inbox.counts()), (&json!(4), counts(3, 0)));
    // What comes is unseen, however far somebody claimed to have seen.
    log.arrive_plain([4]);
    assert_eq!(log.inbox.counts(), counts(4, 1));
}

#[test]
fn a_watermark_that_passes_nothing_writes_nothing() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark(Mark::Seen { upto: 1 });
    // The client's newest entry is now the watermark's own: to see up to there is no news, or it would never end.
    assert!(log.mark(Mark::Seen { upto: 2 }).entries.is_empty());
}

#[test]
fn seen_and_read_are_two_things() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.mark_as(these(&[2]), Status::Read);
    assert_eq!(log.inbox.counts(), counts(1, 1));
    log.mark(Mark::Seen { upto: 2 });
    assert_eq!(log.inbox.counts(), counts(1, 0));
    log.mark_as(these(&[2]), Status::Unread);
    assert_eq!(log.inbox.counts(), counts(2, 0), "what was seen stays seen");
}

#[test]
fn all_reaches_what_had_surfaced_by_then() {
    let mut log = Log::new();
    log.arrive_plain(1..=10);
    log.mark_as(these(&[2]), Status::Archived);
    log.mark_as(these(&[3]), Status::Snoozed { until: after(5) });
    let decided = log.mark_as(upto(5, Filter::default()), Status::Read);
    assert_eq!(*log.last(), json!({ "notifications": "all", "upto": 5, "as": "read", "unread": 5, "unseen": 5 }));
    assert_eq!(decided.changed.len(), 3);
    assert_eq!(log.shelf(Shelf::Unread), [10, 9, 8, 7, 6]);
    // Those away are others than those on the list: they come back as they were.
    log.mark_as(these(&[2, 3]), Status::Unarchived);
    assert_eq!(log.shelf(Shelf::Unread), [10, 9, 8, 7, 6, 3, 2]);
    // It counts where something surfaced last, not where it came first.
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    log.settle_at(5);
    log.mark_as(upto(14, Filter::default()), Status::Read);
    assert_eq!(log.shelf(Shelf::Unread), [1]);
}

#[test]
fn all_with_a_filter_comes_as_a_list() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.arrives(3, Notification { topic: Some("kpi".into()), ..plain() }, LOUD);
    log.mark_as(upto(3, Filter { topic: Some("kpi".into()), ..Filter::default() }), Status::Archived);
    assert_eq!(
        *log.last(),
        json!({ "notifications": [id(3).to_string()], "as": "archived", "unread": 2, "unseen": 2 })
    );
    log.mark_as(upto(9, Filter { shelf: Shelf::Archived, ..Filter::default() }), Status::Unarchived);
    assert_eq!(log.last()["notifications"], json!([id(3).to_string()]));
    assert_eq!(log.inbox.counts(), counts(3, 3));
}

#[test]
fn what_is_read_stays_read_wherever_it_stands() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.mark_as(these(&[1, 2]), Status::Read);
    log.mark_as(these(&[1, 2]), Status::Archived);
    log.mark_as(these(&[1]), Status::Unread);
    assert_eq!(log.inbox.counts(), counts(0, 0), "what is archived counts no more, read or not");
    log.mark_as(these(&[1, 2]), Status::Unarchived);
    assert_eq!(log.shelf(Shelf::Unread), [1]);
}

#[test]
fn a_snooze_ends_in_the_future() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    for until in [after(-1), after(0)] {
        let mark = Mark::As { which: these(&[1]), status: Status::Snoozed { until } };
        assert_eq!(log.decide(Change::Mark(mark)), Err(Refused::UntilPassed));
    }
}

#[test]
fn only_an_ack_ends_a_critical_one() {
    let mut log = Log::new();
    log.arrives(1, critical(), LOUD);
    log.arrives(2, critical(), LOUD);
    log.arrive_plain([3]);
    log.mark_as(upto(3, Filter::default()), Status::Archived);
    assert_eq!(log.shelf(Shelf::Archived), [3], "all passes over what waits for an answer");
    // Named, it goes where the user wants it, and is still pushed.
    log.mark_as(these(&[1]), Status::Archived);
    log.mark_as(these(&[2]), Status::Snoozed { until: after(9) });
    assert_eq!(log.inbox.unacknowledged().collect::<Vec<_>>(), [id(1), id(2)]);

    let decided = log.mark(Mark::Ack { id: id(1) });
    assert_eq!((decided.acked, decided.undo), (Some(id(1)), None));
    assert_eq!(*log.last(), json!({ "notifications": [id(1).to_string()], "as": "acked", "unread": 0, "unseen": 0 }));
    assert_eq!(log.inbox.unacknowledged().collect::<Vec<_>>(), [id(2)]);
    let again = log.mark(Mark::Ack { id: id(1) });
    assert_eq!((again.acked, again.entries.len()), (None, 0));
}

#[test]
fn an_ack_reads_nothing_and_one_of_an_ordinary_notification_is_harmless() {
    let mut log = Log::new();
    log.arrives(1, critical(), LOUD);
    log.arrive_plain([2]);
    assert_eq!(log.mark(Mark::Ack { id: id(1) }).counts, counts(2, 2));
    let decided = log.mark(Mark::Ack { id: id(2) });
    assert_eq!((decided.acked, decided.entries.len()), (None, 0));
}
