//! A real server: the binary that users get, with a store and a config file of its own in a folder that goes away.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use toml::{Table, Value};

use super::{PATIENCE, SECRET, http, soon};

/// What a node is started with. Starts from what all tests share: a store of its own, the tests' secret, no limits.
#[derive(Clone, Default)]
pub(crate) struct NodeConfig {
    settings: Vec<(String, Value)>,
    rooms: Vec<Table>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    appendix: String,
    has_no_file: bool,
}

impl NodeConfig {
    /// Sets `table.key`.
    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Adds a `[[rooms]]` table, given as TOML without its head.
    pub(crate) fn rooms(mut self, table: &str) -> Self {
        self.rooms.push(table.parse().expect("a test's room settings are TOML"));
        self
    }

    /// Sets an environment variable of the process.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a command line argument behind `serve --config …`.
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Text that is put under the config file as it is, right or wrong.
    pub(crate) fn appendix(mut self, toml: &str) -> Self {
        self.appendix = toml.into();
        self
    }

    /// Names a config file that is not there.
    pub(crate) fn without_file(mut self) -> Self {
        self.has_no_file = true;
        self
    }

    fn to_toml(&self, store: &Path) -> String {
        let mut file = Table::new();
        let mut set = |key: &str, value: Value| {
            let (table, key) = key.split_once('.').expect("settings are table.key");
            let table = file.entry(table).or_insert_with(|| Table::new().into());
            table.as_table_mut().expect("only tables at the top").insert(key.into(), value);
        };
        set("store.path", store.display().to_string().into());
        set("auth.secret", SECRET.into());
        set("limits.enabled", false.into());
        // A client of a test that looks at something else for a while answers no ping, and is no lost one for that.
        set("session.heartbeat_s", 300.into());
        for (key, value) in &self.settings {
            set(key, value.clone());
        }
        if !self.rooms.is_empty() {
            file.insert("rooms".into(), self.rooms.iter().cloned().map(Value::from).collect::<Vec<_>>().into());
        }
        format!("{file}\n{}", self.appendix)
    }
}

/// A running server process. Dropped, it is killed.
pub(crate) struct Node {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    config: NodeConfig,
    folder: Arc<TempDir>,
    child: Child,
    lines: Lines,
}

impl Node {
    /// Starts a server with a fresh store on a free port and waits until it is ready.
    pub(crate) async fn start(config: NodeConfig) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Self::start_in(folder, config, Lines::default(), "127.0.0.1:0").await
    }

    /// Starts a server that is expected to refuse; its exit status and everything it said.
    pub(crate) async fn refuses_to_start(config: NodeConfig) -> (ExitStatus, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lines = Lines::default();
        let mut child = spawn(folder.path(), &config, Some("127.0.0.1:0"), &lines);
        let status = soon("a refused start to end", child.wait()).await.expect("the process can be awaited");
        soon("the end of its output", lines.closed()).await;
        (status, lines.text())
    }

    /// Starts a second server on this one's store; for what it says when it is refused.
    pub(crate) async fn second_on_the_same_store(&self) -> (ExitStatus, String) {
        let lines = Lines::default();
        let mut child = spawn(self.folder.path(), &self.config, Some("127.0.0.1:0"), &lines);
        let status = soon("the second server to be refused", child.wait()).await.expect("the process can be awaited");
        soon("the end of its output", lines.closed()).await;
        (status, lines.text())
    }

    /// Starts a server that takes its address from config and environment alone.
    pub(crate) async fn start_without_bind_flag(config: NodeConfig) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let lines = Lines::default();
        let child = spawn(folder.path(), &config, None, &lines);
        Self::await_ready(folder, config, child, lines).await
    }

    async fn start_in(folder: Arc<TempDir>, config: NodeConfig, lines: Lines, bind: &str) -> Self {
        let child = spawn(folder.path(), &config, Some(bind), &lines);
        Self::await_ready(folder, config, child, lines).await
    }

    async fn await_ready(folder: Arc<TempDir>, config: NodeConfig, mut child: Child, lines: Lines) -> Self {
        let address = tokio::select! {
            address = lines.address() => address,
            status = child.wait() => {
                lines.closed().await;
                panic!("the server ended with {status:?} before it was ready:\n{}", lines.text());
            }
            () = tokio::time::sleep(PATIENCE) => panic!("the server printed no address:\n{}", lines.text()),
        };
        soon("/readyz", async {
            while http::get(&address, "/readyz").await.status != 200 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Self { address, config, folder, child, lines }
    }

    /// Ends the process as a power cut would end it.
    pub(crate) async fn kill9(&mut self) {
        self.child.start_kill().expect("the process is ours");
        soon("a killed process to end", self.child.wait()).await.expect("the process can be awaited");
    }

    /// Sends the process a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the process still runs").to_string();
        let status = std::process::Command::new("kill").args(["-s", name, &pid]).status().expect("kill can be run");
        assert!(status.success(), "kill -s {name} {pid} failed");
    }

    /// Memory that the process has from the system.
    pub(crate) fn resident_bytes(&self) -> usize {
        let pid = self.child.id().expect("the process still runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process still runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number of kB") * 1_024
    }

    /// How the process ended; waits for it.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = soon("the process to end", self.child.wait()).await.expect("the process can be awaited");
        soon("the end of its output", self.lines.closed()).await;
        status
    }

    /// Asks the process to end and waits for it.
    pub(crate) async fn sigterm(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Starts the server again after its end: same store, same port, and its output goes on in [`Self::output`].
    pub(crate) async fn restart(self) -> Self {
        let Self { address, config, folder, mut child, lines } = self;
        child.start_kill().ok();
        soon("the old process to end", child.wait()).await.expect("the process can be awaited");
        soon("the end of its output", lines.closed()).await;
        lines.begin_again();
        Self::start_in(folder, config, lines, &address).await
    }

    /// The folder in which config and store are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its store is.
    pub(crate) fn store(&self) -> PathBuf {
        store_in(self.folder.path())
    }

    /// Everything that it has written to stdout and stderr, over all its lives.
    pub(crate) fn output(&self) -> String {
        self.lines.text()
    }

    /// Answers a GET.
    pub(crate) async fn get(&self, path: &str) -> http::Response {
        http::get(&self.address, path).await
    }
}

