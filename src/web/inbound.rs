//! From the bytes of a client to its messages: frames, fragments and their bounds.

use std::time::{Duration, Instant};

use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use tokio_util::codec::Decoder;

use crate::clock::Clock;

/// One thing that a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A whole text message.
    Text(ByteString),
    /// A whole binary message; its bytes are of no use to this protocol.
    Binary,
    /// A WebSocket ping, to be answered.
    Ping(Bytes),
    /// A WebSocket pong: only a sign of life.
    Pong,
    /// The client's close, with its code when it bore one.
    Close(Option<u16>),
}

/// Why the connection can't go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The frames are not those of RFC 6455: 1002.
    Broken,
    /// Text that is not UTF-8: 1007.
    NotUtf8,
    /// A message beyond every measure: 4413.
    TooLarge,
    /// A message in far too many pieces, or one that is never finished: 4400.
    Fragments,
}

/// Reassembles messages. Keeps memory only while a frame or a message is unfinished.
pub struct Inbound {
    codec: Codec,
    unread: BytesMut,
    partial: Option<Partial>,
    message_bytes_max: usize,
}

struct Partial {
    bytes: BytesMut,
    is_text: bool,
    fragments: u32,
    since: Instant,
}

/// No honest client cuts a message of 256 KiB into more pieces.
const FRAGMENTS_MAX: u32 = 1_024;
/// Nor takes longer to send it.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(30);

impl Inbound {
    /// A reader of messages up to `message_bytes_max`.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        Self {
            codec: Codec::new().max_size(message_bytes_max),
            unread: BytesMut::new(),
            partial: None,
            message_bytes_max,
        }
    }

    /// Takes bytes from the socket.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// Whether all that was fed was handed out, so that another reader could go on in its place.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.unread.is_empty() && self.partial.is_none()
    }

    /// The next whole message; `None` when more bytes are needed.
    ///
    /// # Errors
    /// A [`Violation`], after which nothing more may be read.
    pub fn next(&mut self, clock: &Clock) -> Result<Option<Message>, Violation> {
        loop {
            // The codec would wait for the whole frame before it looks at its size.
            if announced(&self.unread).is_some_and(|length| length > self.message_bytes_max as u64) {
                return Err(Violation::TooLarge);
            }
            let frame = self.codec.decode(&mut self.unread).map_err(|error| match error {
                ProtocolError::Overflow => Violation::TooLarge,
                _ => Violation::Broken,
            })?;
            let Some(frame) = frame else {
                return Ok(None);
            };
            let whole = match frame {
                Frame::Text(bytes) => Some((true, bytes)),
                Frame::Binary(_) => return Ok(Some(Message::Binary)),
                Frame::Ping(payload) => return Ok(Some(Message::Ping(payload))),
                Frame::Pong(_) => return Ok(Some(Message::Pong)),
                Frame::Close(reason) => return Ok(Some(Message::Close(reason.map(|reason| reason.code.into())))),
                Frame::Continuation(item) => self.assemble(item, clock.now())?,
            };
            match whole {
                Some((true, bytes)) => {
                    return ByteString::try_from(bytes)
                        .map(|text| Some(Message::Text(text)))
                        .map_err(|_| Violation::NotUtf8);
                }
                Some((false, _)) => return Ok(Some(Message::Binary)),
                None => {}
            }
        }
    }

    /// Adds a fragment; answers the message (and whether it is text) with its last one.
    fn assemble(&mut self, item: Item, now: Instant) -> Result<Option<(bool, Bytes)>, Violation> {
        let start =
            |bytes: &Bytes, is_text| Partial { bytes: BytesMut::from(&bytes[..]), is_text, fragments: 1, since: now };
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => {
                self.partial = Some(start(&bytes, true));
                return Ok(None);
            }
            Item::FirstBinary(bytes) => {
                self.partial = Some(start(&bytes, false));
                return Ok(None);
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        let partial = self.partial.as_mut().ok_or(Violation::Broken)?;
        if partial.bytes.len() + bytes.len() > self.message_bytes_max {
            return Err(Violation::TooLarge);
        }
        partial.fragments += 1;
        if partial.fragments > FRAGMENTS_MAX || now >= partial.since + MESSAGE_TIME_MAX {
            return Err(Violation::Fragments);
        }
        partial.bytes.extend_from_slice(&bytes);
        if !is_last {
            return Ok(None);
        }
        Ok(self.partial.take().map(|partial| (partial.is_text, partial.bytes.freeze())))
    }
}

