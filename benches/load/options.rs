//! The command line.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};

use crate::peer::Peer;

/// Starts a Copresence server, loads it over loopback, and prints what it cost.
///
/// Each scenario starts a server of its own (limits off, a guest per connection, a fresh store) and ends it by SIGTERM. One
/// thread plays all clients; the server has the other cores. Without `--scenario`, all of them run in a short form that
/// fits a coffee break; published figures come from `--scenario NAME` or `--scenario all`, which use the defaults below.
///
/// fanout: --members 1000 of one room, member 0 publishes --rate 50 messages a second for --seconds 10.
///
/// saturated: the same room, with --in-flight 32 publishes under way, each until the last member has it; --seconds 8.
///
/// mesh: --rooms 20 of --members 50, each member signals `cursor` at --hz 4, for --seconds 10; then 100 of 10 at 5.
///
/// idle: --connections 10000 in rooms of --members 10, left alone for --seconds 15 but for heartbeats.
///
/// join: --connections 5000 dial, connect and join rooms of --members 10, --in-flight 64 at a time.
///
/// storm: three times --connections 5000 come as in join, --in-flight 64 at a time, and leave; with --users N they bring the
/// tokens of so many users. A room beside it is measured in the --seconds 5 before, and meanwhile.
///
/// publish: --rooms 1000, each with one member, who publishes; --in-flight 256 in all, each until its reply; --seconds 8.
///
/// notify: 3 notifications to --users 10000 of whom --connections 1000 are here, one after the other; a publisher beside.
///
/// growth: one publish at a time to a room of 100, 1,000 and 10,000 --members; publishes to 1, 100, 10,000 and 50,000 --rooms of
/// one member; 10,000 --connections that join one room at once. Runs when it is named, and takes about two minutes.
///
/// With --peers, servers of others are loaded in the same way and in turns (fanout, saturated, mesh, idle, join, storm); what they
/// need is installed by benches/load/side-by-side.
///
/// Exit code 1 when anything was lost, doubled, reordered, refused or closed, or the server did not end with 0.
#[derive(Parser)]
#[command(name = "load", verbatim_doc_comment)]
pub(crate) struct Options {
    /// Which scenario to run; may be given several times. Default: all, in a short form
    #[arg(long, value_enum)]
    pub(crate) scenario: Vec<Scenario>,
    /// Measure these servers in turns, the same load for each, and print a table of medians with ratios; several by commas
    #[arg(long, value_enum, value_delimiter = ',', num_args = 1..)]
    pub(crate) peers: Vec<Peer>,
    /// How often each of --peers has its turn
    #[arg(long, default_value_t = 3, value_parser = RangedU64ValueParser::<u32>::new().range(1..=99))]
    pub(crate) rounds: u32,
    /// The server's binary. Default: the one that cargo built beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) server: Option<PathBuf>,
    /// Where rooms keep their log. Default: on the disk; `saturated` runs once with each
    #[arg(long, value_enum)]
    pub(crate) log: Option<Log>,
    /// The folder that stores are made in. Default: cargo's target folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) store: Option<PathBuf>,
    /// Members of each room
    #[arg(long)]
    pub(crate) members: Option<usize>,
    /// Rooms
    #[arg(long)]
    pub(crate) rooms: Option<usize>,
    /// Connections in all
    #[arg(long)]
    pub(crate) connections: Option<usize>,
    /// Users who are notified, present or not; those of a storm
    #[arg(long)]
    pub(crate) users: Option<usize>,
    /// Messages a second of the one publisher
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Signals a second of each member
    #[arg(long)]
    pub(crate) hz: Option<u32>,
    /// How much may be under way at once
    #[arg(long)]
    pub(crate) in_flight: Option<usize>,
    /// How long to measure
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Bytes of `data` in a publish, quotation marks included; 32 to 60000
    #[arg(long, default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(32..=60_000))]
    pub(crate) bytes: usize,
    /// Print JSON in place of the Markdown table
    #[arg(long)]
    pub(crate) json: bool,
    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    All,
    Fanout,
    Saturated,
    Mesh,
    Idle,
    Join,
    Storm,
    Publish,
    Notify,
    Growth,
}

/// `log` of the rooms in the server's config.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    Disk,
    Memory,
}

impl Log {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        }
    }
}

impl Options {
    /// Whether nobody asked for a scenario, so that a short form of each will do.
    pub(crate) fn is_short(&self) -> bool {
        self.scenario.is_empty()
    }

    /// Where rooms keep their log.
    pub(crate) fn log(&self) -> Log {
        self.log.unwrap_or(Log::Disk)
    }

    pub(crate) fn runs(&self, scenario: Scenario) -> bool {
        self.is_short() || self.scenario.iter().any(|asked| [Scenario::All, scenario].contains(asked))
    }

    /// How long to measure: as asked, else `full`, or 3 s in the short form.
    pub(crate) fn seconds_or(&self, full: u64) -> u64 {
        self.seconds.unwrap_or(if self.is_short() { 3 } else { full })
    }

    /// How many connections to open: as asked, else `full`, or a fifth in the short form.
    pub(crate) fn connections_or(&self, full: usize) -> usize {
        self.connections.unwrap_or(if self.is_short() { full / 5 } else { full })
    }

    /// How many users there are: as asked, else `full`, or a fifth in the short form.
    pub(crate) fn users_or(&self, full: usize) -> usize {
        self.users.unwrap_or(if self.is_short() { full / 5 } else { full })
    }
}
