//! Fields that not everybody may see: rules by role, and what is left of a JSON text without them.
//!
//! ```text
//! Redaction::view(reader) ─▶ View ─▶ Redaction::body, state, current ─▶ the text without what this view leaves out
//! ```
//!
//! A [`View`] says which rules hold for a reader, so readers who may see the same share one, and one encoding. A text is
//! cut and never written anew: what stays is byte for byte what it was. Taken out means gone, not null; of a list the
//! elements behind a taken one move up, and indices always count the list as it was written.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::entry::Kind;
use super::visibility::Reader;

/// A room has so many rules at most: each is a bit of a [`View`].
pub const RULES_MAX: usize = 32;
/// A path has so many steps at most, which is as deep as messages go.
pub const STEPS_MAX: usize = 32;

/// Where a field is: a JSON pointer (RFC 6901) of at least one step.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pointer(Vec<String>);

/// The sentence for a path that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a path is a JSON pointer such as /customer/email: each step begins with `/`, 1 to 32 of them, `~1` stands for `/` \
     and `~0` for `~`"
)]
pub struct BadPointer;

/// One field and the role without which it is left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Which field.
    pub path: Pointer,
    /// Who has this role sees it.
    pub unless_role: String,
}

/// The rules of a room, each for itself: a field that two of them name is seen by who has both roles.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redaction(Arc<[Rule]>);

/// Which of a room's rules hold for a reader. Readers of one view see the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct View(u32);

impl View {
    /// The view that leaves nothing out.
    pub const WHOLE: Self = Self(0);
}

impl FromStr for Pointer {
    type Err = BadPointer;

    fn from_str(text: &str) -> Result<Self, BadPointer> {
        let steps = text.strip_prefix('/').ok_or(BadPointer)?.split('/').map(unescape);
        let steps = steps.collect::<Option<Vec<_>>>().ok_or(BadPointer)?;
        if steps.len() <= STEPS_MAX { Ok(Self(steps)) } else { Err(BadPointer) }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

impl Redaction {
    /// These rules; the first [`RULES_MAX`] of them count, so whoever reads settings refuses more.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules.into())
    }

    /// The rules, in the order of the settings.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Whether everybody sees everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `reader` does not see.
    #[must_use]
    pub fn view(&self, reader: &Reader) -> View {
        let holds = |(bit, rule): (usize, &Rule)| u32::from(!reader.has_role(&rule.unless_role)) << bit;
        View(self.0.iter().take(RULES_MAX).enumerate().map(holds).fold(0, |view, bit| view | bit))
    }

    /// An entry's body in this view: of an event without fields of its `data`, of an activity of its `metadata`, of a
    /// change of state of its `set`, where a key that goes whole is not named in `removed` either. Borrowed when nothing
    /// was to be taken out, and `None` for a body that is none, of which nothing may be shown.
    #[must_use]
    pub fn body<'a>(&self, kind: Kind, body: &'a str, view: View) -> Option<Cow<'a, str>> {
        let field = match kind {
            Kind::Event => "\"data\"",
            Kind::Activity => "\"metadata\"",
            Kind::State => "\"set\"",
            Kind::Hidden | Kind::Notification | Kind::Marked | Kind::Preferred => return Some(Cow::Borrowed(body)),
        };
        if view == View::WHOLE {
            return Some(Cow::Borrowed(body));
        }
        let paths = self.paths(view);
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        let json = format!("{{{body}}}");
        let mut cutter = Cutter { out: String::with_capacity(body.len()), is_cut: false };
        for (slot, (name, value)) in members(&json)?.into_iter().enumerate() {
            cutter.out.push_str(if slot > 0 { "," } else { "" });
            cutter.out.push_str(name);
            cutter.out.push(':');
            match name {
                _ if name == field => cutter.put(value, &paths)?,
                "\"removed\"" if kind == Kind::State => cutter.put_names(value, &paths)?,
                _ => cutter.out.push_str(value),
            }
        }
        Some(if cutter.is_cut { Cow::Owned(cutter.out) } else { Cow::Borrowed(body) })
    }

    /// A room's state, one object of values by key, in this view; `{}` for a text that is none.
    #[must_use]
    pub fn state(&self, json: &str, view: View) -> String {
        object_without(&self.paths(view), json)
    }

    /// What a writer who came too late is told of the keys it named, in this view. A key that is left out whole keeps
    /// its offset, as one that is not there does: that is what the next write goes by.
    #[must_use]
    pub fn current(&self, json: &str, view: View) -> String {
        let mut paths = self.paths(view);
        for path in &mut paths {
            path.insert(1, "value");
        }
        object_without(&paths, json)
    }

    /// The steps to each field that this view leaves out.
    fn paths(&self, view: View) -> Vec<Vec<&str>> {
        let holds = |(bit, _): &(usize, &Rule)| view.0 >> bit & 1 == 1;
        let rules = self.0.iter().take(RULES_MAX).enumerate().filter(holds);
        rules.map(|(_, rule)| rule.path.0.iter().map(String::as_str).collect()).collect()
    }
}

