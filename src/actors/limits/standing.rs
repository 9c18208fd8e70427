//! Connected sessions of a user and of an address, and their bounds.
//!
//! They are counted where their buckets are, so that whoever connects knows on its own thread whether there is room, and
//! nobody has to be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Address, Limits, Meters};
use crate::protocol::Refusal;

/// What all sessions of a user share.
pub struct User {
    /// Their buckets.
    pub meters: Meters,
    sessions: AtomicUsize,
}

/// A connected session, as it counts with its user and its address. It keeps their buckets.
pub struct Standing {
    /// Whose.
    pub user: Arc<User>,
    /// From where.
    pub address: Arc<Address>,
}

/// There would be too many sessions with one more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooManySessions {
    /// The user has as many as one may have.
    OfUser(usize),
    /// The address has.
    OfAddress(usize),
}

impl User {
    pub(super) fn new(meters: Meters) -> Self {
        Self { meters, sessions: AtomicUsize::new(0) }
    }
}

impl Limits {
    /// Counts one more session, and says whether it is one too many: a session that is taken up by its secret is none,
    /// for it was counted before.
    pub fn stand(&self, user: Arc<User>, address: Arc<Address>) -> (Standing, Result<(), TooManySessions>) {
        let of_user = user.sessions.fetch_add(1, Ordering::Relaxed);
        let of_address = address.sessions.fetch_add(1, Ordering::Relaxed);
        let (user_max, address_max) = (self.settings.sessions_per_user, self.settings.sessions_per_address);
        let fits = if of_user >= self.settings.cap(user_max) {
            Err(TooManySessions::OfUser(user_max))
        } else if of_address >= self.settings.cap(address_max) {
            Err(TooManySessions::OfAddress(address_max))
        } else {
            Ok(())
        };
        (Standing { user, address }, fits)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.user.sessions.fetch_sub(1, Ordering::Relaxed);
        self.address.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TooManySessions {
    /// What the client hears.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::OfUser(max) => Refusal::over_limit(format!("a user has at most {max} sessions")),
            Self::OfAddress(max) => Refusal::over_limit(format!("an address has at most {max} sessions")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::clock::Clock;
    use crate::config::LimitSettings;
    use crate::domain::entry::Timestamp;
    use crate::domain::ids::{Tenant, UserId};

    #[test]
    fn who_was_one_too_many_makes_room_again_and_so_does_who_goes() {
        let settings = LimitSettings { sessions_per_user: 2, sessions_per_address: 3, ..LimitSettings::default() };
        let limits = Limits::new(&settings, &Clock::manual(Timestamp(0)));
        let come = |user: &str| {
            let user = limits.user(&Tenant::default(), &UserId::parse(user).unwrap());
            limits.stand(user, limits.address(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        };
        let (first, second) = (come("ada"), come("ada"));
        assert_eq!((first.1, second.1), (Ok(()), Ok(())));
        for _ in 0..5 {
            assert_eq!(come("ada").1, Err(TooManySessions::OfUser(2)));
        }
        let bob = come("bob");
        assert_eq!(bob.1, Ok(()));
        assert_eq!(come("cy").1, Err(TooManySessions::OfAddress(3)));
        drop(first);
        let third = come("ada");
        assert_eq!(third.1, Ok(()));
        assert_eq!(come("cy").1, Err(TooManySessions::OfAddress(3)));
        drop((second, third, bob));
        assert_eq!(come("cy").1, Ok(()));
    }
}
