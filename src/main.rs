//! The binary: reads the command line and the settings, and runs a node.

use std::process::ExitCode;

use clap::Parser;
use copresence::app::StartError;
use copresence::cli::{Cli, Command};
use copresence::config::Config;
use copresence::{app, telemetry};

/// The exit code for a start that was refused (`EX_CONFIG` of `sysexits.h`).
const BAD_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let Command::Serve(serve) = Cli::parse().into_command();
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

/// Whoever starts us reads this, whatever the log level.
#[expect(clippy::print_stderr, reason = "a start that is refused says why, whatever the log level")]
fn refuse(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("copresence: {error}");
    ExitCode::from(code)
}
