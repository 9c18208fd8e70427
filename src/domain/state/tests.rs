use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn change(set: &[(&str, &str)], removed: &[&str]) -> Change {
    let set = set.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Change { set, removed: removed.iter().map(|key| (*key).into()).collect() }
}

fn current(error: &AppendError) -> Value {
    let AppendError::Stale { current } = error else { panic!("{error}") };
    serde_json::from_str(current).unwrap()
}

#[test]
fn a_change_survives_its_body_digit_by_digit() {
    let written = change(&[("a\"\n", "1.20e+6"), ("b", r#"{"x":12345678901234567890.50}"#)], &["c\\", "ключ"]);
    assert_eq!(Change::from_body(&written.to_body()), Some(written.clone()));
    assert_eq!(&*change(&[("a", "1e2")], &["b"]).to_body(), r#""set":{"a":1e2},"removed":["b"]"#);
    assert_eq!(Change::from_body(r#""event":"e","data":1"#), None);
    let mut state = State::default();
    state.apply(1, &written);
    assert_eq!(&*state.to_json(), r#"{"a\"\n":1.20e+6,"b":{"x":12345678901234567890.50}}"#);
}

#[test]
fn who_has_not_seen_a_write_or_a_removal_is_told_what_is_there() {
    let mut state = State::default();
    state.apply(57, &change(&[("churn", "2"), ("other", "1")], &[]));
    state.apply(60, &change(&[], &["gone"]));
    let write = change(&[("churn", "3")], &["gone", "never"]);
    let error = state.decide(&write, Some(56)).unwrap_err();
    assert_eq!(current(&error), json!({"churn": {"value": 2, "offset": 57}, "gone": {"offset": 60}}));
    assert!(state.decide(&write, Some(59)).is_err(), "the removal is newer");
    assert_eq!(state.decide(&write, Some(60)), Ok(()));
    assert_eq!(state.decide(&write, None), Ok(()), "who asks for nothing wins");
    state.forget_removed(60);
    assert_eq!(state.decide(&write, Some(57)), Ok(()), "the log keeps that removal no longer");
}

#[test]
fn if_offset_zero_asks_only_that_the_key_is_not_there_now() {
    let mut state = State::default();
    assert_eq!(state.decide(&change(&[("a", "1")], &[]), Some(0)), Ok(()));
    state.apply(1, &change(&[("a", "null")], &[]));
    assert!(state.decide(&change(&[("a", "1")], &[]), Some(0)).is_err(), "null is a value");
    state.apply(2, &change(&[], &["a"]));
    assert_eq!(state.decide(&change(&[("a", "1")], &[]), Some(0)), Ok(()));
}

#[test]
fn a_state_is_bounded_in_keys_and_bytes_and_may_always_shrink() {
    let mut state = State::default();
    let keys: Vec<String> = (0..KEYS_MAX).map(|n| format!("k{n}")).collect();
    let all: Vec<_> = keys.iter().map(|key| (&**key, "1")).collect();
    assert_eq!(state.decide(&change(&all, &[]), None), Ok(()));
    state.apply(1, &change(&all, &[]));
    let over = |result: Result<(), AppendError>| matches!(result, Err(AppendError::OverLimit { .. }));
    assert!(over(state.decide(&change(&[("one more", "1")], &[]), None)));
    assert_eq!(state.decide(&change(&[("one more", "1")], &["k0"]), None), Ok(()), "one goes for one that comes");
    assert_eq!(state.decide(&change(&[("k7", "2")], &[]), None), Ok(()));
    let rest = BYTES_MAX - state.size().bytes;
    let value = format!("\"{}\"", "x".repeat(rest - 1));
    assert_eq!(state.decide(&change(&[("k7", &value)], &[]), None), Ok(()), "to the last byte");
    assert!(over(state.decide(&change(&[("k7", &format!("\"{}\"", "x".repeat(rest)))], &[]), None)));
    assert_eq!(state.decide(&change(&[], &["k1", "nobody"]), None), Ok(()));
}

#[test]
fn a_key_that_stands_twice_is_found() {
    assert_eq!(change(&[("a", "1"), ("b", "1")], &["c"]).named_twice(), None);
    assert_eq!(change(&[("a", "1")], &["a"]).named_twice(), Some("a"));
    assert_eq!(change(&[("a", "1"), ("a", "2")], &[]).named_twice(), Some("a"));
}

proptest! {
    #[test]
    fn any_history_of_writes_is_what_a_plain_map_says(
        steps in prop::collection::vec((prop::collection::btree_map("[a-d]", "[0-9]{1,4}", 0..3), "[a-d]", any::<bool>(), 0..40_u64), 1..40)
    ) {
        let mut state = State::default();
        let mut model: HashMap<String, (Option<String>, u64)> = HashMap::new();
        let mut offset = 0;
        for (set, removed, has_removal, guess) in steps {
            let removed: Vec<&str> = (has_removal && !set.contains_key(&removed)).then_some(&*removed).into_iter().collect();
            let fields: Vec<_> = set.iter().map(|(key, value)| (&**key, &**value)).collect();
            let change = change(&fields, &removed);
            let is_stale = change.keys().any(|key| model.get(&**key).is_some_and(|(value, at)| {
                *at > guess && (guess > 0 || value.is_some())
            }));
            prop_assert_eq!(state.decide(&change, Some(guess)).is_err(), is_stale);
            if is_stale {
                continue;
            }
            offset += 1;
            state.apply(offset, &change);
            for (key, value) in set {
                model.insert(key, (Some(value), offset));
            }
            for key in removed {
                model.insert(key.to_owned(), (None, offset));
            }
            for (key, record) in state.records() {
                let (value, at) = &model[&**key];
                prop_assert_eq!((record.value.as_deref(), record.offset), (value.as_deref(), *at));
            }
            let live: Vec<_> = model.iter().filter_map(|(key, (value, _))| Some((key, value.as_ref()?))).collect();
            let bytes = live.iter().map(|(key, value)| weight(key, value)).sum();
            prop_assert_eq!(state.size(), Size { keys: live.len(), bytes });
        }
    }
}
