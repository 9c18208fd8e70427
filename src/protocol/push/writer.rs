//! Puts a message together field by field.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::domain::entry::Entry;

use super::super::command::CommandId;

/// A message that is being written: an object that has its `type` and is still open.
pub(super) struct Writer(String);

impl Writer {
    /// `kind` and the names of fields are ours and need no escapes.
    pub(super) fn new(kind: &str, size: usize) -> Self {
        let mut out = String::with_capacity(size);
        put::parts(&mut out, &["{\"type\":\"", kind, "\""]);
        Self(out)
    }

    /// An answer over HTTP, which has no `type`; its first field is a text.
    pub(super) fn answer(name: &str, text: &str, size: usize) -> Self {
        let mut out = String::with_capacity(size);
        put::parts(&mut out, &["{\"", name, "\":"]);
        put::text(&mut out, "", text);
        Self(out)
    }

    /// An answer over HTTP that begins with any field.
    pub(super) fn object(size: usize) -> Self {
        let mut out = String::with_capacity(size);
        out.push('{');
        Self(out)
    }

    /// The answer to the command `id`.
    pub(super) fn reply(kind: &str, id: Option<&CommandId>, size: usize) -> Self {
        let message = Self::new(kind, size);
        if let Some(id) = id { message.raw("id", id.as_json()) } else { message }
    }

    /// A field whose value shows itself as JSON: numbers, truths, and text that is JSON already.
    pub(super) fn raw(mut self, name: &str, json: impl Display) -> Self {
        self.name(name);
        put::value(&mut self.0, json);
        self
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        put::text(&mut self.0, "", text);
        self
    }

    pub(super) fn maybe_text(self, name: &str, text: Option<&str>) -> Self {
        if let Some(text) = text { self.text(name, text) } else { self }
    }

    /// Seconds with up to three decimals, rounded up so that nobody comes too early.
    pub(super) fn seconds(self, name: &str, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        let (whole, rest) = (millis / 1_000, millis % 1_000);
        let decimals = format!("{rest:03}");
        match decimals.trim_end_matches('0') {
            "" => self.raw(name, whole),
            decimals => self.raw(name, format_args!("{whole}.{decimals}")),
        }
    }

    /// A value of ours that knows how to become JSON.
    pub(super) fn value(self, name: &str, value: &impl Serialize) -> Self {
        let json = serde_json::to_string(value).expect("our values have text as keys and fail nowhere");
        self.raw(name, json)
    }

    /// A list of fragments that are JSON already.
    pub(super) fn list(mut self, name: &str, fragments: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.name(name);
        put::list(&mut self.0, fragments, |out, fragment| out.push_str(fragment.as_ref()));
        self
    }

    pub(super) fn entries(mut self, name: &str, room: &str, entries: &[Arc<Entry>]) -> Self {
        self.name(name);
        put::list(&mut self.0, entries, |out, entry| super::put_entry(out, room, entry));
        self
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        // Only an answer over HTTP has nothing ahead of its first field.
        let comma = if self.0.len() == 1 { "" } else { "," };
        put::parts(&mut self.0, &[comma, "\"", name, "\":"]);
    }
}

/// Smaller pieces, for those who write no whole message.
pub(super) mod put {
    use std::fmt::{Display, Write};

    pub(in super::super) fn parts(out: &mut String, parts: &[&str]) {
        for part in parts {
            out.push_str(part);
        }
    }

    pub(in super::super) fn value(out: &mut String, value: impl Display) {
        write!(out, "{value}").expect("a string takes whatever is written to it");
    }

    /// `start` as it is, and then `text` as a JSON string.
    pub(in super::super) fn text(out: &mut String, start: &str, text: &str) {
        out.push_str(start);
        let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if text.bytes().any(needs_escape) {
            out.push_str(&serde_json::to_string(text).expect("text is JSON in quotes"));
        } else {
            parts(out, &["\"", text, "\""]);
        }
    }

    pub(in super::super) fn list<T>(
        out: &mut String,
        items: impl IntoIterator<Item = T>,
        mut put: impl FnMut(&mut String, T),
    ) {
        out.push('[');
        for (slot, item) in items.into_iter().enumerate() {
            if slot > 0 {
                out.push(',');
            }
            put(out, item);
        }
        out.push(']');
    }
}
