//! The proxy, put together from a configuration: what `serve` and `demo` share.
//!
//! Everything that can fail is opened first (sockets, certificates, rules, stores); only then is
//! anyone served.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc};

use super::open::{self, Lasting, Ports};
use super::{FAILURE, USAGE, privileges};
use crate::admin;
use crate::config::{Config, Flags, Limits, Listen, ListenTls};
use crate::filter::LEARNT;
use crate::metrics::{ConnectionOutcome, GaugeGuard, LoginOutcome, Metrics};
use crate::net::DrainSignal;
use crate::net::certificate::facts;
use crate::net::listen::{self, Accepted, Inherited};
use crate::net::tls::Certificate;
use crate::net::workers::Workers;
use crate::schema::Problem;
use crate::session::{self, Failure, MECHANISMS, Port, Refusal, Service};
use crate::upstream::{DialError, LoopDetection};

/// How often certificates are looked at: whoever renews them need not tell popgate.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What a session that is turned away at the door hears.
const FULL: &[u8] = b"-ERR [SYS/TEMP] popgate has too many sessions; try again later\r\n";

/// Certificates that are in force.
type Certificates = ArcSwap<Vec<(String, Arc<Certificate>)>>;

/// Bound and loaded, not serving yet.
#[derive(Debug)]
pub(super) struct Server {
    listeners: Vec<TcpListener>,
    admin: Option<TcpListener>,
    /// What it was opened by.
    begun: Arc<Config>,
    /// What each listener is, as it was bound.
    bound: Arc<[Listen]>,
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    service: Arc<ArcSwap<Service>>,
    certificates: Arc<Certificates>,
    lasting: Lasting,
}

/// Why it cannot be opened.
#[derive(Debug)]
pub(super) struct Unopened {
    problems: Vec<Problem>,
    /// Whether all of it is that somebody else has a port, who may be about to leave: nothing is to be
    /// mended in the configuration.
    may_pass: bool,
}

impl Unopened {
    /// Tells everything that is wrong; the exit code. A service manager starts popgate again after a
    /// failure, and not after wrong usage.
    pub(super) fn complain(&self) -> u8 {
        super::complain(&self.problems);
        match self.may_pass {
            true => FAILURE,
            false => USAGE,
        }
    }
}

/// Whether root's rights are given up on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// As the configuration says.
    GivenUp,
    /// Not in a demonstration.
    Kept,
}

