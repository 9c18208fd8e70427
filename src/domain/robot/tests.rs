//! The colleague on values: hours in a moment.

use super::*;

const NONE: &str = "{}";
const ALL: &str = r#"{"revenue":1280000,"orders":4800,"conversion":3.4,"approvals":6,"target":1300000}"#;

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Lives through the time from `from` to `to` as if all that she writes were taken at once.
fn live(robot: &mut Robot, from: Duration, to: Duration) -> Vec<(Duration, Act)> {
    let mut told = Vec::new();
    let mut now = from.max(robot.next());
    let mut offset = robot.seen;
    while now < to {
        for act in robot.act(now) {
            match &act {
                Act::Feed { .. } => robot.fed(Outcome::Written),
                Act::Set { change, .. } => {
                    offset += 1;
                    robot.see(now, offset, change, true);
                    robot.changed();
                }
                Act::Point { .. } => {}
            }
            told.push((now, act));
        }
        assert!(robot.next() > now, "time goes on");
        now = robot.next();
    }
    told
}

fn numbers(acts: &[(Duration, Act)]) -> Vec<u64> {
    acts.iter().filter_map(|(_, act)| if let Act::Feed { n, .. } = act { Some(*n) } else { None }).collect()
}

/// When what was set, and whether it is the target.
type Set = (Duration, Vec<(String, String)>, bool);

fn sets(acts: &[(Duration, Act)]) -> Vec<Set> {
    let texts = |change: &Change| change.set.iter().map(|(key, json)| (key.to_string(), json.to_string())).collect();
    let set = |(at, act): &(Duration, Act)| match act {
        Act::Set { change, is_target, .. } => Some((*at, texts(change), *is_target)),
        _ => None,
    };
    acts.iter().filter_map(set).collect()
}

fn set(key: &str, json: &str) -> Change {
    Change { set: vec![(key.into(), json.into())], removed: Vec::new() }
}

#[test]
fn the_same_seed_is_the_same_colleague_and_another_one_is_not() {
    let day = |seed| {
        let mut robot = Robot::new(seed);
        robot.come(ms(5), NONE, 0);
        live(&mut robot, ms(5), ms(60_000))
    };
    assert_eq!(day(1), day(1));
    assert_ne!(day(1), day(2));
}

#[test]
fn whoever_finds_an_empty_room_sees_figures_a_target_a_number_and_a_pointer_at_once() {
    let mut robot = Robot::new(3);
    robot.come(ms(100), NONE, 0);
    assert_eq!(robot.next(), ms(100));
    let acts = live(&mut robot, ms(100), ms(700));
    let first = sets(&acts);
    let keys: Vec<_> = first[0].1.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!((first[0].0, keys), (ms(100), vec!["revenue", "orders", "conversion", "approvals"]));
    // The target waits for the figures, of which it is told apart.
    assert_eq!((first[1].0, first[1].1[0].0.as_str(), first[1].2), (ms(600), TARGET, true));
    assert_eq!(numbers(&acts), [1, 2, 3]);
    assert!(acts.iter().any(|(at, act)| *at == ms(100) && matches!(act, Act::Point { .. })));
}

#[test]
fn the_feed_numbers_four_a_second_and_never_makes_up_for_sleep() {
    let mut robot = Robot::new(3);
    robot.come(ms(0), ALL, 9);
    assert_eq!(numbers(&live(&mut robot, ms(0), ms(10_000))), (1..=40).collect::<Vec<_>>());
    let acts = live(&mut robot, ms(600_000), ms(601_000));
    assert_eq!(numbers(&acts), [41, 42, 43, 44], "one run, whatever the pause");
}

#[test]
fn a_number_that_is_on_its_way_is_waited_for_and_a_refused_one_comes_again() {
    let mut robot = Robot::new(3);
    robot.come(ms(0), ALL, 9);
    let feed = |robot: &mut Robot, now| {
        let acts = robot.act(now);
        acts.into_iter().find_map(|act| if let Act::Feed { run, n } = act { Some((run, n)) } else { None })
    };
    let (run, n) = feed(&mut robot, ms(0)).unwrap();
    assert_eq!((n, feed(&mut robot, ms(250)), feed(&mut robot, ms(500))), (1, None, None));
    robot.fed(Outcome::Refused);
    assert_eq!(feed(&mut robot, ms(750)), Some((run.clone(), 1)));
    robot.fed(Outcome::Written);
    assert_eq!(feed(&mut robot, ms(1_000)), Some((run.clone(), 2)));
    // It may be in the log or not: the same number again could stand there twice, the next one could leave a hole.
    robot.fed(Outcome::Unknown);
    let (other, n) = feed(&mut robot, ms(1_250)).unwrap();
    assert!(n == 1 && other != run, "{other} after {run}");
}

#[test]
fn one_figure_changes_about_every_two_seconds_and_a_target_about_every_twenty() {
    let mut robot = Robot::new(11);
    robot.come(ms(0), ALL, 9);
    let acts = live(&mut robot, ms(0), ms(600_000));
    let all = sets(&acts);
    assert!(all.iter().all(|(_, set, _)| set.len() == 1));
    let (targets, changes): (Vec<_>, Vec<_>) = all.into_iter().partition(|(.., is_target)| *is_target);
    assert!((270..=330).contains(&changes.len()), "{} changes in ten minutes", changes.len());
    assert!((25..=37).contains(&targets.len()), "{} targets in ten minutes", targets.len());
    for key in ["revenue", "orders", "conversion", "approvals"] {
        assert!(changes.iter().filter(|(_, set, _)| set[0].0 == key).count() > 40, "{key} hardly changed");
    }
    let values: Vec<i64> = targets.iter().map(|(_, set, _)| set[0].1.parse().unwrap()).collect();
    assert!(values.iter().all(|value| (1_200_000..=1_400_000).contains(value) && value % 10_000 == 0), "{values:?}");
    assert!(values.windows(2).all(|pair| pair[0] != pair[1]), "{values:?}");
}

