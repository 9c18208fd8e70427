//! What was: the same by the socket and over HTTP, on disk and in memory, for whoever may read it.

use serde_json::{Value, json};

use crate::support::token::token_with_rooms;
use crate::support::{Client, Node, NodeConfig, http, token_of};

const KINDS: [&str; 3] = ["event", "state", "activity"];
const ALL: u64 = 30;

/// `GET …/history` with these fields as its query; the status and the JSON of the answer.
async fn get(node: &Node, token: &str, room: &str, query: &Value) -> (u16, Value) {
    let text = |value: &Value| match value {
        Value::Array(list) => list.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    };
    let query: Vec<_> =
        query.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    let head = format!(
        "GET /v1/rooms/{room}/history?{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}",
        query.join("&"),
        node.address
    );
    let answer = http::send(&node.address, &format!("{head}\r\n\r\n")).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

async fn ask(client: &mut Client, room: &str, query: &Value) -> Value {
    let mut command = json!({"type": "history", "room": room});
    command.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
    client.ask(command).await.value
}

/// The offsets that a query means, and whether there are more of them in its direction. Kinds come in turn.
fn meant(query: &Value) -> (Vec<u64>, bool) {
    let kinds = query["kinds"].as_array();
    let is_of_kind = |offset: &u64| {
        let kind = KINDS[usize::try_from((offset - 1) % 3).unwrap()];
        kinds.is_none_or(|kinds| kinds.iter().any(|one| one == kind))
    };
    let limit = query["limit"].as_u64().map_or(50, |limit| usize::try_from(limit).unwrap());
    let (after, before) = (query["after"].as_u64(), query["before"].as_u64());
    let all: Vec<u64> = (after.unwrap_or(0) + 1..before.unwrap_or(ALL + 1).min(ALL + 1)).filter(is_of_kind).collect();
    let more = all.len() > limit;
    let cut = if after.is_some() { &all[..all.len().min(limit)] } else { &all[all.len().saturating_sub(limit)..] };
    (cut.to_vec(), more)
}

#[tokio::test]
async fn history_is_the_same_by_either_door_wherever_the_log_lives() {
    let node = Node::start(NodeConfig::default().rooms("match = 'm:*'\nlog = 'memory'")).await;
    let token = token_of("ada");
    for room in ["on-disk", "m:emory"] {
        let (mut ada, _) = Client::user_in(&node, "ada", room).await;
        for offset in 1..=ALL {
            let command = match (offset - 1) % 3 {
                0 => json!({"type": "publish", "room": room, "event": "note", "data": offset}),
                1 => json!({"type": "set", "room": room, "set": {"n": offset}}),
                _ => json!({"type": "track", "room": room, "action": "counted"}),
            };
            assert_eq!(ada.ask(command).await["offset"], offset);
        }
        for kinds in [json!(null), json!(["event"]), json!(["activity", "state"]), json!(KINDS)] {
            for range in [
                json!({}),
                json!({"before": 20}),
                json!({"before": 1}),
                json!({"before": 1000}),
                json!({"after": 0}),
                json!({"after": 11}),
                json!({"after": ALL}),
            ] {
                for limit in [1, 4, 200] {
                    let mut query = range.clone();
                    query["limit"] = limit.into();
                    if !kinds.is_null() {
                        query["kinds"] = kinds.clone();
                    }
                    let told = ask(&mut ada, room, &query).await;
                    let (status, page) = get(&node, &token, room, &query).await;
                    assert_eq!(status, 200, "{query}: {page}");
                    for name in ["entries", "more", "oldest", "cursor"] {
                        assert_eq!(told[name], page[name], "{name} of {room} by {query}");
                    }
                    let offsets: Vec<_> =
                        told["entries"].as_array().unwrap().iter().map(|one| one["offset"].as_u64().unwrap()).collect();
                    assert_eq!((offsets, told["more"].as_bool().unwrap()), meant(&query), "{room} by {query}");
                }
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_in_a_room_reads_its_past_only_with_the_right_to() {
    let node = Node::start(NodeConfig::default()).await;
    let rooms = json!({"lobby": ["join", "publish"], "archive": ["history"]});
    let token = token_with_rooms("eve", &rooms);
    let mut eve = Client::with(&node, json!({"token": token})).await;
    eve.join("lobby").await;
    eve.publish("lobby", "note", json!(1)).await;
    assert_eq!(eve.refused(json!({"type": "history", "room": "lobby"})).await.code(), "forbidden");
    assert_eq!(get(&node, &token, "lobby", &json!({})).await.0, 403);
    // And the other way round: to read is not to be let in.
    assert_eq!(ask(&mut eve, "archive", &json!({})).await["entries"], json!([]));
    assert_eq!(get(&node, &token, "archive", &json!({})).await.0, 200);
    assert_eq!(eve.refused(json!({"type": "join", "room": "archive"})).await.code(), "forbidden");
}

#[tokio::test]
async fn history_that_is_asked_for_in_the_same_breath_has_what_the_session_wrote_before() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    for round in 1..=20 {
        let written = ada.command(json!({"type": "publish", "room": "lobby", "event": "note", "data": round})).await;
        let read = ada.command(json!({"type": "history", "room": "lobby", "limit": 1})).await;
        let left = ada.command(json!({"type": "leave", "room": "lobby"})).await;
        let back = ada.command(json!({"type": "join", "room": "lobby"})).await;
        assert_eq!(ada.reply(read).await["entries"][0]["data"], round);
        assert_eq!(ada.reply(written).await["offset"], round);
        // What was sent behind the reading waits for its turn as well.
        assert_eq!(ada.reply(left).await.kind(), "ok");
        assert_eq!(ada.reply(back).await["cursor"]["offset"], round);
    }
}
