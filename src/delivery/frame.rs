//! One message in the form in which sockets take it.

use bytes::{BufMut, Bytes, BytesMut};

/// A whole WebSocket frame, header and payload, ready to be written. Cloning shares the bytes.
///
/// Server frames are not masked, so all receivers share the same bytes (RFC 6455, 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

/// The final fragment of a text message (RFC 6455, 5.2).
const FIN_TEXT: u8 = 0x81;
const FIN_CLOSE: u8 = 0x88;
const FIN_PONG: u8 = 0x8a;
/// What a control frame may carry at most (RFC 6455, 5.5).
const CONTROL_PAYLOAD_MAX: usize = 125;

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

    /// The bytes as they go onto the wire.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// How many bytes go onto the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a frame has a header, so it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn encode(first: u8, payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(10 + payload.len());
        bytes.put_u8(first);
        match payload.len() {
            len @ 0..=125 => bytes.put_u8(u8::try_from(len).unwrap_or_default()),
            len @ 126..=0xffff => {
                bytes.put_u8(126);
                bytes.put_u16(u16::try_from(len).unwrap_or_default());
            }
            len => {
                bytes.put_u8(127);
                bytes.put_u64(len as u64);
            }
        }
        bytes.put_slice(payload);
        Self(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_takes_one_three_or_nine_bytes() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::text(&"x".repeat(length));
            assert_eq!(frame.len(), header + length);
            assert_eq!(frame.bytes()[0], 0x81);
            assert_eq!(&frame.bytes()[frame.len() - length..], "x".repeat(length).as_bytes());
        }
    }

    #[test]
    fn control_frames_never_carry_more_than_the_standard_allows() {
        assert_eq!(Frame::close(Some(4401), &"x".repeat(500)).len(), 2 + CONTROL_PAYLOAD_MAX);
        assert_eq!(&Frame::close(Some(1012), "restart").bytes()[2..4], &1012u16.to_be_bytes());
        assert_eq!(Frame::close(None, "").bytes().as_ref(), &[0x88, 0]);
        assert_eq!(Frame::pong(&[7; 200]).len(), 2 + CONTROL_PAYLOAD_MAX);
    }
}
