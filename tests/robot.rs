//! The demo's robot colleague: there when somebody is, nowhere in production, and as real as any member.

use serde_json::{Value, json};

use crate::support::api::{self, KEY};
use crate::support::{Client, Message, Node, NodeConfig, SECRET, mint, soon};

const ROOM: &str = "dashboard:sales";
const GRACE: &str = "bot:grace";

fn demo() -> NodeConfig {
    NodeConfig::default().set("demo.enabled", true)
}

/// The member that she is, out of a list of members.
fn grace_in(members: &Value) -> Option<&Value> {
    members.as_array()?.iter().find(|member| member["user"] == GRACE)
}

async fn feed(client: &mut Client) -> Value {
    client.take("the feed", |message| message.is("event", ROOM) && message["event"] == "feed").await.value
}

fn number(entry: &Value) -> (String, u64) {
    (entry["data"]["run"].as_str().unwrap().to_owned(), entry["data"]["n"].as_u64().unwrap())
}

async fn page(node: &Node) -> Value {
    let answer = node.get("/demo.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_newcomer_finds_a_colleague_who_points_changes_figures_and_feeds() {
    let node = Node::start(demo().set("server.node", "d1")).await;
    assert_eq!(page(&node).await, json!({"room": ROOM, "robot": true, "chaos": true, "node": "d1"}));
    let mut ada = Client::guest(&node, "Ada").await;
    let joined = ada.join(ROOM).await;
    assert_eq!(joined["count"], 2);
    let grace = grace_in(&joined["members"]).expect("she is in the newcomer's list");
    assert_eq!((&grace["name"], &grace["status"], &grace["avatar"]), (&json!("Grace"), &json!("online"), &Value::Null));
    assert_eq!(grace["sessions"][0]["state"], json!({"bot": true}));
    let session = grace["sessions"][0]["session"].clone();

    let figures = ada.next("state", ROOM).await;
    let whole = |key: &str, from: i64, to: i64| figures["set"][key].as_i64().is_some_and(|n| (from..=to).contains(&n));
    assert!(whole("revenue", 1_160_000, 1_400_000) && whole("orders", 4_500, 5_100) && whole("approvals", 0, 12));
    let conversion = figures["set"]["conversion"].as_f64().unwrap();
    assert!((2.5..=4.3).contains(&conversion) && figures.text.contains(&format!("\"conversion\":{conversion:.1}")));
    assert_eq!(figures["from"], json!({"user": GRACE, "session": session}));

    let target = ada.take("a target", |message| message.is("state", ROOM) && message["set"]["target"].is_i64()).await;
    let action = ada.next("activity", ROOM).await;
    assert_eq!((&action["action"], &action["target"]), (&json!("set"), &json!("target")));
    assert_eq!((&action["metadata"]["value"], &action["from"]), (&target["set"]["target"], &figures["from"]));
    assert!(action["offset"].as_u64() > target["offset"].as_u64(), "told when it is so");

    // Her pointer goes from place to place.
    let mut places = Vec::new();
    while places.len() < 5 {
        let message = ada.next("signals", ROOM).await;
        let [signal] = &message["signals"].as_array().unwrap()[..] else { panic!("only she moves: {}", message.text) };
        assert_eq!(
            (&signal["session"], &signal["user"], &signal["event"]),
            (&session, &json!(GRACE), &json!("cursor"))
        );
        let share = |name: &str| signal["data"][name].as_f64().filter(|share| (0.0..=1.0).contains(share)).unwrap();
        places.push((share("x"), share("y")));
    }
    places.dedup();
    assert!(places.len() > 2, "{places:?}");

    let change = ada.next("state", ROOM).await;
    assert_eq!(change["set"].as_object().unwrap().len(), 1, "one at a time: {}", change.text);
    assert_eq!(change["from"], figures["from"]);
    let (run, first) = number(&feed(&mut ada).await);
    assert_eq!(number(&feed(&mut ada).await), (run, first + 1));
    // Another one sees the same colleague, and what became of the figures.
    let joined = Client::guest(&node, "Bob").await.join(ROOM).await;
    assert_eq!((joined["count"].as_u64(), grace_in(&joined["members"]).is_some()), (Some(3), true));
    assert!(joined["state"]["revenue"].is_i64() && joined["state"]["target"].is_i64(), "{}", joined.text);
    assert!(joined["activity"].as_array().unwrap().iter().any(|entry| entry["target"] == "target"));
}

#[tokio::test]
async fn the_feed_has_no_hole_over_a_cut() {
    let node = Node::start(demo()).await;
    let mut ada = Client::guest(&node, "Ada").await;
    let cursor = ada.join(ROOM).await["cursor"].clone();
    let (run, first) = number(&feed(&mut ada).await);
    // Somebody else stays: when they have heard more, Ada has missed something.
    let mut bob = Client::guest(&node, "Bob").await;
    bob.join(ROOM).await;
    let (secret, token) = (ada.secret().to_owned(), ada.connected["guest_token"].clone());
    ada.vanish();
    while number(&feed(&mut bob).await).1 < first + 6 {}
    let mut back = Client::with(&node, json!({"token": token, "secret": secret})).await;
    let joined = back.join_since(ROOM, &cursor).await;
    assert_eq!(joined["recovered"], true, "{}", joined.text);
    let mut entries: Vec<Value> = joined["entries"].as_array().unwrap().clone();
    let missed = entries.iter().filter(|entry| entry["event"] == "feed").count();
    assert!(missed >= 6, "{missed}");
    for _ in 0..8 {
        entries.push(back.entry(ROOM).await.value);
    }
    let start = cursor["offset"].as_u64().unwrap();
    let offsets: Vec<_> = entries.iter().map(|entry| entry["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (start + 1..=start + offsets.len() as u64).collect::<Vec<_>>());
    let numbers: Vec<_> = entries.iter().filter(|entry| entry["event"] == "feed").map(number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).map(|n| (run.clone(), n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_a_restart_she_goes_on_from_what_is_there() {
    let mut node = Node::start(demo()).await;
    let mut ada = Client::guest(&node, "Ada").await;
    ada.join(ROOM).await;
    ada.take("all figures", |message| message["set"]["orders"].is_i64()).await;
    let mine = ada.ask(json!({"type": "set", "room": ROOM, "set": {"revenue": 1_333_333}})).await;
    let last = ada.take("the change", |message| message["offset"] == mine["offset"]).await;
    let (run, _) = number(&feed(&mut ada).await);
    node.kill9().await;
    let node = node.restart().await;
    let mut back = Client::guest(&node, "Ada").await;
    let joined = back.join(ROOM).await;
    assert!(grace_in(&joined["members"]).is_some() && joined["cursor"]["offset"].as_u64() >= last["offset"].as_u64());
    let revenue = joined["state"]["revenue"].as_i64().unwrap();
    assert!((revenue - 1_333_333).abs() < 50_000, "{revenue}");
    let next = number(&feed(&mut back).await);
    assert!(next.1 == 1 && next.0 != run, "another life: {next:?} after {run}");
    let is_figure = |message: &Message| message["set"].is_object() && message["set"]["target"].is_null();
    let change = back.take("a change", is_figure).await;
    let [(key, value)] = &change["set"].as_object().unwrap().iter().collect::<Vec<_>>()[..] else {
        panic!("nothing is missing, so one figure changes: {}", change.text)
    };
    let before = joined["state"][key.as_str()].as_f64().unwrap();
    assert!((value.as_f64().unwrap() - before).abs() <= before * 0.2 + 1.0, "{key}: {before} became {value}");
}

#[tokio::test]
async fn who_is_alone_with_nobody_does_nothing_and_keeps_no_room_open() {
    let rule = format!("match = \"{ROOM}\"\nretire_after_s = 0.05");
    let node = Node::start(demo().set("session.grace_s", 0).rooms(&rule)).await;
    let mut ada = Client::guest(&node, "Ada").await;
    ada.join(ROOM).await;
    let (run, n) = number(&feed(&mut ada).await);
    let gauge = async |name: &str| {
        let metrics = node.get("/metrics").await.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in\n{metrics}")).parse::<u64>().unwrap()
    };
    assert_eq!(gauge("copresence_rooms").await, 1);
    ada.ask(json!({"type": "leave", "room": ROOM})).await;
    // A room retires only when nobody is in it; what she was writing is in the log by then.
    soon("the room's end", async { while gauge("copresence_rooms").await > 0 {} }).await;
    let written = gauge("copresence_entries_appended_total").await;
    let joined = ada.join(ROOM).await;
    assert_eq!(joined["cursor"]["offset"].as_u64(), Some(written), "no entry is from when she was alone");
    assert!(grace_in(&joined["members"]).is_some());
    let again = number(&feed(&mut ada).await);
    assert!(
        again.0 == run && (n + 1..=n + 3).contains(&again.1),
        "{again:?} after {n}: the run goes on where it stopped"
    );
}

#[tokio::test]
async fn in_production_there_is_no_robot_and_no_button() {
    for config in [NodeConfig::default(), NodeConfig::default().set("demo.enabled", false)] {
        let node = Node::start(config).await;
        assert_eq!(page(&node).await, json!({"room": ROOM, "robot": false, "chaos": false, "node": "n1"}));
        let (mut ada, joined) = Client::user_in(&node, "ada", ROOM).await;
        assert_eq!(joined["count"], 1);
        let (mut bob, joined) = Client::user_in(&node, "bob", ROOM).await;
        assert_eq!((&joined["count"], &joined["state"]), (&json!(2), &json!({})));
        for offset in 1..=3 {
            assert_eq!(ada.publish(ROOM, "note", json!(offset)).await["offset"], offset);
        }
        let heard = bob.drain().await;
        assert!(heard.iter().all(|message| !message.text.contains("bot:")), "{heard:?}");
    }
}

#[tokio::test]
async fn she_is_in_no_other_room_and_in_no_other_tenant() {
    let node = Node::start(demo()).await;
    let (_nils, joined) = Client::user_in(&node, "nils", "dashboard:demo").await;
    assert_eq!(joined["count"], 1);
    let token = mint(SECRET, &json!({"sub": "eve", "tenant": "acme", "exp": 4_000_000_000_u64}));
    let joined = Client::with(&node, json!({"token": token})).await.join(ROOM).await;
    assert_eq!((&joined["count"], &joined["state"]), (&json!(1), &json!({})));
}

#[tokio::test]
async fn what_she_does_counts_against_nobody() {
    let config = demo().set("limits.enabled", true).set("limits.room_publishes_per_s", 1).set("limits.burst_s", 1);
    let node = Node::start(config.set("limits.room_signals_per_s", 1)).await;
    let mut ada = Client::guest(&node, "Ada").await;
    ada.join(ROOM).await;
    while number(&feed(&mut ada).await).1 < 6 {}
    ada.publish(ROOM, "note", json!(1)).await;
    assert_eq!(
        ada.refused(json!({"type": "publish", "room": ROOM, "event": "note", "data": 2})).await.code(),
        "rate_limited"
    );
    let (run, n) = number(&feed(&mut ada).await);
    assert_eq!(number(&feed(&mut ada).await), (run, n + 1), "nor does what they do count against her");
}

#[tokio::test]
async fn nobody_comes_by_her_name_and_nobody_can_tell_her_anything() {
    let node = Node::start(api::config().set("demo.enabled", true)).await;
    for name in ["Grace", GRACE] {
        let mut impostor = Client::guest(&node, name).await;
        assert!(impostor.user_id().starts_with("guest-"), "{}", impostor.connected);
        let joined = impostor.join(ROOM).await;
        let namesake = impostor.user_id().to_owned();
        let one = joined["members"].as_array().unwrap().iter().find(|member| member["user"] == namesake).unwrap();
        assert_ne!(one["sessions"][0]["state"], json!({"bot": true}));
        impostor.close(1000).await;
    }
    let mut ada = Client::guest(&node, "Ada").await;
    ada.join(ROOM).await;
    let order = json!({"to": {"room": ROOM}, "notification": {"level": "info", "title": "Hello"}});
    let (status, placed) = api::call(&node, KEY, "POST", "/v1/notifications", &order).await;
    assert_eq!((status, &placed["recipients"]), (201, &json!(1)), "{placed}");
}
