//! A WebSocket client's half of RFC 6455, as little of it as a load generator needs.
//!
//! Outward: one masked text (or control) frame a message. Inward: bytes as the socket gave them, cut into frames without an
//! allocation a message; only a frame that two reads share is copied. Fragments, extensions and masked frames are not
//! what the server sends, so they are [`Broken`] here.

/// Opcodes that the generator meets.
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The upper bits of a frame's first two bytes.
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// No frame of the server's is longer; a longer one means that the reader lost its place.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// The server sent something that is no unfragmented, unmasked frame.
#[derive(Debug)]
pub(crate) struct Broken;

/// Draws the masks. They need not be secret between two processes of one machine, only different.
pub(crate) struct Masks(u32);

impl Masks {
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9)
    }

    /// The next mask of a xorshift sequence (Marsaglia 2003, triple 13, 17, 5).
    fn draw(&mut self) -> [u8; 4] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.to_be_bytes()
    }

    /// Appends one whole masked frame with `payload` to `out`.
    pub(crate) fn frame(&mut self, opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
        out.push(FINAL | opcode);
        match payload.len() {
            // Both casts are bounded by the arm that they stand in.
            length @ 0..=125 => out.push(MASKED | u8::try_from(length).expect("at most 125")),
            length @ 126..=0xFFFF => {
                out.push(MASKED | 0x7E);
                out.extend_from_slice(&u16::try_from(length).expect("at most 65,535").to_be_bytes());
            }
            length => {
                out.push(MASKED | 0x7F);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        let mask = self.draw();
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
}

/// Cuts one connection's inbound bytes into frames.
#[derive(Default)]
pub(crate) struct Reader {
    /// The start of a frame whose rest has not come yet; empty most of the time, and then without an allocation.
    partial: Vec<u8>,
}

/// What the first bytes of a frame say.
struct Head {
    opcode: u8,
    /// Where the payload begins, and where the frame ends.
    start: usize,
    end: usize,
}

impl Reader {
    /// Takes the next bytes of the stream and hands each frame that they complete to `take` as (opcode, payload).
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut take: impl FnMut(u8, &[u8])) -> Result<(), Broken> {
        while !self.partial.is_empty() {
            let Some(head) = Head::read(&self.partial)? else {
                // A head cut in two is rare and at most ten bytes long: byte by byte is good enough.
                let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
                self.partial.push(*first);
                bytes = rest;
                continue;
            };
            let missing = (head.end - self.partial.len()).min(bytes.len());
            self.partial.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.partial.len() < head.end {
                return Ok(());
            }
            take(head.opcode, &self.partial[head.start..]);
            self.partial.clear();
        }
        while let Some(head) = Head::read(bytes)?.filter(|head| head.end <= bytes.len()) {
            take(head.opcode, &bytes[head.start..head.end]);
            bytes = &bytes[head.end..];
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

impl Head {
    /// Reads a frame's head; `None` while it is not complete.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Broken> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (is_final, reserved, is_masked) = (first & FINAL != 0, first & 0x70, second & MASKED != 0);
        if !is_final || reserved != 0 || is_masked {
            return Err(Broken);
        }
        let (start, length) = match second & 0x7F {
            126 => match rest.first_chunk() {
                Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (10, usize::try_from(u64::from_be_bytes(*length)).map_err(|_| Broken)?),
                None => return Ok(None),
            },
            length => (2, usize::from(length)),
        };
        if length > FRAME_BYTES_MAX {
            return Err(Broken);
        }
        Ok(Some(Self { opcode: first & 0x0F, start, end: start + length }))
    }
}
