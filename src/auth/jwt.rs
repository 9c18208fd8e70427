//! What is signed: three parts, one algorithm, one key.
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

/// Longer ones are not even split.
const TOKEN_BYTES_MAX: usize = 8_192;

/// Headers that name, bring or fetch a key, or change how the token is to be read (RFC 7515, 4.1; RFC 7797; RFC 7516).
const HEADERS_REFUSED: [&str; 8] = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"];

/// A key for HS256 and nothing else.
pub(super) struct Key {
    checks: DecodingKey,
    signs: EncodingKey,
}

impl Key {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self { checks: DecodingKey::from_secret(secret), signs: EncodingKey::from_secret(secret) }
    }

    /// A token of `header` and `claims`, both JSON.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.signs, Algorithm::HS256);
        format!("{message}.{}", signature.expect("an HMAC key signs everything"))
    }
}

/// A token of the right form, whose signature was not looked at yet; only its `kid` can be asked for.
pub(super) struct Token<'a> {
    /// What the signature is over: header and payload as they came.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
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
        let kid = check_header(&decoded(header)?)?;
        Ok(Self { message, payload, signature, kid })
    }

    /// Which key it says it is signed by.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The payload as JSON, if `key` signed it.
    pub(super) fn payload(&self, key: &Key) -> Result<String, Refused> {
        let holds = crypto::verify(self.signature, self.message.as_bytes(), &key.checks, Algorithm::HS256);
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

/// Checks the header and returns its `kid`.
fn check_header(json: &str) -> Result<Option<String>, Refused> {
    let header =
        Members::read(json).ok_or(Refused::Malformed("its header must be a JSON object without a name twice"))?;
    if let Some(name) = HEADERS_REFUSED.into_iter().find(|name| header.find(name).is_some()) {
        return Err(Refused::Header(name));
    }
    let text = |name| header.find(name).map(serde_json::from_str::<String>);
    if !matches!(text("alg"), Some(Ok(algorithm)) if algorithm == "HS256") {
        return Err(Refused::Algorithm);
    }
    let is_safe = |kid: &String| {
        (1..=64).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b))
    };
    match text("kid") {
        None => Ok(None),
        Some(kid) => {
            kid.ok().filter(is_safe).map(Some).ok_or(Refused::Malformed("its `kid` must be 1 to 64 safe characters"))
        }
    }
}

/// The text under one part. There is one way to write it: no padding, no stray bits, no other alphabet.
fn decoded(part: &str) -> Result<String, Refused> {
    let bytes =
        URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed("its parts must be base64url without padding"))?;
    String::from_utf8(bytes).map_err(|_| Refused::Malformed("its parts must be UTF-8"))
}