/// An object without what the paths lead to; `{}` for a text that is none.
fn object_without(paths: &[Vec<&str>], json: &str) -> String {
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    let mut cutter = Cutter { out: String::with_capacity(json.len()), is_cut: false };
    cutter.put(json, &paths).map_or_else(|| "{}".to_owned(), |()| cutter.out)
}

/// Copies JSON texts and leaves out what paths lead to.
struct Cutter {
    out: String,
    is_cut: bool,
}

impl Cutter {
    /// Copies `json` without what `paths` lead to from here; `None` when it is no JSON.
    fn put(&mut self, json: &str, paths: &[&[&str]]) -> Option<()> {
        let (open, close) = match json.as_bytes().first()? {
            b'{' if !paths.is_empty() => ('{', '}'),
            b'[' if !paths.is_empty() => ('[', ']'),
            // Nothing further down is meant, or a path goes on where there is nothing further down.
            _ => {
                self.out.push_str(json);
                return Some(());
            }
        };
        self.out.push(open);
        let mut is_first = true;
        if open == '{' {
            for (name, value) in members(json)? {
                let Some(rest) = self.rest(paths, |step| is_name(name, step)) else { continue };
                self.separate(&mut is_first);
                self.out.push_str(name);
                self.out.push(':');
                self.put(value, &rest)?;
            }
        } else {
            for (index, value) in elements(json)?.into_iter().enumerate() {
                let index = index.to_string();
                let Some(rest) = self.rest(paths, |step| step == index) else { continue };
                self.separate(&mut is_first);
                self.put(value.get(), &rest)?;
            }
        }
        self.out.push(close);
        Some(())
    }

    /// Copies a list of names without those that are left out whole.
    fn put_names(&mut self, json: &str, paths: &[&[&str]]) -> Option<()> {
        self.out.push('[');
        let mut is_first = true;
        for name in elements(json)? {
            if self.rest(paths, |step| is_name(name.get(), step)).is_some() {
                self.separate(&mut is_first);
                self.out.push_str(name.get());
            }
        }
        self.out.push(']');
        Some(())
    }

    /// Where the paths go on below a step; `None` when one of them ends with it, so that it is left out.
    fn rest<'a>(&mut self, paths: &[&'a [&'a str]], is_step: impl Fn(&str) -> bool) -> Option<Vec<&'a [&'a str]>> {
        let below = paths.iter().filter(|path| path.first().is_some_and(|step| is_step(step)));
        let rest: Vec<_> = below.map(|path| &path[1..]).collect();
        let goes = rest.iter().any(|path| path.is_empty());
        self.is_cut |= goes;
        (!goes).then_some(rest)
    }

    fn separate(&mut self, is_first: &mut bool) {
        if !std::mem::take(is_first) {
            self.out.push(',');
        }
    }
}

/// Whether the JSON string `name` stands for `step`, however it is escaped. Half a surrogate pair is no text of ours.
fn is_name(name: &str, step: &str) -> bool {
    if name.contains('\\') {
        return serde_json::from_str::<String>(name).is_ok_and(|name| name == step);
    }
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) == Some(step)
}

/// The members of an object as they stand, those that stand twice too: readers differ in which one they take.
fn members(json: &str) -> Option<Vec<(&str, &str)>> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(&'de str, &'de str)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                members.push((name.get(), value.get()));
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let members = deserializer.deserialize_map(InOrder).ok()?;
    deserializer.end().ok().map(|()| members)
}

fn elements(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

/// The text that a step stands for; `None` when a `~` is followed by neither 0 nor 1.
fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.strip_prefix('0').map(|rest| ('~', rest)).or_else(|| Some(('/', part.strip_prefix('1')?)))?;
        text.push(rest.0);
        text.push_str(rest.1);
    }
    Some(text)
}

#[cfg(test)]
mod tests;
