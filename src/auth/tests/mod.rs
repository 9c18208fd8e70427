use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use super::*;
use crate::domain::grants::Right;
use crate::domain::ids::RoomName;

mod guests;
mod keys;
pub(super) mod signer;
mod taken_back;

const SECRET: &str = "a secret of users' tokens, 32 bytes long or more";
const GUEST_KEY: [u8; 32] = [7; 32];
const NOW_S: i64 = 1_800_000_000;
const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn clock() -> Clock {
    Clock::manual(Timestamp(NOW_S * 1_000))
}

fn gate_with(secret: Option<&str>, guests_allowed: bool, clock: Clock) -> Gate {
    let settings = AuthSettings { secret: secret.and_then(Secret::new), ..AuthSettings::default() };
    Gate::new(&settings, &GUEST_KEY, guests_allowed, clock).unwrap()
}

fn gate() -> Gate {
    gate_with(Some(SECRET), true, clock())
}

/// `header` and `claims` signed by `key`.
fn signed(key: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// A user's token with these claims besides a good `sub` and `exp`.
fn token(more: &str) -> String {
    signed(SECRET.as_bytes(), HS256, &format!(r#"{{"sub":"ada","exp":{}{more}}}"#, NOW_S + 60))
}

fn admit(token: &str) -> Result<Identity, Refused> {
    gate().admit(Some(token), None).map(|admitted| admitted.identity)
}

fn refusal(token: &str) -> Refused {
    admit(token).map(|identity| panic!("{token} was let in as {identity:?}")).unwrap_err()
}

#[test]
fn a_token_of_the_least_is_a_user_of_the_default_tenant_with_all_but_notify() {
    let admitted = gate().admit(Some(&token("")), Some("a guest's name")).unwrap();
    let identity = admitted.identity;
    assert_eq!((identity.tenant.as_str(), identity.user.id.as_str(), &*identity.user.name), ("default", "ada", "ada"));
    assert_eq!((identity.expires, identity.is_guest), (Some(Timestamp((NOW_S + 60) * 1_000)), false));
    assert_eq!((identity.roles, &identity.user.avatar, admitted.guest_token), (vec![], &None, None));
    let room = RoomName::parse("lobby").unwrap();
    for right in Right::ALL {
        assert_eq!(identity.grants.allow(&room, right), right != Right::Notify);
    }
}

#[test]
fn a_token_says_who_where_and_what() {
    let identity = admit(&token(
        r#","tenant":"acme","name":" Ada L. ","avatar":"https://a.example/x.png","roles":["finance"],"aud":["x"],"iss":{},
        "iat":1799999999.5,"nbf":1.8e9,"rooms":{"a:*":["join","notify"],"a:b":["publish"],"c":[]}"#,
    ))
    .unwrap();
    assert_eq!((identity.tenant.as_str(), &*identity.user.name), ("acme", "Ada L."));
    assert_eq!(identity.user.avatar.as_deref(), Some("https://a.example/x.png"));
    assert_eq!(identity.roles, ["finance"]);
    let may = |room, right| identity.grants.allow(&RoomName::parse(room).unwrap(), right);
    assert!(may("a:b", Right::Join) && may("a:b", Right::Publish) && may("a:c", Right::Notify));
    assert!(!may("a:c", Right::Publish) && !may("c", Right::Join) && !may("lobby", Right::Join));
    let nothing = admit(&token(r#","rooms":{}"#)).unwrap().grants;
    assert_eq!(nothing, Grants::default());
}

#[test]
fn the_algorithm_is_ours_to_choose() {
    let claims = format!(r#"{{"sub":"ada","exp":{}}}"#, NOW_S + 60);
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"NONE"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"Alg":"HS256"}"#,
        "{}",
    ] {
        assert_eq!(refusal(&signed(SECRET.as_bytes(), header, &claims)), Refused::Algorithm, "{header}");
        let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims));
        assert_eq!(refusal(&unsigned), Refused::Algorithm, "{header}");
    }
    // The other algorithms' real signatures, by the right secret.
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(HS256), URL_SAFE_NO_PAD.encode(&claims));
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        assert_eq!(refusal(&format!("{message}.{signature}")), Refused::Signature);
    }
}

