use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::entry::Kind;
use crate::domain::ids::Epoch;
use crate::domain::log::AppendError;
use crate::domain::presence::{Change, Device, StateChange, Status};
use crate::domain::roster::Roster;
use crate::domain::signals::Signals;
use crate::domain::visibility;
use crate::protocol::scan;

fn value(text: &str) -> Value {
    assert_eq!(scan::compact(text).unwrap(), text, "what is pushed is compact");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn room() -> RoomName {
    RoomName::parse("dashboard:sales").unwrap()
}

fn user(id: &str) -> Arc<User> {
    Arc::new(User::new(UserId::parse(id).unwrap(), id.into(), None))
}

fn session(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

fn id() -> CommandId {
    CommandId::parse("\"a\\u0062\"").unwrap()
}

fn an_entry(offset: u64) -> Arc<Entry> {
    Arc::new(Entry {
        offset,
        id: EntryId(Uuid::from_u128(u128::from(offset))),
        at: Timestamp(1_763_708_652_123),
        kind: Kind::Event,
        from: from_member(&UserId::parse("a\"da").unwrap(), &session("s-7")),
        body: publish_body("metrics \"x\"", r#"{"n":12345678901234567890.10}"#),
    })
}

fn cursor(offset: u64) -> Cursor {
    let epoch = Epoch(Uuid::from_u128(3));
    if offset == 0 { Cursor::start(epoch) } else { an_entry(offset).cursor(epoch) }
}

const ENTRY_58: &str = r#"{"type":"event","room":"dashboard:sales","offset":58,"id":"00000000-0000-0000-0000-00000000003a","event":"metrics \"x\"","data":{"n":12345678901234567890.10},"from":{"user":"a\"da","session":"s-7"},"at":"2025-11-21T07:04:12.123Z"}"#;

#[test]
fn an_entry_is_what_the_protocol_page_shows() {
    assert_eq!(entry(&room(), &an_entry(58)), ENTRY_58);
}

#[test]
fn a_hidden_entry_has_a_number_and_an_id_and_one_that_nobody_opened_is_hidden() {
    let hidden =
        r#"{"type":"hidden","room":"dashboard:sales","offset":58,"id":"00000000-0000-0000-0000-00000000003a"}"#;
    assert_eq!(entry(&room(), &visibility::hidden(&an_entry(58))), hidden);
    let some = visibility::VisibleTo::new(vec!["finance".into()], Vec::new()).unwrap();
    let sealed = visibility::seal(Some(&some), Arc::clone(&an_entry(58).body));
    assert_eq!(entry(&room(), &visibility::with_body(&an_entry(58), sealed)), hidden);
}

#[test]
fn a_page_with_more_has_its_entries_and_nothing_of_the_picture() {
    let text = joined_page(Some(&id()), &room(), &cursor(58), &[an_entry(57), an_entry(58)]);
    assert!(text.starts_with(r#"{"type":"joined","id":"a\u0062","room":"dashboard:sales","cursor":{"#));
    assert!(text.ends_with(&format!("{ENTRY_58}],\"more\":true}}")), "{text}");
    let value = value(&text);
    assert_eq!(value["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["recovered"], true);
    assert!(value.get("members").is_none() && value.get("count").is_none());
}

#[test]
fn the_last_page_brings_the_members_and_a_new_picture_says_why() {
    let members = ["{\"user\":\"ada\"}", "{\"user\":\"bob\"}"];
    let picture = Picture { state: "{}", activity: &[], members, count: 2, is_large: false };
    let recovered = value(&joined(Some(&id()), &room(), &cursor(58), Recovery::Recovered(&[an_entry(58)]), picture));
    assert_eq!(recovered["members"], json!([{"user": "ada"}, {"user": "bob"}]));
    assert_eq!((&recovered["recovered"], &recovered["more"]), (&json!(true), &json!(false)));
    assert!(recovered.get("reason").is_none() && recovered.get("state").is_none());

    let reset = Recovery::Reset(ResetReason::TooOld);
    let reset = value(&joined(None, &room(), &cursor(0), reset, Picture::count_only(300, true)));
    let expected = json!({
        "type": "joined", "room": "dashboard:sales", "recovered": false, "reason": "too_old", "entries": [],
        "cursor": {"epoch": "00000000000000000000000000000003", "offset": 0, "entry": null},
        "more": false, "state": {}, "activity": [], "members": [], "count": 300, "large": true,
    });
    assert_eq!(reset, expected);
    let shown = Picture { state: r#"{"a":1.0}"#, activity: &[an_entry(58)], ..Picture::count_only(1, false) };
    let shown = value(&joined(None, &room(), &cursor(58), Recovery::Fresh, shown));
    assert_eq!((&shown["state"], &shown["activity"][0]["offset"]), (&json!({"a": 1.0}), &json!(58)));
    let fresh = value(&joined(Some(&id()), &room(), &cursor(0), Recovery::Fresh, Picture::count_only(1, false)));
    assert!(fresh.get("reason").is_none());
}

#[test]
fn replies_bear_the_id_as_it_came() {
    assert_eq!(ok(&id()), r#"{"type":"ok","id":"a\u0062"}"#);
    assert_eq!(pong(&id()), r#"{"type":"pong","id":"a\u0062"}"#);
    let entry = EntryId(Uuid::nil());
    let expected = r#"{"type":"published","id":"a\u0062","offset":7,"entry":"00000000-0000-0000-0000-000000000000","duplicate":true}"#;
    assert_eq!(published(&id(), 7, entry, true), expected);
    assert_eq!(refreshed(&id(), None), r#"{"type":"refreshed","id":"a\u0062","expires":null}"#);
    let history = value(&history(&id(), &room(), &cursor(58), 12, &[an_entry(58)], true));
    assert_eq!((&history["oldest"], &history["more"]), (&json!(12), &json!(true)));
}

#[test]
fn an_activity_bears_what_was_given_and_a_lost_race_what_is_there() {
    assert_eq!(&*track_body("a\"", None, None), r#""action":"a\"""#);
    let all = track_body("filtered", Some("kpi:revenue"), Some("null"));
    assert_eq!(&*all, r#""action":"filtered","target":"kpi:revenue","metadata":null"#);
    let stale = AppendError::Stale { current: r#"{"churn":{"value":2,"offset":57}}"#.into() };
    let told = value(&error(Some(&id()), &stale.into()));
    assert_eq!((&told["code"], &told["current"]["churn"]["offset"]), (&json!("conflict"), &json!(57)));
}

#[test]
fn a_refusal_says_when_to_try_again() {
    let refusal = Refusal::rate_limited("20 a \"second\"", Duration::from_micros(450_001));
    let expected = r#"{"type":"error","code":"rate_limited","message":"20 a \"second\"","retry_after":0.451}"#;
    assert_eq!(error(None, &refusal), expected);
    for (retry_after, text) in [(60.0, ",\"retry_after\":60}"), (f64::NAN, "\"m\"}"), (-1.0, "\"m\"}")] {
        let refusal = Refusal { retry_after: Some(retry_after), ..Refusal::unavailable("m") };
        assert!(error(Some(&id()), &refusal).ends_with(text));
    }
}

#[test]
fn what_the_server_says_by_itself() {
    assert_eq!(value(ping()), json!({"type": "ping"}));
    let closing_text = closing(CloseCode::Restarting, Some(Duration::from_millis(2_500)));
    assert_eq!(closing_text, r#"{"type":"closing","code":1012,"reconnect":true,"after":2.5}"#);
    assert_eq!(closing(CloseCode::Ended, None), r#"{"type":"closing","code":4403,"reconnect":false}"#);
    assert_eq!(left(&room(), ErrorCode::Forbidden), r#"{"type":"left","room":"dashboard:sales","code":"forbidden"}"#);
    assert_eq!(expiring(Duration::from_mins(1)), r#"{"type":"expiring","in":60}"#);
}

#[test]
fn connected_brings_what_the_protocol_page_shows() {
    let limits = Limits { message_bytes: 65_536, rooms: 100, publishes_per_s: Some(20), dedupe_s: 86_400 };
    let ada = user("ada");
    let text = connected(&Connected {
        id: Some(&id()),
        session: &session("s-7"),
        secret: "hush",
        user: &ada,
        guest_token: None,
        tenant: &Tenant::default(),
        node: "n1",
        heartbeat: Duration::from_secs(10),
        resumed: false,
        me: Me {
            counts: (Counts { unread: 3, unseen: 1 }, 88),
            cursor: Cursor { epoch: Epoch(Uuid::nil()), offset: 88, entry: Some(EntryId(Uuid::nil())) },
            recovery: Recovery::Recovered(&[]),
            more: false,
        },
        limits,
        expires: Some(Timestamp(0)),
    });
    let nil = Uuid::nil();
    let expected = json!({
        "type": "connected", "id": "ab", "session": "s-7", "secret": "hush",
        "user": {"id": "ada", "name": "ada", "avatar": null, "color": ada.color}, "tenant": "default", "node": "n1",
        "heartbeat": 10, "resumed": false, "counts": {"unread": 3, "unseen": 1, "offset": 88},
        "cursor": {"epoch": nil.simple().to_string(), "offset": 88, "entry": nil.to_string()}, "recovered": true, "entries": [], "more": false,
        "limits": {"message_bytes": 65536, "rooms": 100, "publishes_per_s": 20, "dedupe_s": 86400},
        "expires": "1970-01-01T00:00:00.000Z",
    });
    assert_eq!(value(&text), expected);
}

#[test]
fn a_member_lists_its_sessions_and_says_since_when_it_is_away() {
    let mut roster = Roster::default();
    let ada = Arc::new(User::new(UserId::parse("a\"da").unwrap(), "Ada \\".into(), Some("https://x".into())));
    let state = Change { status: None, state: StateChange::Set(r#"{"page":1.0}"#.into()) };
    roster.attach(&session("s-7"), 1, &ada, Device::Desktop, &state, Timestamp(0));
    let fragment = member(&roster.member(&ada.id).unwrap());
    let expected = json!({
        "user": "a\"da", "name": "Ada \\", "avatar": "https://x", "color": ada.color, "status": "online",
        "since": "1970-01-01T00:00:00.000Z",
        "sessions": [{"session": "s-7", "status": "online", "state": {"page": 1.0}, "device": "desktop"}],
    });
    assert_eq!(value(&fragment), expected);

    let away = Change { status: Some(Status::Away), state: StateChange::Clear };
    roster.change(&session("s-7"), 1, &away, Timestamp(1));
    let away = value(&member(&roster.member(&ada.id).unwrap()));
    assert_eq!(away["idle_since"], "1970-01-01T00:00:00.001Z");
    assert_eq!(away["sessions"][0]["idle_since"], away["idle_since"]);
    assert_eq!(away["sessions"][0]["state"], Value::Null);
}

#[test]
fn presence_tells_changes_or_counts_or_everybody() {
    let left = [UserId::parse("gr\"ace").unwrap()];
    let none: [&str; 0] = [];
    let diff = value(&presence_diff(&room(), ["{\"user\":\"ada\"}"], none, &left, 8));
    let expected = json!({
        "type": "presence", "room": "dashboard:sales", "joined": [{"user": "ada"}], "updated": [],
        "left": ["gr\"ace"], "count": 8,
    });
    assert_eq!(diff, expected);
    let large = r#"{"type":"presence","room":"dashboard:sales","large":true,"count":201}"#;
    assert_eq!(presence_count(&room(), 201), large);
    let all = r#"{"type":"presence","room":"dashboard:sales","large":false,"members":[{},{}],"count":2}"#;
    assert_eq!(presence_all(&room(), ["{}", "{}"], 2), all);
}

/// `s1.cursor s1.typing s2.cursor` of a message of signals.
fn signals_in(text: &str) -> Vec<String> {
    let value = value(text);
    let word = |signal: &Value| {
        let part = |name: &str| signal[name].as_str().unwrap().to_owned();
        part("session") + "." + &part("event")
    };
    value["signals"].as_array().unwrap().iter().map(word).collect()
}

proptest! {
    #[test]
    fn everybody_hears_all_signals_but_their_own(sent in prop::collection::vec((0..5_u8, "[a-c\"]"), 1..20)) {
        let mut signals = Signals::default();
        for (who, event) in &sent {
            let name = session(&format!("s{who}"));
            signals.add(&name, &UserId::parse("a\"da").unwrap(), event.as_str().into(), "{\"x\":1}".into());
        }
        let batch = SignalBatch::new(&room(), &signals.take().unwrap());
        let all = signals_in(batch.all());
        let is_told = |(who, event): &(u8, String)| all.contains(&format!("s{who}.{event}"));
        prop_assert!(sent.iter().all(is_told));
        let mut signallers = 0;
        for (session, own) in batch.each_own() {
            let rest = own.map(|own| [&batch.all()[..own.start], &batch.all()[own.end..]].concat());
            let others: Vec<_> = all.iter().filter(|word| !word.starts_with(&format!("{session}."))).cloned().collect();
            prop_assert_eq!(rest.map(|text| signals_in(&text)).unwrap_or_default(), others);
            signallers += 1;
        }
        prop_assert_eq!(signallers, sent.iter().map(|(who, _)| who).collect::<std::collections::HashSet<_>>().len());
    }

    #[test]
    fn any_text_of_a_user_is_quoted(event in any::<String>(), message in any::<String>()) {
        let body = value(&format!("{{{}}}", publish_body(&event, "[1]")));
        prop_assert_eq!(&body, &json!({"event": event, "data": [1]}));
        let refused = value(&error(None, &Refusal::bad_message(message.clone())));
        prop_assert_eq!(&refused["message"], &Value::from(message));
    }
}
