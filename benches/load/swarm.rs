//! Thousands of WebSocket clients on one thread.
//!
//! ```text
//! Load::turn ── send ──▶ Swarm ──▶ sockets          sockets ──▶ Swarm ── Load::message, one call a text message
//! ```
//!
//! One `mio::Poll`, one read buffer and no tasks: what the generator spends is nearly all system calls, and the server gets
//! the other core. The swarm does by itself what every client must: the upgrade, `pong`, counting errors and lost
//! connections. What is sent and what a message means is the [`Load`]'s.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use copresence::clock::Clock;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::Outcome;
use crate::frame::{self, Masks, Reader};
use crate::scan::{self, Marker};
use crate::wire::{Reach, Wire};

/// One read takes up to this much; a longer backlog takes several.
const READ_BYTES: usize = 128 << 10;
/// Connections from one loopback address before the next one is used: the kernel has about 28,000 ports for each.
const CONNECTIONS_AN_ADDRESS: usize = 20_000;
/// RFC 6455's own example, so that the right answer is known without hashing.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// A longer answer to the upgrade is none.
const ANSWER_BYTES_MAX: usize = 8 << 10;
/// So many texts of errors and lost connections are kept for the report; the rest is counted.
const TROUBLES_MAX: usize = 5;

/// What to do with the clients.
pub(crate) trait Load {
    /// Called before each wait for the sockets: sends what is due, and says how long the wait may be.
    fn turn(&mut self, swarm: &mut Swarm, now: Instant) -> Outcome<Turn>;

    /// Client `who` received the whole message `text`, whose `type` is `kind`, in a read at `now`.
    fn message(&mut self, who: usize, kind: &[u8], text: &[u8], now: Instant);
}

/// A [`Load`]'s wish.
pub(crate) enum Turn {
    /// Call again when something was received, or after this long. The kernel rounds up to whole milliseconds.
    Wait(Duration),
    Done,
}

/// All clients, numbered from 0 in the order in which they were dialed.
pub(crate) struct Swarm {
    server: SocketAddrV4,
    wire: Wire,
    clock: Clock,
    poll: Poll,
    clients: Vec<Client>,
    buffer: Box<[u8]>,
    masks: Masks,
    tally: Tally,
}

/// What happened to the clients so far.
pub(crate) struct Tally {
    /// Text messages but for heartbeats.
    pub(crate) messages: u64,
    /// Bytes of those messages.
    pub(crate) bytes: u64,
    /// Heartbeats of the server, each answered.
    pub(crate) pings: u64,
    /// Messages `error`.
    pub(crate) errors: u64,
    /// Such with the code that is expected.
    pub(crate) refused: u64,
    /// Connections that ended, or never came to be.
    pub(crate) lost: usize,
    troubles: Vec<String>,
    /// An error of this code is no failure.
    expected: Option<Marker>,
    kind: Marker,
    wire: Wire,
}

struct Client {
    stream: TcpStream,
    phase: Phase,
    reader: Reader,
    /// What the socket did not take yet.
    out: Vec<u8>,
}

enum Phase {
    /// The answer to the upgrade so far, and the frames that follow it.
    Upgrading {
        answer: Vec<u8>,
        greeting: Vec<u8>,
    },
    Open,
    Ended,
}

