//! What is said to each kind of server, so that one generator drives all of them with the same load.
//!
//! Where a peer only passes bytes on, the bytes are what a delivery of ours looks like, so that the same markers find
//! offset and stamp in it. Offsets then are the publisher's own numbers.

/// How a server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Ours: `connect`, `join`, `publish`, `signal`.
    Copresence,
    /// Text as it is, the room in the path; whoever is connected is in.
    Plain,
    /// Engine.IO 4 and Socket.IO 5 over WebSocket alone, the room in the query.
    SocketIo,
}

/// Who hears what a member sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All members, the sender as well: how entries are delivered.
    All,
    /// All but the sender: how signals are.
    Others,
}

impl Reach {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Others => "others",
        }
    }
}

impl Wire {
    /// Where a member of `room` connects.
    pub(crate) fn path(self, room: &str, reach: Reach) -> String {
        let reach = reach.name();
        match self {
            Self::Copresence => "/v1/ws".to_owned(),
            Self::Plain => format!("/{reach}/{room}"),
            Self::SocketIo => format!("/socket.io/?EIO=4&transport=websocket&reach={reach}&room={room}"),
        }
    }

    /// The subprotocol that is asked for.
    pub(crate) fn protocol(self) -> Option<&'static str> {
        (self == Self::Copresence).then_some("copresence.v1")
    }

    /// What a member sends as soon as its connection is open, in one write.
    pub(crate) fn greeting(self, room: &str) -> Vec<String> {
        match self {
            // Both at once, as a client does that knows where it wants to go: the server has `join` wait for `connect`.
            Self::Copresence => {
                vec![r#"{"type":"connect","id":1}"#.to_owned(), format!(r#"{{"type":"join","id":2,"room":"{room}"}}"#)]
            }
            Self::Plain => Vec::new(),
            Self::SocketIo => vec!["40".to_owned()],
        }
    }

    /// Whether nothing more is said once the connection is open, so that the member is in.
    pub(crate) fn is_joined_when_open(self) -> bool {
        self == Self::Plain
    }

    /// What the server asks, in data frames, to learn whether the client is there, and the answer.
    pub(crate) fn pong(self, kind: &[u8], text: &[u8]) -> Option<&'static [u8]> {
        match self {
            Self::Copresence => (kind == b"ping").then_some(br#"{"type":"pong"}"#),
            Self::Plain => None,
            Self::SocketIo => (text == b"2").then_some(b"3"),
        }
    }

    /// Publishes the `number`th message to `room`; `data` is JSON.
    pub(crate) fn publish(self, number: u64, room: &str, data: &str) -> String {
        let delivered =
            || format!(r#"{{"type":"event","room":"{room}","offset":{number},"event":"load","data":{data}}}"#);
        match self {
            Self::Copresence => {
                format!(r#"{{"type":"publish","id":{number},"room":"{room}","event":"load","data":{data}}}"#)
            }
            Self::Plain => delivered(),
            Self::SocketIo => format!(r#"42["m",{}]"#, delivered()),
        }
    }

    /// Signals `data`, which is JSON, to the others in `room`.
    pub(crate) fn signal(self, room: &str, data: &str) -> String {
        let delivered = || format!(r#"{{"type":"signals","room":"{room}","event":"cursor","data":{data}}}"#);
        match self {
            Self::Copresence => format!(r#"{{"type":"signal","room":"{room}","event":"cursor","data":{data}}}"#),
            Self::Plain => delivered(),
            Self::SocketIo => format!(r#"42["m",{}]"#, delivered()),
        }
    }
}
