//! The WebSocket transport: `GET /v1/ws`.
//!
//! The handshake is actix-web-actors', which is met in this file alone: its maintainers call it finished work, so this
//! is all that leaving it would cost. Its `WebsocketContext` is not used: such an actor freezes as soon as its socket
//! blocks, and dies with its connection. After the handshake the socket is taken over; a small task per connection
//! reads messages for the session, and the outbox writes.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix::prelude::*;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use bytes::Bytes;
use tokio::net::TcpStream;

use super::identity;
use super::inbound::{Inbound, Message, Violation};
use super::takeover::Takeover;
use crate::actors::limits::Arrival;
use crate::actors::session::{Client, ConnectionEnded, Incoming, Session, SessionAddr, Unreadable};
use crate::actors::{Admitted, WorkerContext};
use crate::delivery::{Farewell, Frame, Outbox};
use crate::domain::presence::Device;
use crate::protocol::codes::CloseCode;
use crate::protocol::{Refusal, command};

/// The subprotocol that a client may name; one that names none is served as well.
pub const SUBPROTOCOL: &str = "copresence.v1";

/// The version of RFC 6455.
const VERSION: &str = "13";

/// Registers the route.
pub fn configure(config: &mut web::ServiceConfig) {
    let other_method = web::to(|| async { super::wrong_method("GET") });
    config.service(web::resource("/v1/ws").route(web::get().to(upgrade)).default_service(other_method));
}

async fn upgrade(request: HttpRequest, context: web::ThinData<Rc<WorkerContext>>) -> HttpResponse {
    let context = Rc::clone(&context.0);
    if !identity::origin_is_allowed(request.headers(), &context.node.config.server.origins) {
        return super::refusal(&Refusal::forbidden(
            "pages of this origin may not connect: it is not in server.origins",
        ));
    }
    // The handshake would also take drafts of the protocol, whose frames nobody sends any more (RFC 6455, 4.4).
    if request.headers().get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version != VERSION) {
        let mut response = super::refusal(&Refusal::bad_message("only version 13 of WebSocket is spoken here"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static(VERSION));
        return response;
    }
    let mut response = match ws::handshake_with_protocols(&request, &[SUBPROTOCOL]) {
        Ok(response) => response,
        Err(error) => return super::refusal(&Refusal::bad_message(format!("this address speaks WebSocket: {error}"))),
    };
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let address = identity::client_address(peer, request.headers(), &context.node.config.server.trusted_proxies);
    let arrival = match context.node.limits.arrive(address) {
        Ok(arrival) => arrival,
        Err(refusal) => return super::refusal(&refusal),
    };
    let Some(guest) = context.node.admission.admit() else {
        return super::refusal(
            &Refusal::unavailable("this node takes no more connections").after(Duration::from_secs(5)),
        );
    };
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let device = Device::from_user_agent(user_agent.unwrap_or_default());
    let name_is_ours = identity::name_is_ours(request.headers(), &context.node.config.server.origins);
    let client = Client { address, device, name_is_ours };
    let takeover = Takeover::new(move |stream, unread| {
        actix_rt::spawn(Connection::begin(context, stream, &unread, client, arrival, Some(guest)));
    });
    takeover.into_response(response.finish())
}

/// One connection, from the taken-over socket to its end. Its task is what every idle client costs, so what is seldom
/// needed in it is boxed when it is.
struct Connection {
    context: Rc<WorkerContext>,
    outbox: Rc<Outbox>,
    session: SessionAddr,
    /// Whether the session knows how the connection ended.
    has_told: bool,
    /// A close is on its way, and what still comes is not for the session.
    is_deaf: bool,
    /// While something was read that is no whole message, or that the session has no room for.
    unread: Option<Box<Unread>>,
    /// Lets another connection in when this one has ended; tests admit nobody.
    _guest: Option<Admitted>,
}

/// What was read and not handed on.
struct Unread {
    inbound: Inbound,
    /// A message that waits until there is room for it.
    held: Option<Message>,
}

/// The task of a connection. Written by hand, because an `async fn` keeps what it is handed twice.
enum Running {
    Serving(Connection),
    Ending(Pin<Box<dyn Future<Output = ()>>>),
    Over,
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if let Self::Serving(connection) = &mut *self {
            let ended = ready!(connection.poll(task));
            if let Self::Serving(connection) = std::mem::replace(&mut *self, Self::Over) {
                *self = Self::Ending(Box::pin(connection.end(ended)));
            }
        }
        match &mut *self {
            Self::Ending(ending) => ending.as_mut().poll(task),
            _ => Poll::Ready(()),
        }
    }
}

