use crate::domain::cursor::Cursor;
use crate::domain::log::Ends;
use crate::store::ReadError;

use super::*;

/// A log `a` with `count` entries.
fn filled(folder: &Folder, count: usize) -> Arc<Store> {
    let store = folder.open();
    let batch: Vec<Write> = (1..=count).map(|n| write("a", &format!("entry {n}"))).collect();
    store.writer().unwrap().commit(&batch, NOW);
    store
}

#[test]
fn a_page_ends_at_its_entries_or_its_bytes_and_one_entry_always_fits() {
    let folder = Folder::new();
    let store = filled(&folder, 10);
    let mut reader = store.reader().unwrap();
    let mut page = |from, entries, bytes| {
        let page = reader.page(&room("a"), from, entries, bytes).unwrap();
        assert_eq!(page.ends.head.offset, 10);
        page.entries.iter().map(|entry| entry.offset).collect::<Vec<_>>()
    };
    assert_eq!(page(1, 3, 1 << 20), [1, 2, 3]);
    assert_eq!(page(9, 30, 1 << 20), [9, 10]);
    assert_eq!(page(0, 1, 1 << 20), [1], "below the first is from the first");
    assert_eq!(page(11, 30, 1 << 20), [] as [u64; 0]);
    assert_eq!(page(u64::MAX, 30, 1 << 20), [] as [u64; 0], "an offset from the future is only empty");
    assert_eq!(page(4, 30, 1), [4]);
    let two = 2 * store.reader().unwrap().page(&room("a"), 4, 1, 1).unwrap().entries[0].weight();
    assert_eq!(page(4, 30, two), [4, 5]);
}

#[test]
fn a_page_brings_back_what_was_written() {
    let folder = Folder::new();
    let store = folder.open();
    let written = write("a", "ä \\u0000 😀 1e400");
    store.writer().unwrap().commit(std::slice::from_ref(&written), NOW);
    let page = store.reader().unwrap().page(&room("a"), 1, 10, 1 << 20).unwrap();
    assert_eq!(*page.entries[0], written.draft.at_offset(1));
    assert_eq!(page.ends.head, page.entries[0].cursor(store.epoch()));
}

#[test]
fn a_log_without_entries_starts_in_the_stores_epoch_and_stays_in_it() {
    let folder = Folder::new();
    let store = folder.open();
    let start = Cursor::start(store.epoch());
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.ends(&room("a")).unwrap(), Ends { head: start, floor: start });
    let first = placed(&store.writer().unwrap().commit(&[write("a", "1")], NOW)[0]);
    assert_eq!(first.epoch, start.epoch, "a join from the start recovers");
    assert_eq!(reader.ends(&room("a")).unwrap().floor, start);
}

#[test]
fn what_was_trimmed_leaves_a_floor_that_proves_itself() {
    let folder = Folder::new();
    let store = filled(&folder, 10);
    let mut reader = store.reader().unwrap();
    let last_trimmed = reader.page(&room("a"), 4, 1, 1).unwrap().entries[0].cursor(store.epoch());
    let trim = "update logs set floor_offset = 4, floor_entry = (select id from entries where log = 1 and offset = 4);
        delete from entries where log = 1 and offset <= 4;";
    folder.sqlite().execute_batch(trim).unwrap();
    let page = reader.page(&room("a"), 1, 100, 1 << 20).unwrap();
    assert_eq!((page.ends.floor, page.entries[0].offset), (last_trimmed, 5));
    // All of it is gone: the log goes on where it was.
    let trim =
        "update logs set floor_offset = 10, floor_entry = (select id from entries where log = 1 and offset = 10);
        delete from entries where log = 1;";
    folder.sqlite().execute_batch(trim).unwrap();
    let ends = reader.ends(&room("a")).unwrap();
    assert_eq!((ends.head, ends.head.offset), (ends.floor, 10));
    assert_eq!(offsets(&store.writer().unwrap().commit(&[write("a", "x")], NOW)), [Some(11)]);
}

#[test]
fn a_flipped_byte_is_found_when_it_is_read() {
    let changes = [
        "body = replace(body, 'entry 5', 'entry 6')",
        "\"from\" = 'null'",
        "at = at + 1",
        "id = randomblob(16)",
        "kind = 2",
        "checksum = checksum + 1",
        "body = cast(x'ff' as text)",
        "log = 2",
        "offset = 50",
    ];
    for change in changes {
        let folder = Folder::new();
        let store = filled(&folder, 10);
        folder.sqlite().execute(&format!("update entries set {change} where offset = 5"), []).unwrap();
        let mut reader = store.reader().unwrap();
        let broken = reader.page(&room("a"), 1, 100, 1 << 20);
        assert!(matches!(broken, Err(ReadError::Damaged { .. })), "{change}: {broken:?}");
        if change != "offset = 50" {
            assert_eq!(reader.page(&room("a"), 6, 100, 1 << 20).unwrap().entries.len(), 5, "{change}: the rest stays");
        }
    }
}

#[test]
fn an_entry_that_is_missing_is_damage_too() {
    for missing in ["offset = 5", "offset > 4 and offset < 8"] {
        let folder = Folder::new();
        let store = filled(&folder, 10);
        folder.sqlite().execute(&format!("delete from entries where {missing}"), []).unwrap();
        let broken = store.reader().unwrap().page(&room("a"), 1, 100, 1 << 20);
        assert!(matches!(broken, Err(ReadError::Damaged { offset: 5 })), "{broken:?}");
    }
}

#[test]
fn an_entry_is_found_by_its_id_among_the_newest() {
    let folder = Folder::new();
    let store = filled(&folder, 10);
    let mut reader = store.reader().unwrap();
    let page = reader.page(&room("a"), 1, 100, 1 << 20).unwrap();
    assert_eq!(reader.find(&room("a"), page.entries[8].id, 2).unwrap().unwrap().appended.offset, 9);
    assert_eq!(reader.find(&room("a"), page.entries[7].id, 2).unwrap(), None);
    assert_eq!(reader.find(&room("b"), page.entries[7].id, 2).unwrap(), None);
}

#[test]
fn a_check_of_a_sound_file_finds_nothing() {
    let folder = Folder::new();
    let store = filled(&folder, 10);
    assert_eq!(store.reader().unwrap().quick_check().unwrap(), [] as [&str; 0]);
    store.check_in_background();
    store.release();
}
