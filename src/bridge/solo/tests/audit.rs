use crate::bridge::solo::AuditLimits;
use crate::bridge::{Record, Recorded};
use crate::domain::audit::{Act, Draft as Said, Facts, OK, Verified};
use crate::store::AuditFile;

use super::*;

fn limits(waiting_max: usize) -> Limits {
    // Longer than a test: what goes earlier goes for another reason.
    let audit = AuditLimits { waiting_max, patience: Duration::from_hours(1), ..AuditLimits::default() };
    Limits { audit, ..Limits::default() }
}

fn note(session: u64) -> Note {
    let what = Facts::new().number("session", session);
    let draft = Said { at: NOW, act: Act::Connect, who: "user:ada".into(), what, from: "::1".into(), outcome: OK };
    Note { chain: Chain::of(&Tenant::default()), draft }
}

fn verified(folder: &TempDir, chain: &Chain) -> Option<Verified> {
    let file = AuditFile::open(&folder.path().join("copresence.db")).unwrap();
    file.verify(chain, None).unwrap().map(Result::unwrap)
}

/// What the records of a chain say.
fn said(bench: &Bench, chain: &Chain) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let take = |record: crate::domain::audit::Record, _| {
        said.push((record.act, record.what));
        true
    };
    AuditFile::open(&bench.database()).unwrap().export(chain, 0, take).unwrap();
    said
}

/// Has a note recorded and waits for it.
async fn recorded(bench: &Bench, note: Note) -> bool {
    let (sender, mut told) = mpsc::unbounded_channel();
    let done: Recorded = Box::new(move |is_kept| sender.send(is_kept).unwrap());
    bench.bridge.record.do_send(Record { note, done: Some(done) });
    tokio::time::timeout(Duration::from_secs(30), told.recv()).await.expect("it is told").unwrap()
}

#[actix::test]
async fn notes_wait_for_each_other_and_are_all_there_at_the_end() {
    let bench = Bench::new(limits(10_000));
    for session in 0..1_000 {
        bench.bridge.record.do_send(Record { note: note(session), done: None });
    }
    let Bench { folder, stopper, counters, .. } = bench;
    stopper.stop().await;
    assert_eq!(verified(&folder, &Chain::of(&Tenant::default())).unwrap().records, 1_000);
    let counts = counters.counts();
    assert_eq!((counts.audit_records, counts.audit_lost), (1_000, 0));
    assert!(counts.batches < 10, "{} batches", counts.batches);
}

#[actix::test]
async fn what_somebody_waits_for_goes_at_once_and_takes_the_others_along() {
    let bench = Bench::new(limits(10_000));
    bench.bridge.record.do_send(Record { note: note(1), done: None });
    assert!(recorded(&bench, note(2)).await);
    assert_eq!(verified(&bench.folder, &Chain::of(&Tenant::default())).unwrap().records, 2);
}

#[actix::test]
async fn a_privileged_append_is_recorded_wherever_its_room_lives_and_once() {
    let bench = Bench::new(limits(10_000));
    let mut room_ = Room::open();
    for (log, place, key) in [
        ("a", LogPlace::Disk, None),
        ("m", LogPlace::Memory, Some("k")),
        ("m", LogPlace::Memory, Some("k")),
        ("n", LogPlace::None, None),
    ] {
        let draft = draft("secret-data");
        let audit = Said::of_entry("api:billing".into(), "::1".into(), NOW, Kind::Event, &room(log).room, draft.id);
        let key = key.map(|key| DedupeKey { publisher: "api:billing".into(), key: key.into() });
        let done = room_.done("x");
        bench.bridge.append.do_send(Append {
            log: room(log),
            place,
            draft,
            key,
            if_offset: None,
            audit: Some(audit),
            done,
        });
        room_.outcome().await.unwrap();
    }
    assert!(recorded(&bench, note(1)).await);
    let said = said(&bench, &Chain::of(&Tenant::default()));
    let rooms: Vec<_> = said.iter().map(|(act, what)| (act.as_str(), what.get(..11).unwrap_or(what))).collect();
    let published = |room| ("publish", room);
    let rooms_expected = [
        published(r#"{"room":"a""#),
        published(r#"{"room":"m""#),
        published(r#"{"room":"n""#),
        ("connect", r#"{"session":"#),
    ];
    assert_eq!(rooms, rooms_expected);
    assert!(said.iter().all(|(_, what)| !what.contains("secret-data")), "{said:?}");
}

#[actix::test]
async fn what_can_not_be_kept_is_counted_and_the_chain_tells_of_it() {
    let bench = Bench::new(limits(3));
    for session in 0..10 {
        bench.bridge.record.do_send(Record { note: note(session), done: None });
    }
    assert!(!recorded(&bench, note(11)).await, "there is no room for it");
    // The next batch takes along what waits.
    let mut room = Room::open();
    bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    room.outcome().await.unwrap();
    assert_eq!(said(&bench, &Chain::server()), [("lost".to_owned(), r#"{"count":8}"#.to_owned())]);
    assert_eq!(verified(&bench.folder, &Chain::of(&Tenant::default())).unwrap().records, 3);
    assert_eq!(bench.counters.counts().audit_lost, 8);
}

#[actix::test]
async fn notes_that_the_store_refuses_come_again_and_entries_go_on() {
    let bench = Bench::new(limits(100));
    assert!(recorded(&bench, note(0)).await);
    let sql = "create trigger refuse before insert on audit begin select raise(abort, 'not now'); end";
    bench.sqlite().execute_batch(sql).unwrap();
    assert!(!recorded(&bench, note(1)).await);
    let mut room = Room::open();
    bench.append("a", LogPlace::Disk, "x", None, room.done("x"));
    assert_eq!(room.outcome().await.unwrap().offset, 1);
    bench.sqlite().execute_batch("drop trigger refuse").unwrap();
    assert!(recorded(&bench, note(2)).await);
    assert_eq!(verified(&bench.folder, &Chain::of(&Tenant::default())).unwrap().records, 3);
    assert_eq!(bench.counters.counts().audit_lost, 0);
}

#[actix::test]
async fn records_that_are_old_enough_go_by_themselves() {
    let (folder, tenant) = (tempfile::tempdir().unwrap(), Chain::of(&Tenant::default()));
    let clock = Clock::manual(NOW);
    let first = Bench::start(folder, Limits::default(), Keep::DISK, &clock);
    for session in 0..2_000 {
        first.bridge.record.do_send(Record { note: note(session), done: None });
    }
    let Bench { folder, stopper, .. } = first;
    stopper.stop().await;
    clock.advance(Duration::from_hours(25));
    let audit = AuditLimits {
        keep: Some(Duration::from_hours(24)),
        trim_after: Duration::from_millis(1),
        ..AuditLimits::default()
    };
    let bench = Bench::start(folder, Limits { audit, ..Limits::default() }, Keep::DISK, &clock);
    let trimmed = async {
        // Two slices, each of which leaves a record.
        while verified(&bench.folder, &tenant).unwrap().records != 2 {
            actix::clock::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), trimmed).await.expect("old records go");
    assert!(said(&bench, &tenant).iter().all(|(act, _)| act == "trimmed"));
}
