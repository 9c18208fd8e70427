use super::*;

fn keep(entries_max: u64) -> Keep {
    Keep { entries_max, ..Keep::DISK }
}

/// A step of the sweep every few milliseconds.
fn swept() -> Limits {
    Limits { sweep_every: Duration::from_millis(5), ..Limits::default() }
}

/// The next floor that the room hears of.
async fn floor(room: &mut Room) -> Cursor {
    loop {
        if let Heard::Arrived(Arrived { floor: Some(floor), .. }) = room.next().await {
            return floor;
        }
    }
}

/// Fills `a` with `count` entries and stops.
async fn filled(count: usize) -> TempDir {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    for _ in 0..count {
        bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    }
    for _ in 0..count {
        room.outcome().await.unwrap();
    }
    let Bench { folder, stopper, .. } = bench;
    stopper.stop().await;
    folder
}

#[actix::test]
async fn appends_go_on_while_a_long_log_is_trimmed_and_the_room_hears_of_every_floor() {
    const LONG: u64 = 20_000;
    let folder = filled(20_000).await;
    let bench = Bench::start(folder, Limits::default(), keep(100), &Clock::manual(NOW));
    let mut room = Room::open();
    let before = bench.watch("a", LogPlace::Disk, &room.addr).await.ends;
    assert_eq!(before.head.offset, LONG);
    let (mut floor, mut head, mut raised, mut between) = (before.floor.offset, LONG, 0, 0);
    bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    while floor < LONG - 100 {
        match room.next().await {
            Heard::Arrived(arrived) => {
                if let Some(news) = arrived.floor {
                    assert!(news.offset > floor && news.offset <= head, "{} after {floor}", news.offset);
                    assert!(news.offset - floor <= 512, "a slice of {}", news.offset - floor);
                    floor = news.offset;
                    raised += 1;
                }
                for entry in arrived.entries {
                    head += 1;
                    assert_eq!(entry.offset, head);
                }
            }
            Heard::Done(_, outcome) => {
                assert_eq!(outcome.unwrap().offset, head);
                between += 1;
                bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
            }
        }
    }
    assert!(raised >= 38, "{raised} floors");
    assert!(between >= 38, "only {between} appends in {raised} slices");
    let page = bench.read("a", LogPlace::Disk, 0).await;
    assert_eq!(page.entries[0].offset, page.ends.floor.offset + 1);
}

#[actix::test]
async fn a_log_that_is_quiet_again_keeps_no_entry_too_many() {
    let bench = Bench::start(tempfile::tempdir().unwrap(), swept(), keep(100), &Clock::manual(NOW));
    let mut room = Room::open();
    bench.watch("a", LogPlace::Disk, &room.addr).await;
    for _ in 0..103 {
        bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    }
    while floor(&mut room).await.offset < 3 {}
    assert_eq!(offsets(&bench.read("a", LogPlace::Disk, 0).await), (4..=103).collect::<Vec<_>>());
}

#[actix::test]
async fn time_takes_the_entries_of_logs_that_nobody_writes_to_wherever_they_live() {
    let clock = Clock::manual(NOW);
    let keep = Keep { age_max: Duration::from_mins(1), ..Keep::DISK };
    let bench = Bench::start(tempfile::tempdir().unwrap(), swept(), keep, &clock);
    for place in [LogPlace::Disk, LogPlace::Memory] {
        let log = if place == LogPlace::Disk { "a" } else { "b" };
        let mut room = Room::open();
        bench.watch(log, place, &room.addr).await;
        bench.append(log, place, "x", None, room.done("x"));
        let last = room.outcome().await.unwrap();
        clock.advance(Duration::from_mins(2));
        let floor = floor(&mut room).await;
        assert_eq!((floor.offset, floor.entry), (1, Some(last.entry)));
        let page = bench.read(log, place, 0).await;
        assert_eq!((page.entries.len(), page.ends.floor, page.ends.head), (0, floor, floor));
    }
}
