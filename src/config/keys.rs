//! Every key that there is, and what its value must be, as the sentence that an operator reads after a slip.

/// One key.
pub(super) struct Key {
    /// Its full path; inside a list of tables without an index.
    pub(super) path: &'static str,
    /// The shape of its value.
    pub(super) kind: Kind,
    /// Completes "must be"; for numbers, the unit.
    wants: &'static str,
}

/// The shape of a value, as far as it can be checked without knowing the key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    /// A text; from the environment it is taken as it stands.
    Text,
    /// True or false.
    Switch,
    /// True, false or `"auto"`.
    AutoSwitch,
    /// A whole number, both ends allowed.
    Whole(i64, i64),
    /// A number, both ends allowed.
    Number(f64, f64),
    /// A list of texts; in the environment separated by commas.
    List,
    /// A list of tables; their keys follow in the list below.
    Tables,
}

impl Key {
    /// What the value must be.
    pub(super) fn remedy(&self) -> String {
        match self.kind {
            Kind::Whole(from, to) => format!("must be a whole number{} from {from} to {to}", self.wants),
            Kind::Number(from, to) => format!("must be a number{} from {from} to {to}", self.wants),
            Kind::Switch => "must be true or false".to_owned(),
            Kind::AutoSwitch => "must be true, false or \"auto\"".to_owned(),
            Kind::Text | Kind::List | Kind::Tables => format!("must be {}", self.wants),
        }
    }
}

/// Whether what stands at `path`, or below it, must never be shown.
pub(super) fn hides(path: &str) -> bool {
    // An URL may carry a password. Of `auth` nothing is shown but the names: a slip such as `auth = "s3cret"` counts.
    path == "bridge.url" || path == "bridge" || path.starts_with("auth") && !SHOWN_OF_AUTH.contains(&path)
}

const SHOWN_OF_AUTH: [&str; 7] = [
    "auth.guests",
    "auth.api_keys.name",
    "auth.keys.algorithm",
    "auth.keys.issuer",
    "auth.keys.audience",
    "auth.keys.kid",
    "auth.keys.tenant",
];

/// The key at `path`.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether `path` is a section of keys.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The key that `path` was probably meant to be.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    // Two slips, or one in a short word; a key that stands in the wrong section is as near as none.
    let misplaced = || {
        let name = path.rsplit('.').next().unwrap_or(path);
        let mut same = KEYS.iter().filter(|key| key.path.rsplit('.').next() == Some(name));
        same.next().filter(|_| same.next().is_none()).map(|key| key.path)
    };
    let (slips, key) = KEYS.iter().map(|key| (slips_between(path, key.path), key.path)).min()?;
    if slips <= 2.min(path.len() / 3) { Some(key) } else { misplaced() }
}

/// The keys beside `path`: those of its section, or else the sections.
pub(super) fn beside(path: &str) -> Vec<&'static str> {
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    let mut names: Vec<_> = if is_section(section) {
        KEYS.iter()
            .filter(|key| key.path.rsplit_once('.').is_some_and(|(of, _)| of == section))
            .map(|k| k.path)
            .collect()
    } else {
        KEYS.iter().map(|key| key.path.split('.').next().unwrap_or(key.path)).collect()
    };
    names.dedup();
    names
}

