//! What time and preferences do to an inbox: snoozes that end, what is past its use, what comes quietly.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::inbox::{KEY, call, inbox_of, me, node, notify, tell};
use crate::support::{Client, Message, Node, soon, token_of};

fn in_millis(millis: i64) -> String {
    (Utc::now() + TimeDelta::milliseconds(millis)).to_rfc3339()
}

/// The time of day in a zone, `minutes` from now.
fn clock_in(zone: &str, minutes: i64) -> String {
    let zone: Tz = zone.parse().unwrap();
    (Utc::now() + TimeDelta::minutes(minutes)).with_timezone(&zone).format("%H:%M").to_string()
}

async fn prefer(client: &mut Client, set: Value) -> Message {
    let told = client.ask(json!({"type": "preferences", "set": set})).await;
    assert_eq!(me(client, "preferred").await["preferences"], told["preferences"], "all sessions hear the same");
    told
}

/// What a notification with these fields becomes in ada's inbox: quiet, and read on arrival.
async fn comes(node: &Node, ada: &mut Client, fields: Value) -> (bool, bool) {
    let mut notification = json!({"title": "t"});
    notification.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let before = inbox_of(node, "ada").await;
    notify(node, json!({"users": ["ada"]}), notification).await;
    let entry = me(ada, "notification").await;
    let one = &entry["notification"];
    let is_read = one["read"].is_string();
    let added = u64::from(!is_read);
    assert_eq!(entry["unread"], before["unread"].as_u64().unwrap() + added, "a muted one lights no badge");
    assert_eq!(entry["unseen"], before["unseen"].as_u64().unwrap() + added);
    (one["quiet"].as_bool().unwrap(), is_read)
}

#[tokio::test]
async fn a_snooze_that_ended_while_nobody_was_there_surfaces_on_return() {
    let mut node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let id = tell(&node, "ada", "later").await;
    me(&mut ada, "notification").await;
    tell(&node, "ada", "the newer one").await;
    me(&mut ada, "notification").await;
    ada.ask(json!({"type": "mark", "as": "seen", "upto": 2})).await;
    let ended = in_millis(400);
    let away = ada.ask(json!({"type": "mark", "notifications": [id], "as": "snoozed", "until": ended})).await;
    assert_eq!((&away["unread"], &away["offset"]), (&json!(1), &json!(4)));
    node.kill9().await;
    let ended = DateTime::parse_from_rfc3339(&ended).unwrap();
    tokio::time::sleep((ended.to_utc() - Utc::now()).to_std().unwrap_or_default()).await;
    let node = node.restart().await;
    // It is there as it was left, and surfaces by an entry of its own: unread and unseen, and newest.
    let mut ada = Client::user(&node, "ada").await;
    assert_eq!(ada.connected["counts"], json!({"unread": 1, "unseen": 0, "offset": 4}));
    let told = me(&mut ada, "marked").await;
    assert_eq!((&told["as"], &told["notifications"], &told["from"]), (&json!("surfaced"), &json!([id]), &Value::Null));
    assert_eq!((&told["unread"], &told["unseen"], &told["offset"]), (&json!(2), &json!(1), &json!(5)));
    let inbox = ada.ask(json!({"type": "inbox"})).await;
    let first = &inbox["notifications"][0];
    assert_eq!((&first["id"], &first["offset"], &first["snoozed_until"]), (&json!(id), &json!(5), &Value::Null));
    // Once: the next connection finds it so.
    let mut again = Client::user(&node, "ada").await;
    assert_eq!(again.ask(json!({"type": "inbox"})).await["offset"], 5);
}

#[tokio::test]
async fn a_snooze_ends_for_who_is_here_and_a_second_one_is_not_taken_for_the_first() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let id = tell(&node, "ada", "later").await;
    me(&mut ada, "notification").await;
    let other = tell(&node, "ada", "meanwhile").await;
    me(&mut ada, "notification").await;
    let snooze =
        |id: &str, until: &str| json!({"type": "mark", "notifications": [id], "as": "snoozed", "until": until});
    let soonest = in_millis(1_500);
    ada.ask(snooze(&id, &soonest)).await;
    ada.ask(snooze(&id, &in_millis(3_600_000))).await;
    ada.ask(snooze(&other, &soonest)).await;
    // What was to end with the first has ended, so its time is over.
    let surfaced = ada.take("the end of a snooze", |message| message["as"] == "surfaced").await;
    assert_eq!(surfaced["notifications"], json!([other]), "the second one still holds");
    ada.ask(snooze(&id, &in_millis(200))).await;
    let surfaced = ada.take("the end of the third", |message| message["as"] == "surfaced").await;
    assert_eq!(surfaced["notifications"], json!([id]));
    let inbox = ada.ask(json!({"type": "inbox"})).await;
    assert_eq!((&inbox["unread"], &inbox["offset"]), (&json!(2), &json!(8)), "and each ended once");
    // Who asks over HTTP alone has it done by that: here nobody has the room open.
    tell(&node, "bob", "later").await;
    let token = token_of("bob");
    let one = soon("it", async {
        loop {
            let inbox = inbox_of(&node, "bob").await;
            if let Some(one) = inbox["notifications"].get(0) {
                return one["id"].clone();
            }
        }
    })
    .await;
    let mark = json!({"notifications": [one], "as": "snoozed", "until": in_millis(200)});
    assert_eq!(call(&node, &token, "POST", "/v1/users/me/inbox/mark", &mark).await.1["unread"], 0);
    soon("the end of the snooze", async { while inbox_of(&node, "bob").await["unread"] != 1 {} }).await;
    assert_eq!(inbox_of(&node, "bob").await["offset"], 3);
}

