//! From file, environment and flags to one [`Config`].

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde_path_to_error::{Path as KeyPath, Segment};
use toml::{Table, Value};

use super::keys::{self, Kind};
use super::{Config, ConfigError};

/// The file that is read when none is named, if it is there.
const DEFAULT_FILE: &str = "config.toml";

/// What variables of ours begin with.
const PREFIX: &str = "COPRESENCE_";

impl Config {
    /// Reads the settings: `file` (without one, `config.toml` in the working directory if it exists), then the
    /// variables of `environment` that begin with `COPRESENCE_`, then the flag `--bind`; the later wins.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is wrong, as one line that names it.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        bind: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Vec::new();
        let is_named = file.is_some();
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => layers.push(Layer { source: Source::File(path.to_owned()), table: read(path, &text)? }),
            Err(e) if e.kind() == io::ErrorKind::NotFound && !is_named => {}
            Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        }
        let mut variables: Vec<_> = environment.into_iter().filter_map(ours).collect();
        // Whatever the system's order, the same slip is named first.
        variables.sort();
        for (variable, value) in variables {
            layers.push(Layer::of_variable(variable, value)?);
        }
        if let Some(bind) = bind {
            let table = nested("server.bind", Value::String(bind.to_owned()));
            layers.push(Layer { source: Source::Flag("--bind"), table });
        }
        merge(&layers)
    }

    /// Reads the settings from `text` alone, as if it were a file; for tests.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let path = Path::new(DEFAULT_FILE);
        merge(&[Layer { source: Source::File(path.to_owned()), table: read(path, text)? }])
    }
}

/// Where a value stands.
#[derive(Debug)]
enum Source {
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "by {}", name.escape_debug()),
            Self::Flag(name) => write!(f, "by {name}"),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// The values of one source.
#[derive(Debug)]
struct Layer {
    source: Source,
    table: Table,
}

impl Layer {
    /// What a variable of ours sets.
    fn of_variable(variable: String, value: Option<String>) -> Result<Self, ConfigError> {
        let path = variable[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
        // A variable sets a key, not a section, and not a key inside a list of tables.
        let is_upper = !variable.bytes().any(|b| b.is_ascii_lowercase());
        let key = keys::find(&path).filter(|_| is_upper && !is_in_tables(&path));
        let source = Source::Variable(variable);
        let Some(key) = key else {
            let remedy = match path.rsplit_once('.').filter(|_| is_in_tables(&path)) {
                Some((list, _)) => format!("a list of tables is set whole, by {}", variable_of(list)),
                None => which(&path, variable_of),
            };
            return Err(unknown_key(&path, &source, remedy));
        };
        let Some(text) = value else {
            return Err(bad_value(key.path, "(not UTF-8)".to_owned(), &source, key.remedy()));
        };
        let value = match key.kind {
            Kind::Text => None,
            Kind::List if !text.trim_start().starts_with('[') => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
            }
            // What is not TOML stays a text, and is refused by the check of its kind.
            _ => text.trim().parse().ok(),
        };
        Ok(Self { table: nested(key.path, value.unwrap_or(Value::String(text))), source })
    }

    /// Checks that every key is known and every value of the right shape.
    fn check(&self) -> Result<(), ConfigError> {
        self.check_table("", "", &self.table)
    }

    /// Checks the table at `shown`, whose keys are listed under `path`; they differ by the index of lists.
    fn check_table(&self, shown: &str, path: &str, table: &Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            let (shown, path) = (join(shown, name), join(path, name));
            let Some(key) = keys::find(&path) else {
                match value {
                    Value::Table(table) if keys::is_section(&path) => self.check_table(&shown, &path, table)?,
                    _ if keys::is_section(&path) => {
                        let remedy = format!("must be a section [{path}]");
                        return Err(bad_value(&shown, show(&path, value), &self.source, remedy));
                    }
                    _ => {
                        return Err(unknown_key(&shown, &self.source, which(&path, str::to_owned)));
                    }
                }
                continue;
            };
            if !is_of_kind(value, key.kind) {
                return Err(bad_value(&shown, show(&path, value), &self.source, key.remedy()));
            }
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                if let Value::Table(table) = item {
                    self.check_table(&format!("{shown}[{index}]"), &path, table)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a file's text.
fn read(path: &Path, text: &str) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        ConfigError::NotToml { path: path.to_owned(), line, problem: e.message().to_owned() }
    })
}

/// Our variables; a value that is not UTF-8 is `None`.
fn ours((name, value): (OsString, OsString)) -> Option<(String, Option<String>)> {
    let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
    let value = value.into_string().ok();
    (!is_of_a_service(&name[PREFIX.len()..], value.as_deref())).then_some((name, value))
}

/// Kubernetes tells each container of each service by variables; those of a service called `copresence` begin as ours do,
/// and nobody has set them: `COPRESENCE_SERVICE_HOST`, `COPRESENCE_PORT=tcp://10.0.0.11:8080`, `COPRESENCE_PORT_8080_TCP` ...
fn is_of_a_service(name: &str, value: Option<&str>) -> bool {
    let is_address = value.is_some_and(|value| value.contains("://"));
    name.starts_with("SERVICE_") || name.starts_with("PORT_") || (name == "PORT" && is_address)
}

