//! What sessions share with others: the buckets of their user and their address, and how many of them there are.
//!
//! A session is handed both when it comes and keeps them, so a command takes no lock and posts no letter. Whoever writes
//! without one, over HTTP, looks the same buckets up, and a room's too. Buckets that nobody holds stay until they would
//! be full again: whoever reconnects finds them as they were left.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;

use crate::clock::Clock;
use crate::config::{LimitSettings, RoomRates};
use crate::domain::ids::{RoomKey, Tenant, UserId};
use crate::domain::limits::{self, Kind, Rates, TooFast};
use crate::protocol::Refusal;

mod standing;

pub use standing::{Standing, TooManySessions, User};

/// The buckets of one scope.
pub type Meters = limits::Meters<HandedIn>;
type Scope = limits::Scope<HandedIn>;

/// Our clock, as governor wants to be handed one.
#[derive(Clone)]
pub struct HandedIn(Clock);

impl GovernorClock for HandedIn {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// All limits of a node.
pub struct Limits {
    settings: LimitSettings,
    clock: HandedIn,
    node: Meters,
    session: Arc<Scope>,
    user: Arc<Scope>,
    address: Arc<Scope>,
    /// By what is set for a room: publishes and signals a second. There are as many as settings.
    rates_of_rooms: Mutex<HashMap<RoomRates, Arc<Scope>>>,
    users: Shelf<(Tenant, UserId), User>,
    addresses: Shelf<Network, Address>,
    rooms: Shelf<RoomKey, Meters>,
}

/// Where a client is, as far as limits go: an IPv4 address, or the /64 that one holder of IPv6 addresses has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network(IpAddr);

/// What all clients of one network share.
pub struct Address {
    /// Where.
    pub network: Network,
    /// Their buckets.
    pub meters: Meters,
    unconnected: AtomicUsize,
    sessions: AtomicUsize,
}

/// A connection that was let in and, while it is counted at its address, has not said `connect` yet.
pub struct Arrival(Option<Arc<Address>>);

impl Limits {
    /// Full buckets everywhere.
    #[must_use]
    pub fn new(settings: &LimitSettings, clock: &Clock) -> Arc<Self> {
        let clock = HandedIn(clock.clone());
        let scope = |rates| Scope::new(&kept(settings, rates), &clock);
        Arc::new(Self {
            settings: settings.clone(),
            node: scope(settings.node()).meters(),
            session: scope(settings.session()),
            user: scope(settings.user()),
            address: scope(settings.address()),
            rates_of_rooms: Mutex::default(),
            users: Shelf::new(settings.user().fill_time()),
            addresses: Shelf::new(settings.address().fill_time()),
            rooms: Shelf::new(settings.room(RoomRates { publishes_per_s: 1, signals_per_s: 1 }).fill_time()),
            clock,
        })
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// The refusal for the client: `rate_limited` when its address is to blame, else `unavailable`.
    pub fn arrive(&self, address: IpAddr) -> Result<Arrival, Refusal> {
        let address = self.address(address);
        // The address first: what it is refused costs the others nothing.
        address.meters.take(Kind::Connect, 1).map_err(|refused| {
            Refusal::rate_limited(
                format!("{} connects a second is this address' limit", refused.rate.per_s),
                refused.wait,
            )
        })?;
        let arrival =
            Arrival::of(address, self.settings.cap(self.settings.unconnected_per_address)).ok_or_else(|| {
                let message = "too many connections of this address have not said connect yet";
                Refusal::rate_limited(message, Duration::from_secs(1))
            })?;
        self.node.take(Kind::Connect, 1).map_err(|refused| {
            Refusal::unavailable("this node takes no more connections this second").after(refused.wait)
        })?;
        Ok(arrival)
    }

    /// The buckets of a new session.
    #[must_use]
    pub fn session(&self) -> Meters {
        self.session.meters()
    }

    /// What all sessions of a user share.
    #[must_use]
    pub fn user(&self, tenant: &Tenant, user: &UserId) -> Arc<User> {
        self.users.get(&(tenant.clone(), user.clone()), || User::new(self.user.meters()))
    }

    /// What all clients of an address share.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> Arc<Address> {
        let network = Network::of(address);
        self.addresses.get(&network, || Address {
            network,
            meters: self.address.meters(),
            unconnected: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
        })
    }

