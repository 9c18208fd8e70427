//! What waits to be written to one socket.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::{Farewell, OutboxLimits};
use crate::delivery::frame::Frame;

#[derive(Default)]
pub(super) struct Queue {
    pub(super) pieces: VecDeque<Piece>,
    pub(super) bytes: usize,
    /// How much of the first piece the socket has taken.
    pub(super) written: usize,
    /// Whether the socket has taken a part of a frame and not all of it.
    pub(super) is_mid_frame: bool,
    /// Since when bytes wait that the socket refused.
    pub(super) refused_since: Option<Instant>,
    /// When the socket last took a byte while some waited.
    pub(super) accepted_at: Option<Instant>,
    pub(super) closing: Option<Closing>,
}

/// Bytes to be written. Most frames are one piece.
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) ends_frame: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub(super) farewell: Farewell,
    pub(super) since: Instant,
}

impl Queue {
    pub(super) fn put(&mut self, frame: &Frame) {
        let mut pieces = frame.pieces().peekable();
        while let Some(piece) = pieces.next() {
            self.bytes += piece.len();
            self.pieces.push_back(Piece { bytes: piece.clone(), ends_frame: pieces.peek().is_none() });
        }
    }

    pub(super) fn is_too_slow(&self, limits: &OutboxLimits, now: Instant) -> bool {
        let is_slow =
            self.refused_since.is_some_and(|since| now >= since + limits.slow_after) && self.bytes > limits.slow_bytes;
        let is_stalled = self.accepted_at.is_some_and(|at| now >= at + limits.stalled_after);
        is_slow || is_stalled || self.bytes > limits.queued_bytes_max
    }

    /// Throws away all but the rest of a frame that is half written: the other side waits for it.
    pub(super) fn drop_whole_frames(&mut self) {
        let rest = if self.is_mid_frame {
            self.pieces.iter().position(|piece| piece.ends_frame).map_or(0, |last| last + 1)
        } else {
            0
        };
        self.pieces.truncate(rest);
        self.bytes = self.pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>() - self.written;
    }

    /// Takes `written` bytes off the front.
    pub(super) fn take(&mut self, mut written: usize, now: Instant) {
        self.bytes -= written;
        if written > 0 && self.refused_since.is_some() {
            self.accepted_at = Some(now);
        }
        written += self.written;
        while let Some(first) = self.pieces.front() {
            if written < first.bytes.len() {
                break;
            }
            written -= first.bytes.len();
            self.is_mid_frame = !first.ends_frame;
            self.pieces.pop_front();
        }
        self.is_mid_frame |= written > 0;
        self.written = written;
    }
}
