//! The fields of what changes state and of activities.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Field, Fields, cut, missing};
use crate::domain::ids::UserId;
use crate::domain::state::{Change, KEY_CHARS_MAX, KEYS_MAX};
use crate::domain::visibility::VisibleTo;
use crate::protocol::refusal::Refusal;

const SHORT_RULE: &str = "1 to 200 characters";

/// The fields of `visible_to`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ReaderFields<'a> {
    #[serde(borrow)]
    roles: Field<'a>,
    #[serde(borrow)]
    users: Field<'a>,
}

/// An object's fields as they stand, those that stand twice too.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

fn is_short(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
}

impl Fields<'_> {
    /// What `set` and `remove` say; one of them has to name a key.
    pub(in super::super) fn state_change(&self) -> Result<Change, Refusal> {
        let mut change = Change::default();
        if let Some(json) = self.set.given() {
            let Pairs(pairs) = cut("set", json)?;
            change.set = pairs.into_iter().map(|(key, value)| (key.into(), value.get().into())).collect();
        }
        let removed = self.remove.optional::<Vec<String>>("remove", "a list of keys")?;
        change.removed = removed.unwrap_or_default().into_iter().map(Into::into).collect();
        if change.keys().next().is_none() {
            return Err(Refusal::bad_message("set or remove must name a key"));
        }
        // No state has more, and each that is removed is remembered, whether or not it was there.
        if change.keys().count() > KEYS_MAX {
            return Err(Refusal::over_limit("set and remove name at most 1,000 keys together"));
        }
        if change.keys().any(|key| !(1..=KEY_CHARS_MAX).contains(&key.chars().count())) {
            return Err(Refusal::bad_message("a key in set or remove must be 1 to 200 characters"));
        }
        if let Some(key) = change.named_twice() {
            return Err(Refusal::bad_message(format!("set and remove name a key twice: {key}")));
        }
        Ok(change)
    }

    pub(in super::super) fn if_offset(&self) -> Result<Option<u64>, Refusal> {
        self.if_offset.offset("if_offset")
    }

    pub(in super::super) fn action(&self) -> Result<Arc<str>, Refusal> {
        let action = self.action.optional_text("action", SHORT_RULE, is_short)?;
        action.map(Into::into).ok_or_else(|| missing("action", SHORT_RULE))
    }

    pub(in super::super) fn target(&self) -> Result<Option<Arc<str>>, Refusal> {
        Ok(self.target.optional_text("target", SHORT_RULE, is_short)?.map(Into::into))
    }

    pub(in super::super) fn user(&self) -> Result<Option<UserId>, Refusal> {
        let user = self.user.optional_text("user", "a text", |_| true)?;
        user.map(|user| UserId::parse(&user).map_err(|bad| Refusal::bad_message(bad.to_string()))).transpose()
    }

    /// Any value, null too.
    pub(in super::super) fn metadata(&self) -> Option<Arc<str>> {
        self.metadata.0.map(Into::into)
    }

    /// For whom the entry is; for everybody without it.
    pub(in super::super) fn visible_to(&self) -> Result<Option<VisibleTo>, Refusal> {
        let Some(json) = self.visible_to.given() else { return Ok(None) };
        let readers: ReaderFields<'_> = cut("visible_to", json)?;
        let names = |field: Field<'_>, name| field.optional::<Vec<String>>(name, "a list of texts");
        let roles = names(readers.roles, "visible_to.roles")?.unwrap_or_default();
        let users = names(readers.users, "visible_to.users")?.unwrap_or_default();
        let readers = VisibleTo::new(roles, users).map_err(|bad| Refusal::bad_message(format!("visible_to {bad}")))?;
        Ok(Some(readers))
    }

    /// For what can't be kept to some readers: ignoring it would show everybody what was meant for a few.
    pub(in super::super) fn refuse_visible_to(&self) -> Result<(), Refusal> {
        let is_given = self.visible_to.given().is_some();
        let refusal = || Refusal::bad_message("visible_to is for events and activities alone");
        if is_given { Err(refusal()) } else { Ok(()) }
    }
}
