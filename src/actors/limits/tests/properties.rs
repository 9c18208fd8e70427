//! What must hold whatever is asked of limits, by however many sessions.

use proptest::prelude::*;

use super::super::*;
use crate::domain::entry::Timestamp;
use crate::domain::limits::{Rate, take_all};

const SESSIONS: usize = 4;

/// What one of a user's sessions does next.
#[derive(Clone, Debug)]
struct Step {
    session: usize,
    pause_ms: u64,
    cost: u32,
    /// The session ends before, and another takes its place.
    reconnects: bool,
    /// All of them do.
    all_reconnect: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause_ms = prop_oneof![3 => 0..50_u64, 2 => 0..2_000_u64, 1 => 0..30_000_u64];
    let step = (0..SESSIONS, pause_ms, 1..8_u32, prop::bool::weighted(0.2), prop::bool::weighted(0.05)).prop_map(
        |(session, pause_ms, cost, reconnects, all_reconnect)| Step {
            session,
            pause_ms,
            cost,
            reconnects,
            all_reconnect,
        },
    );
    prop::collection::vec(step, 1..120)
}

fn settings() -> impl Strategy<Value = LimitSettings> {
    (1..30_u32, 0..60_u32, 1..5_u32, 1..4_u32).prop_map(|(per_s, more, user_times, address_times)| LimitSettings {
        publishes_per_s: per_s,
        publish_burst: per_s + more,
        user_times,
        address_times,
        ..LimitSettings::default()
    })
}

/// What was granted, over every window from one grant to a later one.
fn exceeds(granted: &[(Instant, u32)], rate: Rate) -> Option<String> {
    for (first, (from, _)) in granted.iter().enumerate() {
        let mut sum = 0;
        for (until, cost) in &granted[first..] {
            sum += cost;
            let window = until.duration_since(*from);
            let allowed = f64::from(rate.per_s) * window.as_secs_f64() * 1.05 + f64::from(rate.burst);
            if f64::from(sum) > allowed {
                return Some(format!("{sum} within {window:?}, where {rate:?} allows {allowed}"));
            }
        }
    }
    None
}

proptest! {
    /// However many sessions a user has, and however often they come anew.
    #[test]
    fn what_a_user_and_an_address_are_granted_stays_within_their_rate(settings in settings(), steps in steps()) {
        let clock = Clock::manual(Timestamp(0));
        let limits = Limits::new(&settings, &clock);
        let (tenant, ada) = (Tenant::default(), UserId::parse("ada").unwrap());
        let here = "192.0.2.1".parse().unwrap();
        let come = || (limits.session(), limits.user(&tenant, &ada), limits.address(here));
        let session_rate = Rate { per_s: settings.publishes_per_s, burst: settings.publish_burst };
        let mut sessions: Vec<_> = (0..SESSIONS).map(|_| (come(), Vec::new())).collect();
        let mut granted = Vec::new();
        for Step { session, pause_ms, cost, reconnects, all_reconnect } in steps {
            clock.advance(Duration::from_millis(pause_ms));
            for (at, place) in sessions.iter_mut().enumerate() {
                if all_reconnect || reconnects && at == session {
                    prop_assert_eq!(exceeds(&place.1, session_rate), None);
                    place.1.clear();
                }
            }
            if all_reconnect {
                // Nobody is there for a moment, and what nobody holds is swept away when it may.
                sessions.clear();
                limits.sweep();
                sessions.extend((0..SESSIONS).map(|_| (come(), Vec::new())));
            } else if reconnects {
                sessions[session].0 = come();
            }
            limits.sweep();
            let ((own, user, address), of_session) = &mut sessions[session];
            let cost = cost.min(settings.publish_burst);
            if take_all(&[own, &user.meters, &address.meters], Kind::Publish, cost).is_ok() {
                granted.push((clock.now(), cost));
                of_session.push((clock.now(), cost));
            }
        }
        for (_, of_session) in &sessions {
            prop_assert_eq!(exceeds(of_session, session_rate), None);
        }
        prop_assert_eq!(exceeds(&granted, session_rate.times(settings.user_times)), None);
        prop_assert_eq!(exceeds(&granted, session_rate.times(settings.address_times)), None);
    }

    #[test]
    fn who_waits_as_told_is_granted_if_nobody_else_asked(settings in settings(), steps in steps()) {
        let clock = Clock::manual(Timestamp(0));
        let limits = Limits::new(&settings, &clock);
        let (user, address) = (limits.user(&Tenant::default(), &UserId::parse("ada").unwrap()), limits.address.meters());
        let sessions: Vec<_> = (0..SESSIONS).map(|_| limits.session()).collect();
        for Step { session, pause_ms, cost, .. } in steps {
            clock.advance(Duration::from_millis(pause_ms));
            let scopes = [&sessions[session], &user.meters, &address];
            if let Err(refused) = take_all(&scopes, Kind::Publish, cost) {
                prop_assert!(refused.wait > Duration::ZERO);
                // Seconds with a fraction are what goes over the wire.
                clock.advance(Duration::from_secs_f64(Refusal::rate_limited("", refused.wait).retry_after.unwrap()));
                prop_assert_eq!(take_all(&scopes, Kind::Publish, cost), Ok(()), "{:?}", refused);
            }
        }
    }

    /// Nobody gets a burst by going away, whatever they do meanwhile.
    #[test]
    fn a_return_finds_the_users_bucket_no_fuller_than_time_made_it(
        settings in settings(),
        away_ms in 0..20_000_u64,
        sweeps in 0..4_usize,
    ) {
        let clock = Clock::manual(Timestamp(0));
        let limits = Limits::new(&settings, &clock);
        let (tenant, ada) = (Tenant::default(), UserId::parse("ada").unwrap());
        let take = || (0..100_000_u32).take_while(|_| limits.user(&tenant, &ada).meters.take(Kind::Publish, 1).is_ok()).count();
        let Rate { per_s, burst } =
            Rate { per_s: settings.publishes_per_s, burst: settings.publish_burst }.times(settings.user_times);
        prop_assert_eq!(take(), burst as usize);
        for _ in 0..sweeps {
            limits.sweep();
            clock.advance(Duration::from_millis(away_ms));
        }
        limits.sweep();
        let refilled = away_ms * sweeps as u64 * u64::from(per_s) / 1_000;
        let again = take() as u64;
        prop_assert!(again <= refilled.min(u64::from(burst)), "{again} after {sweeps} times {away_ms} ms");
    }
}
