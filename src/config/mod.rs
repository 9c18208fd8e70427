//! Typed settings: what an operator may change, each value checked before anything starts.
//!
//! ```text
//! defaults < config.toml < COPRESENCE_SECTION__KEY < flags ──▶ one table ──▶ Config
//! ```
//!
//! An unknown key or a bad value stops the start, and the error names the key, where the value came from, the value
//! (never that of a secret) and what would be right. `keys` lists every key with that sentence, `layers` knows the
//! order. Config is a leaf: it knows the names of `domain` and nothing else.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use crate::domain::grants::Rights;
use crate::domain::ids::Tenant;
use crate::domain::inbox;

mod audit;
mod demo;
mod error;
mod keys;
mod layers;
mod limits;
mod origin;
mod rooms;
mod secret;
#[cfg(test)]
mod tests;
mod token_key;
mod values;

pub use audit::AuditSettings;
pub use demo::{DemoSettings, DemoSwitch};
pub use error::ConfigError;
pub use limits::LimitSettings;
pub use origin::{BadOrigin, Origin};
pub use rooms::{RoomRates, RoomRule, RoomSettings};
pub use secret::Secret;
pub use token_key::{BadJwksUrl, JwksUrl, TokenAlgorithm, TokenKeyRule};

/// An HS256 secret of fewer bytes can be guessed from one token (RFC 7518, 3.2 asks for the size of the hash).
const SECRET_BYTES_GOOD: usize = 32;

/// Everything that an operator may change. The defaults suit one machine and a first look.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where and how we listen.
    pub server: ServerSettings,
    /// Where the log is kept.
    pub store: StoreSettings,
    /// Who may come in.
    pub auth: AuthSettings,
    /// How nodes share rooms.
    pub bridge: BridgeSettings,
    /// What one client may use up.
    pub limits: LimitSettings,
    /// When a client counts as gone.
    pub session: SessionSettings,
    /// How often changes of presence are told.
    pub presence: PresenceSettings,
    /// How often signals are told.
    pub signals: SignalSettings,
    /// What inboxes keep.
    pub inbox: InboxSettings,
    /// What the log looks like.
    pub log: LogSettings,
    /// Who did what, for whoever has to know.
    pub audit: AuditSettings,
    /// What the page may show of itself.
    pub demo: DemoSettings,
    /// Settings by pattern of rooms; [`Config::room`] picks the one that fits best.
    pub rooms: Vec<RoomRule>,
}

/// Section `server`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address and port to listen on; port 0 takes a free one.
    #[serde(deserialize_with = "values::parsed")]
    pub bind: SocketAddr,
    /// What this node calls itself, to clients and in logs: 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[serde(deserialize_with = "values::node")]
    pub node: String,
    /// Origins of pages that may connect, besides the request's own host.
    pub origins: Vec<Origin>,
    /// Peers whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "values::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads for sockets; 0 is one a core.
    pub workers: usize,
    /// Open connections over all workers; beyond that new ones wait.
    pub connections_max: usize,
    /// How long the head of a request may take to arrive; its body gets twice as long, see [`Self::body_time`].
    #[serde(rename = "request_timeout_s", deserialize_with = "values::seconds")]
    pub request_timeout: Duration,
    /// Over how long, at most, clients are sent away when the server ends.
    #[serde(rename = "drain_s", deserialize_with = "values::seconds")]
    pub drain: Duration,
}

impl ServerSettings {
    /// How long the body of a request may take to arrive.
    #[must_use]
    pub fn body_time(&self) -> Duration {
        self.request_timeout * 2
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            node: "n1".to_owned(),
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            workers: 0,
            connections_max: 50_000,
            request_timeout: Duration::from_secs(5),
            drain: Duration::from_secs(5),
        }
    }
}

/// Section `store`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The `SQLite` file; relative to the working directory, its folder is made.
    #[serde(deserialize_with = "values::path")]
    pub path: PathBuf,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { path: PathBuf::from("data/copresence.db") }
    }
}