impl Connection {
    fn begin(
        context: Rc<WorkerContext>,
        stream: TcpStream,
        unread: &Bytes,
        client: Client,
        arrival: Arrival,
        guest: Option<Admitted>,
    ) -> Running {
        let limits = Arc::clone(&context.node.outbox_limits);
        let outbox = Rc::new(Outbox::new(stream, limits, context.node.clock.now()));
        let _ = context.worker.register(Rc::clone(&outbox));
        let session = Session::start_here(&context, Rc::clone(&outbox), client, arrival);
        let mut connection =
            Self { context, outbox, session, has_told: false, is_deaf: false, unread: None, _guest: guest };
        if !unread.is_empty() {
            connection.feed(unread);
        }
        Running::Serving(connection)
    }

    /// One future of a few words: two of them side by side would each keep what they wait with.
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Ended> {
        if let Poll::Ready(ended) = self.poll_messages(task) {
            return Poll::Ready(ended);
        }
        self.outbox.poll_write_on(&self.context.node.clock, task).map(|written| match written {
            Ok(farewell) => Ended::ByUs(farewell),
            Err(_) => Ended::Broken,
        })
    }

    async fn end(mut self, ended: Ended) {
        let farewell = match ended {
            Ended::ByUs(farewell) | Ended::ByClient(farewell) => farewell,
            Ended::Broken => self.outbox.farewell().unwrap_or(Farewell::Lost),
        };
        self.tell_end(farewell);
        match ended {
            // Our close waits for the client's, so that a reset does not eat the code.
            Ended::ByUs(_) => self.discard_until_closed().await,
            Ended::ByClient(_) => {
                let writing = poll_fn(|task| self.outbox.poll_write_on(&self.context.node.clock, task));
                let linger = self.context.node.outbox_limits.linger;
                let _ = tokio::time::timeout(linger, writing).await;
            }
            Ended::Broken => {}
        }
    }

    fn tell_end(&mut self, farewell: Farewell) {
        if !std::mem::replace(&mut self.has_told, true) {
            self.session.do_send(ConnectionEnded { farewell });
        }
    }

    /// Reads messages for the session until the connection ends.
    fn poll_messages(&mut self, task: &mut Context<'_>) -> Poll<Ended> {
        while !self.is_deaf {
            let message = match self.next() {
                Ok(message) => message,
                Err(violation) => {
                    self.context.worker.end(&self.outbox, close_code(violation));
                    // The writer reports the end when the close is on its way.
                    self.is_deaf = true;
                    break;
                }
            };
            if let Some(message) = message {
                let is_for_session = matches!(message, Message::Text(_) | Message::Binary);
                // Backpressure: a session that has enough to do is not read from, down to the client's own socket.
                if is_for_session && self.outbox.gauge.poll_room(task).is_pending() {
                    self.unread().held = Some(message);
                    return Poll::Pending;
                }
                if let Some(ended) = self.take(message) {
                    return Poll::Ready(ended);
                }
                continue;
            }
            match ready!(self.poll_some(task)) {
                Ok(0) | Err(_) => return Poll::Ready(Ended::Broken),
                Ok(_) => self.outbox.heard(self.context.node.clock.now()),
            }
        }
        Poll::Pending
    }

    /// The next message of what was read.
    fn next(&mut self) -> Result<Option<Message>, Violation> {
        let Some(unread) = &mut self.unread else { return Ok(None) };
        if let Some(held) = unread.held.take() {
            return Ok(Some(held));
        }
        let message = unread.inbound.next(&self.context.node.clock)?;
        if message.is_none() && unread.inbound.is_between_messages() {
            self.unread = None;
        }
        Ok(message)
    }

    fn unread(&mut self) -> &mut Unread {
        let message_bytes_max = self.context.node.config.limits.message_bytes * 4;
        self.unread.get_or_insert_with(|| Box::new(Unread { inbound: Inbound::new(message_bytes_max), held: None }))
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.unread().inbound.feed(bytes);
    }

    /// Reads some more.
    fn poll_some(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let outbox = Rc::clone(&self.outbox);
        outbox.poll_read(task, |bytes| self.feed(bytes))
    }

    /// Hands one message on; answers the end if it is one.
    fn take(&mut self, message: Message) -> Option<Ended> {
        match message {
            // What answers our ping tells nothing but that the client lives, which was noted as it was read.
            Message::Text(text) if text == command::PONG && self.outbox.is_answered() => {}
            Message::Text(text) => self.deliver(Incoming(text)),
            Message::Binary => {
                self.deliver(Unreadable("a binary message: this protocol is JSON in text messages"));
            }
            Message::Ping(payload) => {
                let now = self.context.node.clock.now();
                self.context.worker.push(&self.outbox, &Frame::pong(&payload), now);
            }
            Message::Pong => {}
            Message::Close(code) => {
                let farewell = Farewell::of_client(code);
                self.context.worker.echo_close(&self.outbox, code, farewell);
                return Some(Ended::ByClient(self.outbox.farewell().unwrap_or(farewell)));
            }
        }
        None
    }

