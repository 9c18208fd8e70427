use super::token as users_token;
use super::*;
use crate::domain::ids::UserId;

fn key(tenant: &str, user: &str) -> UserKey {
    UserKey::new(Tenant::parse(tenant).unwrap(), UserId::parse(user).unwrap())
}

#[test]
fn older_tokens_and_those_without_an_age_are_refused_of_that_user_in_that_tenant_alone() {
    let gate = gate();
    let refused = |more: &str| gate.admit(Some(&users_token(more)), None).err();
    let iat = |seconds: i64| format!(r#","iat":{seconds}"#);
    for (who, tenant) in [("bob", "default"), ("ada", "acme")] {
        gate.refuse_tokens(key(tenant, who), Timestamp(NOW_S * 1_000));
    }
    assert_eq!(refused(""), None);
    gate.refuse_tokens(key("default", "ada"), Timestamp((NOW_S - 10) * 1_000));
    gate.refuse_tokens(key("default", "ada"), Timestamp(0));
    assert_eq!(refused(""), Some(Refused::TakenBack));
    assert_eq!(refused(&iat(NOW_S - 11)), Some(Refused::TakenBack));
    assert_eq!(refused(&iat(NOW_S - 10)), None);
    let in_acme = format!(r#"{},"tenant":"acme""#, iat(NOW_S - 10));
    assert_eq!(refused(&in_acme), Some(Refused::TakenBack));
    // A signature that does not hold is told first: nobody learns whose tokens were taken back.
    let forged = signed(b"another secret", HS256, r#"{"sub":"ada","exp":9999999999}"#);
    assert_eq!(gate.admit(Some(&forged), None).err(), Some(Refused::Signature));
}

#[test]
fn a_guests_token_is_as_old_as_the_one_that_was_brought() {
    let clock = clock();
    let gate = gate_with(None, true, clock.clone());
    let first = gate.admit(None, None).unwrap();
    clock.advance(Duration::from_secs(10));
    let second = gate.admit(first.guest_token.as_deref(), None).unwrap();
    assert_eq!(second.identity.issued, Some(Timestamp(NOW_S * 1_000)));
    gate.refuse_tokens(first.identity.key(), Timestamp(NOW_S * 1_000 + 5_000));
    assert_eq!(gate.admit(first.guest_token.as_deref(), None).err(), Some(Refused::TakenBack));
    assert_eq!(gate.look_at_age(&second.identity), Err(Refused::TakenBack), "whoever is here by it, too");
    assert!(gate.admit(second.guest_token.as_deref(), None).is_ok());
}
