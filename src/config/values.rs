//! How single values are read. What a refused one should have been is said by `keys`, so errors here are short.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error};

use crate::domain::grants::{Right, Rights};
use crate::domain::ids::Tenant;
use crate::domain::pattern::RoomPattern;

/// Whatever reads itself from text.
pub(super) fn parsed<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A number of seconds, fractions allowed.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// As [`seconds`], for a key whose default depends on others.
pub(super) fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

/// A number of milliseconds, fractions allowed.
pub(super) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)? / 1_000.0).map_err(D::Error::custom)
}

/// A node's name.
pub(super) fn node<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    // The same rule as for tenants, so that both can stand in keys and file names.
    Tenant::parse(&name).map_err(|_| D::Error::custom("not a node's name"))?;
    Ok(name)
}

/// An API key's name.
pub(super) fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_label = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_label { Ok(name) } else { Err(D::Error::custom("not a key's name")) }
}

/// What a claim has to be.
pub(super) fn claim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_claim = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_claim { Ok(Some(text)) } else { Err(D::Error::custom("not a claim's text")) }
}

/// The name of a token's key.
pub(super) fn kid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let kid = String::deserialize(deserializer)?;
    let is_safe =
        (1..=64).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b));
    // Guests' tokens are led to their key by this name.
    if is_safe && kid != "guest" { Ok(Some(kid)) } else { Err(D::Error::custom("not a key's name")) }
}

/// A tenant that may be left out.
pub(super) fn some_tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tenant>, D::Error> {
    tenant(deserializer).map(Some)
}

/// A path that is not empty.
pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.as_os_str().is_empty() { Err(D::Error::custom("empty")) } else { Ok(path) }
}

/// CIDR blocks; a bare address is a block of one.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let network = |text: String| {
        let bare = text.parse::<IpAddr>().map(IpNet::from);
        bare.or_else(|_| text.parse::<IpNet>()).map_err(D::Error::custom)
    };
    texts.into_iter().map(network).collect()
}

/// A tenant.
pub(super) fn tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tenant, D::Error> {
    Tenant::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A pattern of rooms.
pub(super) fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RoomPattern, D::Error> {
    RoomPattern::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A list of rights.
pub(super) fn rights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rights, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| Right::parse(name).ok_or_else(|| D::Error::custom("no such right"))).collect()
}

/// A role, as a token may name one.
pub(super) fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let role = String::deserialize(deserializer)?;
    let is_role = (1..=100).contains(&role.chars().count()) && !role.chars().any(char::is_control);
    if is_role { Ok(role) } else { Err(D::Error::custom("not a role")) }
}

/// 64 hexadecimal digits.
pub(super) fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(|| D::Error::custom("not a SHA-256"))?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(Some(hash))
}

/// What an API key may do when its entry doesn't say.
pub(super) fn all_rights() -> Rights {
    Right::ALL.into_iter().collect()
}

/// How long an empty room stays open when no rule says.
pub(super) fn retire_after() -> Duration {
    Duration::from_mins(1)
}

/// What guests may do in a room when no rule says.
pub(super) fn all_but_notify() -> Rights {
    Rights::ALL_BUT_NOTIFY
}

/// A switch that is on.
pub(super) fn yes() -> bool {
    true
}
