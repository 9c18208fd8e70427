//! A node without its web: what happens when an actor dies while others work.
//!
//! Clients are sessions with a real socket behind their outbox; a letter that nobody survives plays the defect.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::directory::{Directory, Locate, Located};
use super::room::{Room, RoomContext};
use super::session::{Client as Facts, Incoming, Session, SessionAddr};
use super::*;
use crate::actors::notifier::Notifier;
use crate::bridge::inbox::WatchInboxes;
use crate::bridge::solo::{Config as BridgeConfig, Solo};
use crate::delivery::Outbox;
use crate::domain::ids::{RoomKey, RoomName, Tenant};
use crate::domain::log::Keep;
use crate::domain::presence::Device;
use crate::supervise;

mod faulty_log;
mod inboxes;
mod neighbours;
mod retiring;
mod robot_colleague;

/// A letter that its actor does not survive.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

macro_rules! panics {
    ($($actor:ty),*) => {$(
        impl Handler<Panic> for $actor {
            type Result = ();

            fn handle(&mut self, _: Panic, _: &mut Self::Context) {
                panic!("as the test wants it");
            }
        }
    )*};
}
panics!(Room, Directory, Session, Hub, Notifier, robot::Robot);

/// A room over whose appends the bridge panics.
const POISON: &str = "memory-poison";

/// A node on the calling thread, with its log in a folder of its own.
pub(crate) struct Bare {
    pub(crate) context: Rc<WorkerContext>,
    robot: Option<robot::Host>,
    _folder: TempDir,
}

impl Bare {
    pub(crate) fn start() -> Self {
        Self::over(|bridge| bridge)
    }

    /// As [`Self::start`], with something between its rooms and the log.
    fn over(between: impl FnOnce(Bridge) -> Bridge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let settings = "[limits]\nenabled = false\n[[rooms]]\nmatch = 'memory*'\nlog = 'memory'";
        let config = Config::from_toml(settings).unwrap();
        let mut bridge = BridgeConfig::new(folder.path().join("test.db"));
        bridge.keep = Arc::new(|room| match room.as_str() {
            POISON => panic!("as the test wants it"),
            _ => Keep::DISK,
        });
        let started = Solo::start(&bridge, &clock).unwrap();
        let bridge = started.bridge;
        let gate =
            Gate::new(&config.auth, started.store.guest_key(), true, clock.clone()).expect("no key needs reading");
        let rooms = vec![Arbiter::current()];
        let limits = limits::Limits::new(&config.limits, &clock);
        let robot = config.has_demo().then(|| robot::Host::start(&Arbiter::current(), &clock, 1));
        let shared = RoomContext {
            config: config.clone(),
            clock: clock.clone(),
            bridge: between(bridge.clone()),
            limits: Arc::clone(&limits),
            robot: robot.clone(),
        };
        let shared = Arc::new(shared);
        let of_notifier = Arc::clone(&shared);
        let directory = supervise::start_restarting("the directory", &clock, |_| Directory::new(shared, rooms));
        bridge.inboxes.watch.do_send(WatchInboxes { opener: directory.clone().recipient() });
        let notifier = {
            let directory = directory.clone();
            supervise::start_restarting("the notifier", &clock, |_| Notifier::new(of_notifier, directory))
        };
        let audit = audit::Audit::new(true, bridge.record.clone(), &clock);
        let node = Arc::new(Node {
            first_epoch: started.store.epoch(),
            audit,
            config,
            clock,
            gate,
            bridge,
            directory,
            notifier,
            outbox_limits: Arc::default(),
            admission: Admission::new(1_000),
            hubs: Hubs::default(),
            limits,
        });
        Self { context: WorkerContext::current(&node), robot, _folder: folder }
    }

    async fn room(&self, name: &str) -> Located {
        self.room_at(RoomKey::new(Tenant::default(), RoomName::parse(name).unwrap())).await
    }

    async fn room_at(&self, key: RoomKey) -> Located {
        let (reply, located) = oneshot::channel();
        self.context.node.directory.do_send(Locate { key, reply });
        located.await.unwrap().unwrap()
    }
}