#[test]
fn what_she_changes_goes_on_from_what_is_there_whoever_wrote_it() {
    let mut robot = Robot::new(5);
    robot.come(ms(0), r#"{"approvals":9,"revenue":"ours","orders":[],"conversion":null,"target":{}}"#, 9);
    let acts = live(&mut robot, ms(0), ms(120_000));
    let all = sets(&acts);
    assert!(all.len() > 40 && all.iter().all(|(_, set, _)| set[0].0 == "approvals"), "the others are somebody's own");
    let first: i64 = all[0].1[0].1.parse().unwrap();
    assert_eq!((first - 9).abs(), 1);
    // Somebody approved two; a removed figure comes back.
    robot.see(ms(120_000), 900, &set("approvals", "3"), false);
    let next = &sets(&live(&mut robot, ms(120_000), ms(125_000)))[0];
    assert_eq!((next.1[0].1.parse::<i64>().unwrap() - 3).abs(), 1);
    robot.see(ms(125_000), 2_000, &Change { set: Vec::new(), removed: vec!["orders".into()] }, false);
    assert_eq!(sets(&live(&mut robot, ms(125_000), ms(128_000)))[0].1[0].0, "orders");
}

#[test]
fn a_target_that_somebody_set_is_theirs_for_half_a_minute() {
    let mut robot = Robot::new(6);
    robot.come(ms(0), NONE, 0);
    let mut now = ms(0);
    for round in 0..20 {
        // Just before she would, somebody else does.
        live(&mut robot, now, now + ms(15_000));
        now += ms(15_000);
        robot.see(now, 1_000 * (round + 1), &set(TARGET, "1234567"), false);
        let acts = live(&mut robot, now, now + ms(30_000));
        assert!(sets(&acts).iter().all(|(.., is_target)| !is_target), "round {round}");
        now += ms(30_000);
        let acts = live(&mut robot, now, now + ms(25_000));
        assert!(sets(&acts).iter().any(|(.., is_target)| *is_target), "round {round}");
        now += ms(25_000);
    }
    // Of one that she finds nobody can tell how old it is.
    let mut robot = Robot::new(6);
    robot.come(now, ALL, 0);
    assert!(sets(&live(&mut robot, now, now + ms(30_000))).iter().all(|(.., is_target)| !is_target));
}

#[test]
fn she_writes_only_over_what_she_has_seen_and_one_thing_at_a_time() {
    let mut robot = Robot::new(8);
    robot.come(ms(0), ALL, 70);
    robot.see(ms(10), 71, &set("orders", "4811"), false);
    let mut out = Vec::new();
    for at in 0..400 {
        out.extend(robot.act(ms(at * 250)).into_iter().filter(|act| matches!(act, Act::Set { .. })));
    }
    assert!(matches!(&out[..], [Act::Set { if_offset: 71, .. }]), "{out:?}");
    robot.changed();
    assert!(!sets(&live(&mut robot, ms(100_000), ms(105_000))).is_empty());
}

#[test]
fn the_pointer_stays_on_the_board_moves_gently_and_rests() {
    let mut robot = Robot::new(9);
    robot.come(ms(0), ALL, 9);
    let acts = live(&mut robot, ms(0), ms(300_000));
    let points: Vec<_> = acts
        .iter()
        .filter_map(|(at, act)| if let Act::Point { x, y } = act { Some((*at, *x, *y)) } else { None })
        .collect();
    assert!(points.iter().all(|(_, x, y)| (500..=9_500).contains(x) && (500..=9_500).contains(y)));
    let mut rests = 0;
    for pair in points.windows(2) {
        let [(since, x, y), (at, to_x, to_y)] = pair else { unreachable!("windows of two") };
        let far = (to_x - x).abs().max((to_y - y).abs());
        let passed = at.saturating_sub(*since);
        assert!(far < 900, "{far} ten-thousandths in {passed:?}");
        assert!(passed <= ms(2_300), "a newcomer sees it soon");
        rests += u32::from(passed > ms(400));
    }
    assert!(rests > 60 && points.len() > 2_000, "{rests} rests, {} points", points.len());
}

#[test]
fn a_state_that_can_not_be_read_is_none() {
    let mut robot = Robot::new(10);
    for state in ["", "[]", "null", "{", r#"{"revenue":1e999}"#] {
        robot.come(ms(0), state, 0);
        assert!(!robot.act(ms(0)).is_empty(), "{state}");
        robot.changed();
        robot.fed(Outcome::Written);
    }
    robot.come(ms(0), r#"{"revenue":1e300,"orders":1,"conversion":1,"approvals":1,"target":1}"#, 0);
    let acts = live(&mut robot, ms(0), ms(60_000));
    assert!(sets(&acts).iter().all(|(_, set, _)| set[0].0 != "revenue"), "no number that she could go on from");
}
