//! The WebSocket transport: `GET /v1/ws`.
//!
//! The handshake is actix-web-actors', which is met in this file alone: its maintainers call it finished work, so this
//! is all that leaving it would cost. Its `WebsocketContext` is not used: such an actor freezes as soon as its socket
//! blocks, and dies with its connection. After the handshake the socket is taken over; a small task per connection
//! reads messages for the session, and the outbox writes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix::prelude::*;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use bytes::Bytes;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::identity;
use super::inbound::{Inbound, Message, Violation};
use super::takeover::Takeover;
use crate::actors::limits::Arrival;
use crate::actors::session::{Client, ConnectionEnded, Gauge, Incoming, Session, SessionAddr, Unreadable};
use crate::actors::{Admitted, WorkerContext};
use crate::delivery::{Farewell, Frame, Outbox, OutboxId};
use crate::domain::presence::Device;
use crate::protocol::Refusal;
use crate::protocol::codes::CloseCode;

/// The subprotocol that a client may name; one that names none is served as well.
pub const SUBPROTOCOL: &str = "copresence.v1";

/// The version of RFC 6455.
const VERSION: &str = "13";

/// Reads go through one buffer per thread: idle connections keep none.
const READ_BYTES: usize = 64 << 10;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

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
        let connection = Connection::begin(context, stream, client, arrival, Some(guest));
        actix_rt::spawn(connection.run(unread));
    });
    takeover.into_response(response.finish())
}

/// One connection, from the taken-over socket to its end. Its task is what every idle client costs, so what is seldom
/// needed in it is boxed when it is.
struct Connection {
    context: Rc<WorkerContext>,
    stream: Rc<TcpStream>,
    outbox: Rc<Outbox>,
    id: OutboxId,
    gauge: Rc<Gauge>,
    session: SessionAddr,
    /// Whether the session knows how the connection ended.
    has_told: Cell<bool>,
    /// A close is on its way, and what still comes is not for the session.
    is_deaf: Cell<bool>,
    /// Lets another connection in when this one has ended; tests admit nobody.
    _guest: Option<Admitted>,
}

impl Connection {
    fn begin(
        context: Rc<WorkerContext>,
        stream: TcpStream,
        client: Client,
        arrival: Arrival,
        guest: Option<Admitted>,
    ) -> Self {
        let stream = Rc::new(stream);
        let limits = Arc::clone(&context.node.outbox_limits);
        let outbox = Rc::new(Outbox::new(Rc::clone(&stream), limits, context.node.clock.now()));
        let id = context.worker.register(Rc::clone(&outbox));
        let gauge = Rc::new(Gauge::default());
        let session = Session::start_here(&context, Rc::clone(&outbox), id, Rc::clone(&gauge), client, arrival);
        Self {
            context,
            stream,
            outbox,
            id,
            gauge,
            session,
            has_told: Cell::new(false),
            is_deaf: Cell::new(false),
            _guest: guest,
        }
    }

    async fn run(self, unread: Bytes) {
        let clock = &self.context.node.clock;
        let mut inbound = Inbound::new(&unread, self.context.node.config.limits.message_bytes * 4);
        drop(unread);
        // One future of a few words: two of them side by side would each keep what they wait with.
        let mut held = None;
        let ended = poll_fn(|task| {
            if let Poll::Ready(ended) = self.poll_messages(&mut inbound, &mut held, task) {
                return Poll::Ready(ended);
            }
            self.outbox.poll_write_on(&self.stream, clock, task).map(|written| match written {
                Ok(farewell) => Ended::ByUs(farewell),
                Err(_) => Ended::Broken,
            })
        })
        .await;
        let farewell = match ended {
            Ended::ByUs(farewell) | Ended::ByClient(farewell) => farewell,
            Ended::Broken => self.outbox.farewell().unwrap_or(Farewell::Lost),
        };
        self.tell_end(farewell);
        match ended {
            // Our close waits for the client's, so that a reset does not eat the code.
            Ended::ByUs(_) => Box::pin(self.discard_until_closed(inbound)).await,
            Ended::ByClient(_) => {
                let writing = poll_fn(|task| self.outbox.poll_write_on(&self.stream, clock, task));
                let linger = self.context.node.outbox_limits.linger;
                let _ = Box::pin(tokio::time::timeout(linger, writing)).await;
            }
            Ended::Broken => {}
        }
    }

    fn tell_end(&self, farewell: Farewell) {
        if !self.has_told.replace(true) {
            self.session.do_send(ConnectionEnded { farewell });
        }
    }

