use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::presence::StateChange;

fn session(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

fn user(id: &str) -> Arc<User> {
    Arc::new(User::new(UserId::parse(id).unwrap(), id.into(), None))
}

fn status(status: Status) -> Change {
    Change { status: Some(status), ..Change::default() }
}

/// A roster, and hands to move it with.
struct Room {
    roster: Roster,
    start: Instant,
}

impl Room {
    #[expect(clippy::disallowed_methods, reason = "some instant to count from; the rules are handed it")]
    fn new(large_limit: usize) -> Self {
        Self { roster: Roster::new(large_limit), start: Instant::now() }
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn attach(&mut self, name: &str, generation: u64, id: &str, now: i64) -> bool {
        let change = Change::default();
        self.roster.attach(&session(name), generation, &user(id), Device::Desktop, &change, Timestamp(now))
    }

    /// `+ada +grace ~bob -eve =3` of the next tick.
    fn tick(&mut self) -> String {
        let words = |sign: &str, members: &[Arc<Member>]| {
            members.iter().fold(String::new(), |words, member| words + sign + member.user.id.as_str() + " ")
        };
        match self.roster.tick() {
            None => "nothing".to_owned(),
            Some(Diff::Large { count }) => format!("large ={count}"),
            Some(Diff::SmallAgain { members, count }) => format!("small {}={count}", words("", &members)),
            Some(Diff::Members { joined, updated, left, count }) => {
                let left = left.iter().fold(String::new(), |words, id| words + "-" + id.as_str() + " ");
                format!("{}{}{left}={count}", words("+", &joined), words("~", &updated))
            }
        }
    }
}

#[test]
fn two_tabs_of_a_user_are_one_member() {
    let mut room = Room::new(200);
    assert!(room.attach("t1", 1, "ada", 10) && room.attach("t2", 1, "ada", 20));
    assert_eq!(room.tick(), "+ada =1");
    let ada = room.roster.member(&user("ada").id).unwrap();
    assert_eq!((ada.sessions.len(), ada.since), (2, Timestamp(10)));
}

#[test]
fn a_second_tab_closing_keeps_the_user_online() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.attach("t2", 1, "ada", 20);
    room.tick();
    assert!(room.roster.leave(&session("t2"), 1));
    assert!(!room.roster.leave(&session("t2"), 1), "twice changes nothing");
    assert_eq!(room.tick(), "~ada =1");
    assert!(room.roster.leave(&session("t1"), 1));
    assert_eq!(room.tick(), "-ada =0");
    assert!(room.roster.is_empty());
}

#[test]
fn a_return_within_the_grace_time_shows_nothing() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.tick();
    assert!(room.roster.lost(&session("t1"), 1, room.at(11)));
    assert_eq!(room.tick(), "nothing", "until the grace time ends nobody sees a change");
    assert!(room.roster.recalled(&session("t1"), 2, room.at(15)));
    assert!(room.attach("t1", 2, "ada", 99));
    assert_eq!(room.tick(), "nothing");
    assert_eq!(room.roster.next_expiry(), None);
    assert!(room.roster.expire(room.at(99)).is_empty());
}

#[test]
fn who_leaves_and_returns_between_two_ticks_shows_as_nothing_at_all() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.tick();
    room.roster.leave(&session("t1"), 1);
    room.attach("t1", 1, "ada", 20);
    assert_eq!(room.tick(), "nothing", "not even another `since`");
    room.attach("t9", 1, "eve", 30);
    room.roster.leave(&session("t9"), 1);
    assert_eq!(room.tick(), "nothing");
}

#[test]
fn a_member_who_does_not_return_leaves_once() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.attach("t2", 1, "grace", 10);
    room.tick();
    room.roster.lost(&session("t1"), 1, room.at(11));
    room.roster.lost(&session("t1"), 1, room.at(14));
    assert_eq!(room.roster.next_expiry(), Some(room.at(11)), "told twice, the earlier end counts");
    assert!(room.roster.expire(room.at(10)).is_empty());
    assert_eq!(room.roster.expire(room.at(11)), [session("t1")]);
    assert!(room.roster.expire(room.at(11)).is_empty());
    assert_eq!(room.tick(), "-ada =1");
    assert_eq!(room.tick(), "nothing");
}

