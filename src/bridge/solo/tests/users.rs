use std::sync::Arc;

use super::*;
use crate::bridge::solo::users::Users;
use crate::bridge::users::{ReadUser, ReadUsers, RefuseTokens, Remember};
use crate::domain::grants::Grants;
use crate::domain::ids::{UserId, UserKey};
use crate::domain::known_user::{Known, News, Profile};

fn key(user: &str) -> UserKey {
    UserKey::new(Tenant::default(), UserId::parse(user).unwrap())
}

/// So many milliseconds after the clock's time; in 1970 nobody was seen for long.
fn at(ms: i64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

fn token(role: &str, issued: i64, now: i64) -> News {
    let (name, roles) = ("Ada".into(), vec![role.to_owned()]);
    let profile = Profile { name, avatar: None, roles, grants: Grants::open(), is_guest: false };
    News::token(Arc::new(profile), Some(at(issued)), at(now))
}

impl Bench {
    fn learn(&self, user: &str, news: News) {
        self.bridge.users.remember.do_send(Remember { user: key(user), news });
    }

    async fn known(&self, user: &str) -> Option<Known> {
        self.bridge.users.one.send(ReadUser { user: key(user) }).await.unwrap().unwrap()
    }

    /// Users with a role, a page of two at a time.
    async fn with_role(&self, role: &str) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let read = ReadUsers {
                tenant: Tenant::default(),
                role: Some(role.to_owned()),
                with_guests: false,
                after,
                limit: 2,
            };
            let page = self.bridge.users.many.send(read).await.unwrap().unwrap();
            names.extend(page.users.into_iter().map(|known| known.user.to_string()));
            let Some(next) = page.next else { return names };
            after = Some(next);
        }
    }
}

#[actix::test]
async fn whoever_reads_sees_what_was_learned_before() {
    let bench = Bench::new(Limits::default());
    assert_eq!(bench.known("ada").await, None);
    for number in 0..600 {
        bench.learn(&format!("user-{number:03}"), token("editor", 10, 10));
    }
    bench.learn("user-000", token("viewer", 20, 20));
    bench.learn("user-001", token("viewer", 9, 20));
    let editors = bench.with_role("editor").await;
    assert_eq!((editors.len(), &*editors[0], &*editors[598]), (599, "user-001", "user-599"));
    assert_eq!(bench.with_role("viewer").await, ["user-000"]);
    assert_eq!(bench.known("user-001").await.unwrap().token_at, at(10), "an older token says nothing new");
}

#[actix::test]
async fn a_drain_writes_who_left_and_it_is_there_after_a_restart() {
    let bench = Bench::new(Limits::default());
    bench.learn("ada", token("editor", 10, 10));
    bench.learn("ada", News::seen(at(70_000)));
    bench.stopper.stop().await;
    let bench = Bench::start(bench.folder, Limits::default(), Keep::DISK, &Clock::manual(NOW));
    assert_eq!(bench.known("ada").await.unwrap().last_seen, at(70_000));
}

#[actix::test]
async fn tokens_are_taken_back_on_the_disk_before_that_is_answered() {
    let bench = Bench::new(Limits::default());
    let (sender, mut told) = mpsc::unbounded_channel();
    let done = Box::new(move |outcome| sender.send(outcome).unwrap());
    bench.bridge.users.refuse_tokens.do_send(RefuseTokens { user: key("ada"), before: Timestamp(50), done });
    assert_eq!(told.recv().await, Some(Ok(())));
    let at: i64 = bench.sqlite().query_row("select at from tokens_before", [], |row| row.get(0)).unwrap();
    assert_eq!(at, 50);
}

#[test]
fn what_is_known_is_not_written_again_within_a_minute() {
    let mut users = Users::new(Limits::default(), Clock::manual(NOW));
    let mut writes = |news| {
        users.learn(key("ada"), news);
        users.next_batch().len()
    };
    assert_eq!(writes(token("editor", 10, 1_000)), 1);
    assert_eq!(writes(token("editor", 10, 60_999)), 0, "the same token within a minute");
    assert_eq!(writes(token("viewer", 9, 60_999)), 0, "an older one");
    assert_eq!(writes(token("editor", 10, 61_000)), 1, "seen a minute later");
    assert_eq!(writes(token("viewer", 11, 61_001)), 1, "a newer token");
    assert_eq!(writes(News::seen(at(61_002))), 1, "who leaves tells it exactly");
    assert_eq!(writes(News::seen(at(61_002))), 0);
}

#[test]
fn news_of_a_user_become_one_while_they_wait_and_too_many_users_are_dropped() {
    let mut users = Users::new(Limits { users_waiting_max: 2, ..Limits::default() }, Clock::manual(NOW));
    for user in ["ada", "bob", "cleo"] {
        users.learn(key(user), token("editor", 10, 10));
    }
    users.learn(key("ada"), token("viewer", 20, 20));
    users.learn(key("ada"), News::seen(at(30)));
    let batch = users.next_batch();
    assert_eq!(batch.iter().map(|(user, _)| user.clone()).collect::<Vec<_>>(), [key("ada"), key("bob")]);
    let ada: Known = batch[0].1.known().unwrap();
    assert_eq!((&*ada.profile.roles[0], ada.token_at, ada.last_seen), ("viewer", at(20), at(30)));
    users.learn(key("cleo"), token("editor", 10, 10));
    assert_eq!(users.next_batch().len(), 1, "who was dropped is learned of again");
}
