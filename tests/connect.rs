//! Who gets in: guests, tokens, and what happens to everybody else.

use serde_json::{Value, json};

use crate::support::client::End;
use crate::support::token::{seconds_from_now, token_with_rooms};
use crate::support::{Client, Message, Node, NodeConfig, SECRET, mint, token_of};

#[tokio::test]
async fn a_guest_gets_in_on_loopback_and_is_told_everything_it_needs() {
    let node = Node::start(NodeConfig::default().set("session.heartbeat_s", 10)).await;
    let guest = Client::guest(&node, "Ada").await;
    let connected = &guest.connected;
    assert_eq!(connected["user"]["name"], "Ada");
    assert!(connected["user"]["color"].as_str().is_some_and(|color| color.starts_with('#')), "{connected}");
    assert_eq!(connected["user"]["avatar"], Value::Null);
    assert_eq!(connected["tenant"], "default");
    assert_eq!(connected["resumed"], false);
    assert_eq!(connected["heartbeat"], 10);
    assert_eq!(connected["limits"]["message_bytes"], 65_536);
    for text in ["session", "secret", "node", "guest_token"] {
        assert!(connected[text].as_str().is_some_and(|text| !text.is_empty()), "{text} in {connected}");
    }
    assert_ne!(guest.session(), guest.secret(), "the public name must not be the proof");
}

#[tokio::test]
async fn two_guests_of_the_same_name_are_two_users() {
    let node = Node::start(NodeConfig::default()).await;
    let (one, two) = (Client::guest(&node, "Ada").await, Client::guest(&node, "Ada").await);
    assert_ne!(one.user_id(), two.user_id());
    assert_ne!(one.session(), two.session());
}

#[tokio::test]
async fn a_guest_token_keeps_the_user_over_a_restart_of_the_server() {
    let node = Node::start(NodeConfig::default()).await;
    let first = Client::guest(&node, "Ada").await;
    let token = first.connected["guest_token"].clone();
    let again = Client::with(&node, json!({"token": token})).await;
    assert_eq!(again.connected["user"], first.connected["user"]);
    assert_ne!(again.session(), first.session());

    let node = node.restart().await;
    let later = Client::with(&node, json!({"token": token})).await;
    assert_eq!(later.connected["user"], first.connected["user"]);
}

#[tokio::test]
async fn a_guest_may_change_its_name_and_stays_the_same_user() {
    let node = Node::start(NodeConfig::default()).await;
    let first = Client::guest(&node, "Ada").await;
    let token = &first.connected["guest_token"];
    let renamed = Client::with(&node, json!({"token": token, "guest": {"name": "Grace"}})).await;
    assert_eq!(renamed.user_id(), first.user_id());
    assert_eq!(renamed.connected["user"]["name"], "Grace");
    assert_eq!(renamed.connected["user"]["color"], first.connected["user"]["color"]);

    let token = &renamed.connected["guest_token"];
    assert!(token.is_string(), "a new name brings a new token: {}", renamed.connected);
    let later = Client::with(&node, json!({"token": token})).await;
    assert_eq!((later.user_id(), &later.connected["user"]["name"]), (first.user_id(), &json!("Grace")));
}

#[tokio::test]
async fn a_guest_token_of_another_server_is_refused() {
    let node = Node::start(NodeConfig::default()).await;
    let other = Node::start(NodeConfig::default()).await;
    let token = Client::guest(&other, "Ada").await.connected["guest_token"].clone();
    let token = token.as_str().expect("a guest gets a token").to_owned();
    refuses(&node, &token).await;
}