impl Swarm {
    pub(crate) fn new(server: SocketAddrV4, wire: Wire, clock: &Clock) -> Outcome<Self> {
        Ok(Self {
            server,
            wire,
            clock: clock.clone(),
            poll: Poll::new()?,
            clients: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            masks: Masks::new(),
            tally: Tally {
                messages: 0,
                bytes: 0,
                pings: 0,
                errors: 0,
                refused: 0,
                lost: 0,
                troubles: Vec::new(),
                expected: None,
                kind: Marker::new(r#""type":""#),
                wire,
            },
        })
    }

    /// How the server is spoken to.
    pub(crate) fn wire(&self) -> Wire {
        self.wire
    }

    /// Begins the connection of a new member of `room`, whose messages reach whom `reach` says.
    pub(crate) fn join(&mut self, room: &str, reach: Reach) -> Outcome<()> {
        self.dial(&self.wire.path(room, reach), &self.wire.greeting(room))
    }

    /// Begins a connection; `greeting` are the messages that it sends, in one write, as soon as it is open.
    pub(crate) fn dial(&mut self, path: &str, greeting: &[String]) -> Outcome<()> {
        let who = self.clients.len();
        let mut stream = TcpStream::from_std(connect(self.server, who)?);
        // Edge-triggered, so asking for both costs nothing and nobody has to ask again.
        self.poll.registry().register(&mut stream, Token(who), Interest::READABLE | Interest::WRITABLE)?;
        let mut frames = Vec::new();
        for message in greeting {
            self.masks.frame(frame::TEXT, message.as_bytes(), &mut frames);
        }
        let protocol =
            self.wire.protocol().map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
        let out = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n{protocol}\r\n",
            self.server
        );
        let phase = Phase::Upgrading { answer: Vec::new(), greeting: frames };
        self.clients.push(Client { stream, phase, reader: Reader::default(), out: out.into_bytes() });
        Ok(())
    }

    /// Sends one text message; to a connection that ended it goes nowhere.
    pub(crate) fn send(&mut self, who: usize, text: &str) {
        let client = &mut self.clients[who];
        if !matches!(client.phase, Phase::Open) {
            return;
        }
        self.masks.frame(frame::TEXT, text.as_bytes(), &mut client.out);
        if let Err(error) = client.flush() {
            self.tally.lose(client, &format!("connection {who} cannot be written: {error}"));
        }
    }

    /// Says goodbye for all and closes their connections.
    pub(crate) fn leave(mut self) {
        for client in &mut self.clients {
            // 1000: the session ends at once. A connection that takes no more is closed all the same.
            self.masks.frame(frame::CLOSE, &1000_u16.to_be_bytes(), &mut client.out);
            client.flush().ok();
        }
    }

    /// From now on an error of this code is counted apart: who is refused so comes again.
    pub(crate) fn expect_refusals(&mut self, code: &'static str) {
        self.tally.expected = Some(Marker::new(code));
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Runs `load` until it is done.
    pub(crate) fn run(&mut self, load: &mut impl Load) -> Outcome<()> {
        let mut events = Events::with_capacity(1_024);
        while let Turn::Wait(wait) = load.turn(self, self.clock.now())? {
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                let who = event.token().0;
                if event.is_writable() && !self.clients[who].out.is_empty() {
                    let client = &mut self.clients[who];
                    if let Err(error) = client.flush() {
                        self.tally.lose(client, &format!("connection {who} cannot be written: {error}"));
                    }
                }
                if event.is_readable() || event.is_read_closed() {
                    self.read(who, event.is_read_closed(), load);
                }
            }
        }
        Ok(())
    }

