use crate::domain::audit::{Act, Broken, Chain, Draft as Record, Facts, Head, Known, Note, OK, Verified};
use crate::domain::ids::{UserId, UserKey};
use crate::domain::inbox::{Keep, Mark};
use crate::domain::inbox_log::{InboxChange, InboxError};
use crate::store::inbox::InboxWrite;
use crate::store::{AuditFile, StoreError};

use super::*;

fn chain() -> Chain {
    Chain::of(&Tenant::default())
}

fn record(session: u64, at: Timestamp) -> Record {
    let what = Facts::new().number("session", session);
    Record { at, act: Act::Connect, who: "user:ada".into(), what, from: "192.0.2.1".into(), outcome: OK }
}

fn note(session: u64) -> Note {
    Note { chain: chain(), draft: record(session, NOW) }
}

/// A write that a backend is to answer for.
fn audited(log: &str, text: &str) -> Write {
    let write = write(log, text);
    let (room, id) = (write.log.room.clone(), write.draft.id);
    let record = Record::of_entry("api:billing".into(), "192.0.2.1".into(), NOW, Kind::Event, &room, id);
    Write { audit: Some(record), ..write }
}

fn verify(folder: &Folder, known: Option<Known>) -> Result<Verified, Broken> {
    AuditFile::open(&folder.database()).unwrap().verify(&chain(), known).unwrap().expect("there are records")
}

/// What the records say, as `act who what`.
fn records(folder: &Folder) -> Vec<String> {
    let mut records = Vec::new();
    let file = AuditFile::open(&folder.database()).unwrap();
    let take = |record: crate::domain::audit::Record, _| {
        records.push(format!("{} {} {}", record.act, record.who, record.what));
        true
    };
    file.export(&chain(), 0, take).unwrap();
    records
}

/// A store with so many records.
fn folder_with(count: u64) -> (Folder, Arc<Store>) {
    let folder = Folder::new();
    let store = folder.open();
    let notes: Vec<_> = (1..=count).map(note).collect();
    assert!(store.writer().unwrap().commit_with_notes(&[], &notes, NOW).notes_kept);
    (folder, store)
}

#[test]
fn an_entry_and_its_record_are_one_transaction_and_a_repeat_is_no_second_act() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let first = Write { audit: audited("a", "1").audit, ..keyed("a", "1", "api:billing", "k") };
    let again = Write { audit: first.audit.clone(), ..keyed("a", "1", "api:billing", "k") };
    let other = Write { audit: first.audit.clone(), ..keyed("a", "2", "api:billing", "k") };
    let written = writer.commit_with_notes(&[first, again, other, write("a", "x"), audited("b", "3")], &[], NOW);
    assert_eq!(offsets(&written.outcomes), [Some(1), Some(1), None, Some(2), Some(1)]);
    let records = records(&folder);
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records[0].starts_with(r#"publish api:billing {"room":"a","entry":""#), "{records:?}");
    assert!(records[1].contains(r#"{"room":"b""#) && records[1].ends_with(r#","offset":1}"#), "{records:?}");
    assert_eq!(written.heads, [(chain(), verify(&folder, None).unwrap().head)]);
}

#[test]
fn a_batch_that_fails_leaves_no_record_and_the_chain_goes_on_whole() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    writer.commit_with_notes(&[audited("a", "1")], &[note(1)], NOW);
    writer.limit_pages(Some(1));
    let long = "x".repeat(100_000);
    let failed = writer.commit_with_notes(&[audited("a", &long)], &[note(2)], NOW);
    assert_eq!((offsets(&failed.outcomes), failed.notes_kept), (vec![None], false));
    writer.limit_pages(None);
    let written = writer.commit_with_notes(&[audited("a", "2")], &[note(2)], NOW);
    assert_eq!((offsets(&written.outcomes), written.notes_kept), (vec![Some(2)], true));
    assert_eq!(verify(&folder, None).unwrap().records, 4);
}

#[test]
fn an_audit_log_that_takes_no_notes_stops_no_entries() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let sql = "create trigger refuse before insert on audit when new.act = 'connect'
               begin select raise(abort, 'not now'); end";
    folder.sqlite().execute_batch(sql).unwrap();
    let written = writer.commit_with_notes(&[write("a", "1"), audited("a", "2")], &[note(1)], NOW);
    assert_eq!((offsets(&written.outcomes), written.notes_kept), (vec![Some(1), Some(2)], false));
    folder.sqlite().execute_batch("drop trigger refuse").unwrap();
    assert!(writer.commit_with_notes(&[], &[note(1)], NOW).notes_kept);
    assert_eq!(verify(&folder, None).unwrap().records, 2);
}

