//! Users' own rooms and the notifier: panics, ends and retirements in the worst moments lose and double nothing.

use super::*;
use crate::actors::directory::queries::{Census, TakeCensus};
use crate::actors::directory::{OpenSession, Opened, RoomIdle, TakeUp};
use crate::actors::notifier::Order;
use crate::actors::session::ConnectionEnded;
use crate::bridge::inbox::Placed;
use crate::delivery::Farewell;
use crate::domain::ids::{UserId, UserKey};
use crate::domain::notification::Notify;
use crate::protocol::Refusal;
use crate::protocol::command::inbox::notify;

impl Bare {
    /// Orders; `None` when whoever had it died over it, and whether it was written is not known.
    async fn order(&self, order: Notify) -> Option<Result<Placed, Refusal>> {
        let placed = self.post_order(order);
        tokio::time::timeout(Duration::from_secs(10), placed).await.expect("an answer or none").ok()
    }

    fn post_order(&self, order: Notify) -> oneshot::Receiver<Result<Placed, Refusal>> {
        let (reply, placed) = oneshot::channel();
        self.context.node.notifier.do_send(Order {
            tenant: Tenant::default(),
            from: r#"{"api":"billing"}"#.into(),
            publisher: "api:billing".into(),
            notify: order,
            audit: None,
            done: Box::new(move |outcome| {
                let _ = reply.send(outcome);
            }),
        });
        placed
    }

    /// Orders until it is taken, as a sender with a key does.
    async fn tell(&self, user: &str, title: &str, more: &str) {
        loop {
            match self.order(told(user, title, more)).await {
                Some(Ok(_)) => return,
                Some(Err(refusal)) => assert_eq!(refusal.code.as_str(), "unavailable", "{refusal}"),
                None => {}
            }
        }
    }

    async fn census(&self) -> Census {
        let (reply, census) = oneshot::channel();
        self.context.node.directory.do_send(TakeCensus { reply });
        census.await.unwrap()
    }
}

