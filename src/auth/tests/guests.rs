use super::token as users_token;
use super::*;

#[test]
fn a_guest_stays_the_same_user_and_can_be_renamed() {
    let clock = clock();
    let gate = gate_with(None, true, clock.clone());
    let first = gate.admit(None, None).unwrap();
    let id = first.identity.user.id.clone();
    assert!(id.as_str().starts_with("guest-") && id.as_str().len() == 22, "{id}");
    assert_eq!(&*first.identity.user.name, format!("Guest {}", id.as_str()[6..10].to_ascii_uppercase()));
    assert!(first.identity.is_guest && first.identity.expires.is_none());
    assert_eq!(first.identity.grants, Grants::open());
    assert_ne!(gate.admit(None, None).unwrap().identity.user.id, id);
    clock.advance(Duration::from_hours(24 * 29));
    let token = first.guest_token.unwrap();
    let renamed = gate.admit(Some(&token), Some("  Ada 😀 ")).unwrap();
    assert_eq!((&renamed.identity.user.id, &*renamed.identity.user.name), (&id, "Ada 😀"));
    clock.advance(Duration::from_hours(24 * 29));
    assert_eq!(gate.admit(Some(&token), None).err(), Some(Refused::Expired));
    // Renewed by the visit between, and the new name kept; another start of the server knows it, too.
    let again = gate_with(None, true, clock.clone()).admit(renamed.guest_token.as_deref(), Some(" ")).unwrap();
    assert_eq!((&again.identity.user.id, &*again.identity.user.name), (&id, "Ada 😀"));
}

#[test]
fn a_guests_name_that_cannot_be_shown_is_refused() {
    for name in ["a\nb", "\u{1b}[31mred", "a\0", "\u{85}x\u{85}y", &"x".repeat(101)] {
        assert_eq!(gate().admit(None, Some(name)).err(), Some(Refused::GuestName), "{name:?}");
    }
    for (name, shown) in [("x".repeat(100), "x".repeat(100)), ("\"}<b>".to_owned(), "\"}<b>".to_owned())] {
        let token = gate().admit(None, Some(&name)).unwrap().guest_token.unwrap();
        assert_eq!(*gate().admit(Some(&token), None).unwrap().identity.user.name, *shown);
    }
}

#[test]
fn guests_come_in_only_where_they_are_allowed() {
    let token = gate().admit(None, None).unwrap().guest_token.unwrap();
    let closed = gate_with(Some(SECRET), false, clock());
    assert_eq!(closed.admit(None, Some("Ada")).err(), Some(Refused::NoToken));
    assert_eq!(closed.admit(Some(&token), None).err(), Some(Refused::NoGuests));
    assert!(closed.admit(Some(&users_token("")), None).is_ok());
    let without_secret = gate_with(None, true, clock());
    assert_eq!(without_secret.admit(Some(&users_token("")), None).err(), Some(Refused::NoKey));
    assert!(matches!(without_secret.admit(Some(""), None), Err(Refused::Malformed(_))));
}

#[test]
fn guests_of_this_machine_come_by_its_name_and_meant_ones_by_any() {
    let gate_of = |guests| {
        let settings = AuthSettings { guests, secret: Secret::new(SECRET), ..AuthSettings::default() };
        Gate::new(&settings, &GUEST_KEY, guests != Guests::Off, clock()).unwrap()
    };
    let token = gate().admit(None, None).unwrap().guest_token.unwrap();
    for (guests, by_ours, by_another) in [
        (Guests::Loopback, None, Some(Refused::ForeignName)),
        (Guests::Anyone, None, None),
        (Guests::Off, Some(Refused::NoGuests), Some(Refused::NoGuests)),
    ] {
        let gate = gate_of(guests);
        assert_eq!(gate.admit_by_name(true, Some(&token), None).err(), by_ours, "{guests:?}");
        assert_eq!(gate.admit_by_name(false, Some(&token), None).err(), by_another, "{guests:?}");
        assert!(gate.admit_by_name(false, Some(&users_token("")), None).is_ok(), "a user's name counts anywhere");
    }
    assert_eq!(gate_of(Guests::Loopback).admit_by_name(false, None, None).err(), Some(Refused::ForeignName));
}

#[test]
fn a_guests_token_and_a_users_are_never_taken_for_each_other() {
    const GUEST: &str = r#"{"alg":"HS256","kid":"guest"}"#;
    let sub = "guest-0123456789abcdef";
    let claims = |aud: &str, sub: &str| format!(r#"{{"sub":"{sub}","name":"Eve","exp":1800000060,"aud":"{aud}"}}"#);
    let ours = claims("copresence:guest", sub);
    assert!(gate().admit(Some(&signed(&GUEST_KEY, GUEST, &ours)), None).unwrap().identity.is_guest);
    assert_eq!(refusal(&signed(SECRET.as_bytes(), GUEST, &ours)), Refused::Signature, "a guest by the users' secret");
    assert_eq!(refusal(&signed(&GUEST_KEY, HS256, &ours)), Refused::Signature, "a user by the guests' key");
    assert_eq!(refusal(&signed(SECRET.as_bytes(), HS256, &ours)), wrong("aud", "is kept for guests"));
    for (aud, sub) in [("", sub), ("copresence:guest", "ada"), ("copresence:guest", "guest-0123456789ABCDEF")] {
        let refused = refusal(&signed(&GUEST_KEY, GUEST, &claims(aud, sub)));
        assert!(matches!(refused, Refused::Malformed(_)), "{aud} {sub}: {refused:?}");
    }
    let expired = format!(r#"{{"sub":"{sub}","name":"Eve","exp":1,"aud":"copresence:guest"}}"#);
    assert_eq!(refusal(&signed(&GUEST_KEY, GUEST, &expired)), Refused::Expired);
}
