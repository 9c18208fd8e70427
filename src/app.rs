//! Builds everything, and takes it down again; the only file that knows everyone.
//!
//! Start: store and bridge, Directory, who may come in, listener, ready. End: not ready, no new connections, every
//! client told and closed, everything committed, exit 0. A second signal ends at once; what was acknowledged is safe
//! either way.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use actix::prelude::*;
use actix_web::web;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use crate::actors::audit::Audit;
use crate::actors::directory::Directory;
use crate::actors::directory::queries::SeeOff;
use crate::actors::limits::Limits;
use crate::actors::notifier::Notifier;
use crate::actors::robot::Host;
use crate::actors::room::RoomContext;
use crate::actors::{Admission, Hubs, Node, WorkerContext};
use crate::auth::{BadKey, Gate};
use crate::bridge::inbox::WatchInboxes;
use crate::bridge::solo::{self, Solo, Started};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::hub::EndAll;
use crate::delivery::outbox::OutboxLimits;
use crate::protocol::codes::CloseCode;
use crate::store::StoreError;
use crate::supervise;
use crate::web::api::{self, Api};
use crate::web::ops::Readiness;
use crate::web::patience::Patience;
use crate::web::{assets, demo, ops, takeover, websocket};

pub mod audit;
pub mod check;
pub mod mint;

