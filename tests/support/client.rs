//! A well-behaved client: sends commands, finds the reply to each by its `id`, and keeps what was pushed in order.
//!
//! It reads only while a test awaits something of it, so a client that nobody looks at is also one that has stopped
//! reading and answers no `ping`.

use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, WebSocketConfig};

use super::{Node, soon, token_of};

/// One message from the server: as it came, and parsed.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) value: Value,
}

impl Message {
    /// Its `type`.
    pub(crate) fn kind(&self) -> &str {
        self["type"].as_str().unwrap_or_default()
    }

    /// Its `code`, when it is an error.
    pub(crate) fn code(&self) -> &str {
        self["code"].as_str().unwrap_or_default()
    }

    /// Whether it is of this type and about this room.
    pub(crate) fn is(&self, kind: &str, room: &str) -> bool {
        self.kind() == kind && self["room"] == room
    }

    /// Whether it is an entry: these alone have a room, an offset and an id.
    pub(crate) fn is_entry(&self) -> bool {
        self["room"].is_string() && self["offset"].is_u64() && self["id"].is_string()
    }
}

impl Deref for Message {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// By a close frame with this code; 1005 for one without.
    Close(u16),
    /// Without one.
    Lost,
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// What came and nobody has asked for yet.
    waiting: VecDeque<Message>,
    end: Option<End>,
    next_id: u64,
    /// What `connect` was answered with; null before.
    pub(crate) connected: Value,
    /// Whether `ping` is answered while reading.
    pub(crate) answers_pings: bool,
}

impl Client {
    /// A socket on which nothing has been said yet.
    pub(crate) async fn open(node: &Node) -> Self {
        Self::open_at(&node.address).await
    }

    /// As [`Self::open`], for a server known by its address alone.
    pub(crate) async fn open_at(address: &str) -> Self {
        let stream = soon("a TCP connection", TcpStream::connect(address)).await.expect("the server accepts");
        stream.set_nodelay(true).expect("a TCP socket has this option");
        Self::upgrade(address, stream).await
    }

