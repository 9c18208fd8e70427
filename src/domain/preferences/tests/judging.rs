//! Which notifications make a toast.

use super::super::{FOLLOWS_MAX, Preferences, TooManyFollows, Verdict};
use super::{at, preferences};
use crate::domain::ids::RoomName;
use crate::domain::notification::Level;

const LOUD: Verdict = Verdict { quiet: false, read: false, piles_until: None };
const QUIET: Verdict = Verdict { quiet: true, read: false, piles_until: None };
const MUTED: Verdict = Verdict { quiet: true, read: true, piles_until: None };

/// How an info comes at noon in Berlin.
fn judge(preferences: &Preferences, topic: Option<&str>, room: Option<&str>) -> Verdict {
    let room = room.map(|room| RoomName::parse(room).unwrap());
    preferences.judge(Level::Info, topic, room.as_ref(), false, at("2026-11-21T12:00:00+01:00"))
}

#[test]
fn by_default_everything_is_heard() {
    assert_eq!(judge(&Preferences::default(), Some("kpi"), Some("dashboard:sales")), LOUD);
    assert_eq!(judge(&Preferences::default(), None, None), LOUD);
}

#[test]
fn the_most_silent_of_level_topic_and_room_counts() {
    let some = preferences(
        r#"{"topics":{"kpi":"critical","chat":"mute","loud":"all"},"rooms":{"a":"critical","b":"mute","c":"all"}}"#,
    );
    assert_eq!(judge(&some, Some("kpi"), None), QUIET);
    assert_eq!(judge(&some, Some("kpi"), Some("c")), QUIET);
    assert_eq!(judge(&some, Some("kpi"), Some("b")), MUTED);
    assert_eq!(judge(&some, Some("chat"), Some("a")), MUTED);
    assert_eq!(judge(&some, Some("loud"), Some("a")), QUIET);
    assert_eq!(judge(&some, Some("loud"), Some("c")), LOUD);

    let no_infos = preferences(r#"{"levels":{"info":false},"topics":{"kpi":"all"}}"#);
    assert_eq!(judge(&no_infos, Some("kpi"), None), MUTED);
    let noon = at("2026-11-21T12:00:00+01:00");
    assert_eq!(no_infos.judge(Level::Error, Some("kpi"), None, false, noon), LOUD);
}

#[test]
fn the_most_precise_room_pattern_speaks_for_the_room() {
    let some = preferences(r#"{"rooms":{"*":"mute","dashboard:*":"critical","dashboard:sales":"all"}}"#);
    assert_eq!(judge(&some, None, Some("chat")), MUTED);
    assert_eq!(judge(&some, None, Some("dashboard:costs")), QUIET);
    assert_eq!(judge(&some, None, Some("dashboard:sales")), LOUD);
    assert_eq!(judge(&some, None, None), LOUD, "what is about no room fits no pattern");
}

#[test]
fn without_toasts_all_come_quiet_and_unread() {
    let none = preferences(r#"{"toasts":false,"topics":{"chat":"mute"}}"#);
    assert_eq!(judge(&none, None, None), QUIET);
    assert_eq!(judge(&none, Some("chat"), None), MUTED);
}

#[test]
fn critical_ones_are_never_quiet() {
    let silent = preferences(
        r#"{"toasts":false,"levels":{"error":false},"topics":{"kpi":"mute"},"rooms":{"*":"mute"},"digest":true,
            "quiet_hours":{"from":"00:00","to":"23:59","zone":"UTC"}}"#,
    );
    let room = RoomName::parse("a").unwrap();
    let verdict = |critical| silent.judge(Level::Error, Some("kpi"), Some(&room), critical, at("2026-11-21T12:00:00Z"));
    assert_eq!((verdict(false), verdict(true)), (MUTED, LOUD));
}

#[test]
fn quiet_hours_pile_up_what_would_have_been_loud() {
    let hours = r#""quiet_hours":{"from":"22:00","to":"07:00","zone":"Europe/Berlin"},"topics":{"chat":"critical"}"#;
    let night = at("2026-11-21T23:00:00+01:00");
    let judge = |preferences: &Preferences, topic| preferences.judge(Level::Info, topic, None, false, night);

    let without = preferences(&format!("{{{hours}}}"));
    assert_eq!(judge(&without, None), QUIET);
    let with = preferences(&format!("{{{hours},\"digest\":true}}"));
    assert_eq!(judge(&with, None).piles_until, Some(at("2026-11-22T07:00:00+01:00")));
    // It would have been quiet at any hour.
    assert_eq!(judge(&with, Some("chat")), QUIET);
}

#[test]
fn a_room_is_followed_once_and_no_more_than_a_thousand_are() {
    let mut some = Preferences::default();
    let room = |number: usize| RoomName::parse(&format!("room-{number}")).unwrap();
    assert_eq!((some.follow(&room(0)), some.follow(&room(0))), (Ok(true), Ok(false)));
    for number in 1..FOLLOWS_MAX {
        assert_eq!(some.follow(&room(number)), Ok(true));
    }
    assert_eq!(some.follow(&room(FOLLOWS_MAX)), Err(TooManyFollows));
    assert_eq!(some.follow(&room(0)), Ok(false), "who follows it already is told so, full or not");
    assert_eq!((some.unfollow(&room(0)), some.unfollow(&room(0))), (true, false));
    assert_eq!(some.follow(&room(FOLLOWS_MAX)), Ok(true));
}
