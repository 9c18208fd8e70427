use crate::clock::Clock;
use crate::domain::cursor::Cursor;
use crate::domain::log::AppendError;
use crate::store::checkpoints::Checkpoints;

use super::DEDUPE_MS;
use super::*;

const POISON: &str = "create trigger poison before insert on entries when new.body like '%poison%'
    begin select raise(";

#[test]
fn two_appends_of_one_key_are_one_entry() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let first = keyed("a", "x", "user:ada", "k");
    // Once more in the same batch, and once more in a later one.
    let batch = [first.clone(), keyed("a", "x", "user:ada", "k"), write("a", "y")];
    let outcomes = writer.commit(&batch, NOW);
    assert_eq!(offsets(&outcomes), [Some(1), Some(1), Some(2)]);
    let again = placed(&writer.commit(&[keyed("a", "x", "user:ada", "k")], NOW)[0]).appended;
    assert_eq!((again.offset, again.entry, again.duplicate), (1, first.draft.id, true));
    assert!(placed(&outcomes[1]).appended.duplicate && !placed(&outcomes[0]).appended.duplicate);
    assert_eq!(store.reader().unwrap().ends(&room("a")).unwrap().head.offset, 2);
}

#[test]
fn another_content_under_the_same_key_is_a_conflict() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let batch = [keyed("a", "x", "user:ada", "k"), keyed("a", "y", "user:ada", "k")];
    assert_eq!(writer.commit(&batch, NOW)[1], Err(AppendError::Conflict));
    // Another publisher, another log, another key: none of them is the same.
    let others = [keyed("a", "y", "user:bob", "k"), keyed("b", "y", "user:ada", "k"), keyed("a", "y", "user:ada", "l")];
    assert_eq!(offsets(&writer.commit(&others, NOW)), [Some(2), Some(1), Some(3)]);
}

#[test]
fn a_key_is_remembered_for_a_day_and_then_forgotten_in_slices() {
    let folder = Folder::new();
    let mut writer = folder.open().writer().unwrap();
    let batch: Vec<Write> = (0..10).map(|n| keyed("a", "x", "user:ada", &format!("k{n}"))).collect();
    writer.commit(&batch, NOW);
    let almost = Timestamp(NOW.0 + DEDUPE_MS - 1);
    assert!(placed(&writer.commit(&[keyed("a", "x", "user:ada", "k0")], almost)[0]).appended.duplicate);
    assert_eq!(writer.purge(almost, 100).unwrap(), 0);
    let later = Timestamp(NOW.0 + DEDUPE_MS);
    let anew = writer.commit(&[keyed("a", "other", "user:ada", "k0")], later);
    assert_eq!(offsets(&anew), [Some(11)], "a day later the key is free, also before it was purged");
    assert_eq!(writer.purge(later, 4).unwrap(), 4);
    assert_eq!(writer.purge(later, 100).unwrap(), 5, "the one written anew stays");
    assert!(placed(&writer.commit(&[keyed("a", "other", "user:ada", "k0")], later)[0]).appended.duplicate);
}

#[test]
fn a_row_that_fails_is_refused_alone_and_leaves_no_hole() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    folder.sqlite().execute_batch(&format!("{POISON}abort, 'no'); end;")).unwrap();
    let batch = [
        write("a", "1"),
        keyed("a", "poison", "user:ada", "k"),
        write("a", "2"),
        keyed("a", "good", "user:ada", "k"),
        write("b", "poison"),
        write("c", "1"),
    ];
    let outcomes = writer.commit(&batch, NOW);
    assert_eq!(offsets(&outcomes), [Some(1), None, Some(2), Some(3), None, Some(1)], "{outcomes:?}");
    assert_eq!(outcomes[1], Err(AppendError::Unavailable { retry_after: crate::store::RETRY_AFTER }));
    let mut reader = store.reader().unwrap();
    let page = reader.page(&room("a"), 1, 100, 1 << 20).unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(reader.ends(&room("b")).unwrap().head, Cursor::start(store.epoch()));
    assert_eq!(offsets(&writer.commit(&[write("a", "4"), write("b", "1")], NOW)), [Some(4), Some(1)]);
}