#[test]
fn an_entry_whose_record_is_refused_is_not_written() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let sql = "create trigger refuse before insert on audit when new.what like '%bad%'
               begin select raise(abort, 'not now'); end";
    folder.sqlite().execute_batch(sql).unwrap();
    let outcomes = writer.commit(&[audited("good", "1"), audited("bad", "2"), write("bad", "3")], NOW);
    assert_eq!(offsets(&outcomes), [Some(1), None, Some(1)]);
    assert_eq!(records(&folder).len(), 1);
}

/// A backend changes what somebody wants to hear of, or marks for them.
fn change_of(user: &str, change: InboxChange) -> InboxWrite {
    let what = Facts::new().name("user", user);
    let act = Act::of_change(&change).unwrap();
    let record = Record { at: NOW, act, who: "api:billing".into(), what, from: "192.0.2.1".into(), outcome: OK };
    let log = RoomKey::new(Tenant::default(), RoomName::personal(&UserId::parse(user).unwrap()));
    InboxWrite { log, from: "null".into(), at: NOW, change, epoch: None, audit: Some(record) }
}

#[test]
fn a_change_of_an_inbox_and_its_record_are_one_transaction_and_no_change_has_none() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let mute = |user| change_of(user, InboxChange::Prefer(r#"{"toasts":false,"digest":true,"topics":{}}"#.into()));
    let follow = |room, follows| change_of("eve", InboxChange::Follow { room, follows });
    let sales = || room("sales").room;
    let seen = change_of("eve", InboxChange::Mark(Mark::Seen { upto: 0 }));
    let changes =
        [mute("eve"), mute("eve"), follow(sales(), true), follow(sales(), false), follow(sales(), false), seen];
    let (outcomes, _) = writer.change_inboxes(&changes, &Keep::default(), usize::MAX);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(
        records(&folder),
        [
            r#"preferences api:billing {"user":"eve","keys":"toasts digest"}"#,
            r#"preferences api:billing {"user":"eve","follow":"sales"}"#,
            r#"preferences api:billing {"user":"eve","unfollow":"sales"}"#,
        ]
    );
    let chained = writer.take_chained();
    assert_eq!((chained.records, chained.heads), (3, vec![(chain(), verify(&folder, None).unwrap().head)]));
    let sql = "create trigger refuse before insert on audit when new.what like '%grace%'
               begin select raise(abort, 'not now'); end";
    folder.sqlite().execute_batch(sql).unwrap();
    let (outcomes, grown) = writer.change_inboxes(&[mute("grace")], &Keep::default(), usize::MAX);
    assert!(matches!(outcomes[..], [Err(InboxError::Unavailable { .. })]) && grown.is_empty(), "{outcomes:?}");
    // The chain goes on where the file has it, not where the failure left off.
    writer.change_inboxes(&[mute("alan")], &Keep::default(), usize::MAX);
    assert_eq!(verify(&folder, None).unwrap().records, 4);
    let logs: i64 = folder.sqlite().query_row("select count(*) from logs", [], |row| row.get(0)).unwrap();
    assert_eq!(logs, 2, "nothing of grace's is there");
}

#[test]
fn a_user_is_forgotten_with_a_record_of_it_or_not_at_all() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let user = |name| UserKey::new(Tenant::default(), UserId::parse(name).unwrap());
    let removal = |name: &str| Record { act: Act::Remove, what: Facts::new().name("user", name), ..record(1, NOW) };
    let mute = |name| change_of(name, InboxChange::Prefer(r#"{"toasts":false}"#.into()));
    writer.change_inboxes(&[mute("eve"), mute("bob")], &Keep::default(), usize::MAX);
    let sql = "create trigger refuse before insert on audit when new.act = 'remove' and new.what like '%bob%'
               begin select raise(abort, 'not now'); end";
    folder.sqlite().execute_batch(sql).unwrap();
    assert!(writer.forget_user(&user("bob"), Some(&removal("bob"))).is_err());
    writer.forget_user(&user("eve"), Some(&removal("eve"))).unwrap();
    assert_eq!(records(&folder)[2..], [r#"remove user:ada {"user":"eve"}"#]);
    let sql = "select group_concat(room) from logs";
    let left: String = folder.sqlite().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(left, "@:bob");
    assert_eq!(verify(&folder, None).unwrap().records, 3);
}

#[test]
fn a_chain_goes_on_over_restarts_and_is_read_while_a_server_holds_the_store() {
    let (folder, first) = folder_with(3);
    let noted = verify(&folder, None).unwrap().head;
    drop(first);
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let file = AuditFile::open(&folder.database()).unwrap();
    writer.commit_with_notes(&[], &[note(4)], NOW);
    assert_eq!(file.verify(&chain(), None).unwrap().unwrap().unwrap().records, 3, "as it stood when it was opened");
    let known = Known { number: Some(noted.number), hash: noted.hash };
    assert_eq!(verify(&folder, Some(known)).unwrap().records, 4);
}

#[test]
fn what_somebody_does_to_the_file_is_found() {
    for (sql, broken) in [
        ("update audit set who = 'user:eve' where number = 3", Broken::Edited { number: 3 }),
        ("update audit set at = at + 1 where number = 1", Broken::Edited { number: 1 }),
        ("update audit set who = cast(x'ff' as text) where number = 6", Broken::Edited { number: 6 }),
        ("update audit set hash = x'00' where number = 2", Broken::Edited { number: 2 }),
        ("delete from audit where number in (3, 4)", Broken::Dropped { first: 3, last: 4 }),
        ("delete from audit where number = 1", Broken::Dropped { first: 1, last: 1 }),
        ("delete from audit where number > 4", Broken::Truncated { last: 4, head: 6 }),
        (
            "update audit set number = case number when 2 then 5 else 2 end where number in (2, 5)",
            Broken::Swapped { number: 2, found: 5 },
        ),
        (
            "update audit_chains set floor = 2, floor_hash = (select hash from audit where number = 2);
             delete from audit where number <= 2",
            Broken::Floor { floor: 2 },
        ),
        ("update audit_chains set number = 4", Broken::Head { stored: 4, found: 6 }),
        ("insert into audit select * from audit where number = 4", Broken::Doubled { number: 4 }),
    ] {
        let (folder, _store) = folder_with(6);
        assert_eq!(verify(&folder, None).unwrap().records, 6);
        folder.sqlite().execute_batch(sql).unwrap();
        assert_eq!(verify(&folder, None), Err(broken), "{sql}");
    }
}

#[test]
fn a_cut_that_takes_the_stored_head_along_is_found_by_a_head_that_was_noted() {
    let (folder, _store) = folder_with(6);
    let noted = verify(&folder, None).unwrap().head;
    let sql = "delete from audit where number > 4;
               update audit_chains set number = 4, hash = (select hash from audit where number = 4)";
    folder.sqlite().execute_batch(sql).unwrap();
    assert_eq!(verify(&folder, None).unwrap().records, 4);
    let known = |number| Some(Known { number, hash: noted.hash });
    assert_eq!(verify(&folder, known(Some(6))), Err(Broken::Truncated { last: 4, head: 6 }));
    assert_eq!(verify(&folder, known(None)), Err(Broken::NotFound));
}

#[test]
fn a_chain_whose_head_was_removed_leaves_orphans() {
    let (folder, _store) = folder_with(2);
    assert!(!AuditFile::open(&folder.database()).unwrap().has_orphans().unwrap());
    folder.sqlite().execute_batch("delete from audit_chains").unwrap();
    let file = AuditFile::open(&folder.database()).unwrap();
    assert!(file.has_orphans().unwrap() && file.verify(&chain(), None).unwrap().is_none());
}

#[test]
fn old_records_go_in_slices_and_the_rest_still_verifies() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let notes: Vec<_> =
        (1..=10).map(|n| Note { chain: chain(), draft: record(n, Timestamp(n.cast_signed())) }).collect();
    writer.commit_with_notes(&[], &notes, NOW);
    let before = verify(&folder, None).unwrap().head;
    assert!(writer.trim_audit(Timestamp(8), 4, NOW).unwrap().1);
    let (heads, has_more) = writer.trim_audit(Timestamp(8), 4, NOW).unwrap();
    assert!(!has_more);
    let verified = verify(&folder, None).unwrap();
    assert_eq!((verified.records, heads), (5, vec![(chain(), verified.head)]));
    let said = records(&folder);
    assert!(said[4].starts_with(r#"trimmed  {"floor":7,"hash":""#), "{said:?}");
    verify(&folder, Some(Known { number: Some(10), hash: before.hash })).unwrap();
    assert_eq!(writer.trim_audit(Timestamp(8), 4, NOW).unwrap(), (Vec::new(), false), "once more changes nothing");
    // Everything may go, too: the record of it stays.
    writer.trim_audit(Timestamp(NOW.0 + 1), 100, NOW).unwrap();
    assert_eq!(verify(&folder, None).unwrap().records, 1);
    writer.commit_with_notes(&[], &[note(11)], NOW);
    assert_eq!(verify(&folder, None).unwrap().records, 2);
}

#[test]
fn trimming_stops_at_a_hole_so_that_it_covers_nothing_up() {
    let (folder, store) = folder_with(6);
    folder.sqlite().execute_batch("delete from audit where number = 3").unwrap();
    store.writer().unwrap().trim_audit(Timestamp(NOW.0 + 1), 100, NOW).unwrap();
    assert_eq!(verify(&folder, None), Err(Broken::Dropped { first: 3, last: 3 }));
}

#[test]
fn each_tenant_has_a_chain_and_so_has_the_server() {
    let folder = Folder::new();
    let store = folder.open();
    let acme = Chain::parse("acme").unwrap();
    let notes = [chain(), acme.clone(), Chain::server(), acme].map(|chain| Note { chain, ..note(1) });
    let written = store.writer().unwrap().commit_with_notes(&[], &notes, NOW);
    let heads: Vec<_> =
        written.heads.iter().map(|(chain, head): &(Chain, Head)| (chain.as_str(), head.number)).collect();
    assert_eq!(heads, [("@server", 1), ("acme", 2), ("default", 1)]);
    let file = AuditFile::open(&folder.database()).unwrap();
    for chain in file.chains().unwrap() {
        file.verify(&chain, None).unwrap().unwrap().unwrap();
    }
}

#[test]
fn a_store_without_an_audit_log_says_what_to_do() {
    let folder = Folder::new();
    assert!(matches!(AuditFile::open(&folder.database()), Err(StoreError::Sqlite { .. })), "none is made");
    drop(folder.open());
    folder.sqlite().pragma_update(None, "user_version", 3).unwrap();
    let error = AuditFile::open(&folder.database()).err().unwrap();
    assert!(matches!(error, StoreError::Older { found: 3, .. }), "{error}");
}