/// A client of a bare node.
struct Client {
    session: SessionAddr,
    socket: TcpStream,
    heard: VecDeque<Value>,
    ids: u64,
    /// What `connect` was answered.
    connected: Value,
}

impl Client {
    async fn connect(node: &Bare, name: &str) -> Self {
        Self::connect_on(&node.context, name).await
    }

    /// As [`Self::connect`], on the thread of `context`, which is the calling one.
    async fn connect_on(context: &Rc<WorkerContext>, name: &str) -> Self {
        Self::connect_with(context, json!({"guest": {"name": name}})).await
    }

    /// As [`Self::connect_on`], with these fields of `connect`.
    async fn connect_with(context: &Rc<WorkerContext>, fields: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        stream.writable().await.unwrap();
        let outbox = Rc::new(Outbox::new(stream, Arc::clone(&context.node.outbox_limits), context.node.clock.now()));
        let _ = context.worker.register(Rc::clone(&outbox));
        let facts = Facts { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: Device::Other, name_is_ours: true };
        let arrival = context.node.limits.arrive(facts.address).unwrap();
        let session = Session::start_here(context, outbox, facts, arrival);
        let mut client = Self { session, socket, heard: VecDeque::new(), ids: 0, connected: Value::Null };
        let mut connect = json!({"type": "connect"});
        connect.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        client.connected = client.ask(connect).await;
        assert_eq!(client.connected["type"], "connected", "{}", client.connected);
        client
    }

    async fn in_room(node: &Bare, name: &str, room: &str) -> Self {
        let mut client = Self::connect(node, name).await;
        let joined = client.ask(json!({"type": "join", "room": room})).await;
        assert_eq!(joined["type"], "joined", "{joined}");
        client
    }

    /// The reply to a command; what comes before is kept.
    async fn ask(&mut self, command: Value) -> Value {
        let id = self.post(command);
        self.reply(id).await
    }

    /// Sends a command; its id.
    fn post(&mut self, mut command: Value) -> u64 {
        self.ids += 1;
        command["id"] = self.ids.into();
        self.session.do_send(Incoming(command.to_string().into()));
        self.ids
    }

    async fn reply(&mut self, id: u64) -> Value {
        loop {
            let message = self.read().await;
            // An entry's id is a text.
            if message["id"] == id {
                return message;
            }
            self.heard.push_back(message);
        }
    }

    async fn publish(&mut self, room: &str, data: u64) -> u64 {
        let published = self.ask(json!({"type": "publish", "room": room, "event": "e", "data": data})).await;
        assert_eq!(published["type"], "published", "{published}");
        published["offset"].as_u64().unwrap()
    }

    /// The next message that `is_it`; what comes before is dropped.
    async fn next(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = match self.heard.pop_front() {
                Some(message) => message,
                None => self.read().await,
            };
            if is_it(&message) {
                return message;
            }
        }
    }

    async fn entry(&mut self) -> (u64, u64) {
        let entry = self.next(|message| message["type"] == "event").await;
        (entry["offset"].as_u64().unwrap(), entry["data"].as_u64().unwrap())
    }

    /// The next frame as JSON; a close as `{"close":code}`.
    async fn read(&mut self) -> Value {
        let reading = async {
            let first = self.socket.read_u8().await.unwrap();
            let length = match self.socket.read_u8().await.unwrap() {
                126 => usize::from(self.socket.read_u16().await.unwrap()),
                127 => usize::try_from(self.socket.read_u64().await.unwrap()).unwrap(),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.socket.read_exact(&mut payload).await.unwrap();
            if first == 0x88 {
                return json!({"close": u16::from_be_bytes([payload[0], payload[1]])});
            }
            serde_json::from_slice(&payload).unwrap()
        };
        tokio::time::timeout(Duration::from_secs(10), reading).await.expect("a message within 10 s")
    }
}

