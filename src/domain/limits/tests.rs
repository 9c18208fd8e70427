use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A clock that a test moves on.
#[derive(Clone)]
struct Hand(Arc<Mutex<Instant>>);

impl Hand {
    #[expect(clippy::disallowed_methods, reason = "a test needs some first instant")]
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl GovernorClock for Hand {
    type Instant = Instant;

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }
}

fn publishes(per_s: u32, burst: u32, clock: &Hand) -> Meters<Hand> {
    Scope::new(&Rates::default().with(Kind::Publish, Rate { per_s, burst }), clock).meters()
}

fn rates() -> impl Strategy<Value = (u32, u32)> {
    (prop_oneof![1_u32..50, 1_u32..100_000_000], prop_oneof![1_u32..50, 1_u32..10_000])
}

proptest! {
    /// Over every window, from each taken command to each later one.
    #[test]
    fn no_window_ever_grants_more_than_its_share_and_a_burst(
        (per_s, burst) in rates(),
        steps in prop::collection::vec((0_u64..2_000_000_000, 1_u32..60), 1..60),
    ) {
        let clock = Hand::new();
        let meters = publishes(per_s, burst, &clock);
        let mut granted: Vec<(Instant, u64)> = Vec::new();
        for (pause, cost) in steps {
            clock.advance(Duration::from_nanos(pause));
            if meters.take(Kind::Publish, cost).is_ok() {
                granted.push((clock.now(), u64::from(cost.min(burst))));
            }
        }
        for (first, (from, _)) in granted.iter().enumerate() {
            let mut sum = 0;
            for (until, cost) in &granted[first..] {
                sum += cost;
                let share = until.duration_since(*from).as_nanos() * u128::from(per_s) / 1_000_000_000;
                prop_assert!(u128::from(sum) <= share + u128::from(burst), "{sum} in {:?}", until.duration_since(*from));
            }
        }
    }

    #[test]
    fn who_waits_as_told_is_taken_when_alone(
        (per_s, burst) in rates(),
        steps in prop::collection::vec((0_u64..100_000_000, 1_u32..60), 1..60),
    ) {
        let clock = Hand::new();
        let meters = publishes(per_s, burst, &clock);
        for (pause, cost) in steps {
            clock.advance(Duration::from_nanos(pause));
            if let Err(refused) = meters.take(Kind::Publish, cost) {
                prop_assert!(refused.wait > Duration::ZERO && refused.wait <= meters.refills(Kind::Publish, cost));
                clock.advance(refused.wait);
                prop_assert_eq!(meters.take(Kind::Publish, cost), Ok(()));
            }
        }
    }

    #[test]
    fn the_same_holds_for_scope_in_scope(
        all in prop::collection::vec(rates(), 1..4),
        steps in prop::collection::vec((0_u64..100_000_000, 1_u32..60), 1..60),
    ) {
        let clock = Hand::new();
        let scopes: Vec<_> = all.iter().map(|(per_s, burst)| publishes(*per_s, *burst, &clock)).collect();
        let scopes: Vec<_> = scopes.iter().collect();
        for (pause, cost) in steps {
            clock.advance(Duration::from_nanos(pause));
            // Also where one scope refuses and the next would have.
            if let Err(refused) = take_all(&scopes, Kind::Publish, cost) {
                clock.advance(refused.wait);
                prop_assert_eq!(take_all(&scopes, Kind::Publish, cost), Ok(()), "{:?}", refused);
            }
        }
    }

    #[test]
    fn patience_ends_with_those_alone_who_keep_on(
        max in 1_u32..100,
        pauses in prop::collection::vec((0_u64..3_000, 0_u64..3_000), 1..200),
    ) {
        let clock = Hand::new();
        let start = clock.now();
        let mut patience = Patience::default();
        let mut refusals: Vec<Instant> = Vec::new();
        for (pause, wait) in pauses {
            clock.advance(Duration::from_millis(pause));
            refusals.push(clock.now());
            if patience.is_over(max, Duration::from_millis(wait), clock.now()) {
                let lately = refusals.iter().filter(|at| **at + WINDOW > clock.now()).count();
                prop_assert!(lately > max as usize && clock.now() >= start + UNDER_WAY);
                return Ok(());
            }
        }
    }
}