#[tokio::test]
async fn a_token_says_who_one_is() {
    let node = Node::start(NodeConfig::default()).await;
    let exp = seconds_from_now(3600);
    let claims =
        json!({"sub": "ada", "name": "Ada L.", "tenant": "acme", "avatar": "https://example.com/a.png", "exp": exp});
    let ada = Client::with(&node, json!({"token": mint(SECRET, &claims)})).await;
    let connected = &ada.connected;
    assert_eq!(connected["user"]["id"], "ada");
    assert_eq!(connected["user"]["name"], "Ada L.");
    assert_eq!(connected["user"]["avatar"], "https://example.com/a.png");
    assert_eq!(connected["tenant"], "acme");
    assert!(connected["expires"].as_str().is_some_and(|expires| expires.ends_with('Z')), "{connected}");
    assert!(connected.get("guest_token").is_none_or(Value::is_null), "{connected}");
}

#[tokio::test]
async fn tenants_do_not_hear_of_each_other() {
    let node = Node::start(NodeConfig::default()).await;
    let token = |tenant: &str| mint(SECRET, &json!({"sub": "ada", "tenant": tenant, "exp": seconds_from_now(3600)}));
    let mut one = Client::with(&node, json!({"token": token("one")})).await;
    let mut two = Client::with(&node, json!({"token": token("two")})).await;
    one.join("lobby").await;
    one.publish("lobby", "note", json!("for one")).await;
    let joined = two.join("lobby").await;
    assert_eq!((&joined["count"], &joined["cursor"]["offset"]), (&json!(1), &json!(0)), "{}", joined.text);
    assert_eq!(two.publish("lobby", "note", json!("for two")).await["offset"], 1);
    assert_eq!(two.entry("lobby").await["data"], "for two");
    assert!(!one.drain().await.iter().any(|message| message.text.contains("for two")));
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused() {
    let node = Node::start(NodeConfig::default()).await;
    let exp = seconds_from_now(3600);
    let good = json!({"sub": "ada", "exp": exp});
    let swap_payload = |token: &str, payload: &str| {
        let parts: Vec<&str> = token.split('.').collect();
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    let of_eve = mint("not the server's secret, but long enough", &json!({"sub": "eve", "exp": exp}));
    let payload_of_eve = of_eve.split('.').nth(1).expect("three parts").to_owned();
    // {"alg":"none","typ":"JWT"}
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let bad = [
        ("empty", String::new()),
        ("no token at all", "nonsense".into()),
        ("another secret", mint("not the server's secret, but long enough", &good)),
        ("changed claims", swap_payload(&token_of("ada"), &payload_of_eve)),
        ("no signature", format!("{unsigned}.{payload_of_eve}.")),
        (
            "alg none with a signature",
            format!("{unsigned}.{payload_of_eve}.{}", of_eve.rsplit('.').next().expect("parts")),
        ),
        ("expired", mint(SECRET, &json!({"sub": "ada", "exp": seconds_from_now(-60)}))),
        ("not yet", mint(SECRET, &json!({"sub": "ada", "exp": exp, "nbf": seconds_from_now(600)}))),
        ("no exp", mint(SECRET, &json!({"sub": "ada"}))),
        ("exp as text", mint(SECRET, &json!({"sub": "ada", "exp": exp.to_string()}))),
        ("exp below zero", mint(SECRET, &json!({"sub": "ada", "exp": -1}))),
        ("no sub", mint(SECRET, &json!({"exp": exp}))),
        ("an empty sub", mint(SECRET, &json!({"sub": "", "exp": exp}))),
        ("a sub that is too long", mint(SECRET, &json!({"sub": "a".repeat(201), "exp": exp}))),
        ("a bad tenant", mint(SECRET, &json!({"sub": "ada", "exp": exp, "tenant": "a/../b"}))),
        ("rooms that are none", mint(SECRET, &json!({"sub": "ada", "exp": exp, "rooms": {"a*b": ["join"]}}))),
    ];
    for (what, token) in bad {
        println!("{what}");
        refuses(&node, &token).await;
    }
    assert_eq!(Client::user(&node, "ada").await.user_id(), "ada");
}

/// Shows `token` and sees it refused: the error first, then the close, and nothing else is answered.
async fn refuses(node: &Node, token: &str) {
    let mut client = Client::open(node).await;
    let error = client.refused(json!({"type": "connect", "token": token})).await;
    assert_eq!(error.code(), "unauthorized", "{}", error.text);
    assert_eq!(client.end().await, End::Close(4401));
}

#[tokio::test]
async fn guests_are_refused_where_the_config_says_so_of_the_address() {
    // Guests are for trying out on one's own machine: bound elsewhere, a token is asked for.
    let node = Node::start_without_bind_flag(NodeConfig::default().set("server.bind", "0.0.0.0:0")).await;
    let mut client = Client::open_at(&node.address.replace("0.0.0.0", "127.0.0.1")).await;
    let error = client.refused(json!({"type": "connect"})).await;
    assert_eq!(error.code(), "unauthorized");
    assert_eq!(client.end().await, End::Close(4401));
}

#[tokio::test]
async fn the_claim_rooms_is_enforced_for_each_command() {
    let node = Node::start(NodeConfig::default()).await;
    let rooms = json!({"board:*": ["join", "publish"], "board:sales": ["signal"], "read-only": ["join"]});
    let mut eve = Client::with(&node, json!({"token": token_with_rooms("eve", &rooms)})).await;
    let code = |reply: Message| reply.code().to_owned();

    for room in ["lobby", "board", "boards:1", "read-only2", "admin"] {
        assert_eq!(code(eve.refused(json!({"type": "join", "room": room})).await), "forbidden", "{room}");
    }
    for room in ["board:sales", "board:costs", "read-only"] {
        eve.join(room).await;
    }
    eve.publish("board:sales", "note", json!(1)).await;
    eve.publish("board:costs", "note", json!(1)).await;
    let publish = |room: &str| json!({"type": "publish", "room": room, "event": "note", "data": 1});
    let signal = |room: &str| json!({"type": "signal", "room": room, "event": "cursor", "data": 1});
    assert_eq!(code(eve.refused(publish("read-only")).await), "forbidden");
    assert_eq!(code(eve.refused(publish("lobby")).await), "forbidden", "looked at before not_joined");
    assert_eq!(eve.ask(signal("board:sales")).await.kind(), "ok");
    assert_eq!(code(eve.refused(signal("board:costs")).await), "forbidden");
    assert_eq!(code(eve.refused(signal("read-only")).await), "forbidden");
}

#[tokio::test]
async fn an_empty_claim_rooms_allows_nothing() {
    let node = Node::start(NodeConfig::default()).await;
    let mut eve = Client::with(&node, json!({"token": token_with_rooms("eve", &json!({}))})).await;
    assert_eq!(eve.refused(json!({"type": "join", "room": "lobby"})).await.code(), "forbidden");
}

#[tokio::test]
async fn whoever_says_nothing_is_sent_away_with_4408() {
    let node = Node::start(NodeConfig::default().set("session.connect_timeout_s", 0.3)).await;
    let mut silent = Client::open(&node).await;
    assert_eq!(silent.end().await, End::Close(4408));
}

#[tokio::test]
async fn whoever_says_something_else_before_connect_is_sent_away_with_4400() {
    let node = Node::start(NodeConfig::default()).await;
    for command in [json!({"type": "join", "room": "lobby"}), json!({"type": "ping"}), json!({"type": "nonsense"})] {
        let mut client = Client::open(&node).await;
        let error = client.refused(command).await;
        assert_eq!(error.code(), "bad_message");
        assert_eq!(client.end().await, End::Close(4400));
        assert!(client.heard().all(|message| message.kind() == "closing"), "nothing else is answered");
    }
}

#[tokio::test]
async fn a_second_connect_is_a_mistake() {
    let node = Node::start(NodeConfig::default()).await;
    let mut client = Client::guest(&node, "Ada").await;
    let error = client.refused(json!({"type": "connect"})).await;
    assert_eq!(error.code(), "bad_message");
    assert_eq!(client.end().await, End::Close(4400));
}

#[tokio::test]
async fn commands_sent_along_with_connect_wait_for_it() {
    let node = Node::start(NodeConfig::default()).await;
    let mut client = Client::open(&node).await;
    let connect = client.command(json!({"type": "connect", "token": token_of("ada")})).await;
    let join = client.command(json!({"type": "join", "room": "lobby"})).await;
    let publish = client.command(json!({"type": "publish", "room": "lobby", "event": "note", "data": 1})).await;
    assert_eq!(client.reply(publish).await["offset"], 1);
    let kinds: Vec<&str> = client.heard().filter(|message| message["id"].is_u64()).map(Message::kind).collect();
    assert_eq!(kinds, ["connected", "joined"]);
    assert_eq!(client.reply(connect).await["user"]["id"], "ada");
    assert_eq!(client.reply(join).await["count"], 1);
}

#[tokio::test]
async fn a_token_that_runs_out_is_told_of_and_ends_the_session_with_4401() {
    let node = Node::start(NodeConfig::default()).await;
    // Five seconds of leeway: one that ended three seconds ago still lets in, for about two seconds.
    let token = mint(SECRET, &json!({"sub": "ada", "exp": seconds_from_now(-3)}));
    let mut ada = Client::with(&node, json!({"token": token})).await;
    assert_eq!(ada.end().await, End::Close(4401));
    assert_eq!(ada.heard().filter(|message| message.kind() == "expiring").count(), 1);
}

#[tokio::test]
async fn a_new_token_of_the_same_user_goes_on() {
    let node = Node::start(NodeConfig::default()).await;
    let soon_over = mint(SECRET, &json!({"sub": "ada", "exp": seconds_from_now(-2)}));
    let mut ada = Client::with(&node, json!({"token": soon_over})).await;
    let mut forgetful = Client::with(&node, json!({"token": soon_over})).await;
    let refreshed = ada.ask(json!({"type": "refresh", "token": token_of("ada")})).await;
    assert_eq!(refreshed.kind(), "refreshed");
    assert!(refreshed["expires"].is_string(), "{}", refreshed.text);
    // When the time of the one without a new token is up, the other's is not.
    assert_eq!(forgetful.end().await, End::Close(4401));
    ada.join("lobby").await;
}

#[tokio::test]
async fn another_users_token_is_no_refresh() {
    let node = Node::start(NodeConfig::default()).await;
    let (mut ada, _) = Client::user_in(&node, "ada", "lobby").await;
    for token in [token_of("eve"), "nonsense".to_owned(), String::new()] {
        let error = ada.refused(json!({"type": "refresh", "token": token})).await;
        assert_eq!(error.code(), "unauthorized", "{}", error.text);
    }
    ada.publish("lobby", "note", json!("still ada")).await;
    assert_eq!(ada.entry("lobby").await["from"]["user"], "ada");
}

#[tokio::test]
async fn a_token_that_lost_a_right_loses_the_room() {
    let node = Node::start(NodeConfig::default().set("presence.tick_ms", 20)).await;
    let (mut watcher, _) = Client::user_in(&node, "watcher", "board:sales").await;
    let (mut ada, _) = Client::user_in(&node, "ada", "board:sales").await;
    ada.join("lobby").await;
    watcher.presence("joined", "board:sales", "ada").await;
    let fewer = token_with_rooms("ada", &json!({"lobby": ["join", "publish"]}));
    ada.ask(json!({"type": "refresh", "token": fewer})).await;
    let left = ada.next("left", "board:sales").await;
    assert_eq!(left["code"], "forbidden");
    watcher.presence("left", "board:sales", "ada").await;
    watcher.publish("board:sales", "note", json!("not for ada")).await;
    assert!(!ada.drain().await.iter().any(Message::is_entry));
    assert_eq!(ada.refused(json!({"type": "join", "room": "board:sales"})).await.code(), "forbidden");
    ada.publish("lobby", "note", json!("still here")).await;
}
