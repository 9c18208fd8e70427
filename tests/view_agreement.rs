//! A reader's view is one: what it was pushed is what it reads later, wherever it looks, and its state is the sum of it.

use serde_json::{Map, Value, json};

use crate::support::api::{self, KEY};
use crate::support::token::token_with_roles;
use crate::support::{Client, Node};

const ROOM: &str = "desk:1";
const ENTRIES: usize = 80;

const READERS: [(&str, &[&str]); 5] =
    [("ada", &[]), ("bob", &["support"]), ("cleo", &["boss"]), ("dora", &["boss", "support"]), ("eve", &["other"])];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn of<'a>(&mut self, values: &'a [Value]) -> &'a Value {
        &values[self.below(values.len())]
    }
}

fn command(dice: &mut Dice, number: usize) -> Value {
    let values = [
        json!({"email": "x", "n": number}),
        json!({"list": [1, {"email": 2, "b": [3]}, 4], "email": {"deep": 1}}),
        json!([{"email": 1}]),
        json!(number),
        json!({"secret": {"email": null}, "a/b": {"~": 1.5}}),
    ];
    let readers = [
        Value::Null,
        Value::Null,
        json!({"roles": ["boss"]}),
        json!({"users": ["ada", "eve"]}),
        json!({"roles": ["support"], "users": ["eve"]}),
        json!({"users": ["nobody"]}),
    ];
    match dice.below(3) {
        0 => {
            json!({"type": "publish", "room": ROOM, "event": "e", "data": dice.of(&values), "visible_to": dice.of(&readers)})
        }
        1 => json!({"type": "track", "room": ROOM, "action": "a", "metadata": dice.of(&values),
            "visible_to": dice.of(&readers)}),
        _ => {
            let keys = ["email", "list", "secret", "plain", "a/b"];
            let (set, removed) = (dice.below(keys.len()), dice.below(keys.len()));
            let remove = if set == removed { vec![] } else { vec![keys[removed]] };
            json!({"type": "set", "room": ROOM, "set": {keys[set]: dice.of(&values)}, "remove": remove})
        }
    }
}

/// The state that the entries make.
fn fold(entries: &[Value]) -> Value {
    let mut state = Map::new();
    for entry in entries.iter().filter(|entry| entry["type"] == "state") {
        state.extend(entry["set"].as_object().unwrap().clone());
        for key in entry["removed"].as_array().unwrap() {
            state.remove(key.as_str().unwrap());
        }
    }
    state.into()
}

fn activities(entries: &[Value]) -> Vec<&Value> {
    entries.iter().filter(|entry| entry["type"] == "activity").collect()
}

/// That everything which `roles` can ask for agrees with what was pushed.
async fn agrees(node: &Node, (user, roles): (&str, &[&str]), pushed: &[Value], start: &Value) {
    let (token, all) = (token_with_roles(user, roles), Value::from(pushed.to_vec()));
    let mut client = Client::with(node, json!({"token": token})).await;
    let history = client.ask(json!({"type": "history", "room": ROOM, "limit": 200})).await;
    assert_eq!(history["entries"], all, "{user}: history");
    let missed = client.join_since(ROOM, start).await;
    assert_eq!(missed["entries"], all, "{user}: what was missed");
    let (_, over_http) = api::get(node, &token, &format!("/v1/rooms/{ROOM}/history?limit=200")).await;
    assert_eq!(over_http["entries"], all, "{user}: over HTTP");
    let picture = client.join(ROOM).await;
    assert_eq!(picture["state"], fold(pushed), "{user}: the state");
    let shown: Vec<_> =
        picture["activity"].as_array().unwrap().iter().filter(|entry| entry["type"] != "hidden").collect();
    assert!(activities(pushed).ends_with(&shown), "{user}: the newest activities");
    let (_, room) = api::get(node, &token, &format!("/v1/rooms/{ROOM}")).await;
    assert_eq!(room["state"], fold(pushed), "{user}: the state over HTTP");
}

#[tokio::test]
async fn what_a_reader_was_pushed_is_what_it_reads_later_wherever_it_looks() {
    let rules = "match = '*'\nredact = [{path = '/email', unless_role = 'support'}, \
         {path = '/list/1/email', unless_role = 'boss'}, {path = '/list/0', unless_role = 'boss'}, \
         {path = '/secret', unless_role = 'boss'}, {path = '/a~1b/~0', unless_role = 'support'}]";
    let mut node = Node::start(api::config().rooms(rules)).await;
    let mut clients = Vec::new();
    let mut start = Value::Null;
    for (user, roles) in READERS {
        let mut client = Client::with(&node, json!({"token": token_with_roles(user, roles)})).await;
        start = client.join(ROOM).await["cursor"].clone();
        clients.push(client);
    }
    let mut dice = Dice(7);
    for number in 0..ENTRIES {
        let command = command(&mut dice, number);
        clients[number % READERS.len()].ask(command).await;
    }
    let mut pushed: Vec<Vec<Value>> = Vec::new();
    for client in &mut clients {
        let mut entries = Vec::new();
        for _ in 0..ENTRIES {
            entries.push(client.entry(ROOM).await.value);
        }
        let offsets: Vec<_> = entries.iter().map(|entry| entry["offset"].as_u64().unwrap()).collect();
        assert_eq!(offsets, (1..=ENTRIES as u64).collect::<Vec<_>>(), "no hole");
        pushed.push(entries);
    }
    let (_, whole) = api::get(&node, KEY, &format!("/v1/rooms/{ROOM}/history?limit=200")).await;
    let whole = whole["entries"].as_array().unwrap().clone();
    assert!(!whole.iter().any(|entry| entry["type"] == "hidden"), "API keys see all");
    for (reader, seen) in READERS.iter().zip(&pushed) {
        agrees(&node, *reader, seen, &start).await;
        let differs = |kind: &str| {
            let pairs = whole.iter().zip(seen).filter(|(all, _)| all["type"] == *kind);
            pairs.filter(|(all, seen)| all != seen).count()
        };
        assert!(differs("event") > 0, "{reader:?} is kept from something, or this shows nothing");
    }
    let (_, room) = api::get(&node, KEY, &format!("/v1/rooms/{ROOM}")).await;
    assert_eq!(room["state"], fold(&whole));
    node.kill9().await;
    let node = node.restart().await;
    for (reader, seen) in READERS.iter().zip(&pushed) {
        agrees(&node, *reader, seen, &start).await;
    }
}