/// What keeps a node from starting, in words for an operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address is taken or not ours.
    #[error("can't listen on {address}: {source}; set server.bind (or --bind) to a free address of this machine")]
    Listen {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A key of users' tokens can't be used.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// The system refuses something else that a server needs.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

/// What a socket's kernel buffer holds. With the default of up to 4 MB slowness would show far too late.
const SEND_BUFFER: usize = 64 << 10;
/// Connections that may wait to be accepted, for storms of returns.
const BACKLOG: i32 = 4_096;
/// How long issuers may keep us from the start; later their keys come while we serve.
const KEYS_PATIENCE: Duration = Duration::from_secs(5);
/// How long the last client may take to hear that it has to go.
const DRAIN: Duration = Duration::from_secs(4);
/// An HTTP connection on which nothing happens for so long is ended.
const IDLE: Duration = Duration::from_mins(1);
/// How often is looked for counts of refusals whose minute is over.
const AUDIT_SWEEP: Duration = Duration::from_secs(5);
/// How many clients are sent away in a second, and return in one after a drain.
const RETURNS_PER_S: u32 = 1_000;

/// Runs a node until it is told to end.
///
/// # Errors
/// [`StartError`], before anything was served.
pub fn run(config: Config) -> Result<ExitCode, StartError> {
    raise_file_limit();
    System::new().block_on(serve(config, Clock::system()))
}

async fn serve(config: Config, clock: Clock) -> Result<ExitCode, StartError> {
    let mut signals = Signals::new()?;
    let readiness = Readiness::default();
    // The address first: a second node by mistake is told so before it touches the store.
    let listener = listen(config.server.bind)?;
    let address = listener.local_addr()?;
    let mut bridge_config = solo::Config::new(&config.store.path);
    bridge_config.limits.dedupe = config.limits.dedupe;
    bridge_config.limits.sweep_every = sweep_every(&config);
    bridge_config.inboxes = config.inbox.keep();
    bridge_config.limits.audit.keep = config.audit.keep;
    bridge_config.keep = Arc::new({
        let config = config.clone();
        move |room| config.room(room).keep
    });
    let Started { bridge, store, counters, stopper } = Solo::start(&bridge_config, &clock)?;
    let gate = Gate::new(&config.auth, store.guest_key(), config.allows_guests(), clock.clone())?;
    let gate = gate.open_to(config.open_to());
    for (user, before) in store.tokens_before()? {
        gate.refuse_tokens(user, before);
    }
    gate.wait_for_keys(KEYS_PATIENCE);

    let cores = available_parallelism().map_or(1, usize::from);
    let limits = Limits::new(&config.limits, &clock);
    let rooms: Vec<_> = (0..(cores / 2).max(1)).map(|_| Arbiter::new()).collect();
    let context = Arc::new(RoomContext {
        config: config.clone(),
        clock: clock.clone(),
        bridge: bridge.clone(),
        limits: Arc::clone(&limits),
        robot: config.has_demo().then(|| Host::start(&rooms[0].handle(), &clock, Uuid::new_v4().as_u64_pair().0)),
    });
    let room_threads = rooms.iter().map(Arbiter::handle).collect();
    let directory = {
        let context = Arc::clone(&context);
        // Whoever joins writes to both, which then is one thread to be woken in place of two.
        supervise::start_vital_in(&rooms[0].handle(), "the directory", &clock, |_| {
            Directory::new(context, room_threads)
        })
    };
    bridge.inboxes.watch.do_send(WatchInboxes { opener: directory.clone().recipient() });
    let notifier = {
        let directory = directory.clone();
        supervise::start_restarting("the notifier", &clock, |_| Notifier::new(context, directory))
    };

    let admission = Admission::new(config.server.connections_max);
    let audit = Audit::new(config.audit.enabled, bridge.record.clone(), &clock);
    let node = Arc::new(Node {
        audit,
        outbox_limits: Arc::new(outbox_limits(&config)),
        first_epoch: store.epoch(),
        config,
        clock,
        gate,
        bridge,
        directory,
        notifier,
        limits,
        admission: Arc::clone(&admission),
        hubs: Hubs::default(),
    });

    let workers = if node.config.server.workers == 0 { cores } else { node.config.server.workers };
    let builder = actix_server::Server::build().workers(workers).disable_signals().shutdown_timeout(1);
    let server = takeover::serve(listener, builder, patience(&node), {
        let (node, readiness) = (Arc::clone(&node), readiness.clone());
        let api = Api::new(&node.config, &node.clock, counters);
        move |services| {
            let context = WorkerContext::current(&node);
            services.app_data(web::ThinData(context));
            websocket::configure(services);
            ops::configure(services, &readiness);
            api::configure(services, &api);
            demo::configure(services, &node.config);
            assets::configure(services);
        }
    })?;
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    actix_rt::spawn(sweep_audit(Arc::clone(&node)));
    readiness.ready();
    store.check_in_background();
    announce(&node.config, address);

    signals.wait().await;
    log::info!("ending: {} connections are told and closed", admission.standing());
    readiness.drain();
    let draining = async {
        handle.pause().await;
        drain(&node).await;
        handle.stop(false).await;
        see_off(&node).await;
        node.audit.sweep(true);
        stopper.stop().await;
    };
    tokio::select! {
        () = draining => log::info!("everything is committed; bye"),
        () = signals.wait() => log::warn!("ending at once, as told; what was acknowledged is in the log"),
    }
    drop(serving);
    Ok(ExitCode::SUCCESS)
}

fn patience(node: &Node) -> Patience {
    Patience {
        head: node.config.server.request_timeout,
        body: node.config.server.body_time(),
        // Whoever is answered slowly hears something twice in that time.
        idle: (node.config.session.heartbeat * 2).max(IDLE),
        clock: node.clock.clone(),
    }
}

/// Has counts of refusals recorded when their minute is over.
async fn sweep_audit(node: Arc<Node>) {
    loop {
        tokio::time::sleep(AUDIT_SWEEP).await;
        node.audit.sweep(false);
    }
}

/// Says goodbye to every client and waits until they are gone, or long enough.
async fn drain(node: &Node) {
    node.admission.close();
    let standing = u32::try_from(node.admission.standing()).unwrap_or(u32::MAX);
    let returns = Duration::from_millis(u64::from(standing) * 1_000 / u64::from(RETURNS_PER_S));
    let over = returns.min(node.config.server.drain);
    for hub in node.hubs.all() {
        hub.addr.do_send(EndAll { code: CloseCode::Restarting, over, returns });
    }
    let gone = async {
        while node.admission.standing() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = tokio::time::timeout(over + DRAIN, gone).await;
}

/// Has written down when everybody was here who still could have returned.
async fn see_off(node: &Node) {
    let (reply, done) = tokio::sync::oneshot::channel();
    node.directory.do_send(SeeOff { reply });
    let _ = tokio::time::timeout(DRAIN, done).await;
}

/// All logs are looked through often enough that nothing is kept for much longer than it may.
fn sweep_every(config: &Config) -> Duration {
    (config.shortest_keep() / 10).clamp(Duration::from_millis(500), Duration::from_mins(1))
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        // Accepted sockets inherit both: set here, they cost no connection a call of the system.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        // Without it answers are a little later, and that is all.
        let _ = socket.set_tcp_nodelay(true);
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|source| StartError::Listen { address, source })
}

fn outbox_limits(config: &Config) -> OutboxLimits {
    let heartbeat = config.session.heartbeat;
    OutboxLimits {
        heartbeat,
        // Five seconds on top of ten (protocol, section 3); a shorter heartbeat, as tests set, gets half of it.
        heartbeat_slack: (heartbeat / 2).min(Duration::from_secs(5)),
        connect_timeout: config.session.connect_timeout,
        ..OutboxLimits::default()
    }
}

#[expect(clippy::print_stdout, reason = "the address is what whoever started us waits for, whatever the log level")]
fn announce(config: &Config, address: SocketAddr) {
    let file: PathBuf = std::path::absolute(&config.store.path).unwrap_or_else(|_| config.store.path.clone());
    log::info!("node {} listens on {address}, its log is {}", config.server.node, file.display());
    for warning in config.warnings() {
        log::warn!("{warning}");
    }
    println!("Copresence is ready. Open the demo page: http://{address}/");
}

/// A connection is a file: takes as many as the system lets us have.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        log::warn!("the limit on open files stays at {current:?}, which bounds the connections");
    }
}

/// The two signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