#[test]
fn a_recalled_session_that_does_not_join_again_leaves() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.tick();
    assert!(room.roster.recalled(&session("t1"), 2, room.at(11)));
    assert!(!room.roster.recalled(&session("t1"), 2, room.at(50)), "a grace time starts once a generation");
    assert_eq!(room.roster.expire(room.at(11)), [session("t1")]);
    assert_eq!(room.tick(), "-ada =0");
}

#[test]
fn news_of_an_older_connection_change_nothing() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.roster.recalled(&session("t1"), 2, room.at(11));
    room.attach("t1", 2, "ada", 10);
    room.tick();
    let t1 = session("t1");
    assert!(!room.roster.lost(&t1, 1, room.at(1)));
    assert!(!room.roster.leave(&t1, 1));
    assert!(!room.roster.change(&t1, 1, &status(Status::Busy), Timestamp(0)));
    assert!(!room.attach("t1", 1, "ada", 10));
    assert_eq!((room.tick().as_str(), room.roster.next_expiry()), ("nothing", None));
    room.roster.lost(&t1, 2, room.at(11));
    assert!(!room.attach("t1", 2, "ada", 10), "a join that was overtaken by the end of its connection");
    assert_eq!(room.roster.next_expiry(), Some(room.at(11)));
}

#[test]
fn a_member_is_as_present_as_the_most_present_session() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    room.attach("t2", 1, "ada", 20);
    let mut change = |name: &str, to, now| {
        assert!(room.roster.change(&session(name), 1, &status(to), Timestamp(now)));
        let ada = room.roster.member(&user("ada").id).unwrap();
        (ada.status, ada.idle_since)
    };
    assert_eq!(change("t1", Status::Away, 30), (Status::Online, None));
    assert_eq!(change("t2", Status::Busy, 40), (Status::Busy, None));
    assert_eq!(change("t2", Status::Away, 50), (Status::Away, Some(Timestamp(50))), "since the last one went");
    assert_eq!(change("t1", Status::Online, 60), (Status::Online, None));
}

#[test]
fn a_join_again_keeps_the_presence_and_the_newest_name_wins() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "ada", 10);
    let state = Change { status: Some(Status::Busy), state: StateChange::Set("{}".into()) };
    room.roster.change(&session("t1"), 1, &state, Timestamp(11));
    let renamed = Arc::new(User { name: "Ada L.".into(), ..(*user("ada")).clone() });
    room.roster.attach(&session("t1"), 1, &renamed, Device::Mobile, &Change::default(), Timestamp(12));
    let ada = room.roster.member(&renamed.id).unwrap();
    assert_eq!((&*ada.user.name, ada.status, ada.sessions.len()), ("Ada L.", Status::Busy, 1));
    assert_eq!(ada.sessions[0].presence.state.as_deref(), Some("{}"));
}

#[test]
fn the_joiner_sees_the_last_tick_and_itself() {
    let mut room = Room::new(200);
    room.attach("t1", 1, "bob", 10);
    room.tick();
    room.attach("t2", 1, "ada", 10);
    room.attach("t3", 1, "eve", 10);
    let ids = |members: Vec<Arc<Member>>| members.iter().map(|member| member.user.id.to_string()).collect::<Vec<_>>();
    let eve = user("eve").id.clone();
    assert_eq!(ids(room.roster.shown_with(Some(&eve))), ["bob", "eve"]);
    assert_eq!(room.roster.count_with(Some(&eve)), 2);
    assert_eq!(ids(room.roster.shown_with(None)), ["bob"]);
    assert_eq!(room.tick(), "+ada +eve =3");
    assert_eq!(room.roster.count_with(Some(&eve)), 3);
}

