//! The signals of a tick, for everybody and for each of those who signalled.

use std::ops::Range;

use crate::domain::ids::{RoomName, SessionId};
use crate::domain::signals::{Gathered, Signaller};

use super::writer::{Writer, put};

/// One tick's signals, encoded once. What a signaller is sent is that text without a part.
#[derive(Clone, Debug)]
pub struct SignalBatch {
    text: String,
    /// Where each signaller's own fragments stand in `text`, without the commas around them.
    own: Vec<(SessionId, Range<usize>)>,
}

impl SignalBatch {
    /// Encodes what `room` gathered.
    #[must_use]
    pub fn new(room: &RoomName, gathered: &Gathered) -> Self {
        let size: usize = gathered.signallers.iter().map(encoded_size).sum();
        let mut text = Writer::new("signals", size + 300).text("room", room.as_str()).end();
        // The object is opened again for its list.
        text.pop();
        text.push_str(",\"signals\":");
        let mut own = Vec::with_capacity(gathered.signallers.len());
        put::list(&mut text, &gathered.signallers, |text, signaller| {
            let start = text.len();
            put_signaller(text, signaller);
            own.push((signaller.session.clone(), start..text.len()));
        });
        text.push('}');
        Self { text, own }
    }

    /// The message for all who did not signal.
    #[must_use]
    pub fn all(&self) -> &str {
        &self.text
    }

    /// Each signaller with the part of [`all`](Self::all) to leave out for it, so that it is not sent its own; `None`
    /// when nothing would be left. Parts and not texts: as many texts as signallers would grow with their square.
    pub fn each_own(&self) -> impl Iterator<Item = (&SessionId, Option<Range<usize>>)> {
        self.own.iter().enumerate().map(|(slot, (session, own))| (session, self.part(slot, own)))
    }

    fn part(&self, slot: usize, own: &Range<usize>) -> Option<Range<usize>> {
        if self.own.len() == 1 {
            return None;
        }
        // One comma goes with it: that behind the first, that before any other.
        Some(if slot == 0 { own.start..own.end + 1 } else { own.start - 1..own.end })
    }
}

fn put_signaller(out: &mut String, signaller: &Signaller) {
    for (slot, (event, data)) in signaller.signals.iter().enumerate() {
        let start = if slot > 0 { ",{\"session\":" } else { "{\"session\":" };
        put::text(out, start, signaller.session.as_str());
        put::text(out, ",\"user\":", signaller.user.as_str());
        put::text(out, ",\"event\":", event);
        put::parts(out, &[",\"data\":", data, "}"]);
    }
}

fn encoded_size(signaller: &Signaller) -> usize {
    let names = signaller.session.as_str().len() + signaller.user.as_str().len() + 48;
    signaller.signals.iter().map(|(event, data)| names + event.len() + data.len()).sum()
}
