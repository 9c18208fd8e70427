use serde_json::{Value, json};

use super::signer::Signer;
use super::*;
use crate::config::Config;

fn claims(more: Value) -> Value {
    let mut claims = json!({"sub": "ada", "exp": NOW_S + 60});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

/// A gate whose only keys are those tables.
fn gate_of(tables: &[String]) -> Gate {
    let text = tables.iter().map(|table| format!("[[auth.keys]]\n{table}")).collect::<Vec<_>>().join("\n");
    Gate::new(&Config::from_toml(&text).unwrap().auth, &GUEST_KEY, true, clock()).unwrap()
}

fn pem_table(signer: &Signer, more: &str) -> String {
    format!("algorithm = {:?}\npem = {:?}\n{more}", signer.name(), signer.pem())
}

fn hs_table(algorithm: &str, secret: &str, more: &str) -> String {
    format!("algorithm = {algorithm:?}\nsecret = {secret:?}\n{more}")
}

fn refusal_at(gate: &Gate, token: &str) -> Refused {
    gate.admit(Some(token), None).map(|admitted| panic!("{token} was let in as {admitted:?}")).unwrap_err()
}

fn hmac(algorithm: Algorithm, key: &[u8], header: &Value, claims: &Value) -> String {
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn each_algorithm_lets_in_whom_its_own_key_signed() {
    for signer in [Signer::rs256(), Signer::es256(), Signer::eddsa()] {
        let gate = gate_of(&[pem_table(&signer, "")]);
        for header in [json!({"alg": signer.name()}), json!({"alg": signer.name(), "kid": "any", "typ": "at+jwt"})] {
            let admitted = gate.admit(Some(&signer.token(&header, &claims(json!({})))), None);
            assert_eq!(admitted.unwrap().identity.user.id.as_str(), "ada", "{header}");
        }
    }
    for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let gate = gate_of(&[hs_table(name, SECRET, "")]);
        let token = hmac(algorithm, SECRET.as_bytes(), &json!({"alg": name}), &claims(json!({})));
        assert!(gate.admit(Some(&token), None).is_ok(), "{name}");
    }
}

#[test]
fn a_public_key_is_never_the_secret_of_an_hmac() {
    let signers = [Signer::rs256(), Signer::es256(), Signer::eddsa()];
    let tables: Vec<_> = signers.iter().map(|signer| pem_table(signer, "")).collect();
    let mut with_secret = tables.clone();
    with_secret.extend(["HS256", "HS384", "HS512"].map(|name| hs_table(name, SECRET, "")));
    let (alone, beside) = (gate_of(&tables), gate_of(&with_secret));
    for signer in &signers {
        let pem = signer.pem();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(&body).unwrap();
        let raw = der[der.len() - 32..].to_vec();
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), body.as_bytes(), &der, &raw, b""] {
            for (name, algorithm) in
                [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
            {
                let confused = hmac(algorithm, secret, &json!({"alg": name}), &claims(json!({})));
                assert_eq!(refusal_at(&alone, &confused), Refused::Algorithm, "{name} by {}", signer.name());
                assert_eq!(refusal_at(&beside, &confused), Refused::Signature, "{name} by {}", signer.name());
                // The same signature under the name of the public algorithm.
                let named = hmac(algorithm, secret, &json!({"alg": signer.name()}), &claims(json!({})));
                assert_eq!(refusal_at(&beside, &named), Refused::Signature, "{name} as {}", signer.name());
            }
        }
    }
}