    /// The buckets that all who write into a room of these rates share, whether it is open or not.
    #[must_use]
    pub fn room(&self, room: &RoomKey, rates: RoomRates) -> Arc<Meters> {
        self.rooms.get(room, || {
            let mut known = self.rates_of_rooms.lock().unwrap_or_else(PoisonError::into_inner);
            let scope = known
                .entry(rates)
                .or_insert_with(|| Scope::new(&kept(&self.settings, self.settings.room(rates)), &self.clock));
            scope.meters()
        })
    }

    /// Clears away what nobody holds and would be full again. To be called now and then.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.users.sweep(now);
        self.addresses.sweep(now);
        self.rooms.sweep(now);
    }
}

/// The refusal of what was too fast; `whose` is whose bucket refused it, as in "room's".
#[must_use]
pub fn too_fast(kind: Kind, refused: &TooFast, whose: &str, wait: Duration) -> Refusal {
    let per_s = u64::from(refused.rate.per_s) * u64::from(kind.unit());
    Refusal::rate_limited(format!("{per_s} {} a second is this {whose} limit", kind.words()), wait)
}

/// The rates, or none while limits are switched off.
fn kept(settings: &LimitSettings, rates: Rates) -> Rates {
    if settings.enabled { rates } else { Rates::default() }
}

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(prefix) => write!(f, "{prefix}/64"),
        }
    }
}

impl Arrival {
    fn of(address: Arc<Address>, max: usize) -> Option<Self> {
        let below_max = |standing| (standing < max).then_some(standing + 1);
        address.unconnected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_max).ok()?;
        Some(Self(Some(address)))
    }

    /// It said `connect`, and counts no longer. Answers where it comes from, the first time.
    pub fn connected(&mut self) -> Option<Arc<Address>> {
        let address = self.0.take()?;
        address.unconnected.fetch_sub(1, Ordering::Relaxed);
        Some(address)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.connected();
    }
}

/// Values by key that are shared with whoever asks. Locked in parts, for a look-up alone.
struct Shelf<K, V> {
    parts: [Mutex<Places<K, V>>; PARTS],
    hasher: RandomState,
    kept_for: Duration,
}

type Places<K, V> = HashMap<K, Place<V>>;

struct Place<V> {
    value: Arc<V>,
    /// Since when a sweep has seen nobody hold it.
    free_since: Option<Instant>,
}

const PARTS: usize = 16;

