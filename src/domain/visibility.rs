//! Who may see an entry: one that names its readers is another one to everybody else.
//!
//! The names stand ahead of the entry's body, so log, checksum and the hash of its content have them without knowing of
//! them: `"visible_to":{"roles":["finance"],"users":["ada"]},"event":"e","data":1`. Such a body is *sealed*: it never goes
//! out as it is, not even to those who may see it. [`seen`] opens it for one reader, and the encoder takes a sealed
//! entry that nobody opened for a hidden one, so what is forgotten shows less and not more.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry::{Entry, Kind};
use super::ids::UserId;
use super::log::AppendError;
use super::redaction::{Redaction, View};

/// So many roles, and so many users, may be named.
pub const NAMES_MAX: usize = 50;
/// A name has so many characters at most, and one at least.
pub const NAME_CHARS_MAX: usize = 200;

/// What a sealed body begins with, and no other.
const SEAL: &str = "\"visible_to\":";

/// Who reads, as far as it decides what they see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reader {
    /// A backend, which sees everything.
    Backend,
    /// A user, by what the newest token says.
    User {
        /// Who.
        id: UserId,
        /// What they are, sorted.
        roles: Arc<[String]>,
    },
}

impl Reader {
    /// The reader that a user with these roles is.
    #[must_use]
    pub fn user(id: &UserId, roles: &[String]) -> Self {
        let mut roles = roles.to_vec();
        roles.sort_unstable();
        Self::User { id: id.clone(), roles: roles.into() }
    }

    /// Whether they may see what takes this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        match self {
            Self::Backend => true,
            Self::User { roles, .. } => roles.binary_search_by(|one| one.as_str().cmp(role)).is_ok(),
        }
    }
}

/// The readers of an entry: who has one of the roles or is one of the users. At least one is named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VisibleTo {
    roles: Vec<String>,
    users: Vec<String>,
}

/// Names that no entry can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadNames {
    /// Nobody could ever see it.
    #[error("must name a role or a user")]
    None,
    /// More than [`NAMES_MAX`] of one kind.
    #[error("names at most 50 roles and 50 users")]
    TooMany,
    /// A name that is empty or too long.
    #[error("names roles and users by 1 to 200 characters")]
    Length,
}

impl VisibleTo {
    /// These readers. Order and repetition say nothing, so the same readers are the same content.
    ///
    /// # Errors
    /// [`BadNames`] when there are none, too many, or one of the names can't be.
    pub fn new(mut roles: Vec<String>, mut users: Vec<String>) -> Result<Self, BadNames> {
        if roles.len() > NAMES_MAX || users.len() > NAMES_MAX {
            return Err(BadNames::TooMany);
        }
        if roles.iter().chain(&users).any(|name| !(1..=NAME_CHARS_MAX).contains(&name.chars().count())) {
            return Err(BadNames::Length);
        }
        if roles.is_empty() && users.is_empty() {
            return Err(BadNames::None);
        }
        for names in [&mut roles, &mut users] {
            names.sort_unstable();
            names.dedup();
        }
        Ok(Self { roles, users })
    }

    /// Whether `reader` may see it; the author is a reader like everybody else.
    #[must_use]
    pub fn admits(&self, reader: &Reader) -> bool {
        match reader {
            Reader::Backend => true,
            Reader::User { id, .. } => {
                self.users.iter().any(|user| user == id.as_str()) || self.roles.iter().any(|role| reader.has_role(role))
            }
        }
    }
}

/// `body` as the log keeps it, for these readers alone or, without any, for everybody.
///
/// # Panics
/// Never: texts become JSON.
#[must_use]
pub fn seal(visible_to: Option<&VisibleTo>, body: Arc<str>) -> Arc<str> {
    let Some(visible_to) = visible_to else { return body };
    let names = serde_json::to_string(visible_to).expect("texts become JSON");
    format!("{SEAL}{names},{body}").into()
}

/// An entry's body as the log kept it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept<'a> {
    /// For everybody.
    Open,
    /// For some: these, and what they see.
    For(VisibleTo, &'a str),
    /// For readers who can't be told, so for nobody; nothing of ours ever wrote it.
    Unreadable,
}

/// Whether a body is for some readers alone. This is asked of every entry on its way out, so it only looks at the start.
#[must_use]
pub fn is_sealed(body: &str) -> bool {
    body.starts_with(SEAL)
}

impl<'a> Kept<'a> {
    /// Opens a body.
    #[must_use]
    pub fn of(body: &'a str) -> Self {
        let Some(rest) = body.strip_prefix(SEAL) else { return Self::Open };
        // The first value of the rest; what follows it is not looked at here.
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let Some(Ok(names)) = values.next() else { return Self::Unreadable };
        let shown = rest[names.get().len()..].strip_prefix(',');
        let opened = serde_json::from_str(names.get()).ok().zip(shown);
        opened.map_or(Self::Unreadable, |(visible_to, shown)| Self::For(visible_to, shown))
    }
}

/// The entry as `reader` sees it: itself, without the fields that `redaction` takes out, or hidden.
#[must_use]
pub fn seen(entry: &Arc<Entry>, reader: &Reader, redaction: &Redaction) -> Arc<Entry> {
    let opened = match Kept::of(&entry.body) {
        Kept::Open => Arc::clone(entry),
        Kept::For(visible_to, shown) if visible_to.admits(reader) => Arc::new(with_body(entry, shown.into())),
        Kept::For(..) | Kept::Unreadable => return Arc::new(hidden(entry)),
    };
    in_view(&opened, redaction, redaction.view(reader))
}

/// As [`seen`], of each of them.
#[must_use]
pub fn seen_all(entries: &[Arc<Entry>], reader: &Reader, redaction: &Redaction) -> Vec<Arc<Entry>> {
    entries.iter().map(|entry| seen(entry, reader, redaction)).collect()
}

/// Why an append was not taken, as the writer may know it: of what is there now, what they would see there.
#[must_use]
pub fn seen_error(error: AppendError, reader: &Reader, redaction: &Redaction) -> AppendError {
    match error {
        AppendError::Stale { current } => {
            AppendError::Stale { current: redaction.current(&current, redaction.view(reader)).into() }
        }
        other => other,
    }
}

/// An opened entry as the readers of one view see it.
#[must_use]
pub fn in_view(entry: &Arc<Entry>, redaction: &Redaction, view: View) -> Arc<Entry> {
    match redaction.body(entry.kind, &entry.body, view) {
        Some(Cow::Borrowed(_)) => Arc::clone(entry),
        Some(Cow::Owned(body)) => Arc::new(with_body(entry, body.into())),
        None => Arc::new(hidden(entry)),
    }
}

/// What stands in the place of an entry for those who may not see it: its number and its id.
#[must_use]
pub fn hidden(entry: &Entry) -> Entry {
    Entry { kind: Kind::Hidden, from: "null".into(), ..with_body(entry, Arc::default()) }
}

/// The same entry with another body.
#[must_use]
pub fn with_body(entry: &Entry, body: Arc<str>) -> Entry {
    Entry { body, from: Arc::clone(&entry.from), ..*entry }
}

#[cfg(test)]
mod tests;
