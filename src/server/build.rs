//! Builds a server that is bound and loaded from a configuration, or reports every problem.

use std::error::Error;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::certificates::{self, Listeners};
use super::console_operations::operations;
use super::describe::announce;
use super::overrides::{Overrides, Root};
use super::privileges;
use super::running::Server;
use super::service::{self, Persistent};
use super::shared_lessons::LessonFollower;
use super::store_upkeep::Upkeep;
use super::trainer::open_trainer_in_turn;
use crate::admin::{Console, LastReload, TrainerOf};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::DrainSignal;
use crate::net::listen::{self, Inherited};
use crate::schema::Problem;
use crate::session::{Judge, Service};
use crate::store::{self, Leftovers};
use crate::thread_pool::ThreadPool;
use crate::thread_priority::Priority;
use crate::upstream::LoopDetection;
use arc_swap::ArcSwap;

/// Why a server cannot be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration, or what it names, is wrong.
    Invalid(Vec<Problem>),
    /// The only problem is that other programs use the ports: they may be about to exit.
    PortsInUse(Vec<Problem>),
}

impl BuildError {
    /// Every problem.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(problems) | Self::PortsInUse(problems) => problems,
        }
    }

    /// Every problem.
    pub fn into_problems(self) -> Vec<Problem> {
        match self {
            Self::Invalid(problems) | Self::PortsInUse(problems) => problems,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.problems().iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for BuildError {}

/// The sockets, and what went wrong with them.
#[derive(Debug, Default)]
struct Sockets {
    listeners: Vec<TcpListener>,
    admin: Option<TcpListener>,
    problems: Vec<Problem>,
    /// How many of the problems are that another program has the port.
    in_use: usize,
}

/// Threads that write to the quarantine at a time, and messages that wait for one of them: their sessions have them in
/// memory until then.
const DISK_THREADS: usize = 4;
const DISK_QUEUE: usize = 128;

/// Opens everything that the configuration names, of which these problems are known already.
///
/// # Errors
/// Every problem, those of rules, certificates and sockets included.
pub fn build(
    config: &Config,
    mut problems: Vec<Problem>,
    mut overrides: Overrides,
) -> Result<Server, BuildError> {
    let given = std::mem::take(&mut overrides.listeners);
    let sockets = bind(config, given, overrides.admin.take());
    problems.extend(sockets.problems);
    // Keys may be readable only for root.
    let listeners = certificates::listeners(config, &[], &overrides.listener_tls);
    let listeners = listeners.unwrap_or_else(|more| {
        problems.extend(more);
        Listeners::default()
    });
    if overrides.root == Root::GivenUp {
        problems.extend(privileges::refuses_root(config));
        if problems.is_empty()
            && let Err(problem) = privileges::give_up_root(config)
        {
            // Files that only root may read or write must not be touched now.
            return Err(BuildError::Invalid(vec![problem]));
        }
    }
    // As the user that popgate has become.
    remove_leftovers(config);
    let bound = sockets.listeners.iter();
    let addresses: Vec<_> = bound.filter_map(|it| it.local_addr().ok()).collect();
    let own_addresses = std::mem::take(&mut overrides.own_addresses);
    let persistent = Persistent {
        metrics: Arc::new(Metrics::new()),
        own: LoopDetection::new([addresses.clone(), own_addresses].concat()),
        dials: Arc::default(),
        quotas: Arc::default(),
        oauth: Arc::default(),
        disk: Arc::new(ThreadPool::new("quarantine", DISK_THREADS, DISK_QUEUE)),
        pause: Arc::default(),
        filter: Arc::default(),
        store: Arc::default(),
        judges: overrides.judges.take().unwrap_or_else(judges),
    };
    persistent.metrics.loaded();
    // The last: a start that fails for another reason leaves no file behind.
    if problems.is_empty() {
        let threads = overrides.store_threads.take();
        let opened = persistent.store.open(config, &persistent.metrics, threads);
        problems.extend(opened.err());
    }
    let sessions = std::mem::take(&mut overrides.sessions);
    match service::open(config, listeners.listeners, &persistent, overrides) {
        Ok(service) if problems.is_empty() => {
            announce(&service);
            compile_later(service.judge.clone());
            let service = Arc::new(ArcSwap::from_pointee(service));
            let drain = Arc::new(DrainSignal::new());
            let last_reload = Arc::<LastReload>::default();
            let admin_address = sockets.admin.as_ref().and_then(|it| it.local_addr().ok());
            Ok(Server {
                console: admin_address
                    .filter(|it| config.console.is_served_on(*it))
                    .map(|_| {
                        Arc::new(console(
                            config,
                            &addresses,
                            &service,
                            &drain,
                            Arc::clone(&last_reload),
                        ))
                    }),
                last_reload,
                service,
                certificates: Arc::new(ArcSwap::from_pointee(listeners.certificates)),
                admin_address,
                listeners: sockets.listeners,
                admin: sockets.admin,
                initial: Arc::new(config.clone()),
                bound: config.listen.iter().cloned().collect(),
                addresses,
                sessions,
                upkeep: Upkeep::start(config, Arc::clone(&persistent.store)),
                lessons: LessonFollower::start(config, &persistent.store),
                persistent,
                drain,
                loops: Arc::default(),
            })
        }
        opened => {
            problems.extend(opened.err().into_iter().flatten());
            Err(match problems.len() == sockets.in_use {
                true => BuildError::PortsInUse(problems),
                false => BuildError::Invalid(problems),
            })
        }
    }
}

/// The console of a server.
fn console(
    config: &Config,
    addresses: &[SocketAddr],
    service: &Arc<ArcSwap<Service>>,
    drain: &Arc<DrainSignal>,
    last_reload: Arc<LastReload>,
) -> Console {
    let of_start = config.clone();
    let trainer: TrainerOf = Box::new(move |owner| {
        let opened = open_trainer_in_turn(&of_start, owner);
        opened.map_err(|error| error.to_string())
    });
    Console::new(
        Arc::clone(service),
        Arc::clone(drain),
        trainer,
        operations(config, addresses, last_reload),
        config.data_dir.clone(),
        config.filter.hold_bytes,
        config.console.clone(),
    )
}

/// Removes files that processes which were killed did not complete.
fn remove_leftovers(config: &Config) {
    if config.data_dir.as_os_str().is_empty() {
        return;
    }
    match store::remove_leftovers(&config.data_dir) {
        Ok(Leftovers { abandoned: 0, .. }) => {}
        Ok(Leftovers { abandoned, .. }) => {
            tracing::info!(
                abandoned,
                "removed unfinished files of a process that was killed"
            );
        }
        Err(error) => tracing::warn!("unfinished files cannot be removed: {error}"),
    }
}

/// Binds sockets that are not bound yet.
fn bind(config: &Config, bound: Vec<TcpListener>, admin: Option<TcpListener>) -> Sockets {
    let mut sockets = Sockets::default();
    let mut inherited = Inherited::from_service_manager().unwrap_or_else(|error| {
        let message = format!("an inherited socket: {error}");
        sockets.problems.push(config.problem("listen", message));
        Inherited::default()
    });
    let given = bound.len();
    for listener in bound {
        match listener.set_nonblocking(true) {
            Ok(()) => sockets.listeners.push(listener),
            Err(error) => {
                let problem = config.problem("listen", error.to_string());
                sockets.problems.push(problem);
            }
        }
    }
    for (number, wanted) in config.listen.iter().enumerate().skip(given) {
        let key = format!("listen[{number}].address");
        let bound = listen::bind(wanted.address, wanted.tproxy, &mut inherited);
        let bound = sockets.take(config, &key, bound);
        sockets.listeners.extend(bound);
    }
    if let Some(address) = config.admin {
        let bound = match admin {
            Some(bound) => Ok(bound),
            None => listen::bind(address, false, &mut inherited),
        };
        sockets.admin = sockets.take(config, "admin.address", bound);
    }
    for address in inherited.left() {
        let message =
            format!("the service manager gave a socket on {address}, which no address names");
        sockets.problems.push(config.problem("listen", message));
    }
    sockets
}

impl Sockets {
    fn take(
        &mut self,
        config: &Config,
        key: &str,
        bound: Result<TcpListener, listen::BindError>,
    ) -> Option<TcpListener> {
        bound
            .map_err(|error| {
                self.in_use += usize::from(error.is_in_use());
                self.problems.push(config.problem(key, error.to_string()));
            })
            .ok()
    }
}

/// As many threads as cores. A session waits for one message at a time, and sessions are limited.
fn judges() -> Arc<ThreadPool> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(ThreadPool::new("judge", cores, usize::MAX / 2).with_priority(Priority::Background))
}

/// Compiles regexes on a thread that ends with it: until then, messages that need one are judged in the pool.
fn compile_later(judge: Judge) {
    let thread = std::thread::Builder::new().name("compile-rules".to_owned());
    if let Err(error) = thread.spawn(move || judge.compile()) {
        tracing::warn!(%error, "no thread can be started to compile the rules");
    }
}
