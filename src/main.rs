//! The binary: reads the command line and the settings, and does what was asked.

use std::process::ExitCode;

use clap::Parser;
use copresence::app::{StartError, audit, check, mint};
use copresence::cli::{Cli, Command, Serve};
use copresence::clock::Clock;
use copresence::config::Config;
use copresence::{app, cli, telemetry};

/// The exit code for a command line that can't be read; clap's own.
const BAD_USAGE: u8 = 2;
/// The exit code for a store that can't be read (`EX_NOINPUT` of `sysexits.h`).
const NO_INPUT: u8 = 66;
/// The exit code for settings that can't be used (`EX_CONFIG` of `sysexits.h`).
const BAD_CONFIG: u8 = 78;

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        Command::Serve(serve) => run(&serve),
        Command::Check(check) => look(&check),
        Command::Token(token) => make(&token),
        Command::Audit(cli::Audit::Verify(verify)) => verify_audit(&verify),
        Command::Audit(cli::Audit::Export(export)) => export_audit(&export),
    }
}

fn run(serve: &Serve) -> ExitCode {
    let config = match Config::load(serve.config.as_deref(), std::env::vars_os(), serve.bind.as_deref()) {
        Ok(config) => config,
        Err(error) => return refuse(&error, BAD_CONFIG),
    };
    telemetry::init(config.log.format);
    match app::run(config) {
        Ok(code) => code,
        Err(error @ StartError::Key(_)) => refuse(&error, BAD_CONFIG),
        Err(error) => refuse(&error, 1),
    }
}

fn look(check: &cli::Check) -> ExitCode {
    let config = Config::load(check.config.as_deref(), std::env::vars_os(), check.bind.as_deref());
    let config = match config {
        Ok(config) => config,
        Err(error) => return refuse(&error, BAD_CONFIG),
    };
    match check::meaning(&config) {
        Ok(text) => say(&text),
        Err(error) => refuse(&error, BAD_CONFIG),
    }
}

fn make(token: &cli::Token) -> ExitCode {
    let config = match Config::load(token.config.as_deref(), std::env::vars_os(), None) {
        Ok(config) => config,
        Err(error) => return refuse(&error, BAD_CONFIG),
    };
    match mint::token(token, &config, &Clock::system()) {
        Ok(text) => say(&text),
        Err(error @ mint::MintError::NoSecret) => refuse(&error, BAD_CONFIG),
        Err(error) => refuse(&error, BAD_USAGE),
    }
}

fn verify_audit(verify: &cli::Verify) -> ExitCode {
    let config = match Config::load(verify.config.as_deref(), std::env::vars_os(), None) {
        Ok(config) => config,
        Err(error) => return refuse(&error, BAD_CONFIG),
    };
    match audit::verify(&config.store.path, verify.tenant.as_ref(), verify.head) {
        Ok(looked) => {
            let said = say(&looked.lines.join("\n"));
            if looked.is_whole { said } else { ExitCode::FAILURE }
        }
        Err(error) => refuse(&error, NO_INPUT),
    }
}

fn export_audit(export: &cli::Export) -> ExitCode {
    let config = match Config::load(export.config.as_deref(), std::env::vars_os(), None) {
        Ok(config) => config,
        Err(error) => return refuse(&error, BAD_CONFIG),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match audit::export(&config.store.path, export.tenant.as_ref(), export.after, &mut out) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        // Whoever read had enough.
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => refuse(&error, NO_INPUT),
    }
}

/// What was asked for goes to standard output, where a shell can take it up.
fn say(text: &str) -> ExitCode {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read had enough.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whoever starts us reads this, whatever the log level.
#[expect(clippy::print_stderr, reason = "a refusal says why, whatever the log level")]
fn refuse(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("copresence: {error}");
    ExitCode::from(code)
}