#[test]
fn a_large_room_counts_and_is_small_again_under_three_quarters() {
    let mut room = Room::new(4);
    (0..5).for_each(|n| assert!(room.attach(&format!("s{n}"), 1, &format!("u{n}"), 0)));
    assert_eq!(room.tick(), "large =5");
    room.roster.change(&session("s0"), 1, &status(Status::Busy), Timestamp(1));
    assert_eq!(room.tick(), "nothing");
    (3..5).for_each(|n| assert!(room.roster.leave(&session(&format!("s{n}")), 1)));
    assert_eq!(room.tick(), "large =3");
    room.roster.leave(&session("s2"), 1);
    assert_eq!(room.tick(), "small u0 u1 =2");
    assert_eq!(room.roster.shown().next().unwrap().status, Status::Busy);
}

#[derive(Clone, Debug)]
enum Step {
    Attach(usize, u64),
    Change(usize, u64, Status),
    Lost(usize, u64, u64),
    Recalled(usize, u64, u64),
    Leave(usize, u64),
    Expire(u64),
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || (0..8_usize, 1..4_u64);
    let any_status = prop_oneof![Just(Status::Online), Just(Status::Busy), Just(Status::Away)];
    let step = prop_oneof![
        6 => who().prop_map(|(s, g)| Step::Attach(s, g)),
        3 => (who(), any_status).prop_map(|((s, g), status)| Step::Change(s, g, status)),
        3 => (who(), 1..50_u64).prop_map(|((s, g), at)| Step::Lost(s, g, at)),
        2 => (who(), 1..50_u64).prop_map(|((s, g), at)| Step::Recalled(s, g, at)),
        2 => who().prop_map(|(s, g)| Step::Leave(s, g)),
        1 => (0..50_u64).prop_map(Step::Expire),
        4 => Just(Step::Tick),
    ];
    prop::collection::vec(step, 0..120)
}

/// One session in the naive recount: number, generation, status, end of its grace time, whether its connection is gone.
type Line = (usize, u64, Status, Option<u64>, bool);

/// The rules once more, over a plain list and without a thought for speed.
fn recount(lines: &mut Vec<Line>, step: &Step) {
    match *step {
        Step::Attach(s, g) => match lines.iter_mut().find(|line| line.0 == s) {
            None => lines.push((s, g, Status::Online, None, false)),
            Some(line) if line.1 > g || (line.1 == g && line.4) => {}
            Some(line) => *line = (s, g, line.2, None, false),
        },
        Step::Change(s, g, to) => lines.iter_mut().filter(|line| (line.0, line.1) == (s, g)).for_each(|l| l.2 = to),
        Step::Lost(s, g, at) => lines.iter_mut().filter(|line| line.0 == s && line.1 <= g).for_each(|line| {
            let earlier = line.3.filter(|_| line.1 == g && line.4);
            *line = (s, g, line.2, Some(earlier.map_or(at, |earlier| earlier.min(at))), true);
        }),
        Step::Recalled(s, g, at) => {
            lines.iter_mut().filter(|line| line.0 == s && line.1 < g).for_each(|l| *l = (s, g, l.2, Some(at), false));
        }
        Step::Leave(s, g) => lines.retain(|line| line.0 != s || line.1 > g),
        Step::Expire(now) => lines.retain(|line| line.3.is_none_or(|until| until > now)),
        Step::Tick => {}
    }
}

/// Three users share the eight sessions.
fn user_of(session: usize) -> String {
    format!("u{}", session % 3)
}

fn take(room: &mut Room, step: &Step) {
    let name = |s: usize| session(&format!("s{s}"));
    match *step {
        Step::Attach(s, g) => drop(room.attach(&format!("s{s}"), g, &user_of(s), 0)),
        Step::Change(s, g, to) => drop(room.roster.change(&name(s), g, &status(to), Timestamp(0))),
        Step::Lost(s, g, at) => drop(room.roster.lost(&name(s), g, room.at(at))),
        Step::Recalled(s, g, at) => drop(room.roster.recalled(&name(s), g, room.at(at))),
        Step::Leave(s, g) => drop(room.roster.leave(&name(s), g)),
        Step::Expire(now) => drop(room.roster.expire(room.at(now))),
        Step::Tick => {}
    }
}