impl Server {
    /// Opens everything that the configuration names, of which these problems are known already.
    ///
    /// # Errors
    /// Every problem, those of the rules and of the sockets included.
    pub(super) fn open(
        config: &Config,
        mut problems: Vec<Problem>,
        root: Root,
    ) -> Result<Self, Unopened> {
        let mut inherited = Inherited::from_service_manager().unwrap_or_else(|error| {
            problems.push(config.problem("listen", format!("an inherited socket: {error}")));
            Inherited::default()
        });
        let mut taken = 0;
        let mut listeners = Vec::new();
        for (number, wanted) in config.listen.iter().enumerate() {
            match listen::bind(wanted.address, wanted.tproxy, &mut inherited) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    taken += usize::from(error.is_in_use());
                    problems.push(
                        config.problem(&format!("listen[{number}].address"), error.to_string()),
                    );
                }
            }
        }
        let admin =
            config.admin.and_then(
                |address| match listen::bind(address, false, &mut inherited) {
                    Ok(listener) => Some(listener),
                    Err(error) => {
                        taken += usize::from(error.is_in_use());
                        problems.push(config.problem("admin.address", error.to_string()));
                        None
                    }
                },
            );
        for address in inherited.left() {
            let message =
                format!("the service manager gave a socket on {address}, which no address names");
            problems.push(config.problem("listen", message));
        }
        // Keys are for root to read.
        let ports = open::ports(config, &[]).unwrap_or_else(|more| {
            problems.extend(more);
            Ports::default()
        });
        if root == Root::GivenUp {
            problems.extend(privileges::refuses_root(config));
            if problems.is_empty()
                && let Err(problem) = privileges::give_up_root(config)
            {
                // Files that only root may read or write are not to be touched now.
                return Err(Unopened {
                    problems: vec![problem],
                    may_pass: false,
                });
            }
        }
        let addresses: Vec<SocketAddr> = listeners
            .iter()
            .filter_map(|it| it.local_addr().ok())
            .collect();
        let admin_address = admin.as_ref().and_then(|it| it.local_addr().ok());
        let lasting = Lasting {
            metrics: Arc::new(Metrics::new()),
            own: LoopDetection::new(addresses.clone()),
            guards: Arc::default(),
            turns: Arc::default(),
        };
        lasting.metrics.loaded();
        match open::service(config, ports.ports, &lasting) {
            Ok(service) if problems.is_empty() => Ok(Self {
                service: Arc::new(ArcSwap::from_pointee(in_force(service))),
                certificates: Arc::new(ArcSwap::from_pointee(ports.certificates)),
                listeners,
                admin,
                begun: Arc::new(config.clone()),
                bound: config.listen.iter().cloned().collect(),
                addresses,
                admin_address,
                lasting,
            }),
            opened => {
                problems.extend(opened.err().into_iter().flatten());
                Err(Unopened {
                    may_pass: problems.len() == taken,
                    problems,
                })
            }
        }
    }

    /// The addresses that clients connect to.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address for administrators.
    pub(super) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// One line a socket, so that whoever chose port 0 learns the port.
    pub(super) fn announce(&self) {
        for (listen, address) in self.bound.iter().zip(&self.addresses) {
            eprintln!("listening {} {address}", listen.tls.label());
        }
        if let Some(address) = self.admin_address {
            eprintln!("listening admin {address}");
        }
    }

    /// What a reload changes.
    pub(super) fn reloader(&self) -> Reloader {
        Reloader {
            begun: Arc::clone(&self.begun),
            bound: Arc::clone(&self.bound),
            service: Arc::clone(&self.service),
            certificates: Arc::clone(&self.certificates),
            lasting: self.lasting.clone(),
        }
    }

    /// Serves until it is told to stop (or nobody can tell it any more), then lets running sessions end;
    /// told again, it cuts them off.
    ///
    /// # Errors
    /// The system's, when threads or sockets cannot be taken into use.
    pub(super) async fn run(self, mut stops: mpsc::Receiver<()>) -> std::io::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = Arc::new(Workers::start(cores)?);
        let signal = Arc::new(DrainSignal::new());
        let drain = self.begun.timeouts.drain;
        let permits = Arc::new(Semaphore::new(self.begun.limits.sessions));
        let metrics = Arc::clone(&self.lasting.metrics);
        let mut tasks = tokio::task::JoinSet::new();
        for (number, listener) in self.listeners.into_iter().enumerate() {
            let name = &self.bound[number].name;
            let hand_over = hand_over(number, name, &workers, &self.service, &metrics, &signal);
            tasks.spawn(listen::accept(listener, Arc::clone(&permits), hand_over));
        }
        let admin = self.admin.map(|listener| {
            tokio::spawn(admin::serve(
                listener,
                Arc::clone(&metrics),
                Arc::clone(&signal),
            ))
        });
        show_certificates(&metrics, &self.certificates.load());
        let looking = look_again(Arc::clone(&self.certificates), Arc::clone(&metrics));
        let looking = tokio::spawn(looking);
        tokio::select! {
            _ = stops.recv() => {}
            Some(Ok(Err(error))) = tasks.join_next() => return Err(error),
        }
        looking.abort();
        // No new clients: the sockets close with their tasks.
        tasks.shutdown().await;
        signal.stop();
        tracing::info!("stopping: no new sessions, running ones may end; once more cuts them off");
        tokio::select! {
            () = signal.drained() => {}
            () = tokio::time::sleep(drain) => {
                tracing::warn!("sessions were still busy after {drain:?}; they are cut off");
            }
            Some(()) = stops.recv() => tracing::warn!("told to stop again; running sessions are cut off"),
        }
        drop(admin);
        Ok(())
    }
}

