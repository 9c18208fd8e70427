//! By which keys users' tokens are signed.
//!
//! Secrets and public keys stand in two lists that never meet: a public key, which everybody may have, can't become the
//! secret of an HMAC. A token's header picks candidates by algorithm and `kid`; what its issuer, audience and tenant must
//! be is asked after the signature held, of the key that held.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;

use super::claims::Claims;
use super::jwks::{Found, KeySet};
use super::jwt::{PublicKey, SharedKey, Token};
use super::{Identity, Refused};
use crate::clock::Clock;
use crate::config::{AuthSettings, TokenAlgorithm, TokenKeyRule};
use crate::domain::entry::Timestamp;
use crate::domain::ids::Tenant;

/// Longer files are no key.
const PEM_BYTES_MAX: usize = 64 << 10;

/// RSA below 2,048 bits is not taken (RFC 7518, 3.3); a key's DER is a little longer than its modulus.
const RSA_BYTES_MIN: usize = 256;

/// An uncompressed point on P-256.
const P256_BYTES: usize = 65;

/// A key in the settings that can't be used, in words for an operator; the key itself is not in them.
#[derive(Debug, thiserror::Error)]
#[error("auth.keys[{index}].pem: {problem}")]
pub struct BadKey {
    /// Which of the list.
    pub index: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// What tokens of one key have to say besides.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) tenant: Option<Tenant>,
}

/// One key, or one set of them, with what is asked of its tokens.
struct Entry<K> {
    algorithm: TokenAlgorithm,
    /// `None` takes every `kid`, and none.
    kid: Option<String>,
    terms: Terms,
    key: K,
}

impl<K> Entry<K> {
    fn new(rule: &TokenKeyRule, key: K) -> Self {
        let TokenKeyRule { issuer, audience, tenant, .. } = rule.clone();
        Self { algorithm: rule.algorithm, kid: rule.kid.clone(), terms: Terms { issuer, audience, tenant }, key }
    }

    fn fits(&self, token: &Token) -> bool {
        self.algorithm == token.algorithm() && self.kid.as_deref().is_none_or(|kid| token.kid() == Some(kid))
    }
}

/// All keys of users' tokens.
#[derive(Default)]
pub(super) struct Keys {
    shared: Vec<Entry<SharedKey>>,
    public: Vec<Entry<PublicKey>>,
    sets: Vec<Entry<Arc<KeySet>>>,
}

impl Keys {
    /// The keys that `settings` name.
    pub(super) fn new(settings: &AuthSettings) -> Result<Self, BadKey> {
        let mut keys = Self::default();
        if let Some(secret) = &settings.secret {
            let key = SharedKey::hs256(secret.as_bytes());
            keys.shared.push(Entry { algorithm: TokenAlgorithm::Hs256, kid: None, terms: Terms::default(), key });
        }
        for (index, rule) in settings.keys.iter().enumerate() {
            if let Some(secret) = &rule.secret {
                keys.shared.push(Entry::new(rule, SharedKey::new(rule.algorithm, secret.as_bytes())));
            }
            if let Some(pem) = &rule.pem {
                let key = read_pem(pem.as_bytes(), rule.algorithm).map_err(|problem| BadKey { index, problem })?;
                keys.public.push(Entry::new(rule, key));
            }
            if let Some(url) = &rule.jwks_url {
                keys.sets.push(Entry::new(rule, Arc::new(KeySet::new(url.clone(), rule.algorithm))));
            }
        }
        Ok(keys)
    }

    pub(super) fn start_fetching(&self, clock: &Clock) {
        for set in &self.sets {
            KeySet::start(&set.key, clock.clone());
        }
    }

    pub(super) fn wait(&self, patience: Duration) {
        // They are fetched side by side, so the slowest counts and not the sum.
        let mut left = patience;
        for set in &self.sets {
            left = set.key.wait(left);
        }
    }

