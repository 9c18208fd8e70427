use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::presence::{StateChange, Status};
use crate::protocol::codes::ErrorCode;

fn command_of(text: &str) -> Command {
    parse(text).unwrap_or_else(|rejected| panic!("{text} was refused: {rejected}")).command
}

fn refusal(text: &str) -> Refusal {
    parse(text).expect_err(text).refusal
}

#[track_caller]
fn refused(text: &str, message: &str) {
    let refusal = refusal(text);
    assert_eq!((refusal.code, &*refusal.message), (ErrorCode::BadMessage, message), "{text}");
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

const EPOCH: &str = "0123456789abcdef0123456789abcdef";
const ENTRY: &str = "018f0000-0000-7000-8000-000000000001";

#[test]
fn a_publish_carries_its_data_digit_by_digit() {
    let text = r#"{ "type":"publish", "id":7, "room":"dashboard:sales", "event":"x\u00e9\n",
        "data": {"big": 12345678901234567890123.4500, "e": 1e400, "s": "\ud800 \u0000 \/ é"}, "key":"k-1", "new":1 }"#;
    let incoming = parse(text).unwrap();
    assert_eq!(incoming.id.unwrap().as_json(), "7");
    let Command::Publish(publish) = incoming.command else { panic!("no publish") };
    assert_eq!((publish.room, &*publish.event), (room("dashboard:sales"), "xé\n"));
    assert_eq!(&*publish.data, r#"{"big":12345678901234567890123.4500,"e":1e400,"s":"\ud800 \u0000 \/ é"}"#);
    assert_eq!(publish.key.as_deref(), Some("k-1"));
}

#[test]
fn data_may_be_null_and_must_be_there() {
    let signal = |data| format!(r#"{{"type":"signal","room":"a","event":"cursor"{data}}}"#);
    let Command::Signal(null) = parse(&signal(r#","data":null"#)).unwrap().command else { panic!("a signal") };
    assert_eq!(&*null.data, "null");
    let missing = parse(&signal("")).unwrap_err();
    assert!(missing.refusal.message.starts_with("data is missing"), "{}", missing.refusal);
}

#[test]
fn an_id_is_echoed_as_it_came_and_a_wrong_one_is_refused() {
    for id in ["1", "-0.50e+3", r#""a\u0062""#, r#""""#, &format!("\"{}\"", "é".repeat(64))] {
        let text = format!(r#"{{"type":"ping","id":{id}}}"#);
        assert_eq!(parse(&text).unwrap().id.unwrap().as_json(), id);
    }
    assert_eq!(parse(r#"{"type":"ping","id":null}"#).unwrap().id, None);
    for id in ["{}", "[1]", "true", &format!("\"{}\"", "x".repeat(65)), &"1".repeat(65), r#""\ud800""#] {
        let text = format!(r#"{{"type":"ping","id":{id}}}"#);
        refused(&text, "id must be a number or a string of up to 64 characters");
    }
}

#[test]
fn a_refusal_bears_the_id_where_it_could_be_read() {
    for text in [
        r#"{"type":"leave","id":"a"}"#,
        r#"{"type":"nonsense","id":"a"}"#,
        r#"{"id":"a","type":"leave","room":"x"#,
        r#"{"id":"a","id":"a"}"#,
        &format!(r#"{{"id":"a","data":{}"#, "[".repeat(100)),
    ] {
        assert_eq!(parse(text).unwrap_err().id, CommandId::parse("\"a\""), "{text}");
    }
    assert_eq!(parse("[]").unwrap_err().id, None);
}

#[test]
fn what_is_no_message_is_told_so() {
    for (text, message) in [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("{\"type\":", "not JSON: EOF while parsing a value"),
        ("{\"type\":\"ping\"", "not JSON: EOF while parsing an object"),
        ("{\"type\":\"ping\"} {}", "not JSON: trailing characters"),
        ("[\"ping\"]", "a message must be an object"),
        ("null", "a message must be an object"),
        ("{}", "type is missing: it must be a text"),
        (r#"{"type":7}"#, "type must be a text"),
        (r#"{"type":"fly"}"#, "no such type: fly"),
        (r#"{"type":"ping","type":"pong"}"#, "duplicate field `type`"),
        (r#"{"type":"leave","room":"a","room":"b"}"#, "duplicate field `room`"),
    ] {
        refused(text, message);
    }
    let deep = format!(r#"{{"type":"publish","room":"a","event":"e","data":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    refused(&deep, "nested deeper than 32");
}

#[test]
fn a_wrong_field_is_named_with_its_rule() {
    let room_rule = "1 to 200 of A-Z a-z 0-9 _ . : -, first a letter or digit";
    refused(r#"{"type":"leave"}"#, &format!("room is missing: it must be {room_rule}"));
    for bad in ["7", "\"../x\"", "\"a\\u0000\"", "\"😀\"", "\"\"", &format!("\"{}\"", "x".repeat(300)), "[\"a\"]"] {
        refused(&format!(r#"{{"type":"leave","room":{bad}}}"#), &format!("room must be {room_rule}"));
    }
    for (fields, message) in [
        (r#""event":"e","data":1,"key":"""#, "key must be 1 to 200 characters"),
        (r#""event":"e","data":1,"key":7"#, "key must be 1 to 200 characters"),
        (r#""event":"""#, "event must be 1 to 100 characters"),
        (r#""data":1"#, "event is missing: it must be 1 to 100 characters"),
        (r#""event":"user:x""#, "event can't be user:x: clients use that name themselves"),
        (r#""event":"stat\u0065""#, "event can't be state: clients use that name themselves"),
        (r#""event":"e","data":1,"visible_to":"ada""#, "visible_to must be an object"),
        (r#""event":"e","data":1,"visible_to":["ada"]"#, "visible_to must be an object"),
        (r#""event":"e","data":1,"visible_to":{"users":[]}"#, "visible_to must name a role or a user"),
        (r#""event":"e","data":1,"visible_to":{"role":["x"]}"#, "visible_to must name a role or a user"),
        (r#""event":"e","data":1,"visible_to":{"users":"ada"}"#, "visible_to.users must be a list of texts"),
        (r#""event":"e","data":1,"visible_to":{"roles":[7]}"#, "visible_to.roles must be a list of texts"),
        (
            r#""event":"e","data":1,"visible_to":{"roles":["a",""]}"#,
            "visible_to names roles and users by 1 to 200 characters",
        ),
    ] {
        refused(&format!(r#"{{"type":"publish","room":"a",{fields}}}"#), message);
    }
    let event = "é".repeat(100);
    assert!(
        parse(&format!(r#"{{"type":"publish","room":"a","event":"{event}","data":1}}"#)).is_ok(),
        "characters, not bytes"
    );
    assert!(parse(&format!(r#"{{"type":"publish","room":"a","event":"{event}x","data":1}}"#)).is_err());
    assert!(parse(&format!(r#"{{"type":"signal","room":"a","event":"{event}{event}","data":1}}"#)).is_ok());
}

#[test]
fn a_personal_room_is_named_by_join_and_history_alone() {
    for named in [r#"{"type":"join","room":"@me"}"#, r#"{"type":"history","room":"@me"}"#] {
        assert_eq!(command_of(named).room(), Some(&RoomName::me()));
    }
    for kind in ["publish", "set", "track", "signal", "leave", "presence", "follow", "refresh_state"] {
        refused(&format!(r#"{{"type":"{kind}","room":"@me","event":"e"}}"#), "room can't be @me here");
    }
    for others in [r#"{"type":"join","room":"@:ada"}"#, r#"{"type":"history","room":"@:ada"}"#] {
        assert_eq!(refusal(others).code, ErrorCode::BadMessage);
    }
}

#[test]
fn an_event_or_an_activity_may_name_its_readers_and_nothing_else_may() {
    let visible_to = r#""visible_to":{"roles":["b","a\u0020"],"users":["ada"],"more":1}"#;
    let readers = VisibleTo::new(vec!["a ".into(), "b".into()], vec!["ada".into()]).unwrap();
    let text = format!(r#"{{"type":"publish","room":"a","event":"e","data":1,{visible_to}}}"#);
    let Command::Publish(publish) = command_of(&text) else { panic!("no publish") };
    assert_eq!(publish.visible_to.as_ref(), Some(&readers));
    let text = format!(r#"{{"type":"track","room":"a","action":"x",{visible_to}}}"#);
    let Command::Track(track) = command_of(&text) else { panic!("no track") };
    assert_eq!(track.visible_to, Some(readers));
    let for_all = r#"{"type":"publish","room":"a","event":"e","data":1,"visible_to":null}"#;
    let Command::Publish(publish) = command_of(for_all) else { panic!("no publish") };
    assert_eq!(publish.visible_to, None);
    let names = |count: usize| vec!["\"x\""; count].join(",");
    let many = |count| {
        let users = names(count);
        parse(&format!(r#"{{"type":"track","room":"a","action":"x","visible_to":{{"users":[{users}]}}}}"#))
    };
    assert!(many(50).is_ok() && many(51).is_err());
    for fields in [r#""type":"set","set":{"a":1}"#, r#""type":"signal","event":"e","data":1"#] {
        refused(&format!(r#"{{{fields},"room":"a",{visible_to}}}"#), "visible_to is for events and activities alone");
    }
}

#[test]
fn a_join_says_what_it_says_and_leaves_out_the_rest() {
    let Command::Join(join) = command_of(r#"{"type":"join","room":"a"}"#) else { panic!("no join") };
    assert_eq!(join, Join { room: room("a"), since: None, presence: None, receive: None });

    let text = format!(
        r#"{{"type":"join","room":"a","since":{{"epoch":"{EPOCH}","offset":18446744073709551615,"entry":"{ENTRY}"}},
        "presence":{{"status":"busy","state":{{"page": "x"}}}},"receive":["signals"]}}"#
    );
    let Command::Join(join) = command_of(&text) else { panic!("no join") };
    let since = join.since.unwrap();
    assert_eq!((since.epoch.to_string(), since.offset), (EPOCH.to_owned(), u64::MAX));
    assert_eq!(since.entry.unwrap().to_string(), ENTRY);
    let change = Change { status: Some(Status::Busy), state: StateChange::Set(r#"{"page":"x"}"#.into()) };
    assert_eq!(join.presence, Some(JoinPresence::Member(change)));
    assert_eq!(join.receive, Some(Receive { entries: false, presence: false, signals: true }));

    let Command::Join(join) = command_of(r#"{"type":"join","room":"a","presence":false}"#) else { panic!("no join") };
    assert_eq!(join.presence, Some(JoinPresence::WatchOnly));
    for (fields, message) in [
        (r#""presence":7"#, "presence must be an object, or false"),
        (r#""presence":{"status":"here"}"#, "presence.status must be online, busy or away"),
        (r#""receive":["all"]"#, "receive must be a list of entries, presence, signals"),
        (r#""receive":"entries""#, "receive must be a list of entries, presence, signals"),
    ] {
        refused(&format!(r#"{{"type":"join","room":"a",{fields}}}"#), message);
    }
}

#[test]
fn a_cursor_that_we_never_gave_out_compares_unequal_and_is_no_error() {
    for (since, offset) in [
        (r#"{"epoch":"k3","offset":42,"entry":"018f"}"#.to_owned(), 42),
        (format!(r#"{{"epoch":"{{{EPOCH}}}","offset":1,"entry":"{}"}}"#, ENTRY.replace('-', "")), 1),
        (r#"{"epoch":"","offset":0,"entry":"018f"}"#.to_owned(), 0),
    ] {
        let text = format!(r#"{{"type":"join","room":"a","since":{since}}}"#);
        let Command::Join(Join { since: Some(since), .. }) = command_of(&text) else { panic!("no cursor") };
        assert_eq!((since.epoch.0, since.offset), (Uuid::nil(), offset));
        assert_eq!(since.entry.map(|id| id.0), (offset > 0).then_some(Uuid::nil()));
    }
}

#[test]
fn half_a_cursor_is_refused() {
    let offset_rule = "a whole number from 0 on";
    for (since, message) in [
        ("7".to_owned(), "since must be an object".to_owned()),
        ("{}".to_owned(), "since.epoch is missing: it must be a text".to_owned()),
        (r#"{"epoch":7}"#.to_owned(), "since.epoch must be a text".to_owned()),
        (r#"{"epoch":"e"}"#.to_owned(), format!("since.offset is missing: it must be {offset_rule}")),
        (r#"{"epoch":"e","offset":-1}"#.to_owned(), format!("since.offset must be {offset_rule}")),
        (r#"{"epoch":"e","offset":1.5}"#.to_owned(), format!("since.offset must be {offset_rule}")),
        (r#"{"epoch":"e","offset":18446744073709551616}"#.to_owned(), format!("since.offset must be {offset_rule}")),
        (
            r#"{"epoch":"e","offset":1,"entry":null}"#.to_owned(),
            "since.entry is missing: it must be the id of the entry at since.offset".to_owned(),
        ),
        (
            r#"{"epoch":"e","offset":1,"entry":5}"#.to_owned(),
            "since.entry must be the id of the entry at since.offset".to_owned(),
        ),
        (r#"{"epoch":"e","epoch":"e"}"#.to_owned(), "duplicate field `epoch`".to_owned()),
    ] {
        refused(&format!(r#"{{"type":"join","room":"a","since":{since}}}"#), &message);
    }
}

#[test]
fn a_presence_changes_what_it_names() {
    let change = |fields: &str| match command_of(&format!(r#"{{"type":"presence"{fields}}}"#)) {
        Command::Presence { room: None, change } => change,
        other => panic!("{other:?}"),
    };
    assert_eq!(change(""), Change::default());
    assert_eq!(change(r#","state":null"#), Change { status: None, state: StateChange::Clear });
    assert_eq!(change(r#","status":"away""#), Change { status: Some(Status::Away), state: StateChange::Keep });
    let state = |bytes: usize| format!(r#"{{"type":"presence","id":1,"state":"{}"}}"#, "x".repeat(bytes - 2));
    assert!(parse(&state(1_024)).is_ok());
    assert_eq!(refusal(&state(1_025)).code, ErrorCode::TooLarge);
    let Command::Presence { room: Some(_), .. } = command_of(r#"{"type":"presence","room":"a"}"#) else {
        panic!("no room")
    };
}

#[test]
fn a_history_asks_for_one_part() {
    let history = |fields: &str| match command_of(&format!(r#"{{"type":"history","room":"a"{fields}}}"#)) {
        Command::History(history) => (history.part, history.limit, history.kinds),
        other => panic!("{other:?}"),
    };
    assert_eq!(history(""), (HistoryPart::Newest, 50, None));
    assert_eq!(history(r#","before":9,"limit":200"#), (HistoryPart::Before(9), 200, None));
    let kinds = Some(vec![Kind::Event, Kind::Activity, Kind::Marked]);
    assert_eq!(
        history(r#","after":0,"kinds":["activity","event","marked","event"]"#),
        (HistoryPart::After(0), 50, kinds)
    );
    for (fields, message) in [
        (r#""limit":0"#, "limit must be 1 to 200"),
        (r#""limit":201"#, "limit must be 1 to 200"),
        (r#""limit":"7""#, "limit must be 1 to 200"),
        (r#""before":-1"#, "before must be a whole number from 0 on"),
        (r#""before":1,"after":1"#, "before and after exclude each other"),
        (r#""kinds":["x"]"#, "kinds must be a list of kinds of entries"),
    ] {
        refused(&format!(r#"{{"type":"history","room":"a",{fields}}}"#), message);
    }
}

#[test]
fn a_set_names_each_key_once_and_keeps_its_digits() {
    let text = r#"{"type":"set","room":"a","set":{"b":{"value": 1.20e6},"a\u0020":null},"remove":["c"],"if_offset":7,"key":"k"}"#;
    let Command::Set(set) = command_of(text) else { panic!("no set") };
    let named = |key: &str, value: &str| (key.into(), value.into());
    assert_eq!(set.change.set, [named("b", r#"{"value":1.20e6}"#), named("a ", "null")]);
    assert_eq!((&*set.change.removed[0], set.if_offset, set.key.as_deref()), ("c", Some(7), Some("k")));
    let (short, long) = ("é".repeat(200), "é".repeat(201));
    assert!(parse(&format!(r#"{{"type":"set","room":"a","set":{{"{short}":1}}}}"#)).is_ok());
    let length = "a key in set or remove must be 1 to 200 characters";
    for (fields, message) in [
        (r#""set":{},"remove":[]"#, "set or remove must name a key"),
        (r#""set":[1]"#, "set must be an object"),
        (r#""remove":"a""#, "remove must be a list of keys"),
        (r#""set":{"a":1,"a":2}"#, "set and remove name a key twice: a"),
        (r#""set":{"a":1,"\u0061":2}"#, "set and remove name a key twice: a"),
        (r#""set":{"a":1},"remove":["a"]"#, "set and remove name a key twice: a"),
        (r#""set":{"":1}"#, length),
        (&format!(r#""remove":["{long}"]"#), length),
        (r#""set":{"a":1},"if_offset":-1"#, "if_offset must be a whole number from 0 on"),
    ] {
        refused(&format!(r#"{{"type":"set","room":"a",{fields}}}"#), message);
    }
}

#[test]
fn a_set_names_a_thousand_keys_at_the_most() {
    let of = |set: usize, removed: usize| {
        let set: Vec<_> = (0..set).map(|n| format!(r#""s{n}":1"#)).collect();
        let removed: Vec<_> = (0..removed).map(|n| format!(r#""r{n}""#)).collect();
        parse(&format!(r#"{{"type":"set","room":"a","set":{{{}}},"remove":[{}]}}"#, set.join(","), removed.join(",")))
    };
    for (set, removed) in [(1_000, 0), (600, 400), (0, 1_000)] {
        assert!(of(set, removed).is_ok(), "{set} and {removed}");
        for (set, removed) in [(set + 1, removed), (set, removed + 1)] {
            let rejected = of(set, removed).unwrap_err();
            assert_eq!(rejected.refusal.code, ErrorCode::OverLimit, "{set} and {removed}");
        }
    }
}

#[test]
fn a_track_names_an_action_and_may_say_more() {
    let text = r#"{"type":"track","room":"a","action":"filtered","target":"kpi:revenue","metadata":{"n": 1.0}}"#;
    let Command::Track(track) = command_of(text) else { panic!("no track") };
    assert_eq!((&*track.action, track.target.as_deref()), ("filtered", Some("kpi:revenue")));
    assert_eq!(track.metadata.as_deref(), Some(r#"{"n":1.0}"#));
    let Command::Track(bare) = command_of(r#"{"type":"track","room":"a","action":"x"}"#) else { panic!("no track") };
    assert_eq!((bare.target, bare.metadata), (None, None));
    for (fields, message) in [
        (r#""target":"t""#, "action is missing: it must be 1 to 200 characters"),
        (r#""action":"""#, "action must be 1 to 200 characters"),
        (r#""action":"a","target":7"#, "target must be 1 to 200 characters"),
        (r#""action":"a","visible_to":{}"#, "visible_to must name a role or a user"),
    ] {
        refused(&format!(r#"{{"type":"track","room":"a",{fields}}}"#), message);
    }
}

#[test]
fn a_connect_brings_what_it_has_and_shows_none_of_its_secrets() {
    let text = r#"{"type":"connect","token":"eyJ","secret":"hush","client":"js/1","guest":{"name":"Ada"},
        "since":{"epoch":"e","offset":0}}"#;
    let Command::Connect(connect) = command_of(text) else { panic!("no connect") };
    assert_eq!(connect.token.as_ref().map(Hidden::expose), Some("eyJ"));
    assert_eq!(connect.secret.as_ref().map(Hidden::expose), Some("hush"));
    assert_eq!((connect.guest_name.as_deref(), connect.since.unwrap().offset), (Some("Ada"), 0));
    let shown = format!("{connect:?}");
    assert!(!shown.contains("eyJ") && !shown.contains("hush"), "{shown}");

    let Command::Connect(connect) = command_of(r#"{"type":"connect","token":"","guest":{}}"#) else { panic!() };
    assert_eq!(connect.token.as_ref().map(Hidden::expose), Some(""), "an empty token is invalid, not absent");
    refused(r#"{"type":"connect","token":7}"#, "token must be a text");
    refused(r#"{"type":"connect","guest":"Ada"}"#, "guest must be an object");
    refused(r#"{"type":"refresh"}"#, "token is missing: it must be a text");
    for name in ["", "  ", "a\\nb", &"x".repeat(101)] {
        let text = format!(r#"{{"type":"connect","guest":{{"name":"{name}"}}}}"#);
        refused(&text, "guest.name must be 1 to 100 characters without control characters");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (parse(&text), command_id_of(&text));
    }

    /// A message cut short, or with bytes of it replaced, is refused or understood, and its id stays the id.
    #[test]
    fn a_damaged_message_panics_nothing(cut in 0..260_usize, at in 0..260_usize, put in "[\"\\\\{}\\[\\],:0-9a-z \n]{0,3}") {
        let mut text = format!(
            r#"{{"type":"join","id":"a\"b","room":"a","since":{{"epoch":"{EPOCH}","offset":42,"entry":"{ENTRY}"}},
            "presence":{{"status":"busy","state":{{"p":[1]}}}},"receive":["signals"]}}"#
        );
        text.truncate(text.len().min(cut + 20));
        let at = at.min(text.len());
        text.replace_range(at..at, &put);
        let _ = (parse(&text), command_id_of(&text));
    }

    #[test]
    fn numbers_come_out_digit_by_digit(number in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?") {
        let text = format!(r#"{{"type":"publish","room":"a","event":"e","id":1,"data":[ {number} ]}}"#);
        let Command::Publish(publish) = command_of(&text) else { panic!("no publish") };
        prop_assert_eq!(&*publish.data, format!("[{number}]"));
    }

    #[test]
    fn strings_come_out_escape_by_escape(string in "(\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}|[^\"\\\\\\x00-\\x1f]){0,40}") {
        let text = format!("{{\"type\":\"signal\",\"room\":\"a\",\"event\":\"e\",\"data\":{{ \"{string}\" : \"{string}\" }}}}");
        let Command::Signal(signal) = command_of(&text) else { panic!("no signal") };
        prop_assert_eq!(&*signal.data, format!("{{\"{string}\":\"{string}\"}}"));
    }
}

#[test]
fn the_pong_that_is_known_without_being_parsed_is_one() {
    assert_eq!(parse(PONG), Ok(Incoming { id: None, command: Command::Pong }));
}