fn hand_over(
    number: usize,
    name: &str,
    workers: &Arc<Workers>,
    service: &Arc<ArcSwap<Service>>,
    metrics: &Arc<Metrics>,
    signal: &Arc<DrainSignal>,
) -> impl FnMut(Accepted) + Send + 'static {
    let (workers, service) = (Arc::clone(workers), Arc::clone(service));
    let (metrics, signal) = (Arc::clone(metrics), Arc::clone(signal));
    let active = metrics.sessions(name);
    let name = name.to_owned();
    move |Accepted { tcp, permit }| {
        let service = service.load_full();
        let Some(permit) = permit else {
            metrics.connection(&name, ConnectionOutcome::Refused);
            metrics.refused("sessions");
            turn_away(&tcp, &service, number);
            return;
        };
        let open = GaugeGuard::new(&active);
        let drain = signal.drain();
        workers.run(Box::new(move || {
            Box::pin(async move {
                // Both are given back when the session ends, a panic included.
                let (_open, _permit) = (open, permit);
                match tokio::net::TcpStream::from_std(tcp) {
                    Ok(tcp) => session::run(service, tcp, number, drain).await,
                    Err(error) => tracing::warn!(%error, "a client was gone before it was served"),
                }
            })
        }));
    }
}

/// Tells a client that there is no room, if that can be done at once and in plain text.
fn turn_away(mut tcp: &std::net::TcpStream, service: &Service, number: usize) {
    service.turned_away();
    let port = service.ports.get(number);
    let speaks_first =
        |port: &Port| matches!(port.protection, ListenTls::Off | ListenTls::Starttls);
    if port.is_some_and(speaks_first) {
        // It may be gone already.
        let _ = std::io::Write::write(&mut tcp, FULL);
    }
}

/// Reads certificates again when their files change.
async fn look_again(certificates: Arc<Certificates>, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        let (certificates, metrics) = (certificates.load_full(), Arc::clone(&metrics));
        let looked = tokio::task::spawn_blocking(move || {
            for (_, certificate) in certificates.iter() {
                let file = certificate.file().display();
                match certificate.refresh() {
                    Ok(true) => tracing::info!(%file, "a changed certificate is in force"),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!("{error}; the certificate before it stays in force");
                    }
                }
            }
            show_certificates(&metrics, &certificates);
        });
        // A panic there is logged already.
        let _ = looked.await;
    }
}

/// Says until when each certificate is good.
fn show_certificates(metrics: &Metrics, certificates: &[(String, Arc<Certificate>)]) {
    for (listener, certificate) in certificates {
        let name = certificate.file().file_name().unwrap_or_default();
        let facts = certificate.der().and_then(|der| facts(&der));
        let ends = facts.and_then(|facts| facts.ends.duration_since(UNIX_EPOCH).ok());
        if let Some(ends) = ends {
            let ends = i64::try_from(ends.as_secs()).unwrap_or(i64::MAX);
            metrics.certificate(listener, &name.to_string_lossy(), ends);
        }
    }
}

/// Puts a new configuration in force for sessions that begin after it.
#[derive(Debug, Clone)]
pub(super) struct Reloader {
    /// What popgate was started with.
    begun: Arc<Config>,
    bound: Arc<[Listen]>,
    service: Arc<ArcSwap<Service>>,
    certificates: Arc<Certificates>,
    lasting: Lasting,
}

impl Reloader {
    /// Takes a new configuration over.
    ///
    /// # Errors
    /// Every problem; all stays as it was then.
    pub(super) fn reload(
        &self,
        config: &Config,
        mut problems: Vec<Problem>,
    ) -> Result<(), Vec<Problem>> {
        let metrics = &self.lasting.metrics;
        let opened = open::ports(config, &self.certificates.load()).unwrap_or_else(|more| {
            problems.extend(more);
            Ports::default()
        });
        let (ports, waiting) = self.ports(config, &opened.ports);
        match open::service(config, ports, &self.lasting) {
            Ok(mut service) if problems.is_empty() => {
                service.limits.sessions = self.begun.limits.sessions;
                for what in waiting {
                    tracing::warn!("{what}");
                }
                self.service.store(Arc::new(in_force(service)));
                metrics.forget_certificates();
                show_certificates(metrics, &opened.certificates);
                self.certificates.store(Arc::new(opened.certificates));
                metrics.reloaded();
                Ok(())
            }
            loaded => {
                problems.extend(loaded.err().into_iter().flatten());
                metrics.reload_refused();
                Err(problems)
            }
        }
    }

