//! What one member of a room has received of its log.

/// The offsets that one member took, as far as needed to tell a late one from a doubled one.
#[derive(Default)]
pub(super) struct Member {
    /// The highest offset so far.
    last: u64,
    /// Offsets below it that did not come; empty unless the server broke its word.
    holes: Vec<u64>,
}

/// How an entry came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    InOrder,
    /// After one with a higher offset.
    Late,
    /// A second time.
    Again,
}

impl Member {
    pub(super) fn take(&mut self, offset: u64) -> Came {
        if offset > self.last {
            self.holes.extend(self.last + 1..offset);
            self.last = offset;
            return Came::InOrder;
        }
        match self.holes.iter().position(|hole| *hole == offset) {
            Some(hole) => {
                self.holes.swap_remove(hole);
                Came::Late
            }
            None => Came::Again,
        }
    }

    /// How many of the offsets 1 to `head` did not come.
    pub(super) fn missing(&self, head: u64) -> u64 {
        self.holes.len() as u64 + head.saturating_sub(self.last)
    }
}
