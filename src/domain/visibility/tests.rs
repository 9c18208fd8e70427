use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::entry::{Draft, Timestamp};
use crate::domain::ids::EntryId;
use crate::domain::redaction::Rule;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn to(roles: &[&str], users: &[&str]) -> VisibleTo {
    VisibleTo::new(names(roles), names(users)).unwrap()
}

fn reader(id: &str, roles: &[&str]) -> Reader {
    Reader::user(&UserId::parse(id).unwrap(), &names(roles))
}

fn entry(body: Arc<str>) -> Arc<Entry> {
    let draft = Draft { id: EntryId(Uuid::from_u128(7)), at: Timestamp(1), kind: Kind::Event, from: "{}".into(), body };
    Arc::new(draft.at_offset(43))
}

const BODY: &str = r#""event":"e","data":{"a":1.50,"b":2}"#;

#[test]
fn who_is_named_or_has_a_role_that_is_sees_it_and_nobody_else_but_backends() {
    let some = to(&["finance", "audit"], &["ada"]);
    for (reader, sees) in [
        (reader("ada", &[]), true),
        (reader("bob", &["sales", "audit"]), true),
        (reader("bob", &["sales"]), false),
        (reader("finance", &["ada"]), false),
        (reader("Ada", &["Finance"]), false),
        (Reader::Backend, true),
    ] {
        assert_eq!(some.admits(&reader), sees, "{reader:?}");
    }
}

#[test]
fn names_are_bounded_and_there_is_one() {
    let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
    assert!(VisibleTo::new(many(50), many(50)).is_ok());
    assert_eq!(VisibleTo::new(many(51), many(1)), Err(BadNames::TooMany));
    assert_eq!(VisibleTo::new(many(1), many(51)), Err(BadNames::TooMany));
    assert_eq!(VisibleTo::new(vec![], vec![]), Err(BadNames::None));
    assert_eq!(VisibleTo::new(names(&[""]), vec![]), Err(BadNames::Length));
    assert!(VisibleTo::new(vec![], vec!["é".repeat(200)]).is_ok());
    assert_eq!(VisibleTo::new(vec![], vec!["é".repeat(201)]), Err(BadNames::Length));
}

#[test]
fn the_same_readers_are_the_same_content_and_others_are_not() {
    let body = |to: &VisibleTo| seal(Some(to), BODY.into());
    assert_eq!(body(&to(&["b", "a", "b"], &["x"])), body(&to(&["a", "b"], &["x"])));
    assert_ne!(body(&to(&["a"], &["x"])), body(&to(&["x"], &["a"])));
    assert_ne!(body(&to(&["a"], &[])), seal(None, BODY.into()));
}

#[test]
fn an_entry_is_seen_without_its_readers_names_or_not_at_all() {
    let sealed = entry(seal(Some(&to(&["a\"b"], &["ada"])), BODY.into()));
    let none = Redaction::default();
    for reader in [reader("ada", &[]), reader("bob", &["a\"b"]), Reader::Backend] {
        assert_eq!(seen(&sealed, &reader, &none), entry(BODY.into()), "{reader:?}");
    }
    let hidden = seen(&sealed, &reader("bob", &[]), &none);
    assert_eq!((hidden.kind, hidden.offset, hidden.id), (Kind::Hidden, 43, sealed.id));
    assert_eq!((&*hidden.body, &*hidden.from), ("", "null"), "nothing else is left of it");
    assert_eq!(Kind::from_number(Kind::Hidden as u8), None, "no log holds one");
    let open = entry(BODY.into());
    assert!(Arc::ptr_eq(&seen(&open, &reader("bob", &[]), &none), &open), "nothing to change, nothing copied");
}

#[test]
fn who_may_see_an_entry_still_sees_no_field_that_takes_a_role() {
    let rule = Rule { path: "/a".parse().unwrap(), unless_role: "boss".into() };
    let redaction = Redaction::new(vec![rule]);
    let sealed = entry(seal(Some(&to(&[], &["ada", "eve"])), BODY.into()));
    assert_eq!(&*seen(&sealed, &reader("ada", &["boss"]), &redaction).body, BODY);
    assert_eq!(&*seen(&sealed, &reader("eve", &[]), &redaction).body, r#""event":"e","data":{"b":2}"#);
    assert_eq!(&*seen(&sealed, &Reader::Backend, &redaction).body, BODY);
}

#[test]
fn a_seal_that_can_not_be_read_opens_for_nobody() {
    for damaged in ["", "{", "{}", "7,", "{\"roles\":[]},\"event\":1", "{\"roles\":[],\"users\":[]}"] {
        let entry = entry(format!("{SEAL}{damaged}").into());
        for reader in [reader("ada", &["x"]), Reader::Backend] {
            assert_eq!(seen(&entry, &reader, &Redaction::default()).kind, Kind::Hidden, "{damaged}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was(
        roles in prop::collection::vec("\\PC{1,8}", 0..4),
        users in prop::collection::vec("[\"\\\\,{}a\u{e9}]{1,8}", 1..4),
        data in "\"[a-z\\\\n]{0,9}\"|[0-9]{1,30}",
    ) {
        let visible_to = VisibleTo::new(roles, users).unwrap();
        let body = format!("\"event\":\"e\",\"data\":{data}");
        let sealed = seal(Some(&visible_to), body.as_str().into());
        prop_assert!(is_sealed(&sealed) && !is_sealed(&body));
        prop_assert_eq!(Kept::of(&sealed), Kept::For(visible_to, &body));
        prop_assert_eq!(Kept::of(&body), Kept::Open);
    }
}