    /// Reads messages for the session until the connection ends. `held` is one that waits until there is room for it.
    fn poll_messages(&self, inbound: &mut Inbound, held: &mut Option<Message>, task: &mut Context<'_>) -> Poll<Ended> {
        let node = &self.context.node;
        while !self.is_deaf.get() {
            let message = match held.take() {
                Some(message) => Some(message),
                None => match inbound.next(node.clock.now()) {
                    Ok(message) => message,
                    Err(violation) => {
                        self.context.worker.end(&self.outbox, close_code(violation));
                        // The writer reports the end when the close is on its way.
                        self.is_deaf.set(true);
                        break;
                    }
                },
            };
            if let Some(message) = message {
                let is_for_session = matches!(message, Message::Text(_) | Message::Binary);
                // Backpressure: a session that has enough to do is not read from, down to the client's own socket.
                if is_for_session && self.gauge.poll_room(task).is_pending() {
                    *held = Some(message);
                    return Poll::Pending;
                }
                if let Some(ended) = self.take(message) {
                    return Poll::Ready(ended);
                }
                continue;
            }
            match ready!(self.poll_some(task, |bytes| inbound.feed(bytes))) {
                Ok(0) | Err(_) => return Poll::Ready(Ended::Broken),
                Ok(_) => self.outbox.heard(node.clock.now()),
            }
        }
        Poll::Pending
    }

    /// Hands one message on; answers the end if it is one.
    fn take(&self, message: Message) -> Option<Ended> {
        match message {
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
    fn deliver<M>(&self, letter: M)
    where
        M: actix::Message<Result = ()> + Send + 'static,
        Session: Handler<M>,
    {
        self.gauge.taken();
        match self.session.try_send(letter) {
            Ok(()) => {}
            Err(SendError::Full(letter)) => self.session.do_send(letter),
            // The session died; its connection must not go on deaf. It comes back by its secret and its cursors.
            Err(SendError::Closed(_)) => {
                self.context.worker.end(&self.outbox, CloseCode::Restarting);
                self.is_deaf.set(true);
            }
        }
    }

    /// Reads once what is there. A read that did not fill the buffer has emptied the socket, and the socket is taken to be
    /// so: asking it again would be a call of the system for each message.
    fn poll_some(&self, task: &mut Context<'_>, mut take: impl FnMut(&[u8])) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(task))?;
            let read = READ_BUFFER.with_borrow_mut(|buffer| {
                let read = self.read(buffer)?;
                take(&buffer[..read]);
                Ok(read)
            });
            match read {
                Err(error) if is_worth_another(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut emptied = None;
        let read = self.stream.try_io(Interest::READABLE, || {
            let read = (&*SockRef::from(&*self.stream)).read(buffer)?;
            if (1..buffer.len()).contains(&read) {
                emptied = Some(read);
                // This is what tokio is told by, whose own reads do the same.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(read)
        });
        emptied.map_or(read, Ok)
    }

    /// Reads on until the client's close or the end of its stream. A client that has answered the close waits for ours
    /// of the socket before it tells its page (RFC 6455, 7.1.1), so nothing is gained by reading on behind it.
    async fn discard_until_closed(&self, mut inbound: Inbound) {
        let clock = &self.context.node.clock;
        let discarding = async {
            loop {
                match inbound.next(clock.now()) {
                    Ok(Some(Message::Close(_))) => return,
                    Ok(Some(_)) => {}
                    Ok(None) => match poll_fn(|task| self.poll_some(task, |bytes| inbound.feed(bytes))).await {
                        Ok(1..) => {}
                        _ => return,
                    },
                    // No close can be told from the rest any more: only the end of the stream counts.
                    Err(_) => break,
                }
            }
            while matches!(poll_fn(|task| self.poll_some(task, |_| {})).await, Ok(1..)) {}
        };
        // The sweep cuts it anyway; this is the same bound, without waiting for the next sweep.
        let bound = self.context.node.outbox_limits.linger + Duration::from_millis(50);
        let _ = tokio::time::timeout(bound, discarding).await;
    }
}

impl Drop for Connection {
    /// However its task ends, by a panic too: a session never outlives its connection, or others would see a ghost.
    fn drop(&mut self) {
        self.tell_end(Farewell::Lost);
        self.context.worker.forget(self.id);
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

fn is_worth_another(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
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
            async move { Connection::begin(context, stream, client, arrival, None).run(unread.into()).await }
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
