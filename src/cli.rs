//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::domain::audit::{Chain, Known};
use crate::domain::grants::Right;
use crate::domain::pattern::RoomPattern;

/// A collaborative presence server: who is here, what each is doing, and every change as it happens.
///
/// Without a command it serves.
#[derive(Parser, Clone, PartialEq, Eq, Debug)]
#[command(name = "copresence", version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

/// What to do.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Run the server until ctrl-C or SIGTERM.
    #[command(after_help = AFTER_HELP)]
    Serve(Serve),
    /// Read the settings as serve would, and say what they mean; starts nothing.
    ///
    /// File, environment and public keys are read; key sets of issuers are not fetched, no address is bound, and the store
    /// is not opened. Secrets are not shown. Exits with 0 when the server would take the settings, else with 78 and a
    /// line that names the key, its value and what would be right.
    Check(Check),
    /// Make a token to try things out with, signed by auth.secret
    ///
    /// Prints the token alone, so that a shell can take it up:
    ///
    ///   TOKEN=$(copresence token --sub ada --room 'dashboard:*=join,publish')
    ///
    /// Without --room it allows everything but notify in every room. For the users of a site, a backend makes the tokens.
    #[command(verbatim_doc_comment)]
    Token(Token),
    /// Look at the audit log: who connected, who was refused, and what backends did
    ///
    /// Both commands only read, also while a server runs on the store. They see what was written when they began.
    #[command(subcommand)]
    Audit(Audit),
}

/// What to do with the audit log.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Audit {
    /// Say whether the audit log is what the server wrote, or where it was tampered with
    ///
    /// Every record's hash covers the one before, so an edited, missing or swapped record is found, and a cut end:
    ///
    ///   default: ok: 4711 records, head 4711:9f86d081884c7d65…
    ///   default: BROKEN: record 17 was edited: it is not what its hash was made of
    ///
    /// Who may write the file could also write all of it anew. The server logs its heads once a minute, "the audit log of
    /// default is at NUMBER:HASH"; kept elsewhere, one of them proves that the chain still has the same past:
    ///
    ///   copresence audit verify --tenant default --head 4711:9f86d081884c7d65…
    ///
    /// Exits with 0 when everything is whole, with 1 when something is not, with 66 when the store can't be read.
    #[command(verbatim_doc_comment)]
    Verify(Verify),
    /// Print records as JSON, one a line, with their hashes
    ///
    /// For an archive or a search: act, who, what, from which address, and how it ended. To go on where the last export
    /// ended, give the number of its last record:
    ///
    ///   copresence audit export --tenant default --after 4711 >> audit.jsonl
    ///
    /// Exits with 0, or with 66 when the store can't be read.
    #[command(verbatim_doc_comment)]
    Export(Export),
}

/// What to verify.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Verify {
    /// Take store.path from this file; without it, from `config.toml` in the working directory if there is one. The
    /// environment goes over both, by `COPRESENCE_STORE__PATH`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The chain of this tenant alone; "@server" is the server's own, of those who came without a valid token.
    #[arg(long, value_parser = chain)]
    pub tenant: Option<Chain>,
    /// A head from the server's log that the chain must contain: NUMBER:HASH, or the hash alone.
    #[arg(long, value_name = "HEAD", value_parser = head, requires = "tenant")]
    pub head: Option<Known>,
}

/// What to export.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Take store.path from this file; without it, from `config.toml` in the working directory if there is one. The
    /// environment goes over both, by `COPRESENCE_STORE__PATH`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The chain of this tenant alone; "@server" is the server's own, of those who came without a valid token.
    #[arg(long, value_parser = chain)]
    pub tenant: Option<Chain>,
    /// Only records behind this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "tenant")]
    pub after: u64,
}

/// How to run the server.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Serve {
    /// Read settings from this file; without it, from `config.toml` in the working directory if there is one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Listen on this address and port, such as 127.0.0.1:8080; over `server.bind` of file and environment.
    // Read by the settings, which say what is wrong in the same words wherever it stands.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
}

/// Which settings to look at.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Check {
    /// Read settings from this file; without it, from `config.toml` in the working directory if there is one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// As if serve were given this address and port.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
}

/// What the token says.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// Who it is for: the user's id, 1 to 200 characters.
    #[arg(long, value_name = "USER")]
    pub sub: String,
    /// What others see in place of the id.
    #[arg(long)]
    pub name: Option<String>,
    /// What it allows in which rooms: a room's name, or the start of one and a `*`, then `=` and rights with commas between
    /// (join, publish, signal, track, set, notify, history, or all). May be given several times.
    #[arg(long = "room", value_name = "PATTERN=RIGHTS", value_parser = room)]
    pub rooms: Vec<(RoomPattern, Vec<Right>)>,
    /// A role, for what not everybody may see. May be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The closed world that it is for; "default" without it.
    #[arg(long)]
    pub tenant: Option<String>,
    /// How long it holds: seconds, or a number with s, m, h or d behind it, up to 365d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = ttl)]
    pub ttl: Duration,
    /// Take auth.secret from this file; without it, from `config.toml` in the working directory if there is one. The
    /// environment goes over both, by `COPRESENCE_AUTH__SECRET`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const AFTER_HELP: &str = "Every setting is described in config.toml, and can be set by a variable of the environment: \
                          COPRESENCE_SERVER__BIND is server.bind. RUST_LOG picks what is logged, such as RUST_LOG=debug.";

