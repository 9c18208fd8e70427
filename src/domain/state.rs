//! A room's state: values by key, each with the offset at which it was written; the last writer wins.
//!
//! Values are compact JSON text and stay as they came, digit by digit. A key that was removed is remembered for as long
//! as its log keeps the removal, so that a writer who has not heard of it is told. The rules are here and nowhere else:
//! whoever keeps a log looks up the named keys and asks [`decide`], in one step with numbering the entry.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::log::AppendError;

/// A state has so many keys at most.
pub const KEYS_MAX: usize = 1_000;
/// A key has so many characters at most, and one at least.
pub const KEY_CHARS_MAX: usize = 200;
/// Keys and values together have so many bytes at most.
pub const BYTES_MAX: usize = 256 * 1024;

/// What one entry changes. No key stands in it twice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// Keys with their new values as compact JSON.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Keys that go, whether or not they are there.
    pub removed: Vec<Arc<str>>,
}

/// What is known of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The value as compact JSON; `None` for a key that was removed.
    pub value: Option<Arc<str>>,
    /// Where it was written or removed.
    pub offset: u64,
}

/// How much a state holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Keys that have a value.
    pub keys: usize,
    /// Bytes by [`weight`].
    pub bytes: usize,
}

/// The state of one room as of one offset.
#[derive(Clone, Debug, Default)]
pub struct State {
    records: BTreeMap<Arc<str>, Record>,
    size: Size,
    /// Removals by offset, oldest first; some of their keys may have been written since.
    removals: VecDeque<(u64, Arc<str>)>,
    /// The state as JSON, made when it is first asked for after a change.
    text: Option<Arc<str>>,
}

/// What a key with this value counts as, in bytes.
#[must_use]
pub fn weight(key: &str, value: &str) -> usize {
    key.len() + value.len()
}

/// Whether `change` may be written, by what is known of the keys that it names and by the size of all.
///
/// # Errors
/// [`AppendError::Stale`] when a named key was written or removed after `if_offset`; with 0, when one exists.
/// [`AppendError::OverLimit`] when the state would get too large by it; one that already is may shrink.
pub fn decide(
    change: &Change,
    if_offset: Option<u64>,
    named: &BTreeMap<Arc<str>, Record>,
    size: Size,
) -> Result<(), AppendError> {
    let is_newer = |record: &Record, offset| record.offset > offset && (offset > 0 || record.value.is_some());
    if if_offset.is_some_and(|offset| named.values().any(|record| is_newer(record, offset))) {
        return Err(AppendError::Stale { current: records_json(named) });
    }
    let mut after = size;
    for (key, record) in named {
        if let Some(value) = &record.value {
            after.keys = after.keys.saturating_sub(1);
            after.bytes = after.bytes.saturating_sub(weight(key, value));
        }
    }
    after.keys += change.set.len();
    after.bytes += change.set.iter().map(|(key, value)| weight(key, value)).sum::<usize>();
    if after.keys > KEYS_MAX && after.keys > size.keys {
        return Err(AppendError::OverLimit { what: "a room's state has at most 1,000 keys" });
    }
    if after.bytes > BYTES_MAX && after.bytes > size.bytes {
        return Err(AppendError::OverLimit { what: "a room's state has at most 256 KiB" });
    }
    Ok(())
}

impl Change {
    /// The change that an entry's body says; `None` for a body that is no state's.
    #[must_use]
    pub fn from_body(body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            set: BTreeMap<String, &'a RawValue>,
            removed: Vec<String>,
        }
        let json = format!("{{{body}}}");
        let body: Body<'_> = serde_json::from_str(&json).ok()?;
        let set = body.set.into_iter().map(|(key, value)| (key.into(), value.get().into())).collect();
        Some(Self { set, removed: body.removed.into_iter().map(Into::into).collect() })
    }

    /// The entry's body: `"set":{"revenue":{"value":1.2e6}},"removed":["churn"]`.
    #[must_use]
    pub fn to_body(&self) -> Arc<str> {
        let size: usize = self.set.iter().map(|(key, value)| weight(key, value) + 8).sum();
        let mut out = String::with_capacity(size + 64);
        out.push_str("\"set\":");
        put_object(&mut out, self.set.iter().map(|(key, value)| (&**key, &**value)));
        out.push_str(",\"removed\":[");
        for (slot, key) in self.removed.iter().enumerate() {
            out.push_str(if slot > 0 { "," } else { "" });
            out.push_str(&quoted(key));
        }
        out.push(']');
        out.into()
    }

    /// The keys that it names.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.set.iter().map(|(key, _)| key).chain(&self.removed)
    }

    /// A key that it names twice.
    #[must_use]
    pub fn named_twice(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.keys().find(|key| !seen.insert(&***key)).map(|key| &**key)
    }
}