#[test]
fn a_header_cannot_take_a_key_to_another_algorithm() {
    let signers = [Signer::rs256(), Signer::es256(), Signer::eddsa()];
    let all = gate_of(&signers.iter().map(|signer| pem_table(signer, "")).collect::<Vec<_>>());
    for signer in &signers {
        let own = gate_of(&[pem_table(signer, "")]);
        for name in ["RS256", "ES256", "EdDSA"].into_iter().filter(|name| *name != signer.name()) {
            let mixed = signer.token(&json!({"alg": name}), &claims(json!({})));
            assert_eq!(refusal_at(&all, &mixed), Refused::Signature, "{} as {name}", signer.name());
            assert_eq!(refusal_at(&own, &mixed), Refused::Algorithm, "{} as {name}", signer.name());
        }
        for name in ["none", "None", "", "RS384", "RS512", "PS256", "ES384", "ES512", "ES256K", "EDDSA", "Ed25519"] {
            let unknown = signer.token(&json!({"alg": name}), &claims(json!({})));
            assert_eq!(refusal_at(&all, &unknown), Refused::Algorithm, "{} as {name:?}", signer.name());
        }
        let good = signer.token(&json!({"alg": signer.name()}), &claims(json!({})));
        let (message, signature) = good.rsplit_once('.').unwrap();
        let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
        for wrong in ["", "AA", &zeros, &signature[..signature.len() - 4], &format!("{signature}AAAA")] {
            assert_eq!(refusal_at(&all, &format!("{message}.{wrong}")), Refused::Signature, "{}", signer.name());
        }
        for name in ["crit", "jku", "x5u", "jwk", "x5c"] {
            let mut header = json!({"alg": signer.name()});
            header[name] = signer.jwk("own");
            assert_eq!(refusal_at(&all, &signer.token(&header, &claims(json!({})))), Refused::Header(name));
        }
    }
}

#[test]
fn the_same_kid_under_two_issuers_leads_each_to_its_own_key() {
    let (acme, evil) = (Signer::es256(), Signer::es256());
    let of = |signer, name| pem_table(signer, &format!("kid = 'k1'\nissuer = 'https://{name}'\ntenant = '{name}'"));
    let gate = gate_of(&[of(&acme, "acme"), of(&evil, "evil")]);
    let token = |signer: &Signer, more| signer.token_of("k1", &claims(more));
    let tenant = |token: &str| gate.admit(Some(token), None).map(|admitted| admitted.identity.tenant.to_string());
    assert_eq!(tenant(&token(&acme, json!({"iss": "https://acme"}))), Ok("acme".into()));
    assert_eq!(tenant(&token(&evil, json!({"iss": "https://evil", "tenant": "evil"}))), Ok("evil".into()));
    let foreign = wrong("iss", "must be the issuer that is set for its key");
    assert_eq!(tenant(&token(&evil, json!({"iss": "https://acme"}))), Err(foreign.clone()));
    assert_eq!(tenant(&token(&acme, json!({}))), Err(foreign.clone()));
    assert_eq!(tenant(&token(&acme, json!({"iss": ["https://acme"]}))), Err(foreign));
    let elsewhere = token(&evil, json!({"iss": "https://evil", "tenant": "acme"}));
    assert_eq!(tenant(&elsewhere), Err(wrong("tenant", "must be the tenant that is set for its key")));
    assert_eq!(refusal_at(&gate, &acme.token_of("k2", &claims(json!({})))), Refused::UnknownKey);
    let unnamed = acme.token(&json!({"alg": "ES256"}), &claims(json!({"iss": "https://acme"})));
    assert_eq!(refusal_at(&gate, &unnamed), Refused::UnknownKey);
    let stranger = Signer::es256().token_of("k1", &claims(json!({"iss": "https://acme"})));
    assert_eq!(refusal_at(&gate, &stranger), Refused::Signature);
}