proptest! {
    /// What a client has after all diffs is what a recount gives, whatever happened; joins and leaves of a user
    /// alternate, and no count is ever wrong.
    #[test]
    fn snapshot_and_diffs_are_the_later_snapshot(steps in steps(), large_limit in prop_oneof![Just(200_usize), Just(2)]) {
        let mut room = Room::new(large_limit);
        let mut lines: Vec<Line> = Vec::new();
        let mut client: BTreeMap<UserId, Arc<Member>> = BTreeMap::new();
        let mut client_count = 0;
        let mut is_large = false;
        for step in steps.iter().chain([&Step::Tick]) {
            take(&mut room, step);
            recount(&mut lines, step);
            let expected: BTreeMap<String, Status> = lines.iter().fold(BTreeMap::new(), |mut members, line| {
                let status = members.entry(user_of(line.0)).or_insert(line.2);
                *status = line.2.min(*status);
                members
            });
            prop_assert_eq!(room.roster.count(), expected.len());
            prop_assert_eq!(room.roster.is_empty(), lines.is_empty());
            prop_assert_eq!(room.roster.next_expiry(), lines.iter().filter_map(|l| l.3).min().map(|at| room.at(at)));
            if !matches!(step, Step::Tick) {
                continue;
            }
            match room.roster.tick() {
                None => {}
                Some(Diff::Large { count }) => {
                    client.clear();
                    is_large = true;
                    client_count = count;
                }
                Some(Diff::SmallAgain { members, count }) => {
                    client = members.into_iter().map(|member| (member.user.id.clone(), member)).collect();
                    is_large = false;
                    client_count = count;
                }
                Some(Diff::Members { joined, updated, left, count }) => {
                    for member in joined {
                        prop_assert!(client.insert(member.user.id.clone(), member).is_none(), "joined twice");
                    }
                    for member in updated {
                        prop_assert!(client.insert(member.user.id.clone(), member).is_some(), "updated, never joined");
                    }
                    for id in left {
                        prop_assert!(client.remove(&id).is_some(), "left twice");
                    }
                    client_count = count;
                }
            }
            prop_assert_eq!(client_count, expected.len());
            prop_assert_eq!(is_large, room.roster.is_large());
            if is_large {
                continue;
            }
            let seen: BTreeMap<_, _> = client.values().map(|m| (m.user.id.to_string(), m.status)).collect();
            prop_assert_eq!(seen, expected);
            prop_assert!(client.values().eq(room.roster.shown()));
            let sessions: usize = client.values().map(|member| member.sessions.len()).sum();
            prop_assert_eq!(sessions, lines.len());
        }
    }
}

#[test]
fn a_roster_made_anew_still_waits_for_who_was_lost_and_lets_go_in_time() {
    let mut room = Room::new(200);
    assert!(room.attach("s-1", 1, "ada", 0) && room.attach("s-2", 1, "bob", 0) && room.attach("s-3", 1, "eve", 0));
    assert_eq!(room.tick(), "+ada +bob +eve =3");
    room.roster.lost(&session("s-1"), 1, room.at(10));
    room.roster.lost(&session("s-2"), 1, room.at(20));
    room.roster = std::mem::take(&mut room.roster).rebuilt();
    assert_eq!((room.roster.count(), room.roster.next_expiry()), (3, Some(room.at(10))));
    assert_eq!(room.roster.expire(room.at(10)), [session("s-1")]);
    // Who came back meanwhile stays.
    assert!(room.attach("s-2", 2, "bob", 0));
    assert!(room.roster.expire(room.at(60)).is_empty());
    assert_eq!((room.roster.count(), room.roster.next_expiry()), (2, None));
}

#[test]
fn a_session_that_is_another_users_now_is_a_member_anew() {
    let mut room = Room::new(200);
    assert!(room.attach("s-1", 1, "ada", 0));
    assert_eq!(room.tick(), "+ada =1");
    assert!(room.attach("s-1", 2, "bob", 0));
    assert_eq!(room.tick(), "+bob -ada =1");
}