impl State {
    /// The state of these keys; removals are no part of a picture and are not kept.
    #[must_use]
    pub fn of(records: impl IntoIterator<Item = (Arc<str>, Record)>) -> Self {
        let mut state = Self::default();
        for (key, record) in records {
            state.put(key, record);
        }
        state
    }

    /// As [`decide`], on this state.
    ///
    /// # Errors
    /// See there.
    pub fn decide(&self, change: &Change, if_offset: Option<u64>) -> Result<(), AppendError> {
        let find = |key: &Arc<str>| Some((Arc::clone(key), self.records.get(key)?.clone()));
        decide(change, if_offset, &change.keys().filter_map(find).collect(), self.size)
    }

    /// Takes the change of the entry at `offset`.
    pub fn apply(&mut self, offset: u64, change: &Change) {
        for (key, value) in &change.set {
            self.put(Arc::clone(key), Record { value: Some(Arc::clone(value)), offset });
        }
        for key in &change.removed {
            self.put(Arc::clone(key), Record { value: None, offset });
        }
    }

    /// Forgets removals up to `floor`, which the log no longer keeps.
    pub fn forget_removed(&mut self, floor: u64) {
        while let Some((offset, key)) = self.removals.front()
            && *offset <= floor
        {
            if self.records.get(key).is_some_and(|record| record.value.is_none() && record.offset == *offset) {
                self.records.remove(key);
            }
            self.removals.pop_front();
        }
    }

    /// What is known of each key, sorted by key.
    pub fn records(&self) -> impl Iterator<Item = (&Arc<str>, &Record)> {
        self.records.iter()
    }

    /// How much it holds.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// The values as JSON: `{"revenue":{"value":1.2e6}}`.
    pub fn to_json(&mut self) -> Arc<str> {
        let Self { records, size, text, .. } = self;
        let make = || {
            let mut out = String::with_capacity(size.bytes + 8 * size.keys + 2);
            put_object(&mut out, records.iter().filter_map(|(key, record)| Some((&**key, record.value.as_deref()?))));
            out.into()
        };
        Arc::clone(text.get_or_insert_with(make))
    }

    fn put(&mut self, key: Arc<str>, record: Record) {
        self.text = None;
        let grown = record.value.as_deref().map(|value| weight(&key, value));
        if grown.is_none() {
            self.removals.push_back((record.offset, Arc::clone(&key)));
        }
        let before = self.records.insert(Arc::clone(&key), record).and_then(|record| record.value);
        if let Some(value) = before {
            self.size.keys -= 1;
            self.size.bytes -= weight(&key, &value);
        }
        if let Some(bytes) = grown {
            self.size.keys += 1;
            self.size.bytes += bytes;
        }
    }
}

/// `{"churn":{"value":2,"offset":57},"gone":{"offset":60}}`.
fn records_json(records: &BTreeMap<Arc<str>, Record>) -> Arc<str> {
    let texts: Vec<_> = records.iter().map(|(key, record)| (key, record_json(record))).collect();
    let mut out = String::new();
    put_object(&mut out, texts.iter().map(|(key, text)| (&***key, &**text)));
    out.into()
}

fn record_json(Record { value, offset }: &Record) -> String {
    match value {
        Some(value) => format!("{{\"value\":{value},\"offset\":{offset}}}"),
        None => format!("{{\"offset\":{offset}}}"),
    }
}

fn put_object<'a>(out: &mut String, fields: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (slot, (key, json)) in fields.enumerate() {
        out.push_str(if slot > 0 { "," } else { "" });
        out.push_str(&quoted(key));
        out.push(':');
        out.push_str(json);
    }
    out.push('}');
}

fn quoted(key: &str) -> String {
    serde_json::to_string(key).expect("text is JSON in quotes")
}

#[cfg(test)]
mod tests;