#[test]
fn a_kid_that_is_no_plain_name_is_refused_before_any_key_is_looked_for() {
    let signer = Signer::eddsa();
    let gate = gate_of(&[pem_table(&signer, "")]);
    for kid in ["../../etc/passwd", "k' OR '1'='1", "a\nb", "", "a b", "k\u{0}", "ключ", &"k".repeat(65), "http://h/k"]
    {
        let refused = refusal_at(&gate, &signer.token_of(kid, &claims(json!({}))));
        assert!(matches!(refused, Refused::Malformed(_)), "{kid:?}: {refused:?}");
    }
    for kid in [json!(null), json!(7), json!(["k"]), json!({})] {
        let token = signer.token(&json!({"alg": "EdDSA", "kid": kid}), &claims(json!({})));
        assert!(matches!(refusal_at(&gate, &token), Refused::Malformed(_)), "{kid}");
    }
    // The guests' name leads to the guests' key alone.
    assert_eq!(refusal_at(&gate, &signer.token_of("guest", &claims(json!({})))), Refused::Algorithm);
}

#[test]
fn an_audience_that_is_set_has_to_be_named() {
    let gate = gate_of(&[hs_table("HS256", SECRET, "audience = 'copresence'")]);
    let of = |aud: Value| {
        let token = hmac(Algorithm::HS256, SECRET.as_bytes(), &json!({"alg": "HS256"}), &claims(json!({"aud": aud})));
        gate.admit(Some(&token), None).map(drop)
    };
    assert_eq!(of(json!("copresence")), Ok(()));
    assert_eq!(of(json!(["other", "copresence"])), Ok(()));
    let refused = Err(wrong("aud", "must name the audience that is set for its key"));
    for aud in [
        json!("other"),
        json!([]),
        json!(["copresence", 7]),
        json!(null),
        json!("Copresence"),
        json!({"copresence": 1}),
    ] {
        assert_eq!(of(aud.clone()), refused, "{aud}");
    }
    let without = hmac(Algorithm::HS256, SECRET.as_bytes(), &json!({"alg": "HS256"}), &claims(json!({})));
    assert_eq!(gate.admit(Some(&without), None).map(drop), refused);
}

#[test]
fn one_key_under_two_audiences_takes_both() {
    let gate = gate_of(&[
        hs_table("HS256", SECRET, "audience = 'a'\ntenant = 'one'"),
        hs_table("HS256", SECRET, "audience = 'b'\ntenant = 'two'"),
    ]);
    for (aud, tenant) in [("a", "one"), ("b", "two")] {
        let token = hmac(Algorithm::HS256, SECRET.as_bytes(), &json!({"alg": "HS256"}), &claims(json!({"aud": aud})));
        assert_eq!(gate.admit(Some(&token), None).unwrap().identity.tenant.as_str(), tenant);
    }
}

#[test]
fn a_pem_that_cannot_be_used_is_named_and_not_shown() {
    let pem = Signer::rs256().pem();
    let private = "-----BEGIN PRIVATE KEY-----\\nc2VjcmV0\\n-----END PRIVATE KEY-----";
    let problem = |algorithm: &str, pem: &str| {
        let text = format!("[[auth.keys]]\nalgorithm = '{algorithm}'\npem = \"{}\"", pem.replace('\n', "\\n"));
        Gate::check(&Config::from_toml(&text).unwrap().auth).expect_err(pem).to_string()
    };
    for (algorithm, pem, word) in [
        ("ES256", pem.as_str(), "must be a public key on P-256"),
        ("EdDSA", &pem, "must be a public Ed25519 key"),
        ("RS256", &Signer::es256().pem(), "must be a public RSA key"),
        ("RS256", private, "is a private key"),
        ("RS256", "no/such/key.pem", "can't read no/such/key.pem"),
        ("RS256", "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----", "must be a public RSA key"),
    ] {
        let problem = problem(algorithm, pem);
        assert!(problem.starts_with("auth.keys[0].pem: ") && problem.contains(word), "{problem}");
        assert!(!problem.contains("c2VjcmV0") && !problem.contains('\n'), "{problem}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, &pem).unwrap();
    let text = format!("[[auth.keys]]\nalgorithm = 'RS256'\npem = {:?}", path.to_str().unwrap());
    Gate::check(&Config::from_toml(&text).unwrap().auth).unwrap();
}
