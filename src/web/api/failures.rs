//! Who brings wrong keys: a guess costs its guesser time, and an operator one line.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// So many refused keys from one address within [`WINDOW`] are answered one by one.
const FAILURES_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 10_000;

/// Refused keys by address.
pub(super) struct Failures {
    clock: Clock,
    is_limited: bool,
    by_address: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Failures {
    pub(super) fn new(clock: Clock, is_limited: bool) -> Self {
        Self { clock, is_limited, by_address: Mutex::default() }
    }

    /// How long nothing from this address is looked at any more; `None` when it is.
    pub(super) fn blocked(&self, address: IpAddr) -> Option<Duration> {
        let by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = by_address.get(&network(address)).filter(|_| self.is_limited)?;
        let left = (*since + WINDOW).checked_duration_since(self.clock.now()).filter(|left| !left.is_zero());
        left.filter(|_| *count >= FAILURES_MAX)
    }

    /// Notes a refused key; true for the first of its time, which is worth a line.
    pub(super) fn note(&self, address: IpAddr) -> bool {
        let now = self.clock.now();
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() >= ADDRESSES_MAX {
            by_address.retain(|_, (since, _)| now < *since + WINDOW);
        }
        if by_address.len() >= ADDRESSES_MAX {
            // A flood from everywhere is not stopped by remembering it.
            by_address.clear();
        }
        let (since, count) = by_address.entry(network(address)).or_insert((now, 0));
        if now >= *since + WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count == 1
    }
}

/// Who has one IPv6 address has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entry::Timestamp;

    #[test]
    fn who_guesses_waits_and_is_told_of_once_and_neighbours_go_on() {
        let clock = Clock::manual(Timestamp(0));
        let failures = Failures::new(clock.clone(), true);
        let [guesser, beside, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        let told = (0..FAILURES_MAX).filter(|_| failures.note(guesser)).count();
        assert_eq!(told, 1);
        assert_eq!(failures.blocked(beside), Some(WINDOW));
        assert_eq!(failures.blocked(other), None);
        clock.advance(WINDOW);
        assert_eq!(failures.blocked(guesser), None);
        assert!(failures.note(guesser));
        assert_eq!(failures.blocked(guesser), None);
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory_than_there_is_for_it() {
        let clock = Clock::manual(Timestamp(0));
        let failures = Failures::new(clock.clone(), true);
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let remembered = || failures.by_address.lock().unwrap().len();
        for number in 0..ADDRESSES_MAX / 2 {
            failures.note(address(number));
        }
        clock.advance(WINDOW);
        for number in ADDRESSES_MAX / 2..=ADDRESSES_MAX {
            failures.note(address(number));
        }
        assert_eq!(remembered(), ADDRESSES_MAX / 2 + 1, "those whose time is over went first");
        for number in ADDRESSES_MAX..3 * ADDRESSES_MAX {
            failures.note(address(number));
            assert!(remembered() <= ADDRESSES_MAX);
        }
        for _ in 0..FAILURES_MAX {
            failures.note(address(7));
        }
        assert_eq!(failures.blocked(address(7)), Some(WINDOW), "who guesses still waits");
    }
}
