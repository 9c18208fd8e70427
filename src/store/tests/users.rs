//! What is remembered of users.

use super::*;
use crate::domain::grants::{Grants, Right, Rights};
use crate::domain::ids::{UserId, UserKey};
use crate::domain::known_user::{Known, News, Profile};
use crate::domain::pattern::RoomPattern;
use crate::store::{GUESTS_KEPT_MS, GUESTS_MAX, Selected, USERS_KEPT_MS};

fn key(tenant: &str, user: &str) -> UserKey {
    UserKey::new(Tenant::parse(tenant).unwrap(), UserId::parse(user).unwrap())
}

fn profile(roles: &[&str]) -> Profile {
    let rights = Rights::from_iter([Right::Join, Right::History]);
    Profile {
        name: "Ada".into(),
        avatar: Some("https://example.com/ada.png".into()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        grants: Grants::new(vec![(RoomPattern::parse("dashboard:*").unwrap(), rights)]),
        is_guest: false,
    }
}

fn token(roles: &[&str], issued: i64, now: i64) -> News {
    News::token(profile(roles).into(), Some(Timestamp(issued)), Timestamp(now))
}

fn guest(now: i64) -> News {
    let profile = Profile { grants: Grants::open(), is_guest: true, ..profile(&[]) };
    News::token(profile.into(), None, Timestamp(now))
}

fn names(store: &Store, role: Option<&str>, with_guests: bool, after: Option<&str>, limit: usize) -> (String, bool) {
    let selected = Selected {
        tenant: Tenant::parse("acme").unwrap(),
        role: role.map(str::to_owned),
        with_guests,
        after: after.map(|after| UserId::parse(after).unwrap()),
        limit,
    };
    let (users, next) = store.reader().unwrap().users(&selected).unwrap();
    (users.iter().map(|known| known.user.as_str()).collect::<Vec<_>>().join(" "), next.is_some())
}

#[test]
fn what_the_newest_token_said_is_there_after_a_restart_and_an_older_one_changes_nothing() {
    let folder = Folder::new();
    let ada = key("acme", "ada");
    let known = |store: &Store| store.reader().unwrap().user(&ada).unwrap();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    assert_eq!(known(&store), None);
    writer.remember(&[(ada.clone(), News::seen(Timestamp(5)))]).unwrap();
    assert_eq!(known(&store), None, "who never brought a token is nobody");
    writer.remember(&[(ada.clone(), token(&["editor"], 20, 100))]).unwrap();
    writer.remember(&[(ada.clone(), token(&["viewer"], 10, 300)), (ada.clone(), News::seen(Timestamp(200)))]).unwrap();
    let expected = Known { profile: profile(&["editor"]).into(), token_at: Timestamp(20), last_seen: Timestamp(300) };
    assert_eq!(known(&store), Some(expected.clone()));
    drop(writer);
    store.release();
    let store = folder.open();
    assert_eq!(known(&store), Some(expected));
    assert_eq!(store.reader().unwrap().user(&key("other", "ada")).unwrap(), None, "nothing crosses a tenant");
}

#[test]
fn users_are_paged_by_role_and_by_tenant_and_a_role_that_was_taken_is_gone() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let mut news: Vec<_> = ["ada", "bob", "cleo", "dan"]
        .into_iter()
        .map(|user| (key("acme", user), token(&["support", "editor", "support"], 10, 10)))
        .collect();
    news.push((key("acme", "eve"), token(&[], 10, 10)));
    news.push((key("acme", "guest-1"), guest(10)));
    news.push((key("other", "zoe"), token(&["support"], 10, 10)));
    writer.remember(&news).unwrap();
    assert_eq!(names(&store, Some("support"), true, None, 3), ("ada bob cleo".into(), true));
    assert_eq!(names(&store, Some("support"), true, Some("cleo"), 3), ("dan".into(), false));
    assert_eq!(names(&store, Some("nobody"), true, None, 3), (String::new(), false));
    assert_eq!(names(&store, None, false, None, 5), ("ada bob cleo dan eve".into(), false));
    assert_eq!(names(&store, None, true, Some("dan"), 5), ("eve guest-1".into(), false));
    writer.remember(&[(key("acme", "bob"), token(&["editor"], 11, 11))]).unwrap();
    assert_eq!(names(&store, Some("support"), false, None, 9), ("ada cleo dan".into(), false));
    assert_eq!(names(&store, Some("editor"), false, None, 9), ("ada bob cleo dan".into(), false));
}