fn store_in(folder: &Path) -> PathBuf {
    folder.join("store").join("copresence.db")
}

fn spawn(folder: &Path, config: &NodeConfig, bind: Option<&str>, lines: &Lines) -> Child {
    let file = folder.join("config.toml");
    if !config.has_no_file {
        std::fs::write(&file, config.to_toml(&store_in(folder))).expect("the config can be written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_copresence"));
    command.arg("serve").arg("--config").arg(&file);
    // clap refuses a flag twice, so a test's own comes in place of ours.
    if let Some(bind) = bind.filter(|_| !config.args.iter().any(|arg| arg == "--bind")) {
        command.args(["--bind", bind]);
    }
    // A variable of the machine that runs the tests is no setting of the server under test.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COPRESENCE_")) {
        command.env_remove(name);
    }
    command.args(&config.args).envs(config.env.iter().cloned()).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the server's binary can be run");
    lines.follow(child.stdout.take().expect("stdout is piped"));
    lines.follow(child.stderr.take().expect("stderr is piped"));
    child
}

/// What a process said, line by line, both streams in the order in which they were read.
#[derive(Clone, Default)]
struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    said: Mutex<Said>,
    news: Notify,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// Where the present life of the process begins in `lines`.
    this_life: usize,
    streams_open: usize,
}

impl Lines {
    fn follow(&self, stream: impl AsyncRead + Unpin + Send + 'static) {
        self.0.said.lock().unwrap().streams_open += 1;
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
                shared.said.lock().unwrap().lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
                shared.news.notify_waiters();
            }
            shared.said.lock().unwrap().streams_open -= 1;
            shared.news.notify_waiters();
        });
    }

    /// Awaits until `look` finds something in what was said.
    async fn until<T>(&self, look: impl Fn(&Said) -> Option<T>) -> T {
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            // Enabled before the look, so that what is said in between wakes it.
            news.as_mut().enable();
            if let Some(found) = look(&self.0.said.lock().unwrap()) {
                return found;
            }
            news.await;
        }
    }

    /// The address that the server printed: the line for people has a link in it.
    async fn address(&self) -> String {
        self.until(|said| {
            said.lines[said.this_life..].iter().find_map(|line| {
                let (_, rest) = line.split_once("http://")?;
                let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
                (address.rsplit_once(':')?.1.parse::<u16>().ok()? != 0).then_some(address)
            })
        })
        .await
    }

    async fn closed(&self) {
        self.until(|said| (said.streams_open == 0).then_some(())).await;
    }

    fn begin_again(&self) {
        let mut said = self.0.said.lock().unwrap();
        said.this_life = said.lines.len();
    }

    fn text(&self) -> String {
        self.0.said.lock().unwrap().lines.join("\n")
    }
}