#[actix::test]
async fn a_room_that_panicked_goes_on_without_loss_or_repetition() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let mut grace = Client::in_room(&node, "Grace", "lobby").await;
    let mut neighbour = Client::in_room(&node, "Nils", "other").await;
    for data in 1..=3 {
        assert_eq!(ada.publish("lobby", data).await, data);
    }
    let room = node.room("lobby").await;
    for data in 4..=20 {
        if data % 5 == 0 {
            room.addr.do_send(Panic);
        }
        // What the room was doing when it died is not asked again; this comes after it in the same mailbox.
        assert_eq!(ada.publish("lobby", data).await, data);
        assert_eq!(neighbour.publish("other", data).await, data - 3);
    }
    for offset in 1..=20 {
        assert_eq!(grace.entry().await, (offset, offset));
        assert_eq!(ada.entry().await, (offset, offset));
    }
    assert_eq!(node.room("lobby").await.number, room.number, "it is the same room");
}

#[actix::test]
async fn a_room_in_memory_keeps_its_log_over_a_panic() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "memory").await;
    assert_eq!(ada.publish("memory", 1).await, 1);
    node.room("memory").await.addr.do_send(Panic);
    assert_eq!(ada.publish("memory", 2).await, 2);
    assert_eq!((ada.entry().await, ada.entry().await), ((1, 1), (2, 2)));
}

#[actix::test]
async fn after_a_panic_everybody_gets_the_list_and_presence_goes_on() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let mut grace = Client::in_room(&node, "Grace", "lobby").await;
    let busy = json!({"type": "presence", "room": "lobby", "status": "busy", "state": {"page": 7}});
    assert_eq!(grace.ask(busy).await["type"], "ok");
    ada.next(|message| message["type"] == "presence" && message.to_string().contains("busy")).await;
    node.room("lobby").await.addr.do_send(Panic);
    let list = ada.next(|message| message["members"].is_array() && message["type"] == "presence").await;
    assert_eq!((&list["count"], &list["large"]), (&json!(2), &json!(false)));
    let grace_in_list = list["members"].as_array().unwrap().iter().find(|member| member["name"] == "Grace").unwrap();
    assert_eq!(grace_in_list["sessions"][0]["state"], json!({"page": 7}), "{list}");
    assert_eq!(grace.ask(json!({"type": "leave", "room": "lobby"})).await["type"], "ok");
    let left = ada.next(|message| message["left"].as_array().is_some_and(|left| !left.is_empty())).await;
    assert_eq!(left["count"], 1);
}

#[actix::test]
async fn a_room_that_can_only_panic_ends_and_its_sessions_come_back() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let room = node.room("lobby").await;
    for _ in 0..=5 {
        room.addr.do_send(Panic);
    }
    ada.next(|message| message["close"] == 1012).await;
    let mut back = Client::in_room(&node, "Ada", "lobby").await;
    assert_eq!(back.publish("lobby", 1).await, 1);
    assert_ne!(node.room("lobby").await.number, room.number);
}

#[actix::test]
async fn the_directory_survives_its_panics_with_all_it_knows() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let room = node.room("lobby").await;
    node.context.node.directory.do_send(Panic);
    assert_eq!(node.room("lobby").await.number, room.number);
    assert_eq!(ada.publish("lobby", 1).await, 1);
    let mut grace = Client::in_room(&node, "Grace", "lobby").await;
    assert_eq!(grace.publish("lobby", 2).await, 2);
}

#[actix::test]
async fn a_session_that_panicked_ends_its_connection_and_its_member_waits_for_it() {
    let node = Bare::start();
    let mut ada = Client::in_room(&node, "Ada", "lobby").await;
    let mut grace = Client::in_room(&node, "Grace", "lobby").await;
    ada.next(|message| message["type"] == "presence" && message.to_string().contains("Grace")).await;
    grace.session.do_send(Panic);
    grace.next(|message| message["close"] == 1012).await;
    assert_eq!(ada.publish("lobby", 1).await, 1);
    let again = ada.ask(json!({"type": "join", "room": "lobby"})).await;
    assert_eq!(again["count"], 2, "the member stays for the grace time");
}