#[test]
fn a_header_that_brings_or_names_a_key_is_refused() {
    let claims = format!(r#"{{"sub":"ada","exp":{}}}"#, NOW_S + 60);
    let of = |header: &str| signed(SECRET.as_bytes(), header, &claims);
    for (name, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("jku", r#""http://127.0.0.1/keys""#),
        ("x5u", r#""http://h/c""#),
        ("jwk", r#"{"kty":"oct","k":"AAAA"}"#),
        ("x5c", "[]"),
        ("b64", "false"),
        ("zip", r#""DEF""#),
        ("enc", r#""x""#),
        ("jwk", "null"),
    ] {
        let header = format!(r#"{{"alg":"HS256","{name}":{value}}}"#);
        assert_eq!(refusal(&of(&header)), Refused::Header(name), "{header}");
    }
    let escaped = r#"{"alg":"HS256","\u006aku":"http://h"}"#;
    assert_eq!(refusal(&of(escaped)), Refused::Header("jku"));
    for kid in [
        r#""../../dev/null""#,
        r#""a' OR 1=1""#,
        r#""a\nb""#,
        r#""""#,
        "7",
        "null",
        r#"["guest"]"#,
        &format!("{:?}", "k".repeat(65)),
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":{kid}}}"#);
        assert!(matches!(refusal(&of(&header)), Refused::Malformed(_)), "{header}");
    }
    assert!(admit(&of(r#"{"alg":"HS256","kid":"key-2026.1","typ":"at+jwt","x5t":"q"}"#)).is_ok());
    for header in [
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","x":1,"\u0078":2}"#,
        r#"["HS256"]"#,
        r#""HS256""#,
        "",
        "null",
        r#"{"alg":"HS256"} "x""#,
        r#"{"alg":"HS256","#,
    ] {
        assert!(matches!(refusal(&of(header)), Refused::Malformed(_)), "{header}");
    }
}

#[test]
fn a_signature_that_is_missing_foreign_or_spelled_otherwise_is_refused() {
    let good = token("");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"eve","exp":{}}}"#, NOW_S + 60));
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // 32 bytes end in a letter of four bits: the two left over can be set without changing the bytes.
    let stray = format!("{}{}", &signature[..42], next_letter(signature.as_bytes()[42]));
    for forged in [
        format!("{message}."),
        format!("{header}.{other}.{signature}"),
        format!("{message}.{stray}"),
        format!("{message}.{}", URL_SAFE.encode(&bytes)),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes[..31])),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat())),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 32])),
        format!("{message}.{}", STANDARD.encode([0xff; 32])),
        format!("{message}.{signature}\n"),
        format!("{message}.{signature} "),
        signed(b"another secret of users' tokens, long enough too", HS256, "{}"),
        signed(&GUEST_KEY, HS256, &format!(r#"{{"sub":"ada","exp":{}}}"#, NOW_S + 60)),
        signed(b"", HS256, "{}"),
        // The claims are not looked at before the signature: nothing is said of them.
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("not json")),
        format!("{header}.!!!.{signature}"),
    ] {
        assert_eq!(refusal(&forged), Refused::Signature, "{forged}");
    }
}

/// The letter of base64url that differs in its last bit.
fn next_letter(letter: u8) -> char {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char::from(LETTERS[LETTERS.iter().position(|other| *other == letter).unwrap() ^ 1])
}

#[test]
fn what_is_no_token_is_refused_without_being_quoted() {
    let good = token("");
    let long = token(&format!(r#","x":"{}""#, "x".repeat(8_192)));
    let padded = format!("{}==.e30.AAAA", URL_SAFE_NO_PAD.encode(HS256));
    for text in [
        "",
        " ",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "null",
        "Bearer x.y.z",
        "\0",
        "😀.😀.😀",
        &long,
        &padded,
        &format!(" {good}"),
        &format!("{good}.x"),
        &good.replace('.', ""),
    ] {
        let refused = refusal(text);
        assert!(matches!(refused, Refused::Malformed(_)), "{text:?}: {refused:?}");
        assert!(text.len() < 6 || !refused.to_string().contains(text));
    }
    assert!(admit(&token(&format!(r#","x":"{}""#, "x".repeat(5_900)))).is_ok(), "just below 8,192 bytes");
}

#[test]
fn times_are_numbers_and_nothing_else() {
    let of = |claims: &str| refusal(&signed(SECRET.as_bytes(), HS256, &format!(r#"{{"sub":"ada",{claims}}}"#)));
    for bad in [
        r#""1900000000""#,
        "[1900000000]",
        "{}",
        "null",
        "true",
        "-1",
        "-1e9",
        "1e308",
        "1e400",
        "1e12",
        "253402300800",
        r#""NaN""#,
        r#""""#,
    ] {
        for claim in ["exp", "nbf", "iat"] {
            let good_exp = if claim == "exp" { "" } else { r#""exp":1800000060,"# };
            let refused = of(&format!(r#"{good_exp}"{claim}":{bad}"#));
            assert!(matches!(&refused, Refused::Claim { claim: of, .. } if *of == claim), "{claim} {bad}: {refused:?}");
        }
    }
    for bad in ["NaN", "Infinity", "0x70000000", "01900000000", "1900000000.", "+1900000000"] {
        assert!(matches!(of(&format!(r#""exp":{bad}"#)), Refused::Malformed(_)), "{bad} is no JSON");
    }
    assert_eq!(of(r#""iat":1"#), wrong("exp", "is missing"));
    assert_eq!(of(r#""Exp":1900000000"#), wrong("exp", "is missing"));
    for good in ["1900000000", "1.9e9", "1900000000.75", "253402300799"] {
        assert!(
            admit(&signed(SECRET.as_bytes(), HS256, &format!(r#"{{"sub":"ada","exp":{good}}}"#))).is_ok(),
            "{good}"
        );
    }
}

fn wrong(claim: &'static str, rule: &str) -> Refused {
    Refused::Claim { claim, rule: rule.to_owned() }
}

#[test]
fn clocks_may_be_five_seconds_apart_and_no_more() {
    let clock = clock();
    let gate = gate_with(Some(SECRET), false, clock.clone());
    let token = token(&format!(r#","nbf":{}"#, NOW_S + 6));
    let admit = || gate.admit(Some(&token), None).map(drop);
    assert_eq!(admit(), Err(Refused::NotYet));
    clock.advance(Duration::from_secs(1));
    assert_eq!(admit(), Ok(()));
    clock.advance(Duration::from_millis(63_999));
    assert_eq!(admit(), Ok(()), "one millisecond before the end and the leeway");
    clock.advance(Duration::from_millis(1));
    assert_eq!(admit(), Err(Refused::Expired));
}

#[test]
fn a_claim_of_the_wrong_type_is_refused_and_never_taken_as_missing() {
    let (x101, x201) = ("x".repeat(101), "x".repeat(201));
    let role_list = vec!["\"r\""; 101].join(",");
    for (claim, values) in [
        (
            "tenant",
            &["null", "7", "\"\"", "\"a:b\"", "\"../a\"", "\"a b\"", "[\"acme\"]", "\"{acme}\"", &format!("{x101:?}")]
                [..],
        ),
        (
            "name",
            &["7", "[\"Ada\"]", "\"a\\u0000b\"", "\"a\\nb\"", "\"\\u001b[31m\"", "\"\\ud800\"", &format!("{x101:?}")],
        ),
        ("avatar", &["7", "{}", "[]"]),
        (
            "roles",
            &[
                "null",
                "\"admin\"",
                "[7]",
                "[null]",
                "[\"\"]",
                "[\"a\\nb\"]",
                "{}",
                &format!("[{x101:?}]"),
                &format!("[{role_list}]"),
            ],
        ),
        (
            "rooms",
            &[
                "null",
                "[]",
                "\"*\"",
                "true",
                "{\"*\":\"join\"}",
                "{\"*\":null}",
                "{\"*\":[\"fly\"]}",
                "{\"*\":[\"Join\"]}",
                "{\"*\":[7]}",
                "{\"*\":{\"join\":true}}",
                "{\"**\":[]}",
                "{\"a*b\":[]}",
                "{\"\":[]}",
                "{\"@me\":[]}",
                "{\"../a\":[]}",
                "{\"ä*\":[]}",
                "{\"a\":[\"join\"],\"a\":[]}",
                "{\"a\":[],\"\\u0061\":[\"join\"]}",
            ],
        ),
    ] {
        for value in values {
            let refused = refusal(&token(&format!(r#","{claim}":{value}"#)));
            assert!(
                matches!(&refused, Refused::Claim { claim: of, .. } if *of == claim),
                "{claim} {value}: {refused:?}"
            );
        }
    }
    for sub in ["null", "7", "[\"ada\"]", "\"\"", "\"a\\nb\"", "\"\\u0000\"", &format!("{x201:?}")] {
        let refused = refusal(&signed(SECRET.as_bytes(), HS256, &format!(r#"{{"exp":1800000060,"sub":{sub}}}"#)));
        assert!(matches!(refused, Refused::Claim { claim: "sub", .. }), "{sub}: {refused:?}");
    }
    assert_eq!(refusal(&signed(SECRET.as_bytes(), HS256, r#"{"exp":1800000060}"#)), wrong("sub", "is missing"));
    let unknown = refusal(&token(r#","rooms":{"*":["fly\n"]}"#)).to_string();
    assert_eq!(
        unknown,
        "the token's claim `rooms` names \"fly\\n\": the rights are join, publish, signal, track, set, notify, history"
    );
}

#[test]
fn claims_that_name_something_twice_are_refused() {
    for claims in [
        r#"{"sub":"ada","sub":"eve","exp":1800000060}"#,
        r#"{"sub":"ada","\u0073ub":"eve","exp":1800000060}"#,
        r#"{"sub":"ada","exp":1,"exp":1800000060}"#,
        r#"{"sub":"ada","exp":1800000060,"x":1,"x":1}"#,
        r#"[{"sub":"ada","exp":1800000060}]"#,
        r#"{"sub":"ada","exp":1800000060}{}"#,
        "\u{feff}{}",
        "null",
        "",
    ] {
        let refused = refusal(&signed(SECRET.as_bytes(), HS256, claims));
        assert!(matches!(refused, Refused::Malformed(_)), "{claims}: {refused:?}");
    }
    let deep = format!("{}{}", "[".repeat(2_500), "]".repeat(2_500));
    assert!(admit(&token(&format!(r#","x":{deep}"#))).is_ok(), "passed over without going down into it");
    assert!(matches!(refusal(&token(&format!(r#","rooms":{deep}"#))), Refused::Claim { .. } | Refused::Malformed(_)));
}

#[test]
fn a_picture_that_is_no_web_address_is_dropped() {
    let long = format!("https://a.example/{}", "x".repeat(2_000));
    for avatar in [
        "",
        "javascript:alert(1)",
        "data:image/png;base64,AA",
        "//a.example/x",
        "/x.png",
        "https://",
        "https:///x",
        "ftp://h/x",
        "https://h/\\\"onerror=x",
        "https://h/ x",
        "https://h/<x>",
        "https://h/\\n",
        &long,
    ] {
        let identity = admit(&token(&format!(r#","avatar":"{avatar}""#))).unwrap();
        assert_eq!(identity.user.avatar, None, "{avatar}");
    }
    for absent in ["null", "\"\""] {
        assert!(admit(&token(&format!(r#","avatar":{absent},"name":{absent}"#))).is_ok_and(|i| &*i.user.name == "ada"));
    }
    let name =
        admit(&signed(SECRET.as_bytes(), HS256, &format!(r#"{{"sub":"{}","exp":1800000060}}"#, "ä".repeat(200))));
    assert_eq!(name.unwrap().user.name.chars().count(), 100, "a long sub is cut where it stands for the name");
}

#[test]
fn a_refusal_has_a_sentence_for_the_client_and_a_word_for_the_log() {
    for refused in
        [Refused::NoToken, Refused::Expired, Refused::Signature, Refused::Header("jku"), wrong("exp", "is missing")]
    {
        assert!(refused.to_string().len() > 15 && !refused.reason().is_empty() && refused.reason().len() < 30);
    }
}
