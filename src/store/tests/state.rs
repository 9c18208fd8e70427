use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::domain::log::AppendError;
use crate::domain::state::Change;
use crate::domain::tail::Bounds;
use crate::store::{ReadError, Reader, Wanted};

use super::*;

fn set(log: &str, fields: &[(&str, &str)], removed: &[&str], if_offset: Option<u64>) -> Write {
    let fields = fields.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let change = Change { set: fields, removed: removed.iter().map(|key| (*key).into()).collect() };
    let mut write = write(log, "");
    write.draft.kind = Kind::State;
    write.draft.body = change.to_body();
    Write { if_offset, ..write }
}

fn of_kind(kind: Kind, text: &str) -> Write {
    let mut write = write("a", text);
    write.draft.kind = kind;
    write
}

fn current(outcome: &Outcome) -> Value {
    let Err(AppendError::Stale { current }) = outcome else { panic!("{outcome:?}") };
    serde_json::from_str(current).unwrap()
}

fn state(reader: &mut Reader) -> String {
    reader.picture(&room("a")).unwrap().state.to_json().to_string()
}

#[test]
fn of_two_who_race_in_one_batch_the_second_is_told_what_the_first_wrote() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let batch = [
        set("a", &[("k", "1.0")], &[], Some(0)),
        set("a", &[("k", "2")], &["gone"], Some(0)),
        set("a", &[("other", "3")], &["k"], Some(1)),
        set("a", &[("k", "4")], &[], Some(1)),
    ];
    let outcomes = writer.commit(&batch, NOW);
    assert_eq!(offsets(&outcomes), [Some(1), None, Some(2), None], "a refused write takes no number");
    assert_eq!(current(&outcomes[1]), json!({"k": {"value": 1.0, "offset": 1}}));
    assert_eq!(current(&outcomes[3]), json!({"k": {"offset": 2}}), "a removal is remembered");
    assert_eq!(state(&mut store.reader().unwrap()), r#"{"other":3}"#);
}

#[test]
fn state_outlives_the_entries_that_made_it_and_removals_do_not() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let batch = [set("a", &[("k", "1e2"), ("gone", "1")], &[], None), set("a", &[], &["gone"], None), write("a", "x")];
    writer.commit(&batch, NOW);
    assert!(writer.commit(&[set("a", &[("gone", "2")], &[], Some(1))], NOW)[0].is_err());
    folder
        .sqlite()
        .execute_batch(
            "update logs set floor_offset = 2, floor_entry = (select id from entries where offset = 2);
             delete from entries where offset <= 2",
        )
        .unwrap();
    assert_eq!(state(&mut store.reader().unwrap()), r#"{"k":1e2}"#);
    assert_eq!(offsets(&writer.commit(&[set("a", &[("gone", "2")], &[], Some(1))], NOW)), [Some(4)]);
}

#[test]
fn a_key_is_looked_at_before_the_offset_and_a_rollback_takes_the_state_along() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let name = DedupeKey { publisher: "user:ada".into(), key: "k".into() };
    let mut write = set("a", &[("k", "1")], &[], Some(0));
    write.key = Some(name);
    let first = placed(&writer.commit(std::slice::from_ref(&write), NOW)[0]);
    let again = placed(&writer.commit(std::slice::from_ref(&write), NOW)[0]);
    assert_eq!((again.appended.offset, again.appended.duplicate), (first.appended.offset, true));

    writer.limit_pages(Some(1));
    let large = format!("\"{}\"", "x".repeat(200_000));
    assert!(writer.commit(&[set("a", &[("k", &large)], &[], None)], NOW)[0].is_err());
    writer.limit_pages(None);
    assert_eq!(state(&mut store.reader().unwrap()), r#"{"k":1}"#);
}

#[test]
fn a_value_that_was_damaged_is_told_and_not_shown() {
    for damage in ["value = '2'", "key = 'l'", "offset = 9", "value = x'ff'"] {
        let folder = Folder::new();
        let store = folder.open();
        store.writer().unwrap().commit(&[set("a", &[("k", "1")], &[], None)], NOW);
        let damaged = folder.sqlite().execute(&format!("update state set {damage}"), []);
        // A strict table takes no bytes for text, which is as well.
        if damaged.is_ok() {
            let error = store.reader().unwrap().picture(&room("a")).unwrap_err();
            assert!(matches!(error, ReadError::Damaged { .. }), "{damage}: {error}");
        }
    }
}

