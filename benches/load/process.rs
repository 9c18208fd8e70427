//! What the kernel says about a process and about this machine, from `/proc`.

use std::fs;
use std::ops::AddAssign;
use std::path::Path;
use std::time::{Duration, Instant};

use copresence::clock::Clock;

/// Kernel ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of `pid` so far; zero when it is gone.
///
/// Over loopback the sender pays for the receiver's half of TCP too, so each side is charged for what it sends.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The program's name stands in brackets and may hold blanks, so count the fields after it: `utime`, `stime`.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u32 =
        after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Time that the machine's cores spent on anybody's work so far, and time that another guest of its host took from it.
fn cpu_of_all() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u32> = stat.split_ascii_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user, nice, system and steal; idle, waiting and interrupts are nobody's work.
    TICK * [0, 1, 2, 7].iter().filter_map(|field| fields.get(*field)).sum()
}

/// Resident memory of `pid` in KiB; zero when it is gone.
pub(crate) fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// How many files this process may have open (the soft limit, which the server inherits).
pub(crate) fn open_files_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|files| files.parse().ok()).unwrap_or(usize::MAX)
}

/// How many sockets `pid` has open; zero when it is gone.
pub(crate) fn open_sockets(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter(|file| {
            fs::read_link(file.path()).is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
        })
        .count()
}

/// Cores and model, such as `2 cores, AMD EPYC`.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    format!("{cores} cores, {}", model.map_or("unknown model", |(_, name)| name))
}

/// The type of the file system that holds `path`: on a `tmpfs` a synced commit costs nothing, and the reader should know.
pub(crate) fn file_system(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fitting = mounts.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        Some((fields.next()?, fields.next()?)).filter(|(folder, _)| path.starts_with(folder))
    });
    fitting.max_by_key(|(folder, _)| folder.len()).map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// A stretch of time over which CPU is counted.
pub(crate) struct Window {
    server_pid: u32,
    started: Instant,
    server: Duration,
    own: Duration,
    all: Duration,
}

/// What a [`Window`] saw.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) server: Duration,
    pub(crate) own: Duration,
    /// What neither of the two used: a figure taken on a busy machine is a bad one.
    pub(crate) others: Duration,
}

impl Window {
    pub(crate) fn open(clock: &Clock, server_pid: u32) -> Self {
        let (server, own, all) = (cpu(server_pid), cpu(std::process::id()), cpu_of_all());
        Self { server_pid, started: clock.now(), server, own, all }
    }

    pub(crate) fn close(self, clock: &Clock) -> Spent {
        let wall = clock.now() - self.started;
        let server = cpu(self.server_pid).saturating_sub(self.server);
        let own = cpu(std::process::id()).saturating_sub(self.own);
        let others = cpu_of_all().saturating_sub(self.all).saturating_sub(server + own);
        Spent { wall, server, own, others }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.server += other.server;
        self.own += other.own;
        self.others += other.others;
    }
}
