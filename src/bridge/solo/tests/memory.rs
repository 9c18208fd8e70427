use proptest::prelude::*;

use crate::bridge::solo::memory::{MemoryLogs, Offered};
use crate::domain::log::Keep;

use super::*;

fn small() -> Limits {
    Limits { memory_log_entries_max: 10, memory_unwatched_max: 3, ..Limits::default() }
}

#[actix::test]
async fn a_log_in_memory_keeps_its_newest_entries_and_says_what_is_too_old() {
    let bench = Bench::new(small());
    let mut room = Room::open();
    let start = bench.watch("a", LogPlace::Memory, &room.addr).await.ends.head;
    assert_eq!(start.offset, 0);
    for n in 1..=25 {
        bench.append("a", LogPlace::Memory, "x", None, room.done("x"));
        assert!(matches!(room.next().await, Heard::Arrived(batch) if batch.entries[0].offset == n));
        assert_eq!(room.outcome().await.unwrap().offset, n);
    }
    let page = bench.read("a", LogPlace::Memory, 1).await;
    assert_eq!(offsets(&page), (16..=25).collect::<Vec<_>>());
    assert_eq!((page.ends.floor.offset, page.ends.head), (15, page.entries[9].cursor(start.epoch)));
    assert!(page.ends.floor.entry.is_some(), "a cursor at the floor can be proven");
    assert_eq!(offsets(&bench.read("a", LogPlace::Memory, 24).await), [24, 25]);
    assert_eq!(offsets(&bench.read("a", LogPlace::Memory, u64::MAX).await), [] as [u64; 0]);
}

#[actix::test]
async fn a_log_that_is_nowhere_counts_and_announces_and_keeps_nothing() {
    let bench = Bench::new(small());
    let mut room = Room::open();
    bench.watch("a", LogPlace::None, &room.addr).await;
    for (text, key) in [("x", None), ("y", Some("k")), ("y", Some("k")), ("z", Some("k"))] {
        bench.append("a", LogPlace::None, text, key, room.done("x"));
    }
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(room.outcome().await);
    }
    let second = outcomes[1].clone().unwrap();
    assert_eq!((outcomes[0].clone().unwrap().offset, second.offset), (1, 2));
    assert_eq!(outcomes[2], Ok(Appended { duplicate: true, ..second }));
    assert_eq!(outcomes[3], Err(AppendError::Conflict));
    let page = bench.read("a", LogPlace::None, 1).await;
    assert_eq!((page.ends.floor, page.ends.head.offset, page.entries.len()), (page.ends.head, 2, 0));
}

#[actix::test]
async fn a_log_in_memory_goes_with_its_last_watch() {
    let bench = Bench::new(small());
    let (mut first, second) = (Room::open(), Room::open());
    let one = bench.watch("a", LogPlace::Memory, &first.addr).await;
    let two = bench.watch("a", LogPlace::Memory, &second.addr).await;
    bench.append("a", LogPlace::Memory, "x", None, first.done("x"));
    first.outcome().await.unwrap();
    let epoch = one.ends.head.epoch;
    bench.bridge.unwatch.do_send(Unwatch { log: room("a"), watch: one.watch });
    assert_eq!(bench.read("a", LogPlace::Memory, 1).await.ends.head.epoch, epoch, "one is left");
    bench.bridge.unwatch.do_send(Unwatch { log: room("a"), watch: two.watch });
    let anew = bench.watch("a", LogPlace::Memory, &first.addr).await.ends.head;
    assert_eq!(anew, Cursor::start(anew.epoch));
    assert_ne!(anew.epoch, epoch);
}

