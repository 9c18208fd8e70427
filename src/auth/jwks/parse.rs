//! From a key set's text (RFC 7517) to keys of one algorithm.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Named;
use crate::auth::jwt::{PublicKey, is_safe_kid};
use crate::config::TokenAlgorithm;

/// What comes after so many is passed over.
const KEYS_MAX: usize = 100;

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The fields that matter, of every kind of key. Others, certificates above all, are passed over.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys in `text` that check signatures of `algorithm`; those of other kinds and uses are passed over, and so are
/// those that can't be read. A set without any is an error: what was had before is worth more.
pub(super) fn keys(text: &str, algorithm: TokenAlgorithm) -> Result<Vec<Named>, String> {
    let set: Set = serde_json::from_str(text).map_err(|_| "it is no key set".to_owned())?;
    let mut keys: Vec<Named> = Vec::new();
    for raw in set.keys.into_iter().take(KEYS_MAX) {
        let Some(jwk) = serde_json::from_str::<Jwk>(raw.get()).ok().filter(|jwk| is_meant_for(jwk, algorithm)) else {
            continue;
        };
        // Of two by one name, which counts must not depend on us.
        let is_named_well = jwk.kid.as_deref().is_none_or(is_safe_kid);
        if !is_named_well || keys.iter().any(|(kid, _)| kid.is_some() && *kid == jwk.kid) {
            continue;
        }
        if let Some(checks) = decoding_key(&jwk, algorithm) {
            keys.push((jwk.kid, Arc::new(PublicKey { algorithm, checks })));
        }
    }
    if keys.is_empty() { Err(format!("no key in it is for {}", algorithm.as_str())) } else { Ok(keys) }
}

fn is_meant_for(jwk: &Jwk, algorithm: TokenAlgorithm) -> bool {
    jwk.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str())
        && jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
}

/// A public key; never the secret of an HMAC, whatever the set says.
fn decoding_key(jwk: &Jwk, algorithm: TokenAlgorithm) -> Option<DecodingKey> {
    let (kty, curve) = (jwk.kty.as_str(), jwk.crv.as_deref());
    match algorithm {
        TokenAlgorithm::Rs256 if kty == "RSA" => {
            let (n, e) = (bytes(jwk.n.as_deref()?)?, bytes(jwk.e.as_deref()?)?);
            // 2,048 to 8,192 bits, without leading zeros that only look like more.
            let is_strong = (256..=1_024).contains(&n.len()) && n[0] >= 0x80 && (1..=8).contains(&e.len());
            is_strong.then(|| DecodingKey::from_rsa_raw_components(&n, &e))
        }
        TokenAlgorithm::Es256 if kty == "EC" && curve == Some("P-256") => {
            let (x, y) = (jwk.x.as_deref()?, jwk.y.as_deref()?);
            let is_point = bytes(x)?.len() == 32 && bytes(y)?.len() == 32;
            is_point.then(|| DecodingKey::from_ec_components(x, y).ok()).flatten()
        }
        TokenAlgorithm::EdDsa if kty == "OKP" && curve == Some("Ed25519") => {
            let x = jwk.x.as_deref()?;
            (bytes(x)?.len() == 32).then(|| DecodingKey::from_ed_components(x).ok()).flatten()
        }
        _ => None,
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