#[test]
fn a_burst_is_taken_and_then_the_rate_holds() {
    let clock = Hand::new();
    let meters = publishes(20, 3, &clock);
    for _ in 0..3 {
        assert_eq!(meters.take(Kind::Publish, 1), Ok(()));
    }
    let refused = meters.take(Kind::Publish, 1).unwrap_err();
    assert_eq!((refused.wait, refused.rate), (Duration::from_millis(50), Rate { per_s: 20, burst: 3 }));
    clock.advance(refused.wait);
    assert_eq!(meters.take(Kind::Publish, 1), Ok(()));
    assert!(meters.take(Kind::Publish, 1).is_err());
    assert_eq!(meters.take(Kind::Signal, 1_000_000), Ok(()), "what has no rate is not limited");
}

#[test]
fn what_a_session_is_refused_costs_its_user_nothing() {
    let clock = Hand::new();
    let (flooding, other, user) = (publishes(1, 2, &clock), publishes(1, 2, &clock), publishes(1, 4, &clock));
    let taken = (0..1_000).filter(|_| take_all(&[&flooding, &user], Kind::Publish, 1).is_ok()).count();
    assert_eq!(taken, 2);
    assert_eq!(take_all(&[&other, &user], Kind::Publish, 2), Ok(()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(take_all(&[&other, &user], Kind::Publish, 1), Ok(()));
    let refused = take_all(&[&publishes(9, 9, &clock), &user], Kind::Publish, 1).unwrap_err();
    assert_eq!(refused.scope, 1);
}

#[test]
fn a_client_that_sent_ahead_is_not_one_that_keeps_on() {
    let clock = Hand::new();
    let mut patience = Patience::default();
    let mut refused =
        |times: usize| (0..times).filter(|_| patience.is_over(5, Duration::from_secs(20), clock.now())).count();
    assert_eq!(refused(1_000), 0, "all of it was under way");
    clock.advance(Duration::from_secs(1));
    assert_eq!(refused(5), 0);
    assert_eq!(refused(1), 1);
    clock.advance(Duration::from_secs(9));
    assert_eq!(refused(100), 0, "what was is forgotten");
}

#[test]
fn a_client_that_waits_as_long_as_it_is_told_is_not_one_that_keeps_on() {
    let clock = Hand::new();
    let meters = publishes(20, 3, &clock);
    let mut patience = Patience::default();
    for _ in 0..1_000 {
        if let Err(refused) = meters.take(Kind::Publish, 1) {
            assert!(!patience.is_over(5, refused.wait, clock.now()));
            clock.advance(refused.wait);
        }
    }
    // Who asks every ten milliseconds is told to wait for longer four times of five.
    let mut hasty = (0..300).filter(|_| {
        let over = meters.take(Kind::Publish, 1).is_err_and(|refused| patience.is_over(5, refused.wait, clock.now()));
        clock.advance(Duration::from_millis(10));
        over
    });
    assert!(hasty.next().is_some());
}

#[test]
fn a_long_message_costs_more_than_a_short_one_and_a_short_one_something() {
    assert_eq!([0, 1, 512, 513, 65_536].map(blocks), [2, 2, 2, 3, 256]);
}

#[test]
fn buckets_are_full_again_after_the_slowest_of_them() {
    let rates = Rates::default()
        .with(Kind::Publish, Rate { per_s: 20, burst: 200 })
        .with(Kind::Signal, Rate { per_s: 100, burst: 100 });
    assert_eq!(rates.fill_time(), Duration::from_secs(10));
    assert_eq!(rates.times(5).fill_time(), Duration::from_secs(10));
}