/// Lays one over the other and reads what comes out.
fn merge(layers: &[Layer]) -> Result<Config, ConfigError> {
    let mut merged = Table::new();
    for layer in layers {
        layer.check()?;
        lay_over(&mut merged, &layer.table);
    }
    let bad = |path: &str, shown: &str, remedy: String| {
        let value = at(&merged, shown);
        let text = value.map_or_else(|| "(not set)".to_owned(), |value| show(path, value));
        let of_it = |layer: &&Layer| at(&layer.table, shown.split('[').next().unwrap_or(shown)).is_some();
        let source = layers.iter().rev().find(of_it).map_or(&Source::Default, |layer| &layer.source);
        bad_value(shown, text, source, remedy)
    };
    let mut config: Config = serde_path_to_error::deserialize(Value::Table(merged.clone())).map_err(|e| {
        let (shown, path) = spelled(e.path());
        // A field that has to be there is the table's to bear, and the parser names it; no value is in that message.
        let remedy = keys::find(&path).filter(|key| !(key.kind == Kind::Tables)).map(keys::Key::remedy);
        bad(&path, &shown, remedy.unwrap_or_else(|| e.inner().message().to_owned()))
    })?;
    // Who changes one of a pair alone means the pair: the other's default gives way.
    if at(&merged, "limits.publish_burst").is_none() {
        config.limits.publish_burst = config.limits.publish_burst.max(config.limits.publishes_per_s);
    }
    if at(&merged, "session.grace_reload_s").is_none() {
        config.session.grace_reload = config.session.grace_reload.min(config.session.grace);
    }
    match config.contradiction() {
        Some((shown, remedy)) => Err(bad(&without_indexes(&shown), &shown, remedy)),
        None => Ok(config),
    }
}

/// Tables are joined key by key; everything else, lists too, is replaced.
fn lay_over(below: &mut Table, above: &Table) {
    for (name, value) in above {
        match (below.get_mut(name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            _ => {
                below.insert(name.clone(), value.clone());
            }
        }
    }
}

/// A table with `value` at `path`.
fn nested(path: &str, value: Value) -> Table {
    let (name, value) = match path.split_once('.') {
        Some((name, rest)) => (name, Value::Table(nested(rest, value))),
        None => (path, value),
    };
    Table::from_iter([(name.to_owned(), value)])
}

/// The value at a path such as `rooms[0].match`.
fn at<'a>(table: &'a Table, shown: &str) -> Option<&'a Value> {
    let mut steps = shown.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let first = table.get(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// A path as an operator writes it, and as `keys` lists it. Items of lists of texts belong to their list.
fn spelled(path: &KeyPath) -> (String, String) {
    let mut shown = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => shown = format!("{shown}[{index}]"),
            Segment::Map { key } => shown = join(&shown, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let path = without_indexes(&shown);
    (shown, path)
}

fn without_indexes(shown: &str) -> String {
    shown.split('.').map(|step| step.split('[').next().unwrap_or(step)).collect::<Vec<_>>().join(".")
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn is_in_tables(path: &str) -> bool {
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    keys::find(section).is_some_and(|key| key.kind == Kind::Tables)
}

fn is_of_kind(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Text => value.is_str(),
        Kind::Switch => value.is_bool(),
        Kind::AutoSwitch => value.is_bool() || value.as_str() == Some("auto"),
        Kind::Whole(from, to) => value.as_integer().is_some_and(|number| (from..=to).contains(&number)),
        Kind::Number(from, to) => number(value).is_some_and(|number| (from..=to).contains(&number)),
        Kind::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_str)),
        Kind::Tables => value.as_array().is_some_and(|items| items.iter().all(Value::is_table)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no range above reaches where it would lose a digit")]
fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// A value as it may be shown: one line, not too long, and never a secret's.
fn show(path: &str, value: &Value) -> String {
    const CHARS_MAX: usize = 200;
    if keys::hides(path) {
        return "(hidden)".to_owned();
    }
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string().escape_debug().to_string().replace("\\\"", "\""),
    };
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX).chain(['…']).collect()
}

/// The remedy for an unknown key; `spell` writes a key as its source does.
fn which(path: &str, spell: fn(&str) -> String) -> String {
    match keys::nearest(path) {
        Some(key) => format!("did you mean {}?", spell(key)),
        None => format!("there are {}", keys::beside(path).into_iter().map(spell).collect::<Vec<_>>().join(", ")),
    }
}

/// The variable that sets `path`.
fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// Names of keys may come from a quoted key or a variable, so they are escaped like values.
fn unknown_key(key: &str, source: &Source, remedy: String) -> ConfigError {
    ConfigError::UnknownKey { key: key.escape_debug().to_string(), place: source.to_string(), remedy }
}

fn bad_value(key: &str, value: String, source: &Source, remedy: String) -> ConfigError {
    ConfigError::BadValue { key: key.to_owned(), place: source.to_string(), value, remedy }
}