    /// Posts a letter to the session. The gauge bounds how many wait there.
    fn deliver<M>(&mut self, letter: M)
    where
        M: actix::Message<Result = ()> + Send + 'static,
        Session: Handler<M>,
    {
        self.outbox.gauge.taken();
        match self.session.try_send(letter) {
            Ok(()) => {}
            Err(SendError::Full(letter)) => self.session.do_send(letter),
            // The session died; its connection must not go on deaf. It comes back by its secret and its cursors.
            Err(SendError::Closed(_)) => {
                self.context.worker.end(&self.outbox, CloseCode::Restarting);
                self.is_deaf = true;
            }
        }
    }

    /// Reads on until the client's close or the end of its stream. A client that has answered the close waits for ours
    /// of the socket before it tells its page (RFC 6455, 7.1.1), so nothing is gained by reading on behind it.
    async fn discard_until_closed(&mut self) {
        // The sweep cuts it anyway; this is the same bound, without waiting for the next sweep.
        let bound = self.context.node.outbox_limits.linger + Duration::from_millis(50);
        let discarding = async {
            loop {
                match self.next() {
                    Ok(Some(Message::Close(_))) => return,
                    Ok(Some(_)) => {}
                    Ok(None) => match poll_fn(|task| self.poll_some(task)).await {
                        Ok(1..) => {}
                        _ => return,
                    },
                    // No close can be told from the rest any more: only the end of the stream counts.
                    Err(_) => break,
                }
            }
            while matches!(poll_fn(|task| self.outbox.poll_read(task, |_| {})).await, Ok(1..)) {}
        };
        let _ = tokio::time::timeout(bound, discarding).await;
    }
}

impl Drop for Connection {
    /// However its task ends, by a panic too: a session never outlives its connection, or others would see a ghost.
    fn drop(&mut self) {
        self.tell_end(Farewell::Lost);
        self.context.worker.forget(self.outbox.id());
        self.outbox.release();
    }
}

/// How a connection ended.
#[derive(Clone, Copy)]
enum Ended {
    /// A close of ours is written.
    ByUs(Farewell),
    /// The client closed.
    ByClient(Farewell),
    /// The socket is gone.
    Broken,
}

fn close_code(violation: Violation) -> CloseCode {
    match violation {
        Violation::Broken => CloseCode::Broken,
        Violation::NotUtf8 => CloseCode::NotText,
        Violation::TooLarge => CloseCode::TooLarge,
        Violation::Fragments => CloseCode::BadProtocol,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::actors::directory::queries::FindUser;
    use crate::actors::tests::Bare;
    use crate::domain::ids::{Tenant, UserId, UserKey};

    /// Whether the user's one session has lost its connection.
    async fn is_gone(context: &WorkerContext, user: &UserId) -> bool {
        let (reply, found) = oneshot::channel();
        context.node.directory.do_send(FindUser { user: UserKey::new(Tenant::default(), user.clone()), reply });
        found.await.unwrap()[0].gone_at.is_some()
    }

    #[actix_web::test]
    async fn a_connection_whose_task_dies_takes_its_session_and_its_socket_along() {
        let node = Bare::start();
        let context = &node.context;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client_end = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let client = Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: Device::Other, name_is_ours: true };
        let arrival = context.node.limits.arrive(client.address).unwrap();
        // Masked text frames whose mask is nothing.
        let mut unread = Vec::new();
        for text in [r#"{"type":"connect","id":1}"#, r#"{"type":"join","id":2,"room":"lobby"}"#] {
            unread.extend([0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0]);
            unread.extend(text.as_bytes());
        }
        let task = actix_rt::spawn({
            let context = Rc::clone(context);
            async move { Connection::begin(context, stream, &unread.into(), client, arrival, None).await }
        });
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(r#""type":"joined""#) {
            assert!(client_end.read_buf(&mut heard).await.unwrap() > 0);
        }
        let connected = String::from_utf8_lossy(&heard).into_owned();
        let (_, user) = connected.split_once(r#""user":{"id":""#).unwrap();
        let user = UserId::parse(user.split('"').next().unwrap()).unwrap();
        assert_eq!((context.worker.connections(), is_gone(context, &user).await), (1, false));
        // Of the join, which was answered long before its deadline.
        assert_eq!(context.alarms.count(), 1);

        // What unwinding does to it: everything that it has is dropped where it stands.
        task.abort();
        assert!(task.await.is_err());
        let ended = tokio::time::timeout(Duration::from_secs(10), async {
            while client_end.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {}
            while !is_gone(context, &user).await {}
        });
        ended.await.expect("the socket and the session end within 10 s");
        assert_eq!((context.worker.connections(), context.alarms.count()), (0, 0));
    }
}