#[test]
fn a_transaction_that_is_gone_takes_the_whole_batch_with_it() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    writer.commit(&[write("a", "1")], NOW);
    let sqlite = folder.sqlite();
    sqlite.execute_batch(&format!("{POISON}rollback, 'no'); end;")).unwrap();
    let outcomes = writer.commit(&[write("a", "2"), write("b", "poison"), write("a", "3")], NOW);
    assert_eq!(offsets(&outcomes), [None, None, None]);
    assert_eq!(store.reader().unwrap().ends(&room("a")).unwrap().head.offset, 1);
    sqlite.execute_batch("drop trigger poison").unwrap();
    assert_eq!(offsets(&writer.commit(&[write("a", "2")], NOW)), [Some(2)], "and by itself it works again");
}

#[test]
fn a_full_disk_loses_nothing_that_was_answered_and_ends_by_itself() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    writer.commit(&[write("a", "1")], NOW);
    writer.limit_pages(Some(40));
    let long = "x".repeat(10_000);
    let (mut acknowledged, mut refused) = ([1, 0], 0);
    for _ in 0..50 {
        let batch = [write("a", &long), write("a", &long), write("b", "1")];
        for (offset, log) in offsets(&writer.commit(&batch, NOW)).into_iter().zip([0, 0, 1]) {
            acknowledged[log] = offset.unwrap_or(acknowledged[log]);
            refused += usize::from(offset.is_none());
        }
    }
    assert!(refused > 0, "the limit was never reached");
    let mut reader = store.reader().unwrap();
    let page = reader.page(&room("a"), 1, 1_000, 10 << 20).unwrap();
    let heads = [page.ends.head.offset, reader.ends(&room("b")).unwrap().head.offset];
    assert_eq!(heads, acknowledged, "the newest acknowledged is the newest there is");
    assert_eq!(page.entries.len() as u64, acknowledged[0]);
    writer.limit_pages(None);
    assert_eq!(offsets(&writer.commit(&[write("a", &long)], NOW)), [Some(acknowledged[0] + 1)]);
}

#[test]
fn a_damaged_head_is_not_written_on_and_spares_its_neighbours() {
    let folder = Folder::new();
    {
        let mut writer = folder.open().writer().unwrap();
        writer.commit(&[write("a", "1"), write("a", "2"), write("b", "1")], NOW);
    }
    // The page would be sound: only the offset of the newest entry changed.
    folder.sqlite().execute("update entries set offset = 7 where log = 1 and offset = 2", []).unwrap();
    let mut writer = folder.open().writer().unwrap();
    let outcomes = writer.commit(&[write("a", "3"), write("b", "2")], NOW);
    assert_eq!(offsets(&outcomes), [None, Some(2)]);
}

#[test]
fn the_write_ahead_log_is_copied_beside_the_batches_and_begins_again() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let mut checkpoints = Checkpoints::start(&store);
    let pages =
        || -> i64 { folder.sqlite().query_row("pragma wal_checkpoint(passive)", [], |row| row.get(1)).unwrap() };
    let batch: Vec<Write> = (0..500).map(|n| write(&format!("r{n}"), &"x".repeat(1_000))).collect();
    writer.commit(&batch, NOW);
    let before = pages();
    assert!(!checkpoints.wrote(1_000, 64 << 20), "the copy has only been asked for");
    let clock = Clock::system();
    let (mut written, deadline) = (0, clock.now() + Duration::from_secs(30));
    loop {
        writer.commit(&[write("a", "x")], NOW);
        written += 1;
        if checkpoints.wrote(1, 1) {
            break;
        }
        assert!(clock.now() < deadline, "nothing was copied");
    }
    writer.finish_checkpoint().unwrap();
    writer.commit(&[write("a", "x")], NOW);
    let after = pages();
    assert!(after < 50 && after < before, "{after} pages in a log that had {before}");
    let page = store.reader().unwrap().page(&room("a"), 0, 100_000, 64 << 20).unwrap();
    assert_eq!(page.entries.len(), written + 1);
    drop(checkpoints);
    writer.checkpoint().unwrap();
}
