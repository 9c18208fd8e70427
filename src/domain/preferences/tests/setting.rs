//! Preferences as JSON: merging, telling, storing.

use serde_json::{Value, json};

use super::super::{FOLLOWS_MAX, Preferences, ROOMS_MAX, TOPICS_MAX};
use super::{merged, preferences};
use crate::domain::ids::RoomName;

fn told(preferences: &Preferences) -> Value {
    serde_json::from_str(&preferences.to_json()).unwrap()
}

fn defaults() -> Value {
    json!({
        "toasts": true, "durations": 1, "levels": { "info": true, "success": true, "warning": true, "error": true },
        "topics": {}, "rooms": {}, "quiet_hours": null, "digest": false, "follows": [],
    })
}

/// Something other than the default under every key.
const EVERYTHING: &str = r#"{"toasts":false,"durations":1.5,"levels":{"info":false},"topics":{"kpi":"all","räume":"mute"},
    "rooms":{"dashboard:*":"mute","chat":"critical"},"quiet_hours":{"from":"22:00","to":"07:05","zone":"Asia/Kathmandu"},
    "digest":true}"#;

#[test]
fn the_whole_is_told_defaults_too() {
    assert_eq!(told(&Preferences::default()), defaults());
    // The factor is written as the protocol shows it, and not as `1.0`.
    assert!(Preferences::default().to_json().contains(r#""durations":1,"#));
}

#[test]
fn every_key_that_became_another_is_named_and_none_that_did_not() {
    let (before, mut after) = (Preferences::default(), preferences(EVERYTHING));
    let keys = ["toasts", "durations", "levels", "topics", "rooms", "quiet_hours", "digest"];
    assert_eq!(before.keys_other_than(&after), keys);
    after.follow(&RoomName::parse("a").unwrap()).unwrap();
    assert_eq!(preferences(EVERYTHING).keys_other_than(&after), ["follows"]);
    let all: Vec<_> = before.keys_other_than(&after).into_iter().map(str::to_owned).collect();
    assert!(defaults().as_object().unwrap().keys().all(|key| all.contains(key)), "{all:?}");
    assert_eq!(after.keys_other_than(&after), [""; 0]);
}

#[test]
fn what_is_stored_comes_back() {
    let mut all = preferences(EVERYTHING);
    all.follow(&RoomName::parse("b").unwrap()).unwrap();
    all.follow(&RoomName::parse("a").unwrap()).unwrap();
    assert_eq!(Preferences::from_json(&all.to_json()), Ok(all.clone()));
    assert_eq!(told(&all)["follows"], json!(["b", "a"]), "in the order in which they were followed");
    assert_eq!(Preferences::from_json("{}"), Ok(Preferences::default()));
    for bad in ["", "[]", r#"{"follows":["@me"]}"#, r#"{"follows":1}"#, r#"{"colour":1}"#] {
        assert!(Preferences::from_json(bad).is_err(), "{bad} was taken");
    }
}

#[test]
fn a_merge_changes_what_it_names_and_nothing_else() {
    let all = preferences(EVERYTHING);
    let next =
        merged(&all, r#"{"topics":{"kpi":"mute","räume":null,"none":null},"quiet_hours":{"to":"06:00"}}"#).unwrap();
    let mut expected = told(&all);
    expected["topics"] = json!({ "kpi": "mute" });
    expected["quiet_hours"]["to"] = json!("06:00");
    assert_eq!(told(&next), expected);
    assert_eq!(merged(&next, "{}"), Ok(next.clone()));
    assert_eq!(merged(&merged(&all, r#"{"digest":false}"#).unwrap(), r#"{"digest":true}"#), Ok(all));
}

#[test]
fn null_takes_a_key_back_to_its_default() {
    let all = preferences(EVERYTHING);
    let mut bare = merged(&all, r#"{"durations":1}"#).unwrap();
    for key in ["toasts", "levels", "topics", "rooms", "quiet_hours", "digest"] {
        bare = merged(&bare, &format!("{{\"{key}\":null}}")).unwrap();
        assert_eq!(told(&bare)[key], defaults()[key], "{key}");
    }
    assert_eq!(bare, Preferences::default());
    assert_eq!(preferences(r#"{"levels":{"info":null}}"#), Preferences::default());
}

#[test]
fn durations_of_null_are_toasts_that_stay() {
    let staying = merged(&preferences(EVERYTHING), r#"{"durations":null}"#).unwrap();
    assert!(staying.durations.is_infinite());
    assert_eq!(told(&staying)["durations"], Value::Null);
    assert_eq!(Preferences::from_json(&staying.to_json()), Ok(staying.clone()), "over a restart, too");
    assert_eq!(staying.keys_other_than(&preferences(EVERYTHING)), ["durations"]);
    assert_eq!(told(&merged(&staying, r#"{"durations":2}"#).unwrap())["durations"], json!(2));
}

#[test]
fn what_is_wrong_is_named_and_nothing_of_it_is_taken() {
    for (set, says) in [
        (r#"{"colour":1}"#, "there is no preference `colour`"),
        (r#"{"follows":[]}"#, "`follows` is changed by `follow` and `unfollow`"),
        (r#"{"toasts":"no"}"#, "`toasts` must be true, false or null"),
        (r#"{"durations":0}"#, "`durations` must be a factor from 0.1 to 10"),
        (r#"{"durations":"2"}"#, "`durations` must be a factor"),
        (r#"{"levels":{"fatal":true}}"#, "`levels.fatal` must be one of info"),
        (r#"{"levels":{"info":1}}"#, "`levels.info` must be true"),
        (r#"{"levels":[]}"#, "`levels` must be an object"),
        (r#"{"topics":{"kpi":"loud"}}"#, "`topics.kpi` must be \"all\""),
        (r#"{"topics":{"":"all"}}"#, "must be a topic of 1 to 100 characters"),
        (r#"{"rooms":{"a*b":"all"}}"#, "`rooms.a*b` must be a room's name"),
        (r#"{"rooms":{"@me":"mute"}}"#, "`rooms.@me` must be a room's name"),
        (r#"{"quiet_hours":{"from":"22:00","to":"07:00"}}"#, "`quiet_hours.zone` must be a time zone"),
        (r#"{"quiet_hours":{"from":"22:00","to":"7:00","zone":"UTC"}}"#, "`quiet_hours.to` must be a time of day"),
        (r#"{"quiet_hours":{"from":"24:00","to":"07:00","zone":"UTC"}}"#, "`quiet_hours.from` must be a time of day"),
        (r#"{"quiet_hours":{"from":2200,"to":"07:00","zone":"UTC"}}"#, "`quiet_hours.from` must be a time of day"),
        (r#"{"quiet_hours":{"from":"22:00","to":"07:00","zone":"Mars/Base"}}"#, "`quiet_hours.zone` must be"),
        (r#"{"quiet_hours":{"until":"07:00"}}"#, "`quiet_hours.until` must be one of from, to and zone"),
    ] {
        let error = merged(&Preferences::default(), set).unwrap_err().to_string();
        assert!(error.contains(says), "{set}: {error}");
    }
    let long = merged(&Preferences::default(), &json!({ "x".repeat(9_000): 1 }).to_string()).unwrap_err();
    assert!(long.to_string().len() < 300, "a client's own word fills no message");
}

#[test]
fn the_lists_are_bounded() {
    let of = |key: &str, count: usize| {
        let keys: serde_json::Map<_, _> = (0..count).map(|number| (format!("k{number}"), json!("mute"))).collect();
        json!({ key: keys }).to_string()
    };
    for (key, most) in [("topics", TOPICS_MAX), ("rooms", ROOMS_MAX)] {
        let full = preferences(&of(key, most));
        let error = merged(&full, &json!({ key: { "one-more": "all" } }).to_string()).unwrap_err();
        assert_eq!(error.to_string(), format!("`{key}` can have {most} keys"));
        // One may go in the same step in which another comes.
        assert!(merged(&full, &json!({ key: { "one-more": "all", "k0": null } }).to_string()).is_ok());
    }
    assert_eq!(FOLLOWS_MAX, 1_000);
}
