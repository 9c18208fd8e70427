use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::domain::ids::UserId;

fn redaction(rules: &[(&str, &str)]) -> Redaction {
    let rule = |(path, role): &(&str, &str)| Rule { path: path.parse().unwrap(), unless_role: (*role).to_owned() };
    Redaction::new(rules.iter().map(rule).collect())
}

fn with_roles(roles: &[&str]) -> Reader {
    let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
    Reader::user(&UserId::parse("ada").unwrap(), &roles)
}

/// `json` for somebody without a role, in a room with these paths.
fn cut(paths: &[&str], json: &str) -> String {
    let rules: Vec<_> = paths.iter().map(|path| (*path, "boss")).collect();
    let redaction = redaction(&rules);
    redaction.state(json, redaction.view(&with_roles(&[])))
}

#[test]
fn a_pointer_is_steps_behind_slashes() {
    for good in ["/a", "/customer/email", "/", "//a", "/a~1b/~0/é", "/0", "/a b"] {
        assert_eq!(good.parse::<Pointer>().unwrap().to_string(), good);
    }
    let deep = "/a".repeat(STEPS_MAX);
    assert!(deep.parse::<Pointer>().is_ok());
    for bad in ["", "a", "a/b", "#/a", "/~", "/a~2", "/~~0", &format!("{deep}/a")] {
        assert_eq!(bad.parse::<Pointer>(), Err(BadPointer), "{bad:?}");
    }
}