    /// Who `token` says somebody is, if one of the keys signed it and all that is asked of that key's tokens is there.
    pub(super) fn identity(&self, token: &Token, now: Timestamp, instant: Instant) -> Result<Identity, Refused> {
        if self.shared.is_empty() && self.public.is_empty() && self.sets.is_empty() {
            return Err(Refused::NoKey);
        }
        let mut verdict = Verdict { now, refused: None };
        for entry in self.shared.iter().filter(|entry| entry.fits(token)) {
            if let Some(identity) = verdict.of(token.payload(&entry.key), &entry.terms) {
                return Ok(identity);
            }
        }
        for entry in self.public.iter().filter(|entry| entry.fits(token)) {
            if let Some(identity) = verdict.of(token.payload_by_public(&entry.key), &entry.terms) {
                return Ok(identity);
            }
        }
        let mut lacking = Vec::new();
        for entry in self.sets.iter().filter(|entry| entry.fits(token)) {
            match entry.key.find(token.kid()) {
                Found::Key(key) => {
                    if let Some(identity) = verdict.of(token.payload_by_public(&key), &entry.terms) {
                        return Ok(identity);
                    }
                }
                Found::Nothing => lacking.push(&entry.key),
            }
        }
        // A token that some key here signed is refused for what it says; only a stranger's asks for newer keys.
        if let Some(refused) = verdict.refused.take_if(|refused| *refused != Refused::Signature) {
            return Err(refused);
        }
        // All are asked: which of them is meant could be told by a claim alone, and no claim is read before.
        let are_awaited = lacking.iter().filter(|set| set.ask(instant)).count() > 0;
        let knows_algorithm = verdict.refused.is_some()
            || self.shared.iter().any(|entry| entry.algorithm == token.algorithm())
            || self.public.iter().any(|entry| entry.algorithm == token.algorithm())
            || self.sets.iter().any(|entry| entry.algorithm == token.algorithm());
        Err(match verdict.refused {
            _ if are_awaited => Refused::KeysAwaited,
            Some(refused) => refused,
            None if knows_algorithm => Refused::UnknownKey,
            None => Refused::Algorithm,
        })
    }
}

/// What came of the keys that were tried.
struct Verdict {
    now: Timestamp,
    /// The first refusal, but one for claims counts more than one for a signature.
    refused: Option<Refused>,
}

impl Verdict {
    fn of(&mut self, payload: Result<String, Refused>, terms: &Terms) -> Option<Identity> {
        let identity = payload.and_then(|payload| Claims::read(&payload)?.identity(self.now, terms));
        match identity {
            Ok(identity) => return Some(identity),
            Err(refused) if self.refused.as_ref().is_none_or(|before| *before == Refused::Signature) => {
                self.refused = Some(refused);
            }
            Err(_) => {}
        }
        None
    }
}

/// Reads a public key from a PEM text, or from the file at that path.
fn read_pem(path_or_text: &[u8], algorithm: TokenAlgorithm) -> Result<PublicKey, String> {
    let given = String::from_utf8_lossy(path_or_text);
    let text = if given.contains("-----BEGIN") {
        given.into_owned()
    } else {
        let path = PathBuf::from(&*given);
        let text = std::fs::read(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
        if text.len() > PEM_BYTES_MAX {
            return Err(format!("{} is too long for a key", path.display()));
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    if text.contains("PRIVATE KEY") {
        return Err("is a private key: this server needs the public one, and nobody else should have the other".into());
    }
    let pem = text.as_bytes();
    let (read, what) = match algorithm {
        TokenAlgorithm::Es256 => (DecodingKey::from_ec_pem(pem), "a public key on P-256"),
        TokenAlgorithm::EdDsa => (DecodingKey::from_ed_pem(pem), "a public Ed25519 key"),
        _ => (DecodingKey::from_rsa_pem(pem), "a public RSA key of at least 2,048 bits"),
    };
    let fits = |key: &DecodingKey| {
        key.try_get_as_bytes().is_ok_and(|bytes| match algorithm {
            TokenAlgorithm::Es256 => bytes.len() == P256_BYTES,
            TokenAlgorithm::EdDsa => bytes.len() == 32,
            _ => bytes.len() > RSA_BYTES_MIN,
        })
    };
    let key = read.ok().filter(fits);
    key.map(|checks| PublicKey { algorithm, checks }).ok_or_else(|| {
        format!("must be {what} in PEM (-----BEGIN PUBLIC KEY-----), as {} needs it", algorithm.as_str())
    })
}