#[tokio::test]
async fn what_is_past_its_use_goes_by_itself_and_is_told() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let expires = |millis| json!({"title": "a meeting", "expires": in_millis(millis)});
    let ordered = notify(&node, json!({"users": ["ada"]}), expires(500)).await;
    assert_eq!(me(&mut ada, "notification").await["unread"], 1);
    let told = me(&mut ada, "marked").await;
    assert_eq!((&told["as"], &told["notifications"]), (&json!("expired"), &json!([ordered["notification"]])));
    assert_eq!((&told["unread"], &told["offset"]), (&json!(0), &json!(2)));
    assert_eq!(ada.ask(json!({"type": "inbox"})).await["notifications"], json!([]));
    // A mark that names it is harmless, and what comes too late never comes.
    let late = json!({"type": "mark", "notifications": [ordered["notification"]], "as": "read"});
    assert_eq!(ada.ask(late).await["offset"], 2);
    notify(&node, json!({"users": ["ada"]}), expires(-1_000)).await;
    tell(&node, "ada", "in time").await;
    assert_eq!(me(&mut ada, "notification").await["offset"], 3);
}

#[tokio::test]
async fn progress_of_a_job_is_one_line_and_one_toast() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let mut before = Value::Null;
    for percent in (0..=100).step_by(10) {
        let fields = json!({"title": format!("{percent} %"), "dedupe": "job-7", "metadata": {"percent": percent}});
        let ordered = notify(&node, json!({"users": ["ada"]}), fields).await;
        let told = me(&mut ada, "notification").await;
        assert_eq!(told["replaces"], before);
        assert_eq!((&told["unread"], &told["unseen"]), (&json!(1), &json!(1)));
        let last = std::mem::replace(&mut before, ordered["notification"].clone());
        // What still names the old one is fine, and does nothing.
        if last.is_string() {
            let mark = json!({"type": "mark", "notifications": [last], "as": "read"});
            assert_eq!(ada.ask(mark).await["unread"], 1);
            assert_eq!(ada.ask(json!({"type": "ack", "notification": last})).await["unread"], 1);
        }
    }
    let inbox = ada.ask(json!({"type": "inbox"})).await;
    assert_eq!(inbox["notifications"].as_array().unwrap().len(), 1);
    assert_eq!(inbox["notifications"][0]["metadata"]["percent"], 100);
    // One that was read stays, and the next stands beside it.
    ada.ask(json!({"type": "mark", "notifications": [before], "as": "read"})).await;
    notify(&node, json!({"users": ["ada"]}), json!({"title": "anew", "dedupe": "job-7"})).await;
    assert_eq!(me(&mut ada, "notification").await["replaces"], Value::Null);
    assert_eq!(inbox_of(&node, "ada").await["notifications"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_muted_comes_quiet_and_read_and_the_most_silent_counts() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let set = json!({
        "levels": {"info": false}, "topics": {"kpi": "critical", "news": "mute"},
        "rooms": {"dashboard:*": "mute", "dashboard:sales": "all"}
    });
    let told = prefer(&mut ada, set).await;
    assert_eq!(told["preferences"]["levels"], json!({"info": false, "success": true, "warning": true, "error": true}));
    let (loud, quiet, muted) = ((false, false), (true, false), (true, true));
    for (fields, expected) in [
        (json!({"level": "error"}), loud),
        (json!({"level": "info"}), muted),
        (json!({"level": "error", "topic": "kpi"}), quiet),
        (json!({"level": "error", "topic": "news"}), muted),
        (json!({"level": "info", "topic": "kpi"}), muted),
        (json!({"level": "error", "room": "dashboard:costs"}), muted),
        (json!({"level": "error", "room": "dashboard:sales"}), loud),
        (json!({"level": "error", "room": "dashboard:sales", "topic": "kpi"}), quiet),
        (json!({"level": "info", "topic": "news", "room": "dashboard:costs", "critical": true}), loud),
    ] {
        assert_eq!(comes(&node, &mut ada, fields.clone()).await, expected, "{fields}");
    }
    let told = prefer(&mut ada, json!({"toasts": false, "levels": {"info": null}, "topics": null})).await;
    assert_eq!((&told["preferences"]["levels"]["info"], &told["preferences"]["topics"]), (&json!(true), &json!({})));
    assert_eq!(comes(&node, &mut ada, json!({"level": "info"})).await, quiet);
    assert_eq!(comes(&node, &mut ada, json!({"level": "info", "critical": true})).await, loud);
    for bad in
        [json!({"follows": ["a"]}), json!({"levels": {"fatal": true}}), json!({"rooms": {"@me": "mute"}}), json!(7)]
    {
        let refused = ada.refused(json!({"type": "preferences", "set": bad})).await;
        assert_eq!(refused.code(), "bad_message", "{bad}");
    }
    assert_eq!(ada.ask(json!({"type": "preferences"})).await["preferences"], told["preferences"]);
}

#[tokio::test]
async fn quiet_hours_are_those_of_the_user_s_own_clock() {
    let node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    // Half and quarter hours from everybody else's, and a clock change of half an hour.
    for zone in ["Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"] {
        for (from, to, is_quiet) in [(-60, 60, true), (60, 120, false), (-120, -60, false), (-1_000, 100, true)] {
            let hours = json!({"from": clock_in(zone, from), "to": clock_in(zone, to), "zone": zone});
            let told = prefer(&mut ada, json!({"quiet_hours": hours})).await;
            assert_eq!(told["preferences"]["quiet_hours"], hours);
            let came = comes(&node, &mut ada, json!({"level": "error"})).await;
            assert_eq!(came, (is_quiet, false), "{hours} at {}", Utc::now());
            assert_eq!(comes(&node, &mut ada, json!({"critical": true})).await, (false, false));
        }
    }
    // Parts of them merge with what there is, so they go first.
    assert_eq!(prefer(&mut ada, json!({"quiet_hours": null})).await["preferences"]["quiet_hours"], Value::Null);
    for hours in [
        json!({"from": "22:00", "to": "07:00", "zone": "Mars/Olympus"}),
        json!({"from": "25:00", "to": "07:00", "zone": "UTC"}),
        json!({"from": "22:00", "zone": "UTC"}),
        json!("always"),
    ] {
        let refused = ada.refused(json!({"type": "preferences", "set": {"quiet_hours": hours}})).await;
        assert_eq!(refused.code(), "bad_message", "{hours}");
    }
}

#[tokio::test]
async fn a_digest_tells_at_the_end_of_quiet_hours_what_piled_up() {
    let mut node = node().await;
    let mut ada = Client::user(&node, "ada").await;
    let zone = "Asia/Kathmandu";
    let hours = |to| json!({"from": clock_in(zone, -30), "to": clock_in(zone, to), "zone": zone});
    prefer(&mut ada, json!({"digest": true, "quiet_hours": hours(30)})).await;
    for (n, level) in ["info", "error", "error"].into_iter().enumerate() {
        let expected = json!({"title": n.to_string(), "level": level});
        assert_eq!(comes(&node, &mut ada, expected).await, (true, false));
    }
    // The end of the hours is brought near; it passes while the server is away, and nobody is here at first.
    node.kill9().await;
    let store = rusqlite::Connection::open(node.store()).unwrap();
    let soon_after = Utc::now().timestamp_millis() + 100;
    assert_eq!(store.execute("update inboxes set pile = json_set(pile, '$[0]', ?1)", [soon_after]).unwrap(), 1);
    drop(store);
    node = node.restart().await;
    let mut ada = Client::user(&node, "ada").await;
    let digest = me(&mut ada, "notification").await;
    let one = &digest["notification"];
    assert_eq!((&digest["unread"], &digest["from"]), (&json!(3), &Value::Null), "it lights no badge");
    assert!(one["read"].is_string() && one["quiet"] == false, "{}", digest.text);
    assert_eq!(one["metadata"], json!({"digest": {"info": 1, "error": 2}}));
    // Once; and hours that are set to an end before now are over now.
    assert_eq!(comes(&node, &mut ada, json!({"level": "warning"})).await, (true, false));
    prefer(&mut ada, json!({"quiet_hours": hours(-10)})).await;
    let digest = me(&mut ada, "notification").await;
    assert_eq!(digest["notification"]["metadata"], json!({"digest": {"warning": 1}}));
    assert_eq!(comes(&node, &mut ada, json!({"level": "warning"})).await, (false, false));
    // Who wants none gets none.
    let (status, _) = call(&node, KEY, "PATCH", "/v1/users/ada/preferences", &json!({"set": {"digest": null}})).await;
    assert_eq!(status, 200);
    let digests = |inbox: &Value| {
        inbox["notifications"].as_array().unwrap().iter().filter(|one| one["metadata"]["digest"].is_object()).count()
    };
    assert_eq!(digests(&inbox_of(&node, "ada").await), 2);
}
