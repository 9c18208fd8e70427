//! What a user sees, page by page.

use super::*;

#[test]
fn pages_meet_without_a_hole_or_a_double() {
    let mut log = Log::new();
    log.arrive_plain(1..=7);
    log.mark_as(these(&[4]), Status::Archived);
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = log.inbox.list(&Filter::default(), before, 2);
        seen.extend(page.items.iter().map(|item| item.id.0.as_u128()));
        before = page.items.last().map(|item| item.surfaced);
        if !page.more {
            break;
        }
        assert_eq!(page.items.len(), 2);
    }
    assert_eq!(seen, [7, 6, 5, 3, 2, 1]);
    assert_eq!(log.inbox.list(&Filter::default(), Some(1), 2).items.len(), 0);
    assert!(log.inbox.list(&Filter::default(), None, 0).more);
}

#[test]
fn every_item_stands_on_one_shelf() {
    let mut log = Log::new();
    log.arrive_plain(1..=4);
    log.mark_as(these(&[1]), Status::Read);
    log.mark_as(these(&[2]), Status::Archived);
    log.mark_as(these(&[3]), Status::Snoozed { until: after(5) });
    assert_eq!(log.shelf(Shelf::Current), [4, 1]);
    assert_eq!(log.shelf(Shelf::Unread), [4]);
    assert_eq!(log.shelf(Shelf::Archived), [2]);
    assert_eq!(log.shelf(Shelf::Snoozed), [3]);
    // It moves, and leaves where it was.
    log.mark_as(these(&[2]), Status::Snoozed { until: after(6) });
    log.mark_as(these(&[3]), Status::Archived);
    assert_eq!((log.shelf(Shelf::Archived), log.shelf(Shelf::Snoozed)), (vec![3], vec![2]));
    assert_eq!(log.inbox.due_next(&log.keep), Some(after(6)), "what is archived has no snooze left to end");
}

#[test]
fn filters_narrow_a_shelf() {
    let mut log = Log::new();
    log.arrives(1, Notification { topic: Some("kpi".into()), level: Level::Error, ..plain() }, LOUD);
    log.arrives(2, Notification { topic: Some("kpi".into()), room: Some(room("a")), ..plain() }, LOUD);
    log.arrives(3, Notification { topic: Some("chat".into()), room: Some(room("a")), ..plain() }, LOUD);
    let topic = |topic: &str| Filter { topic: Some(topic.into()), ..Filter::default() };
    assert_eq!(log.listed(&topic("kpi")), [2, 1]);
    assert_eq!(log.listed(&Filter { level: Some(Level::Error), ..Filter::default() }), [1]);
    assert_eq!(log.listed(&Filter { room: Some(room("a")), ..topic("kpi") }), [2]);
    assert_eq!(log.listed(&Filter { shelf: Shelf::Archived, ..topic("kpi") }), []);
}

#[test]
fn what_surfaces_again_is_listed_first() {
    let mut log = Log::new();
    log.arrive_plain(1..=3);
    log.mark_as(these(&[1, 2]), Status::Snoozed { until: after(5) });
    log.settle_at(5);
    assert_eq!(log.shelf(Shelf::Current), [2, 1, 3]);
    let places: Vec<_> = log.inbox.items().map(|item| item.surfaced).collect();
    assert_eq!(places, [3, 5, 6], "each has an offset of its own, so pages can end between them");
}
