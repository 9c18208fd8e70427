//! Taking a mark back.

use serde_json::json;

use super::super::UNDOS_KEPT;
use super::*;

#[test]
fn undo_takes_back_what_the_mark_did_and_no_more() {
    let mut log = Log::new();
    log.arrive_plain(1..=3);
    log.mark_as(these(&[1]), Status::Read);
    log.mark_as(upto(4, Filter::default()), Status::Read);
    let decided = log.mark(Mark::Undo { offset: 5 });
    assert_eq!(decided.counts, counts(2, 2), "the first was read before");
    assert_eq!(
        *log.last(),
        json!({
            "notifications": [id(2).to_string(), id(3).to_string()], "as": "undone", "undo": 5, "unread": 2, "unseen": 2,
        })
    );
    assert!(log.mark(Mark::Undo { offset: 5 }).entries.is_empty(), "it has been taken back already");
}

#[test]
fn what_changed_since_stays_as_it_is() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.mark_as(these(&[1, 2]), Status::Read);
    log.mark_as(these(&[1]), Status::Archived);
    log.mark(Mark::Undo { offset: 3 });
    assert_eq!(log.last()["notifications"], json!([id(2).to_string()]));
    assert_eq!((log.shelf(Shelf::Archived), log.shelf(Shelf::Unread)), (vec![1], vec![2]));
    // Newest first takes everything back.
    log.mark(Mark::Undo { offset: 4 });
    assert_eq!((log.shelf(Shelf::Archived), log.shelf(Shelf::Current)), (vec![], vec![2, 1]));
}

#[test]
fn an_ack_stands_and_bars_no_undo() {
    let mut log = Log::new();
    log.arrives(1, critical(), LOUD);
    log.mark_as(these(&[1]), Status::Read);
    log.mark(Mark::Ack { id: id(1) });
    log.mark(Mark::Undo { offset: 2 });
    let item = log.inbox.item(id(1)).unwrap();
    assert_eq!((item.is_unread(), item.acked), (true, Some(after(0))));
    assert_eq!(log.decide(Change::Mark(Mark::Undo { offset: 3 })), Err(Refused::NothingToUndo(3)));
}

#[test]
fn a_snooze_is_taken_back_to_where_it_was() {
    let mut log = Log::new();
    log.arrive_plain(1..=2);
    log.mark(Mark::Seen { upto: 2 });
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    log.mark(Mark::Undo { offset: 4 });
    assert_eq!((log.shelf(Shelf::Current), log.inbox.counts()), (vec![2, 1], counts(2, 0)));
    assert!(log.settle_at(5).entries.is_empty(), "no snooze is left that could end");
}

#[test]
fn a_snooze_that_ended_is_not_taken_back() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    log.settle_at(5);
    assert!(log.mark(Mark::Undo { offset: 2 }).entries.is_empty());
    assert_eq!(log.inbox.item(id(1)).unwrap().surfaced, 3);
}

#[test]
fn a_snooze_that_an_undo_brings_back_after_its_end_ends_at_once() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark_as(these(&[1]), Status::Snoozed { until: after(5) });
    log.mark_as(these(&[1]), Status::Archived);
    log.now = after(6);
    log.mark(Mark::Undo { offset: 3 });
    let what: Vec<_> = log.entries[3..].iter().map(|entry| entry["as"].as_str().unwrap()).collect();
    assert_eq!((what, log.inbox.counts()), (vec!["undone", "surfaced"], counts(1, 1)));
}

#[test]
fn an_undo_can_be_taken_back_itself() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark_as(these(&[1]), Status::Archived);
    log.mark(Mark::Undo { offset: 2 });
    log.mark(Mark::Undo { offset: 3 });
    assert_eq!(log.shelf(Shelf::Archived), [1]);
}

#[test]
fn what_was_no_mark_or_is_long_ago_cannot_be_undone() {
    let mut log = Log::new();
    log.arrive_plain([1]);
    log.mark(Mark::Seen { upto: 1 });
    for offset in [0, 1, 2, 3, u64::MAX] {
        let refused = log.decide(Change::Mark(Mark::Undo { offset }));
        assert_eq!(refused, Err(Refused::NothingToUndo(offset)));
    }
    for step in 0..=UNDOS_KEPT {
        log.mark_as(these(&[1]), if step % 2 == 0 { Status::Read } else { Status::Unread });
    }
    assert_eq!(log.inbox.snapshot().undos.len(), UNDOS_KEPT);
    assert_eq!(log.decide(Change::Mark(Mark::Undo { offset: 3 })), Err(Refused::NothingToUndo(3)));
    assert!(log.decide(Change::Mark(Mark::Undo { offset: 4 })).is_ok());
}
