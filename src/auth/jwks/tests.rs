use serde_json::{Value, json};

use super::*;
use crate::auth::tests::signer::Signer;
use crate::domain::entry::Timestamp;

fn set_of(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn names(text: &str, algorithm: TokenAlgorithm) -> Vec<String> {
    let keys = parse::keys(text, algorithm).unwrap_or_default();
    keys.into_iter().map(|(kid, _)| kid.unwrap_or_default()).collect()
}

#[test]
fn of_a_set_only_keys_for_signatures_of_the_one_algorithm_count() {
    let (rsa, ec, ed) = (Signer::rs256(), Signer::es256(), Signer::eddsa());
    let all = set_of(&[rsa.jwk("r"), ec.jwk("c"), ed.jwk("d"), json!({"kty": "oct", "kid": "o", "k": "c2VjcmV0"})]);
    assert_eq!(names(&all, TokenAlgorithm::Rs256), ["r"]);
    assert_eq!(names(&all, TokenAlgorithm::Es256), ["c"]);
    assert_eq!(names(&all, TokenAlgorithm::EdDsa), ["d"]);
    let with = |name: &str, value: Value| {
        let mut jwk = ec.jwk("c");
        jwk[name] = value;
        names(&set_of(&[jwk]), TokenAlgorithm::Es256)
    };
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("alg", json!("HS256")),
        ("key_ops", json!(["sign"])),
        ("crv", json!("P-384")),
        ("kty", json!("oct")),
        ("x", json!("AA")),
        ("y", json!("")),
        ("kid", json!("../x")),
        ("kid", json!(7)),
    ] {
        assert_eq!(with(name, value.clone()), Vec::<String>::new(), "{name} {value}");
    }
    assert_eq!(with("key_ops", json!(["verify"])), ["c"]);
    let mut weak = rsa.jwk("w");
    weak["n"] = json!("q".repeat(171));
    assert_eq!(names(&set_of(&[weak, rsa.jwk("r")]), TokenAlgorithm::Rs256), ["r"], "1,024 bits are too few");
}

#[test]
fn what_is_no_set_or_has_nothing_for_us_is_a_failure() {
    for text in ["", "[]", "{}", "null", r#"{"keys":7}"#, r#"{"keys":[]}"#, r#"{"keys":[null,7,{}]}"#, "<html>"] {
        assert!(parse::keys(text, TokenAlgorithm::Rs256).is_err(), "{text}");
    }
    let twice = set_of(&[Signer::eddsa().jwk("k"), Signer::eddsa().jwk("k")]);
    assert_eq!(names(&twice, TokenAlgorithm::EdDsa), ["k"], "the first of a name counts");
    let many: Vec<Value> = (0..150).map(|n| Signer::eddsa().jwk(&format!("k{n}"))).collect();
    assert_eq!(names(&set_of(&many), TokenAlgorithm::EdDsa).len(), 100);
}

#[test]
fn unknown_keys_bring_one_fetch_a_minute() {
    let clock = Clock::manual(Timestamp(0));
    let set = KeySet::new("https://id.example/keys".parse().unwrap(), TokenAlgorithm::EdDsa);
    let keys = || parse::keys(&set_of(&[Signer::eddsa().jwk("k")]), TokenAlgorithm::EdDsa).unwrap();
    assert!(set.ask(clock.now()), "nothing was fetched yet, so the token may do later");
    set.fetched(keys());
    let mut fetches = 0;
    for second in 0..180 {
        for _ in 0..10 {
            let is_on_its_way = set.ask(clock.now());
            assert_eq!(is_on_its_way, set.state().is_asked, "in second {second}");
        }
        // What the set's thread does.
        if std::mem::take(&mut set.state().is_asked) {
            fetches += 1;
            set.fetched(keys());
        }
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(fetches, 3);
}

#[test]
fn without_a_name_there_must_be_nothing_to_choose() {
    let set = KeySet::new("https://id.example/keys".parse().unwrap(), TokenAlgorithm::EdDsa);
    let found = |kid| matches!(set.find(kid), Found::Key(_));
    assert!(!found(None) && !found(Some("a")));
    let of = |jwks: &[Value]| parse::keys(&set_of(jwks), TokenAlgorithm::EdDsa).unwrap();
    set.fetched(of(&[Signer::eddsa().jwk("a")]));
    assert!(found(None) && found(Some("a")) && !found(Some("b")));
    set.fetched(of(&[Signer::eddsa().jwk("a"), Signer::eddsa().jwk("b")]));
    assert!(!found(None) && found(Some("a")) && found(Some("b")));
    set.fetched(of(&[Signer::eddsa().jwk("b")]));
    assert!(!found(Some("a")), "the set says which keys there are");
    set.failed();
    assert!(found(Some("b")), "and a failure says nothing");
}

#[test]
fn a_fetcher_that_panicked_fetches_again_and_what_was_had_before_counts_meanwhile() {
    let clock = Clock::manual(Timestamp(0));
    let set = Arc::new(KeySet::new("https://id.example/keys".parse().unwrap(), TokenAlgorithm::EdDsa));
    let found = |kid| matches!(set.find(Some(kid)), Found::Key(_));
    let (told, fetches) = std::sync::mpsc::channel();
    let thread = std::thread::spawn({
        let (set, clock) = (Arc::downgrade(&set), clock.clone());
        let count = std::cell::Cell::new(0);
        move || {
            let fetch = || {
                count.set(count.get() + 1);
                told.send(count.get()).unwrap();
                match count.get() {
                    1 => Ok(set_of(&[Signer::eddsa().jwk("a")])),
                    2 => panic!("as the test wants it"),
                    _ => Ok(set_of(&[Signer::eddsa().jwk("b")])),
                }
            };
            run(&set, fetch, &clock);
        }
    });
    // Time goes on until the thread, which may not have begun to wait yet, has seen enough of it.
    let next = |pause| {
        let tries = std::iter::repeat_with(|| {
            clock.advance(pause);
            fetches.recv_timeout(2 * Duration::from_millis(500)).ok()
        });
        tries.take(20).find_map(|fetch| fetch)
    };
    assert_eq!(next(Duration::ZERO), Some(1));
    set.wait(Duration::from_secs(20));
    assert!(found("a"));
    assert_eq!(next(EVERY), Some(2));
    while set.state().is_fetching {
        std::thread::yield_now();
    }
    assert!(found("a"), "a failure takes no key away");
    assert_eq!(next(AGAIN), Some(3));
    while !found("b") {
        std::thread::yield_now();
    }
    drop(set);
    thread.join().unwrap();
}
