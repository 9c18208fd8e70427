//! What is signed: three parts, and one algorithm that belongs to the key.
//!
//! The crate checks the signature and nothing else: its own reading of tokens lets `crit` and a future `nbf` pass, has a
//! leeway of 60 s and a clock that can't be handed in.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Refused;
use crate::config::TokenAlgorithm;

/// Longer ones are not even split.
const TOKEN_BYTES_MAX: usize = 8_192;

/// Headers that name, bring or fetch a key, or change how the token is to be read (RFC 7515, 4.1; RFC 7797; RFC 7516).
const HEADERS_REFUSED: [&str; 8] = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"];

/// A key for one HMAC and nothing else.
pub(super) struct SharedKey {
    algorithm: TokenAlgorithm,
    checks: DecodingKey,
    signs: EncodingKey,
}

impl SharedKey {
    /// A key of HS256.
    pub(super) fn hs256(secret: &[u8]) -> Self {
        Self::new(TokenAlgorithm::Hs256, secret)
    }

    /// A key of `algorithm`, which is an HMAC: with another one no signature holds.
    pub(super) fn new(algorithm: TokenAlgorithm, secret: &[u8]) -> Self {
        Self { algorithm, checks: DecodingKey::from_secret(secret), signs: EncodingKey::from_secret(secret) }
    }

    /// A token of `header` and `claims`, both JSON.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.signs, own(self.algorithm));
        format!("{message}.{}", signature.expect("an HMAC key signs everything"))
    }
}

/// A public key: a type of its own, so that none can ever be handed to an HMAC as its secret.
pub(super) struct PublicKey {
    pub(super) algorithm: TokenAlgorithm,
    pub(super) checks: DecodingKey,
}

/// The crate's name of our algorithm.
fn own(algorithm: TokenAlgorithm) -> Algorithm {
    match algorithm {
        TokenAlgorithm::Hs256 => Algorithm::HS256,
        TokenAlgorithm::Hs384 => Algorithm::HS384,
        TokenAlgorithm::Hs512 => Algorithm::HS512,
        TokenAlgorithm::Rs256 => Algorithm::RS256,
        TokenAlgorithm::Es256 => Algorithm::ES256,
        TokenAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// A token of the right form, whose signature was not looked at yet; only its header can be asked for.
pub(super) struct Token<'a> {
    /// What the signature is over: header and payload as they came.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
    algorithm: TokenAlgorithm,
    kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Splits `text` and checks its header.
    pub(super) fn read(text: &'a str) -> Result<Self, Refused> {
        if text.is_empty() {
            return Err(Refused::Malformed("it is empty"));
        }
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refused::Malformed("it is longer than 8,192 bytes"));
        }
        let three = Refused::Malformed("it must have three parts");
        let (message, signature) = text.rsplit_once('.').ok_or_else(|| three.clone())?;
        let (header, payload) = message.split_once('.').ok_or_else(|| three.clone())?;
        if payload.contains('.') {
            return Err(three);
        }
        let (algorithm, kid) = check_header(&decoded(header)?)?;
        Ok(Self { message, payload, signature, algorithm, kid })
    }

    /// Which key it says it is signed by.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Which algorithm it says it is signed by. It picks among keys, never how a key is used.
    pub(super) fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// The payload as JSON, if `key` signed it.
    pub(super) fn payload(&self, key: &SharedKey) -> Result<String, Refused> {
        if !key.algorithm.is_hmac() {
            return Err(Refused::Signature);
        }
        self.signed_by(&key.checks, key.algorithm)
    }

    /// The payload as JSON, if the private half of `key` signed it.
    pub(super) fn payload_by_public(&self, key: &PublicKey) -> Result<String, Refused> {
        if key.algorithm.is_hmac() {
            return Err(Refused::Signature);
        }
        self.signed_by(&key.checks, key.algorithm)
    }

    fn signed_by(&self, key: &DecodingKey, algorithm: TokenAlgorithm) -> Result<String, Refused> {
        if self.algorithm != algorithm {
            return Err(Refused::Algorithm);
        }
        let holds = crypto::verify(self.signature, self.message.as_bytes(), key, own(algorithm));
        if holds.unwrap_or(false) { decoded(self.payload) } else { Err(Refused::Signature) }
    }
}

/// A JSON object as its members, each still JSON. Two of the same name are refused at this level: which of them counts
/// is what parsers disagree about.
pub(super) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads an object; `None` when it is none, or names something twice.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The member `name` as JSON.
    pub(super) fn find(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get())
    }

    /// All members by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name comes twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Checks the header and returns its `alg` and `kid`.
fn check_header(json: &str) -> Result<(TokenAlgorithm, Option<String>), Refused> {
    let header =
        Members::read(json).ok_or(Refused::Malformed("its header must be a JSON object without a name twice"))?;
    if let Some(name) = HEADERS_REFUSED.into_iter().find(|name| header.find(name).is_some()) {
        return Err(Refused::Header(name));
    }
    let text = |name| header.find(name).map(serde_json::from_str::<String>);
    let algorithm = text("alg").and_then(Result::ok).and_then(|name| TokenAlgorithm::parse(&name));
    let algorithm = algorithm.ok_or(Refused::Algorithm)?;
    let kid = match text("kid") {
        None => None,
        Some(Ok(kid)) if is_safe_kid(&kid) => Some(kid),
        Some(_) => return Err(Refused::Malformed("its `kid` must be 1 to 64 safe characters")),
    };
    Ok((algorithm, kid))
}

/// Whether a key's name can stand in a map and a line of the log.
pub(super) fn is_safe_kid(kid: &str) -> bool {
    (1..=64).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b))
}

/// The text under one part. There is one way to write it: no padding, no stray bits, no other alphabet.
fn decoded(part: &str) -> Result<String, Refused> {
    let bytes =
        URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed("its parts must be base64url without padding"))?;
    String::from_utf8(bytes).map_err(|_| Refused::Malformed("its parts must be UTF-8"))
}