/// Reads `PATTERN=RIGHT,RIGHT`.
fn room(text: &str) -> Result<(RoomPattern, Vec<Right>), String> {
    let (pattern, rights) =
        text.split_once('=').ok_or("it must be PATTERN=RIGHTS, such as 'dashboard:*=join,publish'")?;
    let pattern = RoomPattern::parse(pattern).map_err(|bad| bad.to_string())?;
    if rights == "all" {
        return Ok((pattern, Right::ALL.to_vec()));
    }
    let all = || Right::ALL.map(Right::as_str).join(", ");
    let right = |name: &str| Right::parse(name.trim()).ok_or_else(|| format!("the rights are {}, or all", all()));
    let rights = rights.split(',').filter(|name| !name.is_empty()).map(right).collect::<Result<_, _>>()?;
    Ok((pattern, rights))
}

/// Reads a time such as `90`, `15m` or `7d`.
fn ttl(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=365 * 86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "it must be from 1s to 365d, such as 90s, 15m, 8h or 7d".to_owned())
}

/// Reads the name of a chain.
fn chain(text: &str) -> Result<Chain, String> {
    Chain::parse(text).ok_or_else(|| "it must be a tenant, 1 to 64 of A-Z a-z 0-9 _ -, or @server".to_owned())
}

/// Reads a head as the server logs it.
fn head(text: &str) -> Result<Known, String> {
    Known::parse(text)
        .ok_or_else(|| "it must be NUMBER:HASH as the server's log has it, or 64 hexadecimal digits".into())
}

impl Cli {
    /// What to do; to serve, when nothing was said.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn read(line: &str) -> Result<Command, ErrorKind> {
        let words = std::iter::once("copresence").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(Cli::into_command).map_err(|e| e.kind())
    }

    #[test]
    fn serving_is_what_happens_without_a_word() {
        Cli::command().debug_assert();
        assert_eq!(read(""), Ok(Command::Serve(Serve::default())));
        let both = Serve { config: Some("a.toml".into()), bind: Some("0.0.0.0:80".into()) };
        for line in ["--config a.toml --bind 0.0.0.0:80", "serve --bind=0.0.0.0:80 --config=a.toml"] {
            assert_eq!(read(line), Ok(Command::Serve(both.clone())), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(read("--port 80"), Err(ErrorKind::UnknownArgument));
        assert_eq!(read("--bind"), Err(ErrorKind::InvalidValue));
        assert_eq!(read("serve here"), Err(ErrorKind::UnknownArgument));
        assert_eq!(read("--bind 0.0.0.0:80 serve"), Err(ErrorKind::ArgumentConflict));
        assert!(read("server").is_err());
    }

    #[test]
    fn a_token_is_told_by_flags() {
        let line = "token --sub ada --room a:*=join,publish --room b=all --room c= --role x --ttl 15m --tenant acme";
        let Ok(Command::Token(token)) = read(line) else { panic!("{line}") };
        let rooms: Vec<_> = token.rooms.iter().map(|(room, rights)| (room.to_string(), rights.len())).collect();
        assert_eq!(rooms, [("a:*".to_owned(), 2), ("b".to_owned(), 7), ("c".to_owned(), 0)]);
        assert_eq!((token.ttl, token.tenant.as_deref()), (Duration::from_mins(15), Some("acme")));
        for (text, seconds) in [("90", 90), ("90s", 90), ("8h", 28_800), ("365d", 31_536_000)] {
            assert_eq!(ttl(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "0", "366d", "-1", "1.5h", "1w", "h", "99999999999999999999d", "1é"] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
        assert_eq!(read("token"), Err(ErrorKind::MissingRequiredArgument));
        for bad in ["a", "=join", "a*b=join", "a=fly", "a=Join"] {
            assert_eq!(read(&format!("token --sub ada --room {bad}")), Err(ErrorKind::ValueValidation), "{bad}");
        }
    }

    #[test]
    fn the_audit_log_is_asked_by_tenant_and_head() {
        let hash = "ab".repeat(32);
        let line = format!("audit verify --config a.toml --tenant acme --head 17:{hash}");
        let Ok(Command::Audit(Audit::Verify(verify))) = read(&line) else { panic!("{line}") };
        assert_eq!((verify.tenant, verify.head.map(|known| known.number)), (Chain::parse("acme"), Some(Some(17))));
        let Ok(Command::Audit(Audit::Export(export))) = read("audit export --tenant @server --after 3") else {
            panic!()
        };
        assert_eq!((export.tenant, export.after), (Some(Chain::server()), 3));
        for bad in ["verify --tenant a:b", "verify --tenant a --head 17", "export --tenant a --after -1"] {
            assert!(read(&format!("audit {bad}")).is_err(), "{bad}");
        }
        for alone in [format!("verify --head {hash}"), "export --after 3".into()] {
            assert_eq!(
                read(&format!("audit {alone}")),
                Err(ErrorKind::MissingRequiredArgument),
                "numbers are a tenant's"
            );
        }
        assert_eq!(read("audit"), Err(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand));
    }

    #[test]
    fn version_and_help_are_there() {
        assert_eq!(read("--version"), Err(ErrorKind::DisplayVersion));
        let help = Cli::command().render_long_help().to_string();
        for word in [
            "serve",
            "check",
            "token",
            "audit",
            "--config <FILE>",
            "--bind <ADDRESS>",
            "config.toml",
            "COPRESENCE_",
            "RUST_LOG",
        ] {
            assert!(help.contains(word), "{word} is not in\n{help}");
        }
    }
}
