//! The time of sending, inside the data that is sent, so that whoever receives it knows how old it is.

use std::time::Instant;

use crate::histogram::Histogram;
use crate::scan;

/// What a stamp begins with; occurs nowhere else in a message.
pub(super) const START: &str = "\"~";
/// Digits of microseconds, always as many, so that all messages of a run are equally long.
const DIGITS: usize = 16;
/// Quotation marks, tilde, digits and the point after them.
const STAMP_BYTES: usize = DIGITS + 4;

/// Counts microseconds from the moment it was made.
#[derive(Clone, Copy)]
pub(super) struct Stamps {
    origin: Instant,
}

impl Stamps {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    /// A JSON string of `bytes` bytes, quotation marks included, that says that it is `now`. Never shorter than a stamp.
    pub(super) fn data(self, now: Instant, bytes: usize) -> String {
        let filling = bytes.saturating_sub(STAMP_BYTES);
        format!("{START}{:0DIGITS$}.{:x<filling$}\"", (now - self.origin).as_micros(), "")
    }

    /// Records how old a stamp is at `now`; `text` begins right after its [`START`].
    pub(super) fn record_age(self, text: &[u8], now: Instant, latency: &mut Histogram) {
        if let Some(sent_us) = scan::number(text) {
            let now_us = u64::try_from((now - self.origin).as_micros()).unwrap_or(u64::MAX);
            latency.record_us(now_us.saturating_sub(sent_us));
        }
    }
}
