//! What an operator reads: one line a thing, on standard error, for people or as JSON for programs.
//!
//! Names and reasons in a message come from clients, so each line is escaped before it is written: nobody can forge a
//! second one, colour a terminal or turn the direction of a text. Tokens, secrets and message data are never logged;
//! that is the caller's to keep.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{self, Display, Write as _};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use env_logger::{Builder, Env};
use log::{LevelFilter, error};

use crate::config::LogFormat;

pub mod metrics;
pub mod seldom;

/// What is shown unless `RUST_LOG` says otherwise; the server's crate announces each worker at `info`.
const DEFAULT_FILTER: &str = "info,actix_server=warn";

/// Holds beside `RUST_LOG` unless that names this crate: it tells every request that it can't read at `error`, and those
/// are any stranger's to send. We count them, and tell a few (`web/takeover`).
const ALWAYS: &str = "actix_http=off";

/// Modules that tell whole addresses, and an issuer's may have a key in it: quiet, whatever `RUST_LOG` asks for.
const INDISCREET: [&str; 2] = ["ureq", "ureq_proto"];

/// Longer messages are cut.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Starts the log. Called once, as soon as its settings are known; a second call changes nothing.
pub fn init(format: LogFormat) {
    let mut builder = Builder::new();
    builder.parse_filters(ALWAYS).parse_env(Env::default().default_filter_or(DEFAULT_FILTER));
    for module in INDISCREET {
        builder.filter_module(module, LevelFilter::Warn);
    }
    match format {
        LogFormat::Plain => builder.format(|line, record| {
            let level_style = line.default_level_style(record.level());
            let (time, level, target) = (line.timestamp_millis(), record.level(), OneLine(&record.target()));
            writeln!(line, "{time} {level_style}{level:<5}{level_style:#} {target} {}", OneLine(record.args()))
        }),
        LogFormat::Json => builder.format(|line, record| {
            let (time, level) = (line.timestamp_millis(), record.level());
            let (target, message) = (JsonText(&record.target()), JsonText(record.args()));
            writeln!(line, r#"{{"time":"{time}","level":"{level}","target":"{target}","message":"{message}"}}"#)
        }),
    };
    if builder.try_init().is_ok() {
        log_panics(format);
    }
}

/// A panic costs one actor, and is a line like any other. With `RUST_BACKTRACE` the way there follows; the usual report
/// would repeat the message as it is, so it is left out.
fn log_panics(format: LogFormat) {
    std::panic::set_hook(Box::new(move |info| {
        error!("{}", told(info));
        let backtrace = Backtrace::capture();
        if backtrace.status() != BacktraceStatus::Captured {
            return;
        }
        // A program that reads JSON lines gets no other ones.
        match format {
            LogFormat::Plain => drop(writeln!(io::stderr().lock(), "{backtrace}")),
            LogFormat::Json => error!("the way to the panic: {backtrace}"),
        }
    }));
}

fn told(info: &PanicHookInfo) -> String {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!("panicked at {place}: {}", message_of(info.payload()))
}

fn message_of(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Writes what it holds as one line of visible text.
struct OneLine<'a, T: ?Sized>(&'a T);

impl<T: Display + ?Sized> Display for OneLine<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_capped(
            f,
            self.0,
            |c, out| {
                if is_unsafe(c) { write!(out, "{}", c.escape_default()) } else { out.write_char(c) }
            },
        )
    }
}

/// Writes what it holds as the inside of a JSON string, which reads back as it was.
struct JsonText<'a, T: ?Sized>(&'a T);

impl<T: Display + ?Sized> Display for JsonText<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_capped(f, self.0, |c, out| match c {
            '"' | '\\' => write!(out, "\\{c}"),
            // Not only what JSON asks for: the line may be shown as it is.
            _ if is_unsafe(c) => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
            _ => out.write_char(c),
        })
    }
}

/// How one character is written.
type Escape = fn(char, &mut fmt::Formatter<'_>) -> fmt::Result;

fn write_capped(f: &mut fmt::Formatter<'_>, text: impl Display, escape: Escape) -> fmt::Result {
    let mut escaping = Escaping { out: f, chars: 0, escape };
    // Our own end of the message is no error of the formatter's.
    match write!(escaping, "{text}") {
        Err(fmt::Error) if escaping.chars >= MESSAGE_CHARS_MAX => f.write_char('…'),
        result => result,
    }
}

/// Escapes on the way, so a message of megabytes is never built.
struct Escaping<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    chars: usize,
    escape: Escape,
}

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.chars >= MESSAGE_CHARS_MAX {
                return Err(fmt::Error);
            }
            self.chars += 1;
            (self.escape)(c, self.out)?;
        }
        Ok(())
    }
}

