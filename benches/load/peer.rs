//! The servers that are measured: ours, and those that people would take in its place.
//!
//! A peer is a few lines on its default settings (`peers/`), started from there; `benches/load/side-by-side` installs what
//! they need. Each prints its address as ours does, but for nginx, whose port is chosen here.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::Outcome;
use crate::wire::Wire;

/// Which server is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    Copresence,
    /// uWebSockets in Bun
    Bun,
    /// ws in Node
    Ws,
    /// Socket.IO in Node
    Socketio,
    /// socketioxide, in Rust
    Socketioxide,
    /// nchan in nginx
    Nchan,
}

/// How a peer is started, and where it then listens when that is known before.
pub(crate) struct Start {
    pub(crate) command: Command,
    pub(crate) address: Option<SocketAddrV4>,
}

impl Peer {
    /// Our own server whose rooms have their log in memory, where it stands beside the one with a log on the disk.
    pub(crate) const IN_MEMORY: &'static str = "Copresence, memory rooms";

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Copresence => "Copresence",
            Self::Bun => "Bun (uWebSockets)",
            Self::Ws => "ws (Node)",
            Self::Socketio => "Socket.IO (Node)",
            Self::Socketioxide => "socketioxide",
            Self::Nchan => "nchan",
        }
    }

    pub(crate) fn wire(self) -> Wire {
        match self {
            Self::Copresence => Wire::Copresence,
            Self::Bun | Self::Ws | Self::Nchan => Wire::Plain,
            Self::Socketio | Self::Socketioxide => Wire::SocketIo,
        }
    }

    /// What starts this peer with `folder` for its files; not for our own server, which has a config.
    pub(crate) fn start(self, folder: &Path) -> Outcome<Start> {
        let peers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/load/peers");
        let command = |program: &Path, argument: Option<&str>| {
            let mut command = Command::new(program);
            command.args(argument).current_dir(&peers).env("NODE_ENV", "production");
            Start { command, address: None }
        };
        match self {
            Self::Copresence => Err("our own server is started with its config".into()),
            Self::Bun => {
                // By its own path: the package's starter needs a script that npm does not run unasked.
                let program = peers.join("node_modules/@oven").join(bun_package()).join("bin/bun");
                Ok(command(&program, Some("bun.js")))
            }
            Self::Ws => Ok(command(Path::new("node"), Some("ws.mjs"))),
            Self::Socketio => Ok(command(Path::new("node"), Some("socketio.mjs"))),
            Self::Socketioxide => Ok(command(&peers.join("socketioxide/target/release/socketioxide-peer"), None)),
            Self::Nchan => {
                // Free a moment ago, which is as good as it gets: nginx takes no port 0.
                let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
                let text = fs::read_to_string(peers.join("nchan.conf"))?
                    .replace("FOLDER", &folder.display().to_string())
                    .replace("PORT", &port.to_string());
                let config = folder.join("nginx.conf");
                fs::write(&config, text)?;
                let mut command = Command::new("nginx");
                command.arg("-p").arg(folder).arg("-c").arg(config);
                Ok(Start { command, address: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) })
            }
        }
    }
}

/// The package that holds Bun's binary for this machine.
fn bun_package() -> &'static str {
    if cfg!(target_arch = "aarch64") { "bun-linux-aarch64" } else { "bun-linux-x64" }
}