impl<K: Eq + Hash + Clone, V> Shelf<K, V> {
    fn new(kept_for: Duration) -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new(), kept_for }
    }

    fn get(&self, key: &K, make: impl FnOnce() -> V) -> Arc<V> {
        let part = usize::try_from(self.hasher.hash_one(key) % PARTS as u64).unwrap_or(0);
        let mut places = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(key) {
            place.free_since = None;
            return Arc::clone(&place.value);
        }
        let value = Arc::new(make());
        places.insert(key.clone(), Place { value: Arc::clone(&value), free_since: None });
        value
    }

    fn sweep(&self, now: Instant) {
        for part in &self.parts {
            part.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, place| {
                if Arc::strong_count(&place.value) > 1 {
                    place.free_since = None;
                    return true;
                }
                let since = *place.free_since.get_or_insert(now);
                now.saturating_duration_since(since) < self.kept_for
            });
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entry::Timestamp;

    mod properties;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn limits(settings: LimitSettings) -> (Arc<Limits>, Clock) {
        let clock = Clock::manual(Timestamp(0));
        (Limits::new(&settings, &clock), clock)
    }

    #[test]
    fn a_flood_of_connects_keeps_nobody_else_out() {
        let settings =
            LimitSettings { address_connects_per_s: 1, burst_s: 5, connects_per_s: 2, ..LimitSettings::default() };
        let (limits, clock) = limits(settings);
        let taken = (0..1_000).filter(|_| limits.arrive(HERE).is_ok()).count();
        assert_eq!(taken, 5);
        let refused = limits.arrive(HERE).err().unwrap();
        assert_eq!(refused.code, crate::protocol::codes::ErrorCode::RateLimited);
        assert!(limits.arrive(THERE).is_ok());
        clock.advance(Duration::from_secs_f64(refused.retry_after.unwrap()));
        assert!(limits.arrive(HERE).is_ok());
    }

    #[test]
    fn beyond_its_rate_the_node_takes_nobody_until_it_does_again() {
        let (limits, _) = limits(LimitSettings { connects_per_s: 1, burst_s: 1, ..LimitSettings::default() });
        assert!(limits.arrive(HERE).is_ok());
        let refused = limits.arrive(THERE).err().unwrap();
        assert_eq!(refused.code, crate::protocol::codes::ErrorCode::Unavailable);
        assert_eq!(refused.retry_after, Some(1.0));
    }

    #[test]
    fn connections_that_say_nothing_are_bounded_and_connected_ones_are_not() {
        let (limits, _) = limits(LimitSettings { unconnected_per_address: 2, ..LimitSettings::default() });
        let mut first = limits.arrive(HERE).ok().unwrap();
        let second = limits.arrive(HERE).ok().unwrap();
        assert!(limits.arrive(HERE).is_err() && limits.arrive(THERE).is_ok());
        first.connected();
        let third = limits.arrive(HERE).ok().unwrap();
        assert!(limits.arrive(HERE).is_err());
        drop(first);
        assert!(limits.arrive(HERE).is_err(), "it counted no longer");
        drop((second, third));
        assert!(limits.arrive(HERE).is_ok());
    }

    #[test]
    fn who_reconnects_finds_the_buckets_as_they_were_left() {
        let (limits, clock) =
            limits(LimitSettings { publishes_per_s: 1, publish_burst: 20, user_times: 1, ..LimitSettings::default() });
        let (tenant, ada) = (Tenant::default(), UserId::parse("ada").unwrap());
        assert_eq!(limits.user(&tenant, &ada).meters.take(Kind::Publish, 20), Ok(()));
        limits.sweep();
        clock.advance(Duration::from_secs(5));
        limits.sweep();
        assert!(limits.user(&tenant, &ada).meters.take(Kind::Publish, 20).is_err());
        limits.sweep();
        clock.advance(Duration::from_secs(20));
        limits.sweep();
        assert_eq!(limits.users.len(), 0, "full again, and forgotten");
        let held = limits.user(&tenant, &ada);
        clock.advance(Duration::from_hours(1));
        limits.sweep();
        limits.sweep();
        assert_eq!(limits.users.len(), 1);
        drop(held);
    }

    #[test]
    fn a_room_that_closes_and_opens_again_is_not_refilled_by_it() {
        let (limits, _) = limits(LimitSettings { burst_s: 2, ..LimitSettings::default() });
        let rates = RoomRates { publishes_per_s: 1, signals_per_s: 1 };
        let room = |name: &str| {
            let name = crate::domain::ids::RoomName::parse(name).unwrap();
            limits.room(&RoomKey::new(Tenant::default(), name), rates)
        };
        assert_eq!(room("a").take(Kind::Publish, 2), Ok(()));
        limits.sweep();
        assert!(room("a").take(Kind::Publish, 1).is_err());
        assert_eq!(room("b").take(Kind::Publish, 1), Ok(()));
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_what_one_holder_of_ipv6_has() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn a_session_that_is_idle_costs_a_word_for_each_kind_of_command() {
        assert_eq!(size_of::<Meters>(), 104);
    }
}