/// How many letters have to be added, dropped or changed to make `b` of `a` (Levenshtein, one row at a time).
fn slips_between(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

const fn key(path: &'static str, kind: Kind, wants: &'static str) -> Key {
    Key { path, kind, wants }
}

const DAY_S: f64 = 86_400.0;

/// In the order of `config.toml`.
pub(super) const KEYS: &[Key] = &[
    key(
        "server.bind",
        Kind::Text,
        "an IP address and a port, such as \"127.0.0.1:8080\" for this machine alone or \"0.0.0.0:8080\" for all its \
         networks",
    ),
    key("server.node", Kind::Text, "1 to 64 of A-Z a-z 0-9 _ -"),
    key(
        "server.origins",
        Kind::List,
        "a list of origins, each scheme://host or scheme://host:port and nothing more, such as \
         [\"https://app.example.com\"]",
    ),
    key("server.trusted_proxies", Kind::List, "a list of addresses or CIDR blocks, such as [\"10.0.0.0/8\"]"),
    key("server.workers", Kind::Whole(0, 256), ""),
    key("server.connections_max", Kind::Whole(1, 1_000_000), ""),
    key("server.request_timeout_s", Kind::Number(1.0, 300.0), " of seconds"),
    key("server.drain_s", Kind::Number(0.0, 300.0), " of seconds"),
    key("store.path", Kind::Text, "the path of a file, such as \"data/copresence.db\""),
    key("auth.secret", Kind::Text, "a text that is not empty, at best the output of `openssl rand -hex 32`"),
    key(
        "auth.guests",
        Kind::Text,
        "\"loopback\" for guests from this machine alone, \"off\", or \"anyone-who-reaches-this-server\"",
    ),
    key("auth.keys", Kind::Tables, "tables [[auth.keys]], each with algorithm and one of secret, pem and jwks_url"),
    key("auth.keys.algorithm", Kind::Text, "\"HS256\", \"HS384\", \"HS512\", \"RS256\", \"ES256\" or \"EdDSA\""),
    key("auth.keys.secret", Kind::Text, "a text that is not empty, at best the output of `openssl rand -hex 32`"),
    key("auth.keys.pem", Kind::Text, "the path of a public key's PEM file, or its text"),
    key(
        "auth.keys.jwks_url",
        Kind::Text,
        "an URL that begins with https:// (http:// for a loopback address alone), without a user in it",
    ),
    key("auth.keys.issuer", Kind::Text, "1 to 200 characters, the same as the tokens' `iss`"),
    key("auth.keys.audience", Kind::Text, "1 to 200 characters, one of the tokens' `aud`"),
    key("auth.keys.kid", Kind::Text, "1 to 64 of A-Z a-z 0-9 - _ . : = and not \"guest\""),
    key("auth.keys.tenant", Kind::Text, "1 to 64 of A-Z a-z 0-9 _ -"),
    key("auth.api_keys", Kind::Tables, "tables [[auth.api_keys]], each with name and key or key_hash"),
    key("auth.api_keys.name", Kind::Text, "1 to 64 characters"),
    key("auth.api_keys.key", Kind::Text, "a text that is not empty, at best the output of `openssl rand -hex 32`"),
    key("auth.api_keys.key_hash", Kind::Text, "the key's SHA-256 as 64 hexadecimal digits"),
    key("auth.api_keys.tenant", Kind::Text, "1 to 64 of A-Z a-z 0-9 _ -"),
    key(
        "auth.api_keys.rights",
        Kind::List,
        "a list of \"join\", \"publish\", \"signal\", \"track\", \"set\", \"notify\", \"history\"",
    ),
    key("bridge.kind", Kind::Text, "\"solo\", the only bridge of this version"),
    key("bridge.url", Kind::Text, "left out while bridge.kind is \"solo\""),
    key("limits.enabled", Kind::Switch, ""),
    key("limits.publishes_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.publish_burst", Kind::Whole(1, 1_000_000), ""),
    key("limits.sets_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.tracks_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.signals_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.presences_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.joins_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.histories_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.notifies_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.marks_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.inboxes_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.bytes_per_s", Kind::Whole(1_024, 1_000_000_000), " of bytes"),
    key("limits.burst_s", Kind::Whole(1, 3_600), " of seconds"),
    key("limits.user_times", Kind::Whole(1, 10_000), ""),
    key("limits.address_times", Kind::Whole(1, 10_000), ""),
    key("limits.user_connects_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.address_connects_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.connects_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.room_publishes_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.room_signals_per_s", Kind::Whole(1, 1_000_000), ""),
    key("limits.refusals_max", Kind::Whole(1, 1_000_000), ""),
    key("limits.pause_s", Kind::Number(0.1, 3_600.0), " of seconds"),
    key("limits.message_bytes", Kind::Whole(1_024, 1_048_576), " of bytes"),
    key("limits.rooms_per_session", Kind::Whole(1, 10_000), ""),
    key("limits.sessions_per_user", Kind::Whole(1, 1_000_000), ""),
    key("limits.sessions_per_address", Kind::Whole(1, 1_000_000), ""),
    key("limits.unconnected_per_address", Kind::Whole(1, 1_000_000), ""),
    key("limits.rooms_per_node", Kind::Whole(1, 100_000_000), ""),
    key("limits.dedupe_s", Kind::Number(1.0, 30.0 * DAY_S), " of seconds"),
    key("session.heartbeat_s", Kind::Number(0.1, 300.0), " of seconds"),
    key("session.grace_s", Kind::Number(0.0, 3_600.0), " of seconds"),
    key("session.grace_reload_s", Kind::Number(0.0, 3_600.0), " of seconds"),
    key("session.connect_timeout_s", Kind::Number(0.1, 300.0), " of seconds"),
    key("presence.tick_ms", Kind::Number(1.0, 10_000.0), " of milliseconds"),
    key("presence.large", Kind::Whole(1, 100_000), " of members"),
    key("signals.tick_ms", Kind::Number(1.0, 10_000.0), " of milliseconds"),
    key("inbox.keep", Kind::Whole(1, 10_000), " of notifications"),
    key("inbox.keep_days", Kind::Whole(1, 3_650), " of days"),
    key("inbox.again_s", Kind::Number(1.0, 86_400.0), " of seconds"),
    key("log.format", Kind::Text, "\"plain\" or \"json\""),
    key("audit.enabled", Kind::Switch, ""),
    key("audit.keep_days", Kind::Whole(0, 36_500), " of days"),
    key("demo.enabled", Kind::AutoSwitch, ""),
    key("rooms", Kind::Tables, "tables [[rooms]], each with match"),
    key("rooms.match", Kind::Text, "a room's name, or the start of one and a `*` at its end, such as \"dashboard:*\""),
    key("rooms.log", Kind::Text, "\"disk\", \"memory\" or \"none\""),
    key("rooms.keep_entries", Kind::Whole(1, 1_000_000_000), " of entries"),
    key("rooms.keep_bytes", Kind::Whole(4_096, 1 << 40), " of bytes"),
    key("rooms.keep_s", Kind::Number(1.0, 3_650.0 * DAY_S), " of seconds"),
    key("rooms.presence", Kind::Switch, ""),
    key("rooms.large", Kind::Whole(1, 100_000), " of members"),
    key(
        "rooms.open_to",
        Kind::List,
        "a list of \"join\", \"publish\", \"signal\", \"track\", \"set\", \"notify\", \"history\"",
    ),
    key("rooms.publishes_per_s", Kind::Whole(1, 1_000_000), ""),
    key("rooms.signals_per_s", Kind::Whole(1, 1_000_000), ""),
    key("rooms.redact", Kind::Tables, "tables [[rooms.redact]], each with path and unless_role"),
    key(
        "rooms.redact.path",
        Kind::Text,
        "a JSON pointer such as \"/customer/email\": 1 to 32 steps, each behind a `/`, `~1` for `/` and `~0` for `~` in one",
    ),
    key("rooms.redact.unless_role", Kind::Text, "a role of 1 to 100 characters, as tokens name it"),
    key("rooms.retire_after_s", Kind::Number(0.0, DAY_S), " of seconds"),
];
