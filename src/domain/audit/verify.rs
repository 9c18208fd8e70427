//! Whether a chain is whole, and where it is not.

use super::{Act, Chain, Hash, Head, Record};

/// The ends of a chain, as they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The last record that is no longer kept; [`Head::start`] while all are.
    pub floor: Head,
    /// The newest record.
    pub head: Head,
}

/// A head that somebody noted elsewhere. Without its number it can only be told that it is not there, not why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// The record's number.
    pub number: Option<u64>,
    /// Its hash.
    pub hash: Hash,
}

impl Known {
    /// Reads `NUMBER:HASH` or `HASH`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, hash) = match text.split_once(':') {
            Some((number, hash)) => (Some(number.parse().ok()?), hash),
            None => (None, text),
        };
        Some(Self { number, hash: Hash::parse(hash)? })
    }
}

/// A chain that is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Records that were looked at.
    pub records: u64,
    /// The newest one.
    pub head: Head,
    /// Whether the known head lies before the floor, so that nothing can be said about it.
    pub is_known_trimmed: bool,
}

/// How a chain is broken, at the first place where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// A record is not what was written.
    #[error("record {number} was edited: it is not what its hash was made of")]
    Edited {
        /// Which one.
        number: u64,
    },
    /// Records are gone from the middle.
    #[error("records {first} to {last} are missing")]
    Dropped {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Two records stand in each other's place.
    #[error("records are swapped: what was written as record {number} stands at {found}")]
    Swapped {
        /// The first of the two.
        number: u64,
        /// Where it was found.
        found: u64,
    },
    /// A number comes twice.
    #[error("record {number} stands there twice")]
    Doubled {
        /// Which one.
        number: u64,
    },
    /// Records are gone from the end.
    #[error("the end is missing: the last record is {last}, and there were {head}")]
    Truncated {
        /// The last one that is there.
        last: u64,
        /// The one that is known to have been.
        head: u64,
    },
    /// The chain goes on behind its stored head, or ends there with another hash.
    #[error("the stored head is record {stored}, which is not where the chain ends: it goes to record {found}")]
    Head {
        /// What is stored.
        stored: u64,
        /// Where the chain ends.
        found: u64,
    },
    /// The oldest records were removed, and no record tells of it.
    #[error("the records up to {floor} were removed, and not by the server: no record of the chain tells of it")]
    Floor {
        /// The last one that is gone.
        floor: u64,
    },
    /// The chain is whole in itself and has another past than the known head.
    #[error("the chain was written anew: record {number} is another one than was noted")]
    Rewritten {
        /// Where the known head was.
        number: u64,
    },
    /// The known head is nowhere in the chain.
    #[error("the noted head is not in the chain: its end is missing, or it was written anew")]
    NotFound,
}

/// Looks at the records of a chain one by one, ascending.
pub struct Verifier {
    ends: Ends,
    known: Option<Known>,
    /// Whether the known head was met.
    is_found: bool,
    is_floor_told: bool,
    /// As far as the chain is whole.
    at: Head,
    broken: Option<Broken>,
    /// The hash that is stored with the record that was edited.
    suspect: Option<Hash>,
}

impl Verifier {
    /// Begins at the floor. With a `known` head the chain must also contain that one.
    #[must_use]
    pub fn new(chain: &Chain, ends: Ends, known: Option<Known>) -> Self {
        let is_found = known.is_none_or(|known| known.hash == ends.floor.hash);
        let is_floor_told = ends.floor == Head::start(chain);
        Self { ends, known, is_found, is_floor_told, at: ends.floor, broken: None, suspect: None }
    }

    /// Looks at the next record, with the hash that is stored beside it.
    pub fn take(&mut self, record: &Record, stored: &Hash) {
        if self.broken.is_some() {
            return self.look_for_swapped(record, stored);
        }
        let number = self.at.number + 1;
        if record.number > number {
            self.broken = Some(Broken::Dropped { first: number, last: record.number - 1 });
            return;
        }
        if record.number < number {
            self.broken = Some(Broken::Doubled { number: record.number });
            return;
        }
        let hash = record.hash(&self.at.hash);
        if hash != *stored {
            self.broken = Some(Broken::Edited { number });
            self.suspect = Some(*stored);
            return;
        }
        self.at = Head { number, hash };
        if let Some(known) = self.known {
            self.is_found |= known.hash == hash;
            if known.number == Some(number) && known.hash != hash {
                self.broken = Some(Broken::Rewritten { number });
            }
        }
        self.is_floor_told |=
            record.act == Act::Trimmed.as_str() && record.what == self.ends.floor.as_floor().to_json();
    }

    /// A later record that fits where the chain broke was swapped with the one that stands there, with or without its hash.
    fn look_for_swapped(&mut self, record: &Record, stored: &Hash) {
        if let (Some(Broken::Edited { number }), Some(suspect)) = (self.broken, self.suspect) {
            let fits = Record { number, ..record.clone() }.hash(&self.at.hash);
            if fits == *stored || fits == suspect {
                self.broken = Some(Broken::Swapped { number, found: record.number });
            }
        }
    }

    /// That was the last one.
    ///
    /// # Errors
    /// Where and how the chain is broken.
    pub fn finish(self) -> Result<Verified, Broken> {
        let Self { ends, known, is_found, is_floor_told, at, broken, .. } = self;
        if let Some(broken) = broken {
            return Err(broken);
        }
        if at.number < ends.head.number {
            return Err(Broken::Truncated { last: at.number, head: ends.head.number });
        }
        if at != ends.head {
            return Err(Broken::Head { stored: ends.head.number, found: at.number });
        }
        if !is_floor_told {
            return Err(Broken::Floor { floor: ends.floor.number });
        }
        let mut is_known_trimmed = false;
        if let Some(known) = known.filter(|_| !is_found) {
            match known.number {
                Some(number) if number > at.number => return Err(Broken::Truncated { last: at.number, head: number }),
                Some(number) if number >= ends.floor.number => return Err(Broken::Rewritten { number }),
                Some(_) => is_known_trimmed = true,
                None => return Err(Broken::NotFound),
            }
        }
        Ok(Verified { records: at.number - ends.floor.number, head: at, is_known_trimmed })
    }
}

/// Verifies the records of `chain` that are kept, each with the hash that is stored beside it.
///
/// # Errors
/// Where and how the chain is broken.
pub fn verify(
    chain: &Chain,
    ends: Ends,
    records: impl IntoIterator<Item = (Record, Hash)>,
    known: Option<Known>,
) -> Result<Verified, Broken> {
    let mut verifier = Verifier::new(chain, ends, known);
    records.into_iter().for_each(|(record, stored)| verifier.take(&record, &stored));
    verifier.finish()
}
