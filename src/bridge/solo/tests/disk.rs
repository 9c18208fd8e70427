use super::*;

#[actix::test]
async fn an_entry_arrives_before_its_sender_is_told_and_all_in_order() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    let watching = bench.watch("a", LogPlace::Disk, &room.addr).await;
    assert_eq!((watching.ends.head.offset, watching.ends.head.entry), (0, None));
    for name in ["1", "2", "3", "4", "5"] {
        bench.append("a", LogPlace::Disk, name, None, room.done(name));
    }
    let (mut arrived, mut told) = (0, 0);
    while told < 5 {
        match room.next().await {
            Heard::Arrived(batch) => {
                assert_eq!(batch.epoch, watching.ends.head.epoch);
                for entry in batch.entries {
                    arrived += 1;
                    assert_eq!(entry.offset, arrived);
                    assert_eq!(entry.body, draft(&arrived.to_string()).body);
                }
            }
            Heard::Done(name, outcome) => {
                told += 1;
                assert_eq!((name, outcome.unwrap().offset), (told.to_string().as_str(), told));
                assert!(told <= arrived, "{told} was told before it arrived");
            }
        }
    }
}

#[actix::test]
async fn appends_of_many_rooms_share_a_commit_and_each_log_has_its_own_numbers() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    for n in 0..1_000 {
        bench.append(&format!("r{}", n % 100), LogPlace::Disk, "x", None, room.done("x"));
    }
    for n in 0..1_000 {
        assert_eq!(room.outcome().await.unwrap().offset, n / 100 + 1);
    }
    let counts = bench.counters.counts();
    assert_eq!(counts.entries, 1_000);
    assert!(counts.batches < 500, "{} commits for 1,000 appends", counts.batches);
    assert_eq!(offsets(&bench.read("r42", LogPlace::Disk, 3).await), [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[actix::test]
async fn a_key_that_comes_again_is_answered_and_does_not_arrive_again() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    bench.watch("a", LogPlace::Disk, &room.addr).await;
    for (name, text) in [("first", "x"), ("again", "x"), ("other", "y")] {
        bench.append("a", LogPlace::Disk, text, Some("k"), room.done(name));
    }
    let (mut arrived, mut outcomes) = (0, Vec::new());
    while outcomes.len() < 3 {
        match room.next().await {
            Heard::Arrived(batch) => arrived += batch.entries.len(),
            Heard::Done(_, outcome) => outcomes.push(outcome),
        }
    }
    assert_eq!(arrived, 1);
    let (first, again) = (outcomes[0].clone().unwrap(), outcomes[1].clone().unwrap());
    assert_eq!(again, Appended { duplicate: true, ..first });
    assert_eq!(outcomes[2], Err(AppendError::Conflict));
}

#[actix::test]
async fn whoever_watches_while_others_write_misses_nothing_above_the_head_it_was_told() {
    let bench = Arc::new(Bench::new(Limits::default()));
    let total: u64 = 2_000;
    let writer = actix::spawn({
        let bench = Arc::clone(&bench);
        async move {
            let mut publisher = Room::open();
            for n in 0..total {
                bench.append("a", LogPlace::Disk, "x", None, publisher.done("x"));
                // Now and then all of it is written, so that watches fall between batches too.
                if n % 7 == 6 {
                    for _ in 0..7 {
                        publisher.outcome().await.unwrap();
                    }
                }
            }
        }
    });
    for _ in 0..40 {
        let mut room = Room::open();
        let watching = bench.watch("a", LogPlace::Disk, &room.addr).await;
        let head = watching.ends.head.offset;
        let page = bench.read("a", LogPlace::Disk, head.saturating_sub(3)).await;
        assert!(page.ends.head.offset >= head);
        let mut next = head + 1;
        while next <= total.min(head + 20) {
            let Heard::Arrived(batch) = room.next().await else { unreachable!("this room appends nothing") };
            for entry in batch.entries.iter().filter(|entry| entry.offset > head) {
                assert_eq!(entry.offset, next, "a hole after the head {head}");
                next += 1;
            }
        }
        bench.bridge.unwatch.do_send(Unwatch { log: super::room("a"), watch: watching.watch });
    }
    writer.await.unwrap();
}

#[actix::test]
async fn a_watch_that_was_ended_hears_nothing_and_a_late_end_hits_nobody_else() {
    let bench = Bench::new(Limits::default());
    let (mut gone, mut here) = (Room::open(), Room::open());
    let first = bench.watch("a", LogPlace::Disk, &gone.addr).await;
    let second = bench.watch("a", LogPlace::Disk, &here.addr).await;
    assert_ne!(first.watch, second.watch);
    for _ in 0..2 {
        bench.bridge.unwatch.send(Unwatch { log: room("a"), watch: first.watch }).await.unwrap();
    }
    bench.append("a", LogPlace::Disk, "x", None, here.done("x"));
    assert!(matches!(here.next().await, Heard::Arrived(_)));
    here.outcome().await.unwrap();
    assert!(gone.heard.try_recv().is_err());
}

#[actix::test]
async fn beyond_the_bound_appends_are_refused_at_once_and_those_that_wait_are_kept() {
    let bench = Bench::new(Limits { waiting_entries_max: 4, ..Limits::default() });
    let mut room = Room::open();
    // Opened first, so that only the commit has to wait for us.
    bench.append("a", LogPlace::Disk, "x", None, room.done("open"));
    room.outcome().await.unwrap();
    let sqlite = bench.sqlite();
    sqlite.execute_batch("begin immediate").unwrap();
    for _ in 0..10 {
        bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    }
    for _ in 0..6 {
        let outcome = room.outcome().await;
        assert!(
            matches!(outcome, Err(AppendError::Unavailable { retry_after }) if !retry_after.is_zero()),
            "{outcome:?}"
        );
    }
    sqlite.execute_batch("rollback").unwrap();
    for offset in 2..6 {
        assert_eq!(room.outcome().await.unwrap().offset, offset);
    }
    bench.append("a", LogPlace::Disk, &"x".repeat(40 << 20), None, room.done("long"));
    assert!(room.outcome().await.is_err(), "bytes are bounded too");
}

#[actix::test]
async fn a_drain_is_answered_after_everything_appended_before_it() {
    let bench = Bench::new(Limits::default());
    let answered = Arc::new(AtomicUsize::new(0));
    for n in 0..2_000 {
        let answered = Arc::clone(&answered);
        let done: Done = Box::new(move |outcome| {
            answered.fetch_add(usize::from(outcome.is_ok()), Ordering::Relaxed);
        });
        bench.append(&format!("r{}", n % 10), LogPlace::Disk, "x", None, done);
    }
    bench.stopper.drain().await;
    assert_eq!(answered.load(Ordering::Relaxed), 2_000);
    bench.stopper.drain().await;
}

#[actix::test]
async fn a_stopped_bridge_leaves_one_whole_file_and_the_next_goes_on_in_it() {
    let Bench { folder, bridge, stopper, .. } = Bench::new(Limits::default());
    let mut room = Room::open();
    let append = |done| {
        let (log, place, draft) = (super::room("a"), LogPlace::Disk, draft("x"));
        Append { log, place, draft, key: None, if_offset: None, audit: None, done }
    };
    bridge.append.do_send(append(room.done("1")));
    stopper.stop().await;
    let first = room.outcome().await.unwrap();
    assert!(!folder.path().join("copresence.db-wal").exists());
    let watcher = room.addr.clone().recipient();
    let late = bridge.watch.send(Watch { log: super::room("a"), place: LogPlace::Disk, watcher }).await;
    assert!(!matches!(late, Ok(Ok(_))), "nobody is left to watch with");

    let config = Config::new(folder.path().join("copresence.db"));
    let Started { bridge, stopper, .. } = Solo::start(&config, &Clock::manual(NOW)).unwrap();
    let watcher = room.addr.clone().recipient();
    let watch = Watch { log: super::room("a"), place: LogPlace::Disk, watcher };
    let head = bridge.watch.send(watch).await.unwrap().unwrap().ends.head;
    assert_eq!((head.offset, head.entry), (1, Some(first.entry)));
    bridge.append.do_send(append(room.done("2")));
    assert_eq!(room.outcome().await.unwrap().offset, 2);
    stopper.stop().await;
}

#[actix::test]
async fn a_sender_that_panics_when_told_harms_nobody_else() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    for place in [LogPlace::Disk, LogPlace::Memory] {
        bench.append("a", place, "x", None, Box::new(|_| panic!("a careless sender")));
        bench.append("a", place, "y", None, room.done("y"));
        assert_eq!(room.outcome().await.unwrap().offset, 2);
    }
}

