//! One message in the form in which sockets take it.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

/// A whole WebSocket frame, header and payload, ready to be written. Cloning shares the bytes.
///
/// Server frames are not masked, so all receivers share the same bytes (RFC 6455, 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    start: Bytes,
    /// What follows `start`, for a frame that leaves out a part of another one and shares the rest with it.
    rest: Option<Box<[Bytes; 2]>>,
}

/// The final fragment of a text message (RFC 6455, 5.2).
const FIN_TEXT: u8 = 0x81;
const FIN_CLOSE: u8 = 0x88;
const FIN_PONG: u8 = 0x8a;
/// What a control frame may carry at most (RFC 6455, 5.5).
const CONTROL_PAYLOAD_MAX: usize = 125;
/// So much is copied sooner than shared: a frame of one piece is written by a plain `send`, and queued without a box.
const COPIED_MAX: usize = 2 << 10;

impl Frame {
    /// A text message of one fragment.
    #[must_use]
    pub fn text(payload: &str) -> Self {
        Self::encode(FIN_TEXT, payload.as_bytes())
    }

    /// The answer to a WebSocket ping; an overlong payload is cut.
    #[must_use]
    pub fn pong(payload: &[u8]) -> Self {
        Self::encode(FIN_PONG, &payload[..payload.len().min(CONTROL_PAYLOAD_MAX)])
    }

    /// A close frame. `None` answers a close that bore no code.
    #[must_use]
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let Some(code) = code else { return Self::encode(FIN_CLOSE, &[]) };
        let mut payload = Vec::with_capacity(2 + reason.len());
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(reason.as_bytes());
        payload.truncate(CONTROL_PAYLOAD_MAX);
        Self::encode(FIN_CLOSE, &payload)
    }

    /// This text message without a part of its payload, in bytes. A long rest is shared with this one: only a header is new.
    ///
    /// # Panics
    /// When the part is not inside the payload.
    #[must_use]
    pub fn without(&self, part: Range<usize>) -> Self {
        let payload = self.start.slice(header_len(&self.start)..);
        if payload.len() - part.len() <= COPIED_MAX {
            let (before, after) = (&payload[..part.start], &payload[part.end..]);
            let length = before.len() + after.len();
            let mut bytes = header(FIN_TEXT, length, length);
            bytes.put_slice(before);
            bytes.put_slice(after);
            return Self { start: bytes.freeze(), rest: None };
        }
        let (before, after) = (payload.slice(..part.start), payload.slice(part.end..));
        let header = header(FIN_TEXT, before.len() + after.len(), 0);
        Self { start: header.freeze(), rest: Some(Box::new([before, after])) }
    }

    /// The same frame in bytes of its own.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self::joined(std::slice::from_ref(self))
    }

    /// These frames one behind the other, in one piece.
    #[must_use]
    pub fn joined(frames: &[Self]) -> Self {
        let mut bytes = BytesMut::with_capacity(frames.iter().map(Self::len).sum());
        for piece in frames.iter().flat_map(Self::pieces) {
            bytes.put_slice(piece);
        }
        Self { start: bytes.freeze(), rest: None }
    }

    /// The bytes as they go onto the wire, in pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        let rest = self.rest.as_deref().map_or(&[][..], |rest| rest);
        std::iter::once(&self.start).chain(rest).filter(|piece| !piece.is_empty())
    }

    /// The bytes as they go onto the wire, when they are one piece, as those of most frames are.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        self.rest.is_none().then_some(&self.start)
    }

    /// How many bytes go onto the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a frame has a header, so it is never empty")]
    pub fn len(&self) -> usize {
        self.pieces().map(Bytes::len).sum()
    }

    fn encode(first: u8, payload: &[u8]) -> Self {
        let mut bytes = header(first, payload.len(), payload.len());
        bytes.put_slice(payload);
        Self { start: bytes.freeze(), rest: None }
    }
}

/// The header of an unmasked frame with a payload of `length` bytes, with `room` for what follows it.
fn header(first: u8, length: usize, room: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(10 + room);
    bytes.put_u8(first);
    match length {
        0..=125 => bytes.put_u8(u8::try_from(length).unwrap_or_default()),
        126..=0xffff => {
            bytes.put_u8(126);
            bytes.put_u16(u16::try_from(length).unwrap_or_default());
        }
        _ => {
            bytes.put_u8(127);
            bytes.put_u64(length as u64);
        }
    }
    bytes
}

/// How long the header of an unmasked frame is.
fn header_len(frame: &[u8]) -> usize {
    match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(frame: &Frame) -> Vec<u8> {
        frame.pieces().flatten().copied().collect()
    }

    #[test]
    fn a_part_left_out_makes_the_frame_of_the_rest() {
        for length in [3, 125, 126, 127, COPIED_MAX, COPIED_MAX + 1, COPIED_MAX + 2, 65_535, 65_536, 65_600] {
            let text: String = (0..length).map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap())).collect();
            for part in [0..1, 1..2, length - 1..length, 1..length, 0..length] {
                let rest = [&text[..part.start], &text[part.end..]].concat();
                let cut = Frame::text(&text).without(part);
                assert_eq!(wire(&cut), wire(&Frame::text(&rest)));
                assert_eq!(cut.len(), Frame::text(&rest).len());
            }
        }
    }

    #[test]
    fn a_short_rest_is_one_piece_and_a_long_one_is_shared() {
        let cut = |length: usize| Frame::text(&"x".repeat(length)).without(3..5);
        assert!(cut(COPIED_MAX + 2).whole().is_some());
        assert!(cut(COPIED_MAX + 3).whole().is_none());
    }

    #[test]
    fn the_length_takes_one_three_or_nine_bytes() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::text(&"x".repeat(length));
            assert_eq!(frame.len(), header + length);
            let bytes = wire(&frame);
            assert_eq!(bytes[0], 0x81);
            assert_eq!(&bytes[frame.len() - length..], "x".repeat(length).as_bytes());
        }
    }

    #[test]
    fn control_frames_never_carry_more_than_the_standard_allows() {
        assert_eq!(Frame::close(Some(4401), &"x".repeat(500)).len(), 2 + CONTROL_PAYLOAD_MAX);
        assert_eq!(&wire(&Frame::close(Some(1012), "restart"))[2..4], &1012u16.to_be_bytes());
        assert_eq!(wire(&Frame::close(None, "")), [0x88, 0]);
        assert_eq!(Frame::pong(&[7; 200]).len(), 2 + CONTROL_PAYLOAD_MAX);
    }
}
