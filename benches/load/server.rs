//! Starts and ends the server under load: the real binary, with a config and a store of its own in a fresh folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use copresence::clock::Clock;
use tempfile::TempDir;

use crate::options::Log;
use crate::peer::{Peer, Start};
use crate::{Outcome, process};

/// What tokens are signed with; most clients are guests and have none.
pub(crate) const SECRET: &str = "a-secret-for-load-tests-that-is-long-enough";
/// How long the server may take until it prints its address, and to end after SIGTERM.
const START_MAX: Duration = Duration::from_secs(10);
const STOP_MAX: Duration = Duration::from_secs(15);

/// A running server; killed when dropped, and its folder removed.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddrV4,
    stderr: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts `binary` on a free port of 127.0.0.1, without limits, its store in a new folder under `parent`.
    pub(crate) fn start(binary: &Path, parent: &Path, log: Log) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in(parent)?;
        let config = folder.path().join("config.toml");
        fs::write(&config, config_text(&folder.path().join("load.db"), log))?;
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(&config).current_dir(folder.path());
        Self::spawn(command, folder)
    }

    /// Starts `peer` on a free port of 127.0.0.1; what it needs must be installed.
    pub(crate) fn start_peer(peer: Peer, parent: &Path, clock: &Clock) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in(parent)?;
        let Start { command, address } = peer.start(folder.path())?;
        let Some(address) = address else { return Self::spawn(command, folder) };
        let (child, stderr) = run(command, folder.path())?;
        let mut server = Self { child, address, stderr, _folder: folder };
        let deadline = clock.now() + START_MAX;
        while TcpStream::connect(address).is_err() {
            if clock.now() > deadline || server.child.try_wait()?.is_some() {
                return Err(format!("{} does not listen:\n{}", peer.name(), last_lines(&server.stderr)).into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Runs `command` and waits until it has printed its address.
    fn spawn(command: Command, folder: TempDir) -> Outcome<Self> {
        let (mut child, stderr) = run(command, folder.path())?;
        let stdout = BufReader::new(child.stdout.take().expect("piped above"));
        let (found, address) = mpsc::channel();
        // The thread reads on after the address is found: a full pipe would stop the server in its next print.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    found.send(address).ok();
                }
            }
        });
        let Ok(address) = address.recv_timeout(START_MAX) else {
            child.kill().ok();
            child.wait().ok();
            let stderr = last_lines(&stderr);
            return Err(format!("no http://127.0.0.1:PORT/ on the server's stdout; its stderr:\n{stderr}").into());
        };
        Ok(Self { child, address, stderr, _folder: folder })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn rss_kib(&self) -> u64 {
        process::rss_kib(self.pid())
    }

    /// Ends the server by SIGTERM, as its operator would; anything but exit code 0 in time is a failure to report.
    pub(crate) fn stop(mut self, clock: &Clock, peer: Peer) -> Vec<String> {
        let mut failures = Vec::new();
        match self.end(clock) {
            // How a peer ends is its own affair.
            Ok(Some(status)) if status.success() || peer != Peer::Copresence => {}
            Ok(Some(status)) => failures.push(format!("the server ended with {status}: {}", last_lines(&self.stderr))),
            Ok(None) => failures.push(format!("the server still ran {} s after SIGTERM", STOP_MAX.as_secs())),
            Err(error) => failures.push(format!("the server could not be ended: {error}")),
        }
        failures.extend(panics(&self.stderr));
        failures
    }

    /// `None` when it was still there at the end of [`STOP_MAX`].
    fn end(&mut self, clock: &Clock) -> std::io::Result<Option<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        // The shell's own `kill`: without unsafe code and another crate there is no nearer way to a signal.
        Command::new("sh").args(["-c", "kill -TERM \"$0\""]).arg(self.pid().to_string()).status()?;
        let deadline = clock.now() + STOP_MAX;
        while clock.now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts `command`, its stderr in a file of `folder`.
fn run(mut command: Command, folder: &Path) -> Outcome<(Child, PathBuf)> {
    let stderr = folder.join("stderr.txt");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&stderr)?)
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
    Ok((child, stderr))
}

/// What `binary --version` says, and the folder (so the profile) that it was built into.
pub(crate) fn version(binary: &Path) -> String {
    let output = Command::new(binary).arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let folder = binary.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{version} ({})", folder.display())
}

fn config_text(store: &Path, log: Log) -> String {
    format!(
        "[server]\nbind = \"127.0.0.1:0\"\n\n[auth]\nsecret = \"{SECRET}\"\n\n[store]\npath = {store:?}\n\n[limits]\nenabled = false\n\n\
         [[rooms]]\nmatch = \"*\"\nlog = \"{log}\"\n",
        store = store.display().to_string(),
        log = log.name(),
    )
}

fn address_in(line: &str) -> Option<SocketAddrV4> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let port = rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// The first few lines that tell of a panic: supervision hides one from the clients, so only the log shows it.
fn panics(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.contains("panicked at")).take(3).map(str::to_owned).collect()
}