    /// The bound sockets, with what the new configuration says of their addresses. Sockets themselves
    /// are bound but once: by then root's rights are gone.
    fn ports(&self, config: &Config, opened: &[Port]) -> (Vec<Port>, Vec<String>) {
        let before = self.service.load();
        let mut taken = vec![false; config.listen.len()];
        let (mut ports, mut waiting) = (Vec::new(), Vec::new());
        for (bound, old) in self.bound.iter().zip(&before.ports) {
            let mut wanted = config.listen.iter().enumerate();
            let found = wanted.find(|(place, it)| !taken[*place] && it.address == bound.address);
            match found {
                Some((place, _)) => {
                    taken[place] = true;
                    let mut port = opened.get(place).unwrap_or(old).clone();
                    if port.tproxy != bound.tproxy {
                        let address = bound.address;
                        waiting.push(format!(
                            "tproxy of [[listen]] {address} has changed, and waits for a restart"
                        ));
                        // The socket is what it was bound as.
                        port = old.clone();
                    }
                    ports.push(port);
                }
                None => {
                    waiting.push(format!(
                        "[[listen]] {} is gone, and is listened on until a restart",
                        bound.address
                    ));
                    ports.push(old.clone());
                }
            }
        }
        for (wanted, taken) in config.listen.iter().zip(taken) {
            if !taken {
                let address = wanted.address;
                waiting.push(format!(
                    "[[listen]] {address} is new, and waits for a restart"
                ));
            }
        }
        let begun = &self.begun;
        for (changed, what) in [
            (begun.admin != config.admin, "[admin] address"),
            (begun.process != config.process, "[process]"),
            (begun.log.format != config.log.format, "[log] format"),
            (
                begun.limits.sessions != config.limits.sessions,
                "limits.sessions",
            ),
            (
                begun.timeouts.drain != config.timeouts.drain,
                "timeouts.drain",
            ),
        ] {
            if changed {
                waiting.push(format!("{what} has changed, and waits for a restart"));
            }
        }
        (ports, waiting)
    }
}

/// Says which rules judge from now on, for whom, within which limits.
fn in_force(service: Service) -> Service {
    if let Some(filter) = service.judge.rules() {
        let metrics = &service.metrics;
        metrics.filter_active(filter.version(), filter.rule_count(), filter.thresholds());
        // What adds nothing is a part of other rules, and no hit of it is counted.
        let counted = filter.scores().map(|(rule, _)| &**rule);
        metrics.rules(counted.chain([LEARNT]));
    }
    for port in &service.ports {
        service.metrics.listener(&port.name);
    }
    for upstream in service.router.upstreams() {
        show_upstream(&service.metrics, upstream);
    }
    service.metrics.refusals(Refusal::LABELS);
    show_limits(&service.metrics, &service.limits);
    service
}

fn show_limits(metrics: &Metrics, limits: &Limits) {
    for (name, value) in [
        ("sessions", limits.sessions as u64),
        (
            "sessions_per_address",
            limits.sessions_per_address.unwrap_or(0) as u64,
        ),
        (
            "sessions_per_mailbox",
            limits.sessions_per_mailbox.unwrap_or(0) as u64,
        ),
        ("upstream_connects", limits.upstream_connects as u64),
        (
            "login_failures",
            u64::from(limits.login_failures.unwrap_or(0)),
        ),
        ("command_line", limits.command_line as u64),
        ("auth_line", limits.auth_line as u64),
        ("user_name", limits.user_name as u64),
        ("response_line", limits.response_line as u64),
        ("response", limits.response.unwrap_or(0)),
        ("held_bytes", limits.held_bytes as u64),
    ] {
        metrics.limit(name, value);
    }
}

/// Metrics with every value that a closed set of labels can have, for the page that lists them.
pub(super) fn described() -> Metrics {
    let metrics = Metrics::new();
    let (config, _) = Config::load(None, &Flags::default());
    show_limits(&metrics, &config.limits);
    metrics.filter_active("", 0, config.filter.thresholds);
    metrics.listener("");
    show_upstream(&metrics, "");
    for mechanism in MECHANISMS {
        metrics.login("", mechanism, LoginOutcome::Ok);
    }
    metrics.refusals(Refusal::LABELS);
    metrics
}

fn show_upstream(metrics: &Metrics, name: &str) {
    let kinds = [DialError::LABELS, Failure::UPSTREAM_KINDS].concat();
    metrics.upstream(name, kinds.into_iter());
}