/// Section `auth`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Who may come in without a token.
    pub guests: Guests,
    /// The HS256 secret of users' tokens; without it and without `keys` no user's token is taken.
    pub secret: Option<Secret>,
    /// Further keys of users' tokens.
    pub keys: Vec<TokenKeyRule>,
    /// Keys of backends. Checked from the first day, used by the HTTP API.
    pub api_keys: Vec<ApiKeyRule>,
}

/// Who may come in without a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
pub enum Guests {
    /// Whoever sits at this machine: guests are let in while `server.bind` is a loopback address.
    #[default]
    #[serde(rename = "loopback")]
    Loopback,
    /// Nobody.
    #[serde(rename = "off")]
    Off,
    /// Everybody. The word is long because it has to be meant.
    #[serde(rename = "anyone-who-reaches-this-server")]
    Anyone,
}

/// One `[[auth.api_keys]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRule {
    /// What entries of this key show as `from`; unique.
    #[serde(deserialize_with = "values::label")]
    pub name: String,
    /// The key itself; exactly one of this and `key_hash` is there.
    #[serde(default)]
    pub key: Option<Secret>,
    /// The key's SHA-256 as 64 hexadecimal digits, for files that others may read.
    #[serde(default, deserialize_with = "values::sha256")]
    pub key_hash: Option<[u8; 32]>,
    /// The world that the key works in.
    #[serde(default, deserialize_with = "values::tenant")]
    pub tenant: Tenant,
    /// What the key may do, in every room.
    #[serde(default = "values::all_rights", deserialize_with = "values::rights")]
    pub rights: Rights,
}

/// Section `bridge`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeSettings {
    /// How nodes share rooms.
    pub kind: BridgeKind,
    /// Where the bridge's server is; an error while `kind` is `solo`.
    pub url: Option<Secret>,
}

/// The bridges of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BridgeKind {
    /// Embedded, for one node.
    #[default]
    Solo,
}

/// Section `inbox`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InboxSettings {
    /// How many notifications an inbox keeps.
    pub keep: usize,
    /// For how many days.
    pub keep_days: u64,
    /// How often a critical notification is shown again until somebody acknowledges it.
    #[serde(rename = "again_s", deserialize_with = "values::seconds")]
    pub again: Duration,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self { keep: 1_000, keep_days: 90, again: Duration::from_secs(30) }
    }
}

impl InboxSettings {
    /// How much an inbox keeps.
    #[must_use]
    pub fn keep(&self) -> inbox::Keep {
        inbox::Keep { newest: self.keep, age: Duration::from_hours(24 * self.keep_days) }
    }
}

/// Section `session`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// After this long without a word in either direction the server pings.
    #[serde(rename = "heartbeat_s", deserialize_with = "values::seconds")]
    pub heartbeat: Duration,
    /// How long a session whose connection was lost is kept; at 0 it leaves at once.
    #[serde(rename = "grace_s", deserialize_with = "values::seconds")]
    pub grace: Duration,
    /// The same after a reload or a closed tab; when no layer sets it, 4 s or `grace` where that is less.
    #[serde(rename = "grace_reload_s", deserialize_with = "values::seconds")]
    pub grace_reload: Duration,
    /// How long a new connection may take until its `connect`.
    #[serde(rename = "connect_timeout_s", deserialize_with = "values::seconds")]
    pub connect_timeout: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            grace_reload: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Section `presence`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PresenceSettings {
    /// How long changes are gathered.
    #[serde(rename = "tick_ms", deserialize_with = "values::milliseconds")]
    pub tick: Duration,
    /// A room of more members than this tells their number in place of their names.
    pub large: usize,
}

impl Default for PresenceSettings {
    fn default() -> Self {
        Self { tick: Duration::from_millis(50), large: 200 }
    }
}

/// Section `signals`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalSettings {
    /// How long signals are gathered.
    #[serde(rename = "tick_ms", deserialize_with = "values::milliseconds")]
    pub tick: Duration,
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self { tick: Duration::from_millis(33) }
    }
}

/// Section `log`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Plain,
    /// One JSON object a line, for programs.
    Json,
}

