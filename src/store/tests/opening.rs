use std::fs;

use crate::domain::ids::Epoch;
use crate::store::{StoreError, boot, schema};

use super::*;

/// Writes one entry to `a` and says where it is.
fn append(store: &Arc<Store>) -> Placed {
    placed(&store.writer().unwrap().commit(&[write("a", "x")], NOW)[0])
}

#[test]
fn a_store_that_is_opened_again_goes_on_where_it_was() {
    let folder = Folder::new();
    let (first, key) = {
        let store = folder.open();
        (append(&store), *store.guest_key())
    };
    for offset in 2..5 {
        let store = folder.open();
        let next = append(&store);
        assert_eq!((next.epoch, next.appended.offset), (first.epoch, offset));
        assert_eq!(*store.guest_key(), key);
    }
    assert!(key.iter().collect::<std::collections::HashSet<_>>().len() > 16, "{key:?} is not random");
}

#[test]
fn a_second_opener_is_told_which_file_is_held() {
    let folder = Folder::new();
    let store = folder.open();
    let error = Store::open(&folder.database(), DEDUPE).err().unwrap();
    assert!(matches!(&error, StoreError::Locked { path } if path.ends_with("copresence.db.lock")), "{error}");
    store.release();
    assert!(matches!(store.reader().err(), Some(StoreError::Closed)));
    folder.open();
}

#[test]
fn a_copy_that_was_put_back_begins_a_new_life_of_every_log() {
    let folder = Folder::new();
    let first = append(&folder.open());
    let copy = fs::read(folder.database()).unwrap();
    append(&folder.open());
    fs::write(folder.database(), copy).unwrap();
    let store = folder.open();
    let ends = store.reader().unwrap().ends(&room("a")).unwrap();
    assert_eq!(ends.head.offset, 1, "what the copy knows stays");
    assert_ne!(ends.head.epoch, first.epoch);
    let next = append(&store);
    assert_eq!((next.epoch, next.appended.offset), (ends.head.epoch, 2));
    assert_eq!(store.reader().unwrap().ends(&room("never-used")).unwrap().head.epoch, next.epoch);
}

#[test]
fn a_database_without_its_boot_file_is_a_copy() {
    for text in [None, Some("nonsense"), Some("00000000000000000000000000000000")] {
        let folder = Folder::new();
        let first = append(&folder.open());
        match text {
            None => fs::remove_file(folder.boot()).unwrap(),
            Some(text) => fs::write(folder.boot(), text).unwrap(),
        }
        let epoch = folder.open().epoch();
        assert_ne!(epoch, first.epoch, "{text:?}");
        assert_eq!(folder.open().epoch(), epoch, "{text:?}: once is enough");
    }
}

#[test]
fn keys_of_an_earlier_life_do_not_count() {
    let folder = Folder::new();
    let write = keyed("a", "x", "user:ada", "k");
    folder.open().writer().unwrap().commit(std::slice::from_ref(&write), NOW);
    fs::remove_file(folder.boot()).unwrap();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let anew = placed(&writer.commit(&[keyed("a", "x", "user:ada", "k")], NOW)[0]).appended;
    assert_eq!((anew.offset, anew.duplicate), (2, false));
    let again = placed(&writer.commit(&[keyed("a", "x", "user:ada", "k")], NOW)[0]).appended;
    assert_eq!((again.offset, again.duplicate), (2, true));
}

#[test]
fn a_log_with_an_epoch_of_its_own_changes_it_too() {
    let folder = Folder::new();
    append(&folder.open());
    let own = Epoch::random();
    folder.sqlite().execute("update logs set epoch = ?1", [own.0.as_bytes()]).unwrap();
    assert_eq!(append(&folder.open()).epoch, own, "a plain restart keeps it");
    fs::remove_file(folder.boot()).unwrap();
    let store = folder.open();
    assert_eq!(append(&store).epoch, store.epoch());
}

/// The steps of a start, ended after `steps` of them.
fn start_and_die(folder: &Folder, steps: usize) {
    let next = Uuid::new_v4();
    let mut sqlite = folder.sqlite();
    let said = boot::read_file(&folder.boot()).unwrap();
    if steps > 0 {
        boot::announce(&mut sqlite, said, next).unwrap();
    }
    if steps > 1 {
        boot::write_file(&folder.boot(), next).unwrap();
    }
    if steps > 2 {
        boot::settle(&sqlite, next).unwrap();
    }
}

#[test]
fn a_kill_between_any_two_steps_of_a_start_keeps_the_epochs() {
    let folder = Folder::new();
    let epoch = append(&folder.open()).epoch;
    // Several kills in a row, at all pairs of points.
    for first in 0..=3 {
        for second in 0..=3 {
            start_and_die(&folder, first);
            start_and_die(&folder, second);
            assert_eq!(folder.open().epoch(), epoch, "killed after {first}, then after {second} steps");
        }
    }
}

#[test]
fn a_kill_in_the_start_of_a_copy_still_begins_a_new_life() {
    for steps in 0..=3 {
        let folder = Folder::new();
        let old = append(&folder.open()).epoch;
        fs::remove_file(folder.boot()).unwrap();
        start_and_die(&folder, steps);
        assert_ne!(folder.open().epoch(), old, "killed after {steps} steps");
    }
}

#[test]
fn a_kill_in_the_very_first_start_leaves_a_store_that_opens() {
    for steps in 0..=3 {
        let folder = Folder::new();
        fs::write(folder.database(), "").unwrap();
        schema::migrate(&mut folder.sqlite(), &folder.database()).unwrap();
        start_and_die(&folder, steps);
        let epoch = append(&folder.open()).epoch;
        assert_eq!(folder.open().epoch(), epoch);
    }
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let folder = Folder::new();
    folder.sqlite().execute_batch("create table theirs (x)").unwrap();
    assert!(matches!(Store::open(&folder.database(), DEDUPE), Err(StoreError::Foreign { .. })));

    let folder = Folder::new();
    fs::write(folder.database(), "this is a letter, and a long one at that".repeat(200)).unwrap();
    assert!(matches!(Store::open(&folder.database(), DEDUPE), Err(StoreError::Damaged { .. })));

    let folder = Folder::new();
    drop(folder.open());
    folder.sqlite().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&folder.database(), DEDUPE).err().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 7, .. }), "{error}");
}

#[test]
fn a_file_that_was_replaced_under_us_is_not_written_to() {
    let folder = Folder::new();
    let store = folder.open();
    let other = Folder::new();
    drop(other.open());
    fs::rename(other.database(), folder.database()).unwrap();
    assert!(matches!(store.writer().err(), Some(StoreError::Replaced { .. })));
}

#[test]
fn a_path_that_can_not_be_a_store_is_refused_and_named() {
    let folder = Folder::new();
    let inside = |name: &str| folder.database().parent().unwrap().join(name);
    fs::create_dir_all(inside("folder")).unwrap();
    fs::write(inside("file"), "not a folder").unwrap();
    std::os::unix::fs::symlink(inside("round"), inside("round")).unwrap();
    for path in ["file/copresence.db", "folder", "round"] {
        let error = Store::open(&inside(path), DEDUPE).err().unwrap_or_else(|| panic!("{path} was opened")).to_string();
        let named = path.split('/').next().unwrap();
        assert!(error.contains(inside(named).to_str().unwrap()), "{path}: {error}");
    }
}
