//! One key of users' tokens, as an operator names it.

use std::net::IpAddr;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{Secret, values};
use crate::domain::ids::Tenant;

/// One `[[auth.keys]]`: the algorithm is fixed here, a token can only agree with it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKeyRule {
    /// The one algorithm of tokens by this key.
    pub algorithm: TokenAlgorithm,
    /// The secret of an HS algorithm; exactly one of this, `pem` and `jwks_url` is there.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A public key, as the path of a PEM file or as its text.
    #[serde(default)]
    pub pem: Option<Secret>,
    /// Where an issuer publishes its public keys.
    #[serde(default)]
    pub jwks_url: Option<JwksUrl>,
    /// What `iss` of its tokens must be; not looked at when left out.
    #[serde(default, deserialize_with = "values::claim")]
    pub issuer: Option<String>,
    /// What must be in `aud` of its tokens; not looked at when left out.
    #[serde(default, deserialize_with = "values::claim")]
    pub audience: Option<String>,
    /// The `kid` of its tokens; when left out, any and none.
    #[serde(default, deserialize_with = "values::kid")]
    pub kid: Option<String>,
    /// The world of all its tokens; when left out, each says its own.
    #[serde(default, deserialize_with = "values::some_tenant")]
    pub tenant: Option<Tenant>,
}

impl TokenKeyRule {
    /// Whether its secret is shorter than RFC 7518, 3.2 asks for: than the hash.
    pub(super) fn is_guessable(&self) -> bool {
        let secret = self.secret.as_ref();
        secret.is_some_and(|secret| secret.as_bytes().len() < self.algorithm.hash_bytes())
    }

    /// What in it contradicts itself: the end of the key's path, and what would be right.
    pub(super) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let sources = [self.secret.is_some(), self.pem.is_some(), self.jwks_url.is_some()];
        if sources.into_iter().filter(|is_there| *is_there).count() != 1 {
            return Some(("", "must have one of secret, pem and jwks_url"));
        }
        match (self.algorithm.is_hmac(), self.secret.is_some()) {
            (true, false) => Some((".algorithm", "must be \"RS256\", \"ES256\" or \"EdDSA\" for a public key")),
            (false, true) => Some((".algorithm", "must be \"HS256\", \"HS384\" or \"HS512\" for a secret")),
            _ if self.kid.is_some() && self.jwks_url.is_some() => {
                Some((".kid", "must be left out beside jwks_url: the key set names its keys"))
            }
            _ => None,
        }
    }
}

/// How a token is signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA, PKCS #1 1.5, with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl TokenAlgorithm {
    const ALL: [Self; 6] = [Self::Hs256, Self::Hs384, Self::Hs512, Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm that a header calls `name`, letter by letter.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether who checks could sign, too.
    #[must_use]
    pub fn is_hmac(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    fn hash_bytes(self) -> usize {
        match self {
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 32,
        }
    }
}

/// Where a key set is fetched: over TLS, or from this machine. `Debug` shows it, so nothing secret may be in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JwksUrl {
    text: String,
    is_plain: bool,
}

/// The sentence for an address that a key set must not come from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key set comes from https://, or from http:// on a loopback address")]
pub struct BadJwksUrl;

impl JwksUrl {
    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is HTTP on this machine, without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Host and port, for lines of the log: a path may have a customer's id in it.
    #[must_use]
    pub fn host(&self) -> &str {
        authority(&self.text)
    }
}

impl FromStr for JwksUrl {
    type Err = BadJwksUrl;

    fn from_str(text: &str) -> Result<Self, BadJwksUrl> {
        let is_visible = text.len() <= 2_000 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\\#\"<>".contains(&b));
        let authority = authority(text);
        if !is_visible || authority.is_empty() || authority.contains('@') {
            return Err(BadJwksUrl);
        }
        let is_plain = !text.starts_with("https://");
        if is_plain && !(text.starts_with("http://") && is_loopback(authority)) {
            return Err(BadJwksUrl);
        }
        Ok(Self { text: text.to_owned(), is_plain })
    }
}

impl<'de> Deserialize<'de> for JwksUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What stands between `://` and the path.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

/// Whether host and port are of this machine. A name would be what DNS says, so an address has to be written.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_comes_over_tls_or_from_this_machine() {
        for good in [
            "https://id.example/.well-known/jwks.json",
            "https://id.example:8443/keys?tenant=a",
            "http://127.0.0.1:9000/jwks",
            "http://[::1]/jwks",
        ] {
            assert_eq!(good.parse::<JwksUrl>().map(|url| url.is_plain()), Ok(good.starts_with("http:")), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https:///jwks",
            "http://id.example/jwks",
            "http://localhost/jwks",
            "http://127.0.0.1@id.example/jwks",
            "http://127.0.0.1.id.example/jwks",
            "http://10.0.0.1/jwks",
            "http://[::ffff:10.0.0.1]/jwks",
            "HTTPS://id.example/jwks",
            "https://user:pw@id.example/jwks",
            "https://id.example/a b",
            "https://id.example/\n",
            "https://id.example\\@127.0.0.1/",
            "https://id.example/#keys",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "id.example/jwks",
        ] {
            assert_eq!(bad.parse::<JwksUrl>(), Err(BadJwksUrl), "{bad:?}");
        }
        assert_eq!("https://id.example:81/a/b".parse::<JwksUrl>().unwrap().host(), "id.example:81");
    }

    #[test]
    fn an_algorithm_is_read_as_it_is_written() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(TokenAlgorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for bad in ["none", "hs256", "HS256 ", "PS256", "ES384", "EDDSA", ""] {
            assert_eq!(TokenAlgorithm::parse(bad), None, "{bad}");
        }
    }
}
