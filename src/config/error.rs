//! Why the settings can't be used.

use std::io;
use std::path::PathBuf;

/// Why the settings can't be used, as one line for the operator: the key, where it stands, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the config file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not TOML. The line itself is not shown: it may hold a secret.
    #[error("{}, line {line}, is not TOML: {problem}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where in it, counted from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// There is no such key. Its value is not shown: a misspelt secret is one, too.
    #[error("unknown key {key} ({place}): {remedy}")]
    UnknownKey {
        /// The full path, such as `server.bnd`.
        key: String,
        /// Where it stands.
        place: String,
        /// Which key was probably meant, or which there are.
        remedy: String,
    },
    /// A key has a value that can't be used.
    #[error("{key} = {value} ({place}): {remedy}")]
    BadValue {
        /// The full path, such as `server.bind` or `rooms[0].match`.
        key: String,
        /// Where it stands.
        place: String,
        /// What it is set to; `(hidden)` for secrets, `(not set)` when no layer sets it.
        value: String,
        /// What would be right.
        remedy: String,
    },
}
