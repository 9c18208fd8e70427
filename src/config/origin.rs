//! Where a page comes from.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::de::{Deserialize, Deserializer, Error};

/// A web origin: scheme, host and port, normalised, so that equal means the same origin (RFC 6454, 4).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// The sentence for a text that is no origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an origin is scheme://host or scheme://host:port and nothing more, international names in their xn-- form")]
pub struct BadOrigin;

impl Origin {
    /// Reads an origin as browsers send it. `null`, user info, paths and hosts that are not ASCII are refused.
    ///
    /// # Errors
    /// [`BadOrigin`].
    pub fn parse(text: &str) -> Result<Self, BadOrigin> {
        let (scheme, authority) = text.split_once("://").ok_or(BadOrigin)?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !is_scheme {
            return Err(BadOrigin);
        }
        Self::of_authority(scheme, authority)
    }

    /// The origin of a request that came to `authority` (a `Host` header) by `scheme`.
    ///
    /// # Errors
    /// [`BadOrigin`] when `authority` is no host with or without a port.
    pub fn of_authority(scheme: &str, authority: &str) -> Result<Self, BadOrigin> {
        let scheme = scheme.to_ascii_lowercase();
        let end_of_host = if authority.starts_with('[') {
            authority.find(']').ok_or(BadOrigin)? + 1
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, port) = authority.split_at(end_of_host);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            // `u16` alone would take "+80" as well.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().map_err(|_| BadOrigin)?),
            _ => return Err(BadOrigin),
        };
        let default_port = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Ok(Self { host: normal_host(host)?, port: port.or(default_port), scheme })
    }

    /// Its host alone, in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether its host is a name that leads to the own machine wherever it is looked up: `localhost`, a name under it
    /// (RFC 6761, 6.3), 127.0.0.0/8 or `[::1]`. A name that only resolves to such an address is none.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let address = || self.host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        let name = || self.host.strip_suffix("localhost").is_some_and(|rest| rest.is_empty() || is_subdomain(rest));
        address() || self.host == "[::1]" || name()
    }
}

/// Whether `a.b.` can stand ahead of a domain: labels that are not empty, and a dot behind each.
fn is_subdomain(labels: &str) -> bool {
    labels.strip_suffix('.').is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()))
}

/// The one spelling of a host: lower case, IPv6 compressed and in brackets.
fn normal_host(host: &str) -> Result<String, BadOrigin> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().map(|address| format!("[{address}]")).map_err(|_| BadOrigin);
    }
    let is_name =
        (1..=255).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_name { Ok(host.to_ascii_lowercase()) } else { Err(BadOrigin) }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}
