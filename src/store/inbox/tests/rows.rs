//! The fold in rows is the fold on values; and what is damaged is one user's alone.

use proptest::prelude::*;

use super::super::rows::{Remembered, load};
use super::*;
use crate::domain::inbox::{Arrival, Change, Filter, Inbox, Shelf};
use crate::domain::preferences::Preferences;

/// Something that happens to one inbox; offsets count back from the newest, times from now, in minutes.
#[derive(Clone, Debug)]
enum Move {
    Arrive {
        critical: bool,
        dedupe: Option<u8>,
        level: usize,
        topic: Option<u8>,
        expires: Option<i64>,
    },
    These {
        numbers: Vec<u128>,
        status: u8,
    },
    All {
        back: u64,
        shelf: usize,
        status: u8,
    },
    Seen {
        back: u64,
    },
    Undo {
        back: u64,
    },
    Ack {
        number: u128,
    },
    Wait {
        minutes: i64,
    },
    /// The process ends and begins again.
    Restart,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let arrive = (
        prop::bool::weighted(0.2),
        prop::option::weighted(0.4, 0..3_u8),
        0..4_usize,
        prop::option::weighted(0.5, 0..2_u8),
        prop::option::weighted(0.3, -1..90_i64),
    );
    let arrive = arrive.prop_map(|(critical, dedupe, level, topic, expires)| Move::Arrive {
        critical,
        dedupe,
        level,
        topic,
        expires,
    });
    let one = prop_oneof![
        6 => arrive,
        3 => (prop::collection::vec(1..20_u128, 1..4), 0..5_u8).prop_map(|(numbers, status)| Move::These { numbers, status }),
        3 => (0..8_u64, 0..4_usize, 0..5_u8).prop_map(|(back, shelf, status)| Move::All { back, shelf, status }),
        2 => (0..4_u64).prop_map(|back| Move::Seen { back }),
        3 => (0..8_u64).prop_map(|back| Move::Undo { back }),
        2 => (1..20_u128).prop_map(|number| Move::Ack { number }),
        3 => (0..40_i64).prop_map(|minutes| Move::Wait { minutes }),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 1..40)
}

fn status(number: u8, now: Timestamp) -> Status {
    match number {
        0 => Status::Read,
        1 => Status::Unread,
        2 => Status::Archived,
        3 => Status::Unarchived,
        _ => Status::Snoozed { until: Timestamp(now.0 + 600_000) },
    }
}

const SMALL: Keep = Keep { newest: 6, age: Duration::from_hours(5) };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_that_were_changed_are_the_fold_that_was(moves in moves()) {
        let folder = Folder::new();
        let mut store = folder.open();
        let mut writer = store.writer().unwrap();
        let preferences = r#"{"topics":{"0":"critical","1":"mute"},"levels":{"success":false}}"#;
        change(&mut writer, "ada", NOW, InboxChange::Prefer(preferences.into())).unwrap();
        let judge = Preferences::from_json(preferences).unwrap();
        let mut fold = Inbox::new(store.epoch());
        let (mut now, mut head, mut number) = (NOW, 1_u64, 0_u128);
        for next in moves {
            let mark = match next {
                Move::Restart => {
                    drop(writer);
                    drop(store);
                    store = folder.open();
                    writer = store.writer().unwrap();
                    continue;
                }
                Move::Wait { minutes } => {
                    now.0 += minutes * 60_000;
                    None
                }
                Move::Arrive { critical, dedupe, level, topic, expires } => {
                    number += 1;
                    let notification = Notification {
                        critical,
                        level: Level::ALL[level],
                        dedupe: dedupe.map(|value| value.to_string().into()),
                        topic: topic.map(|value| value.to_string().into()),
                        expires: expires.map(|minutes| Timestamp(now.0 + minutes * 60_000)),
                        ..plain()
                    };
                    let topic = notification.topic.as_deref();
                    let verdict = judge.judge(notification.level, topic, None, critical, now);
                    let arrival = Arc::new(Arrival::new(id(number), now, notification.clone()));
                    let decided = fold.decide(Change::Arrive { arrival, verdict }, now, head, &SMALL).unwrap();
                    let reply = Context::<Nobody>::new().address().recipient();
                    let orders = vec![order(number, now, &["ada"], notification)];
                    let taken = Step { orders, later: vec![], inboxes_max: 256, rows_max: usize::MAX, now, keep: SMALL, reply };
                    let grown = writer.step(&taken).unwrap().grown;
                    let bodies: Vec<_> = grown.iter().flat_map(|grown| &grown.entries).map(|e| (e.offset, e.body.clone())).collect();
                    prop_assert_eq!(bodies, (head + 1..).zip(decided.entries.iter().map(|e| e.body.clone())).collect::<Vec<_>>());
                    head = decided.offset;
                    prop_assert_eq!(&load(&folder.sqlite(), 1, store.epoch(), Remembered::All).unwrap(), &fold);
                    continue;
                }
                Move::These { numbers, status: becomes } => Some(Mark::As {
                    which: Which::These(numbers.into_iter().map(id).collect()),
                    status: status(becomes, now),
                }),
                Move::All { back, shelf, status: becomes } => {
                    let shelf = [Shelf::Current, Shelf::Unread, Shelf::Archived, Shelf::Snoozed][shelf];
                    let filter = Filter { shelf, ..Filter::default() };
                    Some(Mark::As { which: Which::All { upto: head.saturating_sub(back), filter }, status: status(becomes, now) })
                }
                Move::Seen { back } => Some(Mark::Seen { upto: (head + 1).saturating_sub(back) }),
                Move::Undo { back } => Some(Mark::Undo { offset: head.saturating_sub(back) }),
                Move::Ack { number } => Some(Mark::Ack { id: id(number) }),
            };
            let (of_fold, of_store) = match mark {
                Some(mark) => (Change::Mark(mark.clone()), InboxChange::Mark(mark)),
                None => (Change::Settle, InboxChange::Settle),
            };
            let decided = fold.decide(of_fold, now, head, &SMALL);
            let (outcomes, grown) = writer.change_inboxes(&[write("ada", now, of_store)], &SMALL, usize::MAX);
            match (&decided, &outcomes[0]) {
                (Ok(decided), Ok(changed)) => {
                    prop_assert_eq!((decided.counts, decided.offset), (changed.counts, changed.offset));
                    let bodies = grown.iter().flat_map(|grown| &grown.entries).map(|e| (e.offset, e.body.clone()));
                    let expected = (head + 1..).zip(decided.entries.iter().map(|e| e.body.clone()));
                    prop_assert_eq!(bodies.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
                    head = decided.offset;
                }
                (Err(_), Err(_)) => prop_assert!(grown.is_empty()),
                differ => prop_assert!(false, "{differ:?}"),
            }
            prop_assert_eq!(&load(&folder.sqlite(), 1, store.epoch(), Remembered::All).unwrap(), &fold);
        }
        // Whoever looks sees the same, texts too.
        let listed = list(&store, "ada").unwrap();
        let page = fold.list(&Filter::default(), None, 200);
        prop_assert_eq!((listed.counts, listed.notifications.len()), (fold.counts(), page.items.len()));
        for (text, item) in listed.notifications.iter().zip(page.items) {
            prop_assert!(text.contains(&item.id.to_string()));
        }
    }
}