#[test]
fn the_keys_of_a_log_that_keeps_no_entry_are_bounded_by_number_and_by_bytes() {
    let of_few_bytes = Limits { memory_log_bytes_max: 2_000, ..small() };
    for (limits, least) in [(small(), 10), (of_few_bytes, 5)] {
        let mut logs = MemoryLogs::new(limits);
        logs.watch(&room("a"));
        let mut write = |n: usize| {
            let key = Some(DedupeKey { publisher: "user:ada".into(), key: format!("k{n}").into() });
            let offered = Offered { draft: draft("x"), key, if_offset: None };
            let taken = logs.append(&room("a"), LogPlace::None, Keep::MEMORY, offered, true).unwrap();
            (taken.0.appended, logs.bytes())
        };
        for n in 0..200 {
            let (appended, bytes) = write(n);
            assert_eq!((appended.offset, appended.duplicate), (n as u64 + 1, false));
            assert!(bytes <= limits.memory_log_bytes_max.min(10_000), "{bytes} bytes after {n}");
        }
        assert!(write(200 - least).0.duplicate, "the newest {least} are remembered");
        assert!(!write(0).0.duplicate, "an old one went");
    }
}

/// Appends to `log` without a watch.
fn append(logs: &mut MemoryLogs, log: &str, key: Option<&str>) -> Placed {
    let key = key.map(|key| DedupeKey { publisher: "user:ada".into(), key: key.into() });
    logs.append(&room(log), LogPlace::Memory, Keep::MEMORY, Offered { draft: draft("x"), key, if_offset: None }, false)
        .unwrap()
        .0
}

#[test]
fn of_logs_that_nobody_watches_the_oldest_goes_first() {
    let mut logs = MemoryLogs::new(small());
    let first = append(&mut logs, "watched", None).epoch;
    assert_eq!(logs.watch(&room("watched")).head.epoch, first, "a watch takes up what was appended before it");
    let waiting = append(&mut logs, "waiting", None).epoch;
    for n in 0..3 {
        append(&mut logs, &format!("r{n}"), None);
    }
    assert_eq!(append(&mut logs, "watched", None).epoch, first);
    assert_ne!(append(&mut logs, "waiting", None).epoch, waiting);
}

#[test]
fn a_key_goes_with_its_entry() {
    let mut logs = MemoryLogs::new(small());
    logs.watch(&room("a"));
    append(&mut logs, "a", Some("k"));
    assert!(append(&mut logs, "a", Some("k")).appended.duplicate);
    for _ in 0..10 {
        append(&mut logs, "a", None);
    }
    assert!(!append(&mut logs, "a", Some("k")).appended.duplicate);
}

proptest! {
    #[test]
    fn logs_in_memory_stay_in_their_bounds_and_without_a_hole(
        steps in prop::collection::vec((0..6_u8, 0..400_usize, prop::option::of(0..40_u8)), 1..300)
    ) {
        let limits = Limits {
            memory_log_entries_max: 20, memory_log_bytes_max: 6_000, memory_bytes_max: 12_000, memory_unwatched_max: 3,
            ..Limits::default()
        };
        let mut logs = MemoryLogs::new(limits);
        for (log, length, key) in steps {
            let name = room(&format!("r{log}"));
            let key = key.map(|key| DedupeKey { publisher: "user:ada".into(), key: key.to_string().into() });
            let before = logs.page(&name, 0, 100, 1 << 20);
            if length == 0 {
                logs.forget(&name);
            } else if let Ok((placed, entry, floor)) =
                logs.append(&name, LogPlace::Memory, Keep::MEMORY, Offered { draft: draft(&"x".repeat(length)), key, if_offset: None }, false)
            {
                let page = logs.page(&name, 0, 100, 1 << 20);
                prop_assert_eq!(entry.is_none(), placed.appended.duplicate);
                if before.ends.head.epoch == placed.epoch {
                    prop_assert_eq!(floor, (page.ends.floor != before.ends.floor).then_some(page.ends.floor));
                }
                if before.ends.head.epoch == placed.epoch && entry.is_some() {
                    prop_assert_eq!(placed.appended.offset, before.ends.head.offset + 1);
                }
                let first = page.ends.floor.offset + 1;
                prop_assert_eq!(offsets(&page), (first..=page.ends.head.offset).collect::<Vec<_>>());
                prop_assert!(page.entries.iter().map(|entry| entry.weight()).sum::<usize>() <= 6_000);
            }
            prop_assert!(logs.bytes() <= 12_000, "{} bytes", logs.bytes());
        }
        for log in 0..6 {
            logs.forget(&room(&format!("r{log}")));
        }
        prop_assert_eq!(logs.bytes(), 0);
    }
}
