//! Loads a whole server over loopback and prints what it cost: `cargo bench --bench load -- --help`.
//!
//! ```text
//! options ──▶ scenarios ──▶ server   the real binary, a fresh store, SIGTERM at the end; or a peer
//!                 │     ──▶ swarm    all clients on one thread; frame, scan: bytes in and out; wire: what is said
//!                 └──▶ report        histogram, process (CPU and memory from /proc); comparison: peers in turns
//! ```
//!
//! The generator must be far cheaper than what it measures, so it parses no JSON of what is pushed to it: it looks for
//! markers in the bytes. What it claims it checks: offsets are contiguous for each member, and a run in which anything
//! was lost, doubled, reordered, refused or closed says so and exits with 1.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people: counts far below 2^52, and ratios of them"
)]

mod comparison;
mod frame;
mod histogram;
mod options;
mod peer;
mod process;
mod report;
mod scan;
mod scenarios;
mod server;
mod swarm;
mod wire;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use copresence::clock::Clock;

use crate::options::{Log, Options};
use crate::peer::Peer;
use crate::report::Report;

/// What can fail here ends the run; the text is for the person who started it.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<ExitCode> {
    let mut stdout = std::io::stdout();
    // `cargo test --all-targets` runs every bench bare, and is no place for a load test.
    if std::env::args().len() == 1 {
        writeln!(stdout, "nothing measured: say `cargo bench --bench load`, or --help")?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse();
    let binary = options.server.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_copresence")));
    let store = options.store.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    std::fs::create_dir_all(&store)?;
    let log = match options.log() {
        Log::Disk => format!("disk ({})", process::file_system(&store)),
        Log::Memory => "memory".to_owned(),
    };
    let mut bench = scenarios::Bench {
        options: &options,
        binary: binary.canonicalize()?,
        store,
        clock: Clock::system(),
        peer: Peer::Copresence,
    };
    let rows = if options.peers.is_empty() { bench.run_all()? } else { comparison::in_turns(&mut bench)? };
    let report = Report { machine: process::machine(), server: server::version(&bench.binary), log, rows };
    let text = match (options.json, options.peers.is_empty()) {
        (true, _) => serde_json::to_string_pretty(&report)? + "\n",
        (false, true) => report.markdown(),
        (false, false) => comparison::markdown(&report, options.rounds),
    };
    stdout.write_all(text.as_bytes())?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
