//! Reads our own sources and insists on how the house is built: which layer may know which, how long a file is, what is
//! met in one place alone, and that the examples in the papers are what they say.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The layers from the top down; a file may name layers of later lines. Those of one line know nothing of each other,
/// but for [`NEIGHBOURS`].
const LAYERS: &[&[&str]] =
    &[&["app"], &["web"], &["actors"], &["bridge", "store", "auth", "delivery"], &["protocol"], &["domain"]];

/// Who may know a layer that stands beside it.
const NEIGHBOURS: &[(&str, &str)] = &[("bridge", "store")];

/// Whoever stands above `domain` may know these; they know each other and `domain` at most.
const LEAVES: &[&str] = &["clock", "config", "supervise", "telemetry", "cli"];

const LINES_MAX: usize = 500;

/// What a file that is longer says within its first lines.
const EXCUSE: &str = "long because:";
const EXCUSE_LINES: usize = 20;

struct Source {
    /// Relative to the repository, with `/` between.
    path: String,
    text: String,
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for source in rust_sources() {
        let layer = layer_of(&source.path);
        // main.rs and lib.rs stand above all layers.
        if layer == "main" || layer == "lib" {
            continue;
        }
        for (number, target) in mentions(&source.text) {
            if !may_know(&layer, &target) {
                wrong.push(format!("{}:{number}: {layer} must not know {target}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place_among_the_layers() {
    for source in rust_sources() {
        let layer = layer_of(&source.path);
        let is_placed = ["main", "lib"].contains(&&*layer) || LEAVES.contains(&&*layer) || rank(&layer).is_some();
        assert!(is_placed, "{}: which layer is `{layer}`?", source.path);
    }
}

#[test]
fn the_rules_know_no_clock_no_socket_and_no_actor() {
    const FOREIGN: &[&str] =
        &["tokio", "actix", "Instant::now", "SystemTime", "Utc::now", "std::net", "std::fs", "std::thread", "rusqlite"];
    let mut wrong = Vec::new();
    let rules = |source: &Source| source.path.starts_with("src/domain/") && !is_test_file(&source.path);
    for source in rust_sources().into_iter().filter(rules) {
        // Tests of rules need some first instant.
        for (number, line) in lines_that_ship(&source.text) {
            wrong.extend(
                FOREIGN
                    .iter()
                    .filter(|foreign| line.contains(**foreign))
                    .map(|foreign| format!("{}:{number}: domain must not know {foreign}", source.path)),
            );
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "static"] {
        for source in sources_in(folder, &["rs", "js", "mjs", "css", "html"]) {
            let lines = source.text.lines().count();
            let is_excused = source.text.lines().take(EXCUSE_LINES).any(|line| line.contains(EXCUSE));
            if lines > LINES_MAX && !is_excused {
                wrong.push(format!("{} has {lines} lines and does not say why (`{EXCUSE}` near its top)", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn unwrap_lives_in_tests() {
    let mut wrong = Vec::new();
    for source in rust_sources().into_iter().filter(|source| !is_test_file(&source.path)) {
        for (number, line) in lines_that_ship(&source.text) {
            if line.contains(".unwrap()") {
                wrong.push(format!("{}:{number}: expect(\"the reason it cannot fail\") says more", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_finished_websocket_crate_is_met_in_one_file() {
    for source in rust_sources() {
        let is_met = code_lines(&source.text).any(|(_, line)| line.contains("actix_web_actors"));
        assert!(!is_met || source.path == "src/web/websocket.rs", "{}: leaving the crate must stay cheap", source.path);
    }
}

#[test]
fn every_json_example_in_the_protocol_parses() {
    let text = read("docs/protocol.md");
    let blocks = json_blocks(&text);
    assert!(!blocks.is_empty(), "the protocol's page has examples");
    for (number, block) in blocks {
        // A block is one value after another, each a message or a part of one.
        for value in serde_json::Deserializer::from_str(&block).into_iter::<Value>() {
            let value = value.unwrap_or_else(|error| panic!("docs/protocol.md:{number}: {error}\n{block}"));
            assert!(value.is_object(), "docs/protocol.md:{number}: a message is an object, not {value}");
        }
        assert!(!block.contains('…'), "docs/protocol.md:{number}: an example is whole");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = read("Cargo.toml");
    let mut section = "";
    let mut is_explained = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            (section, is_explained) = (line, false);
        } else if line.is_empty() {
            is_explained = false;
        } else if line.starts_with('#') {
            is_explained = true;
        } else if section.ends_with("dependencies]") {
            // One comment may stand above a group; those below it belong to it until an empty line.
            assert!(is_explained || line.contains(" # "), "Cargo.toml:{}: why is it there? {line}", index + 1);
        }
    }
}

#[test]
fn the_readme_shows_the_two_commands() {
    let readme = read("README.md");
    for command in ["cargo run --release", "./tests/run"] {
        assert!(readme.contains(command), "README.md does not show `{command}`");
    }
}

#[test]
fn what_is_for_tests_alone_does_not_ship() {
    let text = "a\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n    b;\n}\nc {\n    #[cfg(test)]\n    d: D,\n    e: E,\n}\n#[cfg(test)]\nmod f;\ng";
    let shipped: Vec<&str> = lines_that_ship(text).into_iter().map(|(_, line)| line.trim()).collect();
    assert_eq!(shipped, ["a", "c {", "e: E,", "}", "g"]);
}

#[test]
fn names_of_modules_are_found_however_they_are_written() {
    let text = "use crate::web;\n// crate::no\nuse crate::{\n    app, store::{Log, web},\n    clock,\n};\nlet x = crate::auth::of(1);";
    let found: Vec<String> = mentions(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["web", "app", "store", "clock", "auth"]);
    assert!(may_know("web", "actors") && may_know("bridge", "store") && may_know("actors", "clock"));
    assert!(!may_know("actors", "web") && !may_know("store", "bridge") && !may_know("domain", "clock"));
    assert!(!may_know("clock", "actors") && !may_know("protocol", "delivery"));
}

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|beside| beside.contains(&layer))
}

fn may_know(layer: &str, target: &str) -> bool {
    // What is no module of ours at this level (an item that lib.rs exports) has no place that could be wrong.
    if layer == target || (rank(target).is_none() && !LEAVES.contains(&target)) {
        return true;
    }
    if LEAVES.contains(&layer) {
        return LEAVES.contains(&target) || target == "domain";
    }
    match (rank(layer), rank(target)) {
        (Some(above), Some(below)) => above < below || NEIGHBOURS.contains(&(layer, target)),
        (Some(_), None) => layer != "domain",
        (None, _) => false,
    }
}

/// The module at the top level that a file belongs to: `src/web/ops.rs` is of `web`.
fn layer_of(path: &str) -> String {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned()
}

/// Each top-level module of ours that a text names, with its line: `crate::store::Log`, `use crate::{clock, web::x}`.
fn mentions(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let code: Vec<(usize, &str)> = code_lines(text).collect();
    for (index, (number, line)) in code.iter().enumerate() {
        for after in line.split("crate::").skip(1) {
            if let Some(start) = after.strip_prefix('{') {
                let rest: String = code[index + 1..].iter().map(|(_, line)| *line).collect();
                found.extend(names_in_list(&format!("{start}{rest}")).into_iter().map(|name| (*number, name)));
            } else {
                found.push((*number, first_word(after)));
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first word of each part of a list up to its closing brace; what stands in braces of its own belongs to its part.
fn names_in_list(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0_u32, vec![String::new()]);
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().expect("there is always a part").push(c),
        }
    }
    parts.iter().map(|part| first_word(part.trim())).collect()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The lines that are no comments, numbered from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The code without what `#[cfg(test)]` stands above: that ends with the first line at its own depth that ends something.
fn lines_that_ship(text: &str) -> Vec<(usize, &str)> {
    let depth_of = |line: &str| line.len() - line.trim_start().len();
    let mut shipped = Vec::new();
    let mut skipped_from = None;
    for (number, line) in code_lines(text) {
        if let Some(depth) = skipped_from {
            let ends = depth_of(line) == depth && line.ends_with(['}', ';', ',']);
            skipped_from = if ends { None } else { skipped_from };
        } else if line.trim() == "#[cfg(test)]" {
            skipped_from = Some(depth_of(line));
        } else {
            shipped.push((number, line));
        }
    }
    shipped
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The fenced blocks marked `json`, with the line where each begins.
fn json_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line.trim() == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line.trim() == "```json" => open = Some((index + 1, String::new())),
            None => {}
        }
    }
    blocks
}

fn rust_sources() -> Vec<Source> {
    sources_in("src", &["rs"])
}

fn sources_in(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        // A folder that is not there has no file that is wrong.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("the folder can be read").path();
            let is_foreign = path.ends_with("node_modules") || path.ends_with("artifacts") || path.ends_with("vendor");
            if path.is_dir() && !is_foreign {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| extensions.iter().any(|one| ending == *one)) {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path.strip_prefix(repository()).expect("it was found there");
                sources.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