impl Config {
    /// Whether somebody without a token is let in: by default only while nobody but this machine can reach us.
    #[must_use]
    pub fn allows_guests(&self) -> bool {
        match self.auth.guests {
            Guests::Loopback => self.server.bind.ip().is_loopback(),
            Guests::Off => false,
            Guests::Anyone => true,
        }
    }

    /// Whether anybody's token is taken, guests' own apart.
    fn takes_users(&self) -> bool {
        self.auth.secret.is_some() || !self.auth.keys.is_empty()
    }

    /// Whether others than the users of this machine can come, as far as the settings say.
    fn is_reached_by_others(&self) -> bool {
        !self.server.bind.ip().is_loopback() || !self.server.trusted_proxies.is_empty()
    }

    /// What is allowed and still deserves a word at the start, one sentence each, without a secret in it.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |is_so: bool, sentence: &str| {
            if is_so {
                warnings.push(sentence.to_owned());
            }
        };
        let secret = self.auth.secret.as_ref();
        warn(
            secret.is_some_and(|secret| secret.as_bytes().len() < SECRET_BYTES_GOOD),
            "auth.secret is shorter than 32 bytes and can be guessed from one token: take `openssl rand -hex 32`",
        );
        warn(
            !self.takes_users() && !self.allows_guests(),
            "nobody can connect: neither auth.secret nor auth.keys is set, and guests are not let in (auth.guests)",
        );
        warn(
            self.auth.guests == Guests::Anyone && self.is_reached_by_others(),
            "auth.guests lets in anyone who reaches this server, without a token, to nearly all that a user may do",
        );
        warn(
            self.auth.guests == Guests::Loopback && self.allows_guests() && self.is_reached_by_others(),
            "server.trusted_proxies names a proxy, which brings others to this loopback address, and guests are let in: \
             set auth.guests to \"off\", or to \"anyone-who-reaches-this-server\" if that is meant",
        );
        warn(
            self.auth.keys.iter().any(TokenKeyRule::is_guessable),
            "a secret in auth.keys is shorter than its algorithm's hash and can be guessed from one token",
        );
        warn(
            self.demo.enabled == DemoSwitch::On && self.takes_users(),
            "demo.enabled is true while users' tokens are taken: a robot writes into the room dashboard:sales",
        );
        warn(!self.limits.enabled, "limits.enabled is false: rate limits are off, which is for load tests alone");
        warn(
            self.auth.api_keys.iter().filter_map(|rule| rule.key.as_ref()).any(|key| key.as_bytes().len() < 16),
            "a key in auth.api_keys is shorter than 16 bytes and can be guessed: take `openssl rand -hex 32`",
        );
        warnings
    }

    /// Finds values that are good by themselves and contradict each other: the key to blame, and what would be right.
    fn contradiction(&self) -> Option<(String, String)> {
        let blame = |key: &str, remedy: &str| Some((key.to_owned(), remedy.to_owned()));
        if self.session.grace_reload > self.session.grace {
            return blame("session.grace_reload_s", "must be at most session.grace_s");
        }
        if self.limits.publish_burst < self.limits.publishes_per_s {
            return blame("limits.publish_burst", "must be at least limits.publishes_per_s");
        }
        // Else a message within its limit could be refused for its length, and be told to wait.
        if usize::try_from(self.limits.bytes_per_s).unwrap_or(usize::MAX) < self.limits.message_bytes {
            return blame("limits.bytes_per_s", "must be at least limits.message_bytes");
        }
        if self.bridge.url.is_some() {
            return blame("bridge.url", "must be left out while bridge.kind is \"solo\"");
        }
        for (index, rule) in self.auth.keys.iter().enumerate() {
            if let Some((name, remedy)) = rule.contradiction() {
                return Some((format!("auth.keys[{index}]{name}"), remedy.to_owned()));
            }
        }
        let mut names = HashSet::new();
        for (index, rule) in self.auth.api_keys.iter().enumerate() {
            if !names.insert(&rule.name) {
                return Some((format!("auth.api_keys[{index}].name"), "must be another name than the others".into()));
            }
            if rule.key.is_some() == rule.key_hash.is_some() {
                return Some((format!("auth.api_keys[{index}]"), "must have one of key and key_hash".into()));
            }
        }
        self.room_contradiction()
    }
}