    /// Reads what client `who` has received, to the end of the stream when `is_closed`.
    fn read(&mut self, who: usize, is_closed: bool, load: &mut impl Load) {
        let now = self.clock.now();
        let client = &mut self.clients[who];
        while !matches!(client.phase, Phase::Ended) {
            match client.stream.read(&mut self.buffer) {
                Ok(0) => self.tally.lose(client, &format!("connection {who} was closed by the server")),
                Ok(length) => {
                    let bytes = &self.buffer[..length];
                    if let Err(why) = client.receive(bytes, &mut self.tally, &mut self.masks, |kind, text| {
                        load.message(who, kind, text, now);
                    }) {
                        self.tally.lose(client, &format!("connection {who}: {why}"));
                    }
                    // A short read emptied the socket; what comes later is an edge of its own.
                    if length < self.buffer.len() && !is_closed {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.tally.lose(client, &format!("connection {who} cannot be read: {error}")),
            }
        }
    }
}

impl Client {
    /// Takes the next bytes of the stream. What must be answered is written at once, with the greeting after an upgrade.
    fn receive(
        &mut self,
        bytes: &[u8],
        tally: &mut Tally,
        masks: &mut Masks,
        mut message: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), String> {
        let rest;
        let bytes = if let Phase::Upgrading { answer, greeting } = &mut self.phase {
            answer.extend_from_slice(bytes);
            let Some(end) = scan::find(answer, b"\r\n\r\n") else {
                return if answer.len() > ANSWER_BYTES_MAX { Err("endless HTTP head".to_owned()) } else { Ok(()) };
            };
            if !answer.starts_with(b"HTTP/1.1 101") || scan::find(&answer[..end], ACCEPT).is_none() {
                return Err(format!("no upgrade: {}", String::from_utf8_lossy(&answer[..end])));
            }
            self.out.append(greeting);
            rest = answer.split_off(end + 4);
            self.phase = Phase::Open;
            if tally.wire.is_joined_when_open() {
                message(b"joined", b"");
            }
            &rest[..]
        } else {
            bytes
        };

        let (out, mut closed) = (&mut self.out, None);
        let taken = self.reader.feed(bytes, |opcode, payload| match opcode {
            frame::TEXT => {
                let kind = tally.kind.after(payload).map_or(&b""[..], scan::until_quote);
                if let Some(pong) = tally.wire.pong(kind, payload) {
                    tally.pings += 1;
                    masks.frame(frame::TEXT, pong, out);
                    return;
                }
                tally.messages += 1;
                tally.bytes += payload.len() as u64;
                if kind == b"error" && tally.expected.as_mut().is_some_and(|code| code.after(payload).is_some()) {
                    tally.refused += 1;
                } else if kind == b"error" {
                    tally.errors += 1;
                    tally.trouble(&String::from_utf8_lossy(payload));
                }
                message(kind, payload);
            }
            frame::PING => {
                tally.pings += 1;
                masks.frame(frame::PONG, payload, out);
            }
            frame::CLOSE => {
                closed = Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)));
            }
            _ => {}
        });
        taken.map_err(|_| "no frame that a server may send".to_owned())?;
        if let Some(code) = closed {
            return Err(format!("closed with {code}"));
        }
        self.flush().map_err(|error| format!("cannot be written: {error}"))
    }

    /// Writes what waits, as far as the socket takes it.
    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let outcome = loop {
            if written == self.out.len() {
                break Ok(());
            }
            match self.stream.write(&self.out[written..]) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Before the connection stands, the kernel says so in one of these two ways.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.out.drain(..written);
        outcome
    }
}

impl Tally {
    /// The connection is over and `why` is known; the socket stays in the table, so that numbers keep their meaning.
    fn lose(&mut self, client: &mut Client, why: &str) {
        if !matches!(client.phase, Phase::Ended) {
            client.phase = Phase::Ended;
            self.lost += 1;
            self.trouble(why);
        }
    }

    fn trouble(&mut self, text: &str) {
        if self.troubles.len() < TROUBLES_MAX {
            self.troubles.push(text.chars().take(300).collect());
        }
    }

    /// What went wrong, one line a thing; empty when nothing did.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.errors > 0 || self.lost > 0 {
            failures.push(format!("{} errors, {} connections lost", self.errors, self.lost));
        }
        failures.extend(self.troubles.iter().cloned());
        failures
    }
}

/// A non-blocking connection under way to `server`, from an address of its own for each 20,000 clients.
fn connect(server: SocketAddrV4, who: usize) -> Outcome<std::net::TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let address =
        u8::try_from(1 + who / CONNECTIONS_AN_ADDRESS).map_err(|_| "more connections than loopback addresses")?;
    if address > 1 {
        socket.bind(&SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, address), 0).into())?;
    }
    match socket.connect(&server.into()) {
        // 115 is `EINPROGRESS`, which the standard library has no kind for yet.
        Err(error) if error.raw_os_error() != Some(115) => Err(error.into()),
        _ => Ok(socket.into()),
    }
}