fn told(user: &str, title: &str, more: &str) -> Notify {
    let to = format!(r#"{{"users":["{user}"]}}"#);
    notify(&format!(r#"{{"to":{to},"notification":{{"title":"{title}"{more}}},"key":"{user} {title}"}}"#)).unwrap()
}

impl Client {
    fn user(&self) -> String {
        self.connected["user"]["id"].as_str().unwrap().to_owned()
    }

    fn own_room(&self) -> RoomKey {
        RoomKey::new(Tenant::default(), RoomName::personal(&UserId::parse(&self.user()).unwrap()))
    }

    /// Another session of the same user.
    async fn again(&self, node: &Bare) -> Self {
        Self::connect_with(&node.context, json!({"token": self.connected["guest_token"]})).await
    }

    /// The next notification that is an entry: its offset and its title.
    async fn notified(&mut self) -> (u64, String) {
        let told = self.next(|message| message["type"] == "notification" && message["offset"].is_u64()).await;
        (told["offset"].as_u64().unwrap(), told["notification"]["title"].as_str().unwrap().to_owned())
    }

    /// The notifications from the cursor that `connected` brought up to `last`: each once and in order.
    async fn hears_up_to(&mut self, last: u64) {
        let first = self.connected["cursor"]["offset"].as_u64().unwrap() + 1;
        for offset in first..=last {
            assert_eq!(self.notified().await, (offset, offset.to_string()));
        }
    }
}

#[actix::test]
async fn a_notifier_that_panicked_goes_on_and_every_order_comes_once() {
    let node = Bare::start();
    let mut ada = Client::connect(&node, "Ada").await;
    let user = ada.user();
    for n in 1..=20 {
        let placed = node.post_order(told(&user, &n.to_string(), ""));
        if n % 6 == 0 {
            // The step that may be under way dies with it.
            node.context.node.notifier.do_send(Panic);
        }
        drop(placed);
        node.tell(&user, &n.to_string(), "").await;
    }
    for offset in 1..=20 {
        assert_eq!(ada.notified().await, (offset, offset.to_string()));
    }
    let inbox = ada.ask(json!({"type": "inbox"})).await;
    assert_eq!((&inbox["unread"], &inbox["offset"]), (&json!(20), &json!(20)), "{inbox}");
}

#[actix::test]
async fn a_personal_room_that_panicked_goes_on_and_shows_again_what_is_critical() {
    let node = Bare::start();
    let mut ada = Client::connect(&node, "Ada").await;
    let mut other = ada.again(&node).await;
    let user = ada.user();
    node.tell(&user, "1", r#","critical":true"#).await;
    for offset in 2..=9 {
        if offset % 3 == 0 {
            node.room_at(ada.own_room()).await.addr.do_send(Panic);
        }
        node.tell(&user, &offset.to_string(), "").await;
    }
    for session in [&mut ada, &mut other] {
        session.hears_up_to(9).await;
    }
    let mut fresh = ada.again(&node).await;
    let again = fresh.next(|message| message["again"] == true).await;
    assert_eq!(again["notification"]["title"], "1");
    let acked = fresh.ask(json!({"type": "ack", "notification": again["notification"]["id"]})).await;
    assert_eq!((&acked["type"], &acked["offset"]), (&json!("ok"), &json!(10)), "{acked}");
    for session in [&mut ada, &mut other] {
        session.next(|message| message["as"] == "acked").await;
    }
}

#[actix::test]
async fn a_personal_room_that_can_only_panic_ends_and_its_sessions_come_back() {
    let node = Bare::start();
    let mut ada = Client::connect(&node, "Ada").await;
    node.tell(&ada.user(), "1", "").await;
    ada.hears_up_to(1).await;
    let room = node.room_at(ada.own_room()).await;
    for _ in 0..=5 {
        room.addr.do_send(Panic);
    }
    node.tell(&ada.user(), "2", "").await;
    ada.next(|message| message["close"] == 1012).await;
    let mut back = ada.again(&node).await;
    node.tell(&ada.user(), "3", "").await;
    back.hears_up_to(3).await;
}

#[actix::test]
async fn a_personal_room_that_retires_while_a_notification_arrives_loses_none() {
    let node = Bare::start();
    let first = Client::connect(&node, "Ada").await;
    let (user, key) = (first.user(), first.own_room());
    first.session.do_send(ConnectionEnded { farewell: Farewell::AtOnce });
    for round in 0..24_u64 {
        let number = node.room_at(key.clone()).await.number;
        let idle = || node.context.node.directory.do_send(RoomIdle { key: key.clone(), number });
        let title = (round + 1).to_string();
        // What comes first, what comes last, and what in between differs from round to round.
        let order = || node.post_order(told(&user, &title, ""));
        let (placed, mut ada) = match round % 4 {
            0 => {
                let placed = order();
                idle();
                (placed, first.again(&node).await)
            }
            1 => {
                idle();
                let ada = first.again(&node).await;
                (order(), ada)
            }
            2 => {
                let ada = first.again(&node).await;
                idle();
                (order(), ada)
            }
            _ => {
                idle();
                let placed = order();
                (placed, first.again(&node).await)
            }
        };
        placed.await.unwrap().unwrap();
        ada.hears_up_to(round + 1).await;
        ada.session.do_send(ConnectionEnded { farewell: Farewell::AtOnce });
    }
}

#[actix::test]
async fn a_return_that_nobody_claims_leaves_the_session_its_time() {
    let node = Bare::start();
    // Its connection stands; letters that name it come from elsewhere.
    let ada = Client::connect(&node, "Ada").await;
    let user = UserKey::new(Tenant::default(), UserId::parse(&ada.user()).unwrap());
    let directory = &node.context.node.directory;
    let Opened { session, secret, .. } = Opened::drawn();
    let open = OpenSession { session: session.clone(), secret, user: user.clone(), addr: ada.session.clone() };
    let secret = open.secret.to_text();
    directory.do_send(open);
    assert_eq!(node.census().await.sessions, 2);
    let take_up = async |secret: &str| {
        let (reply, taken_up) = oneshot::channel();
        let (user, addr, secret) = (user.clone(), ada.session.clone(), secret.to_owned());
        directory.do_send(TakeUp { secret, user, addr, reply });
        taken_up.await.unwrap()
    };
    assert!(take_up("nobody's").await.is_none());
    // The connection ended after the answer came and before it was looked at: the secret holds for its time to return.
    drop(take_up(&secret).await);
    assert_eq!(node.census().await.sessions, 2);
    let back = take_up(&secret).await.expect("it holds").claim();
    assert_eq!((back.resumed, back.generation, &back.session), (true, 3, &session));
    assert_eq!(node.census().await.sessions, 2);
}