#[test]
fn entries_of_a_kind_are_found_between_any_number_of_others() {
    let folder = Folder::new();
    let store = folder.open();
    let kind_of = |n: u64| if n.is_multiple_of(10) { Kind::Activity } else { Kind::Event };
    let batch: Vec<_> = (1..=500).map(|n| of_kind(kind_of(n), "x")).collect();
    store.writer().unwrap().commit(&batch, NOW);
    let mut reader = store.reader().unwrap();
    let picture = reader.picture(&room("a")).unwrap();
    let shown: Vec<_> = picture.activity.iter().map(|entry| entry.offset).collect();
    assert_eq!(shown, (31..=50).map(|n| n * 10).collect::<Vec<_>>());
    let mut select = |after, below, is_newest| {
        let wanted = Wanted { kinds: &[Kind::Activity], after, below, is_newest };
        let found = reader.select(&room("a"), &wanted, Bounds { entries_max: 3, bytes_max: 1 << 20 }).unwrap();
        (found.entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), found.more)
    };
    assert_eq!(select(0, u64::MAX, true), (vec![480, 490, 500], true));
    assert_eq!(select(0, 31, true), (vec![10, 20, 30], false));
    assert_eq!(select(0, u64::MAX, false), (vec![10, 20, 30], true));
    assert_eq!(select(470, u64::MAX, false), (vec![480, 490, 500], false));
    let events = Wanted { kinds: &[Kind::Event, Kind::State], after: 8, below: 12, is_newest: false };
    let events = reader.select(&room("a"), &events, Bounds::PAGE).unwrap().entries;
    assert_eq!(events.iter().map(|entry| entry.offset).collect::<Vec<_>>(), [9, 11]);
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<(u8, u16)>, Vec<u8>, Option<u64>),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fields = prop::collection::btree_map(0..6_u8, any::<u16>(), 0..3).prop_map(|map| map.into_iter().collect());
    let removed = prop::collection::vec(6..9_u8, 0..2).prop_map(|keys| keys.into_iter().map(|key| key - 4).collect());
    let write = (fields, removed, prop::option::of(0..12_u64));
    let write = write.prop_map(|(set, removed, if_offset): (Vec<_>, Vec<u8>, _)| {
        let removed = removed.into_iter().filter(|key| set.iter().all(|(other, _): &(u8, u16)| other != key)).collect();
        Step::Set(set, removed, if_offset)
    });
    prop::collection::vec(prop_oneof![8 => write, 1 => Just(Step::Reopen)], 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sets_removals_and_races_are_what_a_plain_map_says_across_reopenings(steps in steps()) {
        let folder = Folder::new();
        let mut store = folder.open();
        let mut writer = store.writer().unwrap();
        let mut model: HashMap<u8, (Option<u16>, u64)> = HashMap::new();
        let mut head = 0;
        for step in steps {
            let (fields, removed, if_offset) = match step {
                Step::Set(fields, removed, if_offset) => (fields, removed, if_offset),
                Step::Reopen => {
                    drop(writer);
                    store.release();
                    store = folder.open();
                    writer = store.writer().unwrap();
                    continue;
                }
            };
            let name = |key: &u8| format!("k\"{key}");
            let texts: Vec<_> = fields.iter().map(|(key, value)| (name(key), value.to_string())).collect();
            let texts: Vec<_> = texts.iter().map(|(key, value)| (&**key, &**value)).collect();
            let gone: Vec<_> = removed.iter().map(name).collect();
            let gone: Vec<_> = gone.iter().map(|key| &**key).collect();
            let outcome = writer.commit(&[set("a", &texts, &gone, if_offset)], NOW).remove(0);
            let mut named = fields.iter().map(|(key, _)| key).chain(&removed);
            let is_stale = if_offset.is_some_and(|at| named.any(|key| {
                model.get(key).is_some_and(|(value, written)| *written > at && (at > 0 || value.is_some()))
            }));
            if is_stale {
                for (key, told) in current(&outcome).as_object().unwrap() {
                    let (value, offset) = model[&key[2..].parse::<u8>().unwrap()];
                    let expected = value.map_or(json!({"offset": offset}), |value| json!({"value": value, "offset": offset}));
                    prop_assert_eq!(told, &expected);
                }
            } else {
                head += 1;
                prop_assert_eq!(placed(&outcome).appended.offset, head);
                model.extend(fields.iter().map(|(key, value)| (*key, (Some(*value), head))));
                model.extend(removed.iter().map(|key| (*key, (None, head))));
            }
            let shown: HashMap<String, u16> = serde_json::from_str(&state(&mut store.reader().unwrap())).unwrap();
            let expected = model.iter().filter_map(|(key, (value, _))| Some((name(key), (*value)?))).collect();
            prop_assert_eq!(shown, expected);
        }
    }
}