    /// As [`Self::open`], with these headers in place of the usual ones or beside them.
    pub(crate) async fn open_with(node: &Node, headers: &[(&'static str, &str)]) -> Self {
        let stream = soon("a TCP connection", TcpStream::connect(&node.address)).await.expect("the server accepts");
        Self::upgrade_with(&node.address, stream, headers).await
    }

    /// Upgrades a connection whose socket options the test has chosen.
    pub(crate) async fn upgrade(address: &str, stream: TcpStream) -> Self {
        Self::upgrade_with(address, stream, &[]).await
    }

    async fn upgrade_with(address: &str, stream: TcpStream, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{address}/v1/ws").into_client_request().expect("a URL");
        for (name, value) in headers.iter().chain(&[("sec-websocket-protocol", "copresence.v1")]) {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, response) = soon("the upgrade", upgrade).await.expect("the upgrade is granted");
        assert_eq!(response.headers()["sec-websocket-protocol"], "copresence.v1");
        let waiting = VecDeque::new();
        Self { socket, waiting, end: None, next_id: 1, connected: Value::Null, answers_pings: true }
    }

    /// Connected as a user with a token.
    pub(crate) async fn user(node: &Node, user: &str) -> Self {
        Self::with(node, json!({"token": token_of(user)})).await
    }

    /// Connected as a guest of this name.
    pub(crate) async fn guest(node: &Node, name: &str) -> Self {
        Self::with(node, json!({"guest": {"name": name}})).await
    }

    /// Connected with these fields beside `type` and `id`.
    pub(crate) async fn with(node: &Node, fields: Value) -> Self {
        let mut client = Self::open(node).await;
        client.connect(fields).await;
        client
    }

    /// As [`Self::user`], and in `room`; what `join` was answered comes beside.
    pub(crate) async fn user_in(node: &Node, user: &str, room: &str) -> (Self, Message) {
        let mut client = Self::user(node, user).await;
        let joined = client.join(room).await;
        (client, joined)
    }

    /// Returns as the session of `self`, on a new connection; the old one stays as it is.
    pub(crate) async fn resume(&self, node: &Node, user: &str) -> Self {
        Self::with(node, json!({"token": token_of(user), "secret": self.secret()})).await
    }

    /// Says `connect` and keeps the answer.
    pub(crate) async fn connect(&mut self, fields: Value) {
        let mut command = json!({"type": "connect", "client": "copresence-tests/1"});
        command.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let reply = self.ask(command).await;
        assert_eq!(reply.kind(), "connected", "{}", reply.text);
        self.connected = reply.value;
    }

    pub(crate) fn session(&self) -> &str {
        self.connected["session"].as_str().expect("connected has a session")
    }

    pub(crate) fn secret(&self) -> &str {
        self.connected["secret"].as_str().expect("connected has a secret")
    }

    pub(crate) fn user_id(&self) -> &str {
        self.connected["user"]["id"].as_str().expect("connected has a user")
    }

    // --- Saying ------------------------------------------------------------------------------------------------------

    /// Sends a message without awaiting anything.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends text as it is.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_frame(Frame::text(text)).await.expect("the connection takes a message");
    }

    /// Sends any frame; fails when the connection is gone.
    pub(crate) async fn send_frame(&mut self, frame: Frame) -> Result<(), String> {
        soon("a message to be taken", self.socket.send(frame)).await.map_err(|error| error.to_string())
    }

    /// Sends a command under an `id` of its own, which is returned.
    pub(crate) async fn command(&mut self, mut command: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        command["id"] = id.into();
        self.send(&command).await;
        id
    }

    /// The reply to the command with this `id`, an error too; what is pushed meanwhile stays for later.
    pub(crate) async fn reply(&mut self, id: u64) -> Message {
        self.take("a reply", |message| message["id"] == id && !message.is_entry()).await
    }

    /// Sends a command and awaits its reply, whatever it is.
    pub(crate) async fn request(&mut self, command: Value) -> Message {
        let id = self.command(command).await;
        self.reply(id).await
    }

    /// Sends a command and awaits its reply, which must not be an error.
    pub(crate) async fn ask(&mut self, command: Value) -> Message {
        let asked = command.to_string();
        let reply = self.request(command).await;
        assert_ne!(reply.kind(), "error", "{asked} was answered {}", reply.text);
        reply
    }

    /// Sends a command that must be refused; the error.
    pub(crate) async fn refused(&mut self, command: Value) -> Message {
        let asked = command.to_string();
        let reply = self.request(command).await;
        assert_eq!(reply.kind(), "error", "{asked} was answered {}", reply.text);
        assert!(reply["message"].as_str().is_some_and(|message| !message.is_empty()), "an error says what is wrong");
        reply
    }

    pub(crate) async fn join(&mut self, room: &str) -> Message {
        self.ask(json!({"type": "join", "room": room})).await
    }

    pub(crate) async fn join_since(&mut self, room: &str, since: &Value) -> Message {
        self.ask(json!({"type": "join", "room": room, "since": since})).await
    }

    pub(crate) async fn publish(&mut self, room: &str, event: &str, data: Value) -> Message {
        self.ask(json!({"type": "publish", "room": room, "event": event, "data": data})).await
    }

    pub(crate) async fn publish_keyed(&mut self, room: &str, key: &str, data: Value) -> Message {
        self.ask(json!({"type": "publish", "room": room, "event": "note", "data": data, "key": key})).await
    }

    // --- Hearing -----------------------------------------------------------------------------------------------------

    /// The first message for which `fits` holds, of those that wait and those still to come. The others stay.
    pub(crate) async fn take(&mut self, what: &str, mut fits: impl FnMut(&Message) -> bool) -> Message {
        let mut looked_at = 0;
        soon(what, async {
            loop {
                if let Some(found) = self.waiting.iter().skip(looked_at).position(&mut fits) {
                    return self.waiting.remove(looked_at + found).expect("it was found there");
                }
                looked_at = self.waiting.len();
                let goes_on = self.read().await;
                assert!(goes_on, "the connection ended with {:?} before {what}; had {:?}", self.end, self.waiting);
            }
        })
        .await
    }

    /// The next message of this type about this room.
    pub(crate) async fn next(&mut self, kind: &str, room: &str) -> Message {
        self.take(&format!("{kind} of {room}"), |message| message.is(kind, room)).await
    }

    /// The next entry of this room.
    pub(crate) async fn entry(&mut self, room: &str) -> Message {
        self.take(&format!("an entry of {room}"), |message| message.is_entry() && message["room"] == room).await
    }

    /// The next `presence` of this room in which this user has joined, was updated or has left (`list`).
    pub(crate) async fn presence(&mut self, list: &str, room: &str, user: &str) -> Message {
        let is_here = |member: &Value| member["user"] == user || member == user;
        self.take(&format!("presence: {user} {list}"), |message| {
            message.is("presence", room) && message[list].as_array().is_some_and(|list| list.iter().any(is_here))
        })
        .await
    }

    /// The next message, whatever it is; `None` when the connection ended.
    pub(crate) async fn any(&mut self) -> Option<Message> {
        if self.waiting.is_empty() {
            soon("any message", self.read()).await;
        }
        self.waiting.pop_front()
    }

    /// Everything that the server had sent when it answered this question.
    pub(crate) async fn drain(&mut self) -> Vec<Message> {
        let pong = self.request(json!({"type": "ping"})).await;
        assert_eq!(pong.kind(), "pong");
        self.waiting.drain(..).collect()
    }

    /// How the connection ended; what came before its end waits.
    pub(crate) async fn end(&mut self) -> End {
        soon("the end of the connection", async { while self.read().await {} }).await;
        self.end.expect("a connection that brings nothing more has ended")
    }

    /// What waits to be taken, in the order in which it came.
    pub(crate) fn heard(&self) -> impl Iterator<Item = &Message> {
        self.waiting.iter()
    }

    /// Reads one message into `waiting`; false when the connection has ended.
    async fn read(&mut self) -> bool {
        if self.end.is_some() {
            return false;
        }
        match self.socket.next().await {
            Some(Ok(Frame::Text(text))) => {
                let value: Value = serde_json::from_str(&text).expect("the server sends JSON");
                if self.answers_pings && value["type"] == "ping" {
                    self.socket.send(Frame::text(r#"{"type":"pong"}"#)).await.ok();
                }
                self.waiting.push_back(Message { text: text.to_string(), value });
            }
            Some(Ok(Frame::Close(frame))) => {
                self.end = Some(End::Close(frame.map_or(1005, |frame| frame.code.into())));
                // The answer to the close is queued by the library; this sends it.
                self.socket.flush().await.ok();
            }
            Some(Ok(Frame::Binary(_))) => panic!("the server sends text alone"),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.end = Some(End::Lost),
        }
        self.end.is_none()
    }

    // --- Ending ------------------------------------------------------------------------------------------------------

    /// Closes with this code and awaits that the server has seen it.
    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.send_frame(Frame::Close(Some(frame))).await.ok();
        self.end().await;
    }

    /// Closes without a code, as `WebSocket.close()` does.
    pub(crate) async fn close_without_code(mut self) {
        self.send_frame(Frame::Close(None)).await.ok();
        self.end().await;
    }

    /// Vanishes by a reset, as a pulled cable with a restarted machine behind it looks.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(self.socket.get_ref()).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    }

    /// Vanishes by an end of the stream without a close frame, as a crashed process looks.
    pub(crate) fn vanish(self) {
        drop(self.socket);
    }
}