/// Whether a character could end a line, command a terminal, hide, or change how what follows is read.
fn is_unsafe(c: char) -> bool {
    let is_break = matches!(c, '\u{2028}' | '\u{2029}');
    let turns_direction =
        matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_invisible = matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || is_break || turns_direction || is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        OneLine(text).to_string()
    }

    #[test]
    fn no_name_forges_a_line_or_commands_a_terminal() {
        assert_eq!(shown("ada\r\n2026-11-21 INFO all is well"), r"ada\r\n2026-11-21 INFO all is well");
        assert_eq!(shown("\u{1b}[31mred\u{9b}0m\u{7f}\0\t"), r"\u{1b}[31mred\u{9b}0m\u{7f}\u{0}\t");
        assert_eq!(
            shown("a\u{202e}b\u{2066}c\u{2028}d\u{feff}e\u{85}"),
            r"a\u{202e}b\u{2066}c\u{2028}d\u{feff}e\u{85}"
        );
        assert_eq!(shown("Räume für 😀, \"quoted\" \\ as it is"), "Räume für 😀, \"quoted\" \\ as it is");
    }

    /// Names the format to the process that is to panic.
    const CHILD: &str = "TEST_PANICS_AS";

    #[test]
    fn a_panic_is_one_line_whatever_it_says() {
        if let Ok(format) = std::env::var(CHILD) {
            init(if format == "json" { LogFormat::Json } else { LogFormat::Plain });
            std::thread::spawn(|| panic!("of \"two\"\nlines")).join().unwrap_err();
            return;
        }
        for (format, backtrace) in [("plain", "0"), ("json", "0"), ("json", "1")] {
            // The hook is the whole process's, so it is tried in one of its own: this test once more.
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "telemetry::tests::a_panic_is_one_line_whatever_it_says", "--nocapture"])
                .envs([(CHILD, format), ("RUST_BACKTRACE", backtrace), ("RUST_LOG", "error")])
                .output()
                .unwrap();
            let said = String::from_utf8(child.stderr).unwrap();
            assert!(child.status.success(), "{said}");
            let lines: Vec<_> = said.lines().collect();
            assert_eq!(lines.len(), if backtrace == "1" { 2 } else { 1 }, "{said}");
            if format == "json" {
                let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].to_string();
                assert!(read(lines[0]).contains(r#"of \"two\"\nlines"#), "{said}");
                assert!(lines.len() == 1 || read(lines[1]).contains("the way to the panic"), "{said}");
            } else {
                assert!(lines[0].contains("ERROR") && lines[0].ends_with(r#"of "two"\nlines"#), "{said}");
            }
            assert!(lines[0].contains("src/telemetry.rs:"), "it says where: {said}");
        }
    }

    #[test]
    fn a_message_of_megabytes_is_cut() {
        assert_eq!(shown(&"x".repeat(1_000_000)).chars().count(), MESSAGE_CHARS_MAX + 1);
        assert_eq!(shown(&"x".repeat(MESSAGE_CHARS_MAX)).chars().count(), MESSAGE_CHARS_MAX);
        assert!(shown(&"\n".repeat(1_000_000)).len() < 3 * MESSAGE_CHARS_MAX);
    }

    #[test]
    fn as_json_a_message_is_one_line_that_reads_back_as_it_was() {
        for text in [
            "ada\r\n{\"level\":\"INFO\"}",
            "a \"quoted\" \\ path\\n",
            "\u{1b}[31m\u{0}\u{7f}\u{9b}\t\u{8}",
            "a\u{202e}b\u{2028}c\u{feff}\u{e0041}",
            "Räume für 😀",
            "",
        ] {
            let line = format!("\"{}\"", JsonText(text));
            assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
            assert!(!line.chars().any(is_unsafe), "{line}");
        }
        let long = format!("\"{}\"", JsonText(&"\"\n".repeat(1_000_000)));
        let read: String = serde_json::from_str(&long).unwrap();
        assert_eq!(read.chars().count(), MESSAGE_CHARS_MAX + 1);
    }

    #[test]
    fn a_panic_is_told_whatever_it_carries() {
        assert_eq!(message_of(&"text"), "text");
        assert_eq!(message_of(&"owned".to_owned()), "owned");
        assert_eq!(message_of(&7), "no message");
    }
}
