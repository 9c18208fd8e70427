//! A WebSocket made by hand, so that a frame can be wrong in any way.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Node, soon};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A frame as it is put on the wire; starts out right.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) reserved: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
    /// What the head claims, when it isn't the truth.
    pub(crate) claimed: Option<u64>,
}

impl Frame {
    pub(crate) fn text(payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, reserved: 0, opcode: TEXT, masked: true, payload: payload.into(), claimed: None }
    }

    pub(crate) fn of(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { opcode, ..Self::text(payload) }
    }

    /// The same, with more of the message to follow.
    pub(crate) fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode];
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let length = self.claimed.unwrap_or(self.payload.len() as u64);
        match length {
            0..126 => bytes.push(mask_bit | u8::try_from(length).expect("below 126")),
            126..65536 => {
                bytes.push(mask_bit | 0x7e);
                bytes.extend(u16::try_from(length).expect("below 65,536").to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 0x7f);
                bytes.extend(length.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// A connection after the upgrade.
pub(crate) struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Upgraded, and nothing said yet.
    pub(crate) async fn open(node: &Node) -> Self {
        let mut stream = soon("a TCP connection", TcpStream::connect(&node.address)).await.expect("the server accepts");
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: copresence.v1\r\n\r\n",
            node.address
        );
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut buffer = Vec::new();
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            let read = soon("the upgrade", stream.read_buf(&mut buffer)).await.expect("the server answers");
            assert!(read > 0, "the server ended the connection in place of the upgrade");
        };
        let answer: Vec<u8> = buffer.drain(..head).collect();
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self { stream, buffer }
    }

    /// Upgraded and connected as a guest.
    pub(crate) async fn guest(node: &Node) -> Self {
        let mut raw = Self::open(node).await;
        raw.send(&Frame::text(r#"{"type":"connect","id":1}"#)).await;
        let connected = raw.text().await.expect("a guest is let in");
        assert!(connected.contains(r#""connected""#), "{connected}");
        raw
    }

    /// Sends a frame; whether the server still took it.
    pub(crate) async fn send(&mut self, frame: &Frame) -> bool {
        self.send_bytes(&frame.bytes()).await
    }

    /// Sends bytes; whether the server still took them.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        soon("bytes to be taken", self.stream.write_all(bytes)).await.is_ok()
    }

    /// The next frame: opcode and payload; `None` when the connection ended.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        soon("a frame", async {
            loop {
                if let Some(frame) = self.buffered_frame() {
                    return Some(frame);
                }
                if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0) {
                    return None;
                }
            }
        })
        .await
    }

    /// The next text; `None` when a close or the end of the connection comes first.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            match self.frame().await? {
                (TEXT, payload) => return Some(String::from_utf8(payload).expect("the server sends UTF-8")),
                (CLOSE, _) => return None,
                _ => {}
            }
        }
    }

    /// The code of the close frame with which the server ends the connection, whatever it sends before; `None` when it
    /// ends without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            if let (CLOSE, payload) = self.frame().await? {
                return Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)));
            }
        }
    }

    fn buffered_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.buffer.first_chunk::<2>()?;
        let (opcode, short) = (head[0] & 0x0f, head[1]);
        assert_eq!(short & 0x80, 0, "a server does not mask");
        let (start, length) = match short {
            126 => (4, usize::from(u16::from_be_bytes(*self.buffer.get(2..)?.first_chunk()?))),
            127 => {
                (10, usize::try_from(u64::from_be_bytes(*self.buffer.get(2..)?.first_chunk()?)).expect("fits memory"))
            }
            _ => (2, usize::from(short)),
        };
        if self.buffer.len() < start + length {
            return None;
        }
        let payload = self.buffer[start..start + length].to_vec();
        self.buffer.drain(..start + length);
        Some((opcode, payload))
    }
}