#[test]
fn a_row_that_was_damaged_is_passed_over_until_its_user_comes_again() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    for user in ["ada", "bob"] {
        writer.remember(&[(key("acme", user), token(&["editor"], 20, 100))]).unwrap();
    }
    // A right more than the token gave.
    folder.sqlite().execute("update users set grants = '{\"*\":[\"notify\"]}' where user = 'ada'", []).unwrap();
    assert_eq!(names(&store, None, false, None, 9).0, "bob");
    assert_eq!(names(&store, None, false, None, 1), (String::new(), true), "a page gets past it");
    assert_eq!(store.reader().unwrap().user(&key("acme", "ada")).unwrap(), None);
    writer.remember(&[(key("acme", "ada"), token(&["viewer"], 20, 101))]).unwrap();
    assert_eq!(
        (names(&store, Some("viewer"), false, None, 9).0, names(&store, Some("editor"), false, None, 9).0),
        ("ada".into(), "bob".into())
    );
}

#[test]
fn who_was_not_seen_for_long_is_forgotten_guests_earlier_and_the_older_ones_of_too_many() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    let now = 1_800_000_000_000;
    writer
        .remember(&[
            (key("acme", "ada"), token(&["editor"], 10, now - USERS_KEPT_MS)),
            (key("acme", "bob"), token(&["editor"], 10, now - USERS_KEPT_MS - 1)),
            (key("acme", "guest-old"), guest(now - GUESTS_KEPT_MS - 1)),
            (key("acme", "guest-x"), guest(now - 3)),
            (key("acme", "guest-y"), guest(now - 2)),
            (key("acme", "guest-z"), guest(now - 1)),
        ])
        .unwrap();
    writer.refuse_tokens(&key("acme", "bob"), Timestamp(now)).unwrap();
    assert_eq!(writer.forget_users(Timestamp(now), GUESTS_MAX, 1).unwrap(), 1, "a slice is bounded");
    assert_eq!(writer.forget_users(Timestamp(now), GUESTS_MAX, 512).unwrap(), 1);
    assert_eq!(names(&store, None, true, None, 9).0, "ada guest-x guest-y guest-z");
    assert_eq!(names(&store, Some("editor"), true, None, 9).0, "ada");
    assert_eq!(writer.forget_users(Timestamp(now), 2, 512).unwrap(), 1);
    assert_eq!(writer.forget_users(Timestamp(now), 2, 512).unwrap(), 0);
    assert_eq!(names(&store, None, true, None, 9).0, "ada guest-y guest-z");
    assert_eq!(store.tokens_before().unwrap(), [(key("acme", "bob"), Timestamp(now))], "that outlives the user");
}

#[test]
fn tokens_that_were_taken_back_stay_so_and_never_come_nearer() {
    let folder = Folder::new();
    let store = folder.open();
    let mut writer = store.writer().unwrap();
    for before in [20, 30, 10] {
        writer.refuse_tokens(&key("acme", "ada"), Timestamp(before)).unwrap();
    }
    writer.refuse_tokens(&key("other", "ada"), Timestamp(5)).unwrap();
    drop(writer);
    store.release();
    let store = folder.open();
    let expected = [(key("acme", "ada"), Timestamp(30)), (key("other", "ada"), Timestamp(5))];
    assert_eq!(store.tokens_before().unwrap(), expected);
    folder.sqlite().execute("update tokens_before set tenant = 'no tenant' where user = 'ada' and at = 5", []).unwrap();
    assert!(store.tokens_before().is_err(), "a token must not hold again because of damage");
}