/// The payload length that the frame at the start of `bytes` announces, where it can be read yet (RFC 6455, 5.2).
fn announced(bytes: &[u8]) -> Option<u64> {
    match bytes.get(1)? & 0x7f {
        126 => Some(u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => Some(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        length => Some(u64::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame, masked with zeros so that it reads as it is.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..=125 => bytes.push(0x80 | u8::try_from(len).unwrap()),
            len @ 126..=0xffff => {
                bytes.push(0xfe);
                bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                bytes.push(0xff);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    fn all(bytes: &[u8]) -> (Vec<Message>, Option<Violation>) {
        let mut inbound = Inbound::new(1_000);
        inbound.feed(bytes);
        let mut messages = Vec::new();
        loop {
            match inbound.next(&Clock::system()) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, None),
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }

    #[test]
    fn fragments_are_one_message_and_pings_may_come_between() {
        let bytes = [frame(0x01, b"hel"), frame(0x89, b"?"), frame(0x00, b""), frame(0x80, b"lo")].concat();
        let (messages, violation) = all(&bytes);
        assert_eq!(messages, [Message::Ping(Bytes::from_static(b"?")), Message::Text("hello".into())]);
        assert_eq!(violation, None);
    }

    #[test]
    fn bytes_may_come_one_by_one() {
        let mut inbound = Inbound::new(1_000);
        let mut messages = Vec::new();
        for byte in frame(0x81, &[b'x'; 300]) {
            inbound.feed(&[byte]);
            messages.extend(inbound.next(&Clock::system()).unwrap());
        }
        assert_eq!(messages, [Message::Text("x".repeat(300).into())]);
        assert!(inbound.is_between_messages());
    }

    #[test]
    fn a_huge_frame_is_refused_by_its_header() {
        assert_eq!(all(&frame(0x81, &[b'x'; 2_000])[..10]).1, Some(Violation::TooLarge));
        let beyond_63_bits = [&[0x81, 0xff][..], &[0xff; 8]].concat();
        assert_eq!(all(&beyond_63_bits).1, Some(Violation::TooLarge));
    }

    #[test]
    fn pieces_without_end_are_refused() {
        let endless = [frame(0x01, b""), frame(0x00, b"").repeat(5_000)].concat();
        assert_eq!(all(&endless).1, Some(Violation::Fragments));
        let growing = [frame(0x01, &[b'x'; 600]), frame(0x00, &[b'x'; 600])].concat();
        assert_eq!(all(&growing).1, Some(Violation::TooLarge));
    }

    #[test]
    fn what_is_no_websocket_is_broken_and_what_is_no_text_is_not_utf8() {
        assert_eq!(all(&[0x81, 0x01, b'x']).1, Some(Violation::Broken), "unmasked");
        assert_eq!(all(&frame(0xc1, b"x")).1, Some(Violation::Broken), "a reserved bit");
        assert_eq!(all(&frame(0x80, b"x")).1, Some(Violation::Broken), "a continuation of nothing");
        assert_eq!(all(&frame(0x83, b"x")).1, Some(Violation::Broken), "an unknown opcode");
        assert_eq!(all(&frame(0x81, b"\xff\xfe")).1, Some(Violation::NotUtf8));
        assert_eq!(all(&frame(0x82, b"\xff\xfe")).0, [Message::Binary]);
    }
}