#[actix::test]
async fn a_log_that_is_damaged_can_not_be_watched_and_its_neighbour_can() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    for log in ["a", "b"] {
        bench.append(log, LogPlace::Disk, "x", None, room.done("x"));
        room.outcome().await.unwrap();
    }
    bench.sqlite().execute("update entries set at = 0 where log = 1", []).unwrap();
    let watcher = room.addr.clone().recipient();
    let watch = Watch { log: super::room("a"), place: LogPlace::Disk, watcher };
    assert_eq!(bench.bridge.watch.send(watch).await.unwrap(), Err(Unavailable));
    assert_eq!(bench.watch("b", LogPlace::Disk, &room.addr).await.ends.head.offset, 1);
}

/// A letter whose handler panics, known to this test alone.
#[derive(Message)]
#[rtype(result = "()")]
struct Poison;

impl Handler<Poison> for Solo {
    type Result = ();

    fn handle(&mut self, _: Poison, _: &mut Context<Self>) {
        panic!("a poisoned letter");
    }
}

#[actix::test]
async fn a_panic_of_the_bridge_costs_its_letter_and_nothing_that_waits_or_watches() {
    let bench = Bench::new(Limits::default());
    let mut room = Room::open();
    bench.watch("a", LogPlace::Disk, &room.addr).await;
    bench.append("a", LogPlace::Disk, "x", None, room.done("open"));
    room.outcome().await.unwrap();
    // One batch is on its way and another gathers when it happens.
    let sqlite = bench.sqlite();
    sqlite.execute_batch("begin immediate").unwrap();
    for _ in 0..5 {
        bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    }
    assert!(bench.stopper.solo.send(Poison).await.is_err());
    bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    sqlite.execute_batch("rollback").unwrap();
    let (mut arrived, mut told) = (1, 1);
    while told < 7 {
        match room.next().await {
            Heard::Arrived(batch) => arrived += batch.entries.len() as u64,
            Heard::Done(_, outcome) => {
                told += 1;
                assert_eq!(outcome.unwrap().offset, told);
            }
        }
    }
    assert_eq!(arrived, 7);
    bench.stopper.stop().await;
}