#[test]
fn a_field_goes_and_the_rest_stays_byte_by_byte() {
    for (paths, json, left) in [
        (&["/b"][..], r#"{"a":1.50e+3,"b":2,"c":-0.0}"#, r#"{"a":1.50e+3,"c":-0.0}"#),
        (&["/a"], r#"{"a":1}"#, "{}"),
        (&["/a/b"], r#"{"a":{"b":{"c":1}},"b":2}"#, r#"{"a":{},"b":2}"#),
        (&["/a/b", "/c"], r#"{"a":{"b":1,"d":"\u00e9\/"},"c":[]}"#, r#"{"a":{"d":"\u00e9\/"}}"#),
        (&["/a", "/a/b"], r#"{"a":{"b":1},"c":2}"#, r#"{"c":2}"#),
        (&["/a~1b/~0"], r#"{"a/b":{"~":1,"x":2}}"#, r#"{"a/b":{"x":2}}"#),
        (&["/"], r#"{"":1,"a":2}"#, r#"{"a":2}"#),
        (&["/a/b"], r#"{"a":7,"b":1}"#, r#"{"a":7,"b":1}"#),
        (&["/a"], "12345678901234567890.10", "12345678901234567890.10"),
        (&["/a"], r#""a""#, r#""a""#),
        (&["/a"], "null", "null"),
    ] {
        assert_eq!(cut(paths, json), left, "{paths:?} of {json}");
    }
}

#[test]
fn a_name_is_found_however_it_is_written_and_however_often() {
    assert_eq!(cut(&["/email"], r#"{"em\u0061il":1,"b":2,"email":3,"\u0065mail":4}"#), r#"{"b":2}"#);
    assert_eq!(cut(&["/a/b"], r#"{"a":{"b":1},"a":{"b":2,"c":3}}"#), r#"{"a":{},"a":{"c":3}}"#);
    // Half a surrogate pair is no text, so no path names it; it is in nobody's way either.
    assert_eq!(cut(&["/b"], r#"{"\ud800":1,"b":"\udfff"}"#), r#"{"\ud800":1}"#);
}

#[test]
fn an_element_of_a_list_goes_and_those_behind_it_move_up() {
    assert_eq!(cut(&["/a/1"], r#"{"a":[1,2,3]}"#), r#"{"a":[1,3]}"#);
    assert_eq!(cut(&["/a/0", "/a/2/x"], r#"{"a":[1,2,{"x":3,"y":4}]}"#), r#"{"a":[2,{"y":4}]}"#, "counted as written");
    assert_eq!(cut(&["/0"], "[1]"), "[]");
    for out in ["/a/3", "/a/-", "/a/01", "/a/-1", "/a/x", "/a/0/x"] {
        assert_eq!(cut(&[out], r#"{"a":[1,2,3]}"#), r#"{"a":[1,2,3]}"#, "{out}");
    }
    assert_eq!(cut(&["/a/1"], r#"{"a":{"1":2,"b":3}}"#), r#"{"a":{"b":3}}"#, "a member may be called 1");
}

#[test]
fn a_view_is_which_rules_hold_and_each_rule_stands_for_itself() {
    let rules = redaction(&[("/a", "x"), ("/b", "y"), ("/b", "z")]);
    let of = |roles: &[&str]| rules.state(r#"{"a":1,"b":2,"c":3}"#, rules.view(&with_roles(roles)));
    assert_eq!(of(&[]), r#"{"c":3}"#);
    assert_eq!(of(&["x"]), r#"{"a":1,"c":3}"#);
    assert_eq!(of(&["y", "x"]), r#"{"a":1,"c":3}"#, "a field that two rules name takes both roles");
    assert_eq!(of(&["z", "y", "other"]), r#"{"b":2,"c":3}"#);
    assert_eq!(rules.view(&with_roles(&["x", "y", "z"])), View::WHOLE);
    assert_eq!(rules.view(&Reader::Backend), View::WHOLE);
    assert_eq!(rules.view(&with_roles(&["x"])), rules.view(&with_roles(&["q", "x"])), "other roles make no other view");
}

#[test]
fn each_kind_of_entry_is_cut_where_its_data_is() {
    let rules = redaction(&[("/a", "boss"), ("/b/c", "boss")]);
    let view = rules.view(&with_roles(&[]));
    for (kind, body, left) in [
        (Kind::Event, r#""event":"a","data":{"a":1,"b":{"c":2}}"#, r#""event":"a","data":{"b":{}}"#),
        (Kind::Activity, r#""action":"a","metadata":{"a":1,"d":2}"#, r#""action":"a","metadata":{"d":2}"#),
        (Kind::State, r#""set":{"a":1,"b":{"c":1}},"removed":[]"#, r#""set":{"b":{}},"removed":[]"#),
        (Kind::State, r#""set":{},"removed":["x","a","b"]"#, r#""set":{},"removed":["x","b"]"#),
    ] {
        assert_eq!(rules.body(kind, body, view).unwrap(), left);
        assert!(matches!(rules.body(kind, body, View::WHOLE), Some(Cow::Borrowed(same)) if same == body));
    }
    for (kind, untouched) in [
        (Kind::Event, r#""event":"a","data":[{"a":1}]"#),
        (Kind::Activity, r#""action":"a","target":"a""#),
        (Kind::Preferred, r#""preferences":{"a":1}"#),
    ] {
        assert!(matches!(rules.body(kind, untouched, view), Some(Cow::Borrowed(same)) if same == untouched));
    }
    assert_eq!(rules.body(Kind::Event, "\"event\":", view), None);
}

#[test]
fn who_came_too_late_is_told_an_offset_and_no_value_that_takes_a_role() {
    let rules = redaction(&[("/margin", "boss"), ("/revenue/net", "boss")]);
    let current = r#"{"churn":{"offset":9},"margin":{"value":3,"offset":5},"revenue":{"value":{"net":1,"gross":2.0},"offset":7}}"#;
    assert_eq!(
        rules.current(current, rules.view(&with_roles(&[]))),
        r#"{"churn":{"offset":9},"margin":{"offset":5},"revenue":{"value":{"gross":2.0},"offset":7}}"#
    );
    assert_eq!(rules.current(current, View::WHOLE), current);
}

/// What a reader must not find.
const SECRET: &str = "s3cret";

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c\"\\\\/~\u{e9}]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c0-2/~\"]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Follows `turns` down into `value` and puts the secret there; the path to it.
fn hide(value: &mut Value, turns: &[usize]) -> String {
    let step = |turn: usize, count: usize| turn % count;
    match value {
        Value::Object(map) if !map.is_empty() && !turns.is_empty() => {
            let key = map.keys().nth(step(turns[0], map.len())).unwrap().clone();
            let rest = hide(map.get_mut(&key).unwrap(), &turns[1..]);
            format!("/{}{rest}", key.replace('~', "~0").replace('/', "~1"))
        }
        Value::Array(list) if !list.is_empty() && !turns.is_empty() => {
            let index = step(turns[0], list.len());
            let rest = hide(&mut list[index], &turns[1..]);
            format!("/{index}{rest}")
        }
        other => {
            *other = Value::from(SECRET);
            String::new()
        }
    }
}

fn without(value: &mut Value, path: &str) {
    let (parent, step) = path.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&step.replace("~1", "/").replace("~0", "~"))),
        Value::Array(list) => drop(list.remove(step.parse().unwrap())),
        _ => panic!("{path} leads nowhere"),
    }
}

proptest! {
    #[test]
    fn what_is_taken_out_is_nowhere_and_the_rest_is_equal(inner in json(), turns in prop::collection::vec(0_usize..4, 0..5)) {
        let mut value = Value::Object(Map::from_iter([("top".to_owned(), inner)]));
        let path = hide(&mut value, &[&[0], &*turns].concat());
        let text = value.to_string();
        prop_assert!(text.contains(SECRET));
        let left = cut(&[&path], &text);
        without(&mut value, &path);
        prop_assert_eq!(&left, &value.to_string());
        prop_assert!(!left.contains(SECRET));
        prop_assert_eq!(cut(&[&path, "/nothing/here"], &text), left, "a rule that meets nothing changes nothing");
    }

    #[test]
    fn digits_stay_as_they_came(whole in "-?(0|[1-9][0-9]{0,30})", rest in "(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        let number = format!("{whole}{rest}");
        let text = format!(r#"{{"x":[{number},{{"gone":{number},"stays":{number}}}]}}"#);
        let left = format!(r#"{{"x":[{number},{{"stays":{number}}}]}}"#);
        prop_assert_eq!(cut(&["/x/1/gone"], &text), left);
    }

    #[test]
    fn no_text_panics_and_what_was_json_still_is(text in "[\\[\\]{}\",:\\\\ 01ae.é]{0,40}") {
        let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
        prop_assert!(is_json(&cut(&["/a/0", "/e"], &text)) || !is_json(&text));
    }
}
