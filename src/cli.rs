//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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

const AFTER_HELP: &str = "Every setting is described in config.toml, and can be set by a variable of the environment: \
                          COPRESENCE_SERVER__BIND is server.bind. RUST_LOG picks what is logged, such as RUST_LOG=debug.";

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
    fn version_and_help_are_there() {
        assert_eq!(read("--version"), Err(ErrorKind::DisplayVersion));
        let help = Cli::command().render_long_help().to_string();
        for word in ["serve", "--config <FILE>", "--bind <ADDRESS>", "config.toml", "COPRESENCE_", "RUST_LOG"] {
            assert!(help.contains(word), "{word} is not in\n{help}");
        }
    }
}