#[test]
fn a_damaged_inbox_holds_up_nobody_else() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let names = ["ada", "bob", "cora", "dan"];
    step(&mut writer, vec![order(1, NOW, &names, plain()), order(2, NOW, &names, plain())], NOW);
    let sqlite = folder.sqlite();
    let of = |name: &str| format!("(select id from logs where room = '{}')", own(name).room.as_str());
    sqlite.execute(&format!("update inbox_items set read = 5 where log = {} and surfaced = 1", of("ada")), []).unwrap();
    sqlite.execute(&format!("insert into inbox_gone values ({}, x'00')", of("bob")), []).unwrap();
    sqlite.execute(&format!("update inboxes set preferences = '[]' where log = {}", of("cora")), []).unwrap();
    let changes: Vec<_> = names.iter().map(|name| write(name, NOW, read_mark(1))).collect();
    let (outcomes, grown) = writer.change_inboxes(&changes, &KEEP, usize::MAX);
    let is_ok: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    // A mark asks for the ids that went, and no preferences.
    assert_eq!((is_ok, grown.len()), (vec![false, false, true, true], 2));
    assert_eq!(outcomes[0], Err(change::unavailable()));
    let stepped = step(&mut writer, vec![order(3, NOW, &names, plain())], NOW);
    let reached: Vec<_> = stepped.grown.iter().map(|grown| grown.log.clone()).collect();
    assert_eq!((reached, stepped.progress.has_more), (vec![own("bob"), own("dan")], false));
    assert!(matches!(list(&store, "ada"), Err(ReadError::Damaged { .. })), "it is never told in part");
    assert_eq!((unread(&store, "bob"), unread(&store, "dan")), (3, 2));
}

#[test]
fn a_text_that_is_not_what_was_written_is_not_told() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    step(&mut writer, vec![order(1, NOW, &["ada"], plain())], NOW);
    folder.sqlite().execute("update inbox_items set text = replace(text, '\"t\"', '\"u\"')", []).unwrap();
    assert!(matches!(list(&store, "ada"), Err(ReadError::Damaged { .. })));
}

#[test]
fn a_mark_of_another_life_of_the_log_is_a_conflict() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    step(&mut writer, vec![order(1, NOW, &["ada"], plain())], NOW);
    let mark = |epoch| InboxWrite { epoch: Some(epoch), ..write("ada", NOW, read_mark(1)) };
    let (outcomes, grown) =
        writer.change_inboxes(&[mark(Epoch(Uuid::from_u128(7))), mark(store.epoch())], &KEEP, usize::MAX);
    assert_eq!(outcomes[0], Err(InboxError::AnotherEpoch));
    assert_eq!((outcomes[1].as_ref().unwrap().offset, grown.len()), (2, 1));
}
