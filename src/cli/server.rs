//! The proxy, put together from a configuration: what `serve` and `demo` share.
//!
//! Everything that can fail is opened first (sockets, rules, certificates, quarantine); only then
//! is anyone served.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::admin;
use crate::config::{Config, TlsMode};
use crate::filter::classifier::Memory;
use crate::filter::{Filter, RuleSet};
use crate::metrics::Metrics;
use crate::net::listen::{self, Accepted};
use crate::net::workers::Workers;
use crate::net::{DrainSignal, Stream};
use crate::rewrite::Style;
use crate::schema::Problem;
use crate::session::{self, Engine, HoldLimits, Judge, Service};
use crate::store::{Knowledge, Quarantine};
use crate::upstream::{Dialler, client_config};

/// A plain listener's name in metrics and in the line that announces it.
const POP3: &str = "pop3";

/// Bound and loaded, not serving yet.
#[derive(Debug)]
pub(super) struct Server {
    listeners: Vec<TcpListener>,
    admin: Option<TcpListener>,
    own: Arc<[SocketAddr]>,
    admin_address: Option<SocketAddr>,
    service: Arc<ArcSwap<Service>>,
    pub(super) metrics: Arc<Metrics>,
    sessions: usize,
    drain: Duration,
}

impl Server {
    /// Opens everything that the configuration names.
    ///
    /// # Errors
    /// Every problem, those of the rules and of the sockets included.
    pub(super) fn open(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut listeners = Vec::new();
        for (number, wanted) in config.listen.iter().enumerate() {
            match listen::bind(wanted.address) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    problems.push(
                        config.problem(&format!("listen[{number}].address"), error.to_string()),
                    );
                }
            }
        }
        let admin = config
            .admin
            .and_then(|address| match listen::bind(address) {
                Ok(listener) => Some(listener),
                Err(error) => {
                    problems.push(config.problem("admin.address", error.to_string()));
                    None
                }
            });
        let own: Arc<[SocketAddr]> = listeners
            .iter()
            .filter_map(|it| it.local_addr().ok())
            .collect();
        let admin_address = admin.as_ref().and_then(|it| it.local_addr().ok());
        let metrics = Arc::new(Metrics::new());
        match service(config, &metrics, &own) {
            Ok(service) if problems.is_empty() => Ok(Self {
                service: Arc::new(ArcSwap::from_pointee(in_force(service))),
                listeners,
                admin,
                own,
                admin_address,
                metrics,
                sessions: config.limits.sessions,
                drain: config.timeouts.drain,
            }),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }

    /// The addresses that clients connect to.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.own
    }

    /// The address for administrators.
    pub(super) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// One line a socket, so that whoever chose port 0 learns the port.
    pub(super) fn announce(&self) {
        for address in self.addresses() {
            eprintln!("listening {POP3} {address}");
        }
        if let Some(address) = self.admin_address {
            eprintln!("listening admin {address}");
        }
    }

    /// What a reload changes.
    pub(super) fn reloader(&self) -> Reloader {
        Reloader {
            own: Arc::clone(&self.own),
            service: Arc::clone(&self.service),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Serves until `stop` is ready, then lets running answers end.
    ///
    /// # Errors
    /// The system's, when threads or sockets cannot be taken into use.
    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = Arc::new(Workers::start(cores)?);
        let signal = Arc::new(DrainSignal::new());
        let permits = Arc::new(Semaphore::new(self.sessions));
        let mut tasks = tokio::task::JoinSet::new();
        for listener in self.listeners {
            let hand_over = hand_over(&workers, &self.service, &self.metrics, &signal);
            tasks.spawn(listen::accept(listener, Arc::clone(&permits), hand_over));
        }
        let admin = self.admin.map(|listener| {
            tokio::spawn(admin::serve(
                listener,
                Arc::clone(&self.metrics),
                Arc::clone(&signal),
            ))
        });
        tokio::select! {
            () = stop => {}
            Some(Ok(Err(error))) = tasks.join_next() => return Err(error),
        }
        // No new clients: the sockets close with their tasks.
        tasks.shutdown().await;
        signal.stop();
        if tokio::time::timeout(self.drain, signal.drained())
            .await
            .is_err()
        {
            tracing::warn!(
                "sessions were still busy after {:?}; they are cut off",
                self.drain
            );
        }
        drop(admin);
        Ok(())
    }
}

fn hand_over(
    workers: &Arc<Workers>,
    service: &Arc<ArcSwap<Service>>,
    metrics: &Arc<Metrics>,
    signal: &Arc<DrainSignal>,
) -> impl FnMut(Accepted) + Send + 'static {
    let (workers, service) = (Arc::clone(workers), Arc::clone(service));
    let (metrics, signal) = (Arc::clone(metrics), Arc::clone(signal));
    let active = metrics.sessions(POP3);
    move |Accepted { tcp, permit }| {
        metrics.connection(POP3, "accepted");
        let service = service.load_full();
        let open = Open::new(&active);
        let drain = signal.drain();
        workers.run(Box::new(move || {
            Box::pin(async move {
                // Both are given back when the session ends, a panic included.
                let (_open, _permit) = (open, permit);
                match tokio::net::TcpStream::from_std(tcp).and_then(Stream::plain) {
                    Ok(client) => session::run(service, client, drain).await,
                    Err(error) => tracing::warn!(%error, "a client was gone before it was served"),
                }
            })
        }));
    }
}

/// Counts a session as long as it lives.
struct Open(prometheus::IntGauge);

impl Open {
    fn new(gauge: &prometheus::IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Puts a new configuration in force for sessions that begin after it.
#[derive(Debug, Clone)]
pub(super) struct Reloader {
    own: Arc<[SocketAddr]>,
    service: Arc<ArcSwap<Service>>,
    metrics: Arc<Metrics>,
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
        let loaded = service(config, &self.metrics, &self.own);
        match loaded {
            Ok(service) if problems.is_empty() => {
                self.service.store(Arc::new(in_force(service)));
                self.metrics.reload("ok");
                Ok(())
            }
            loaded => {
                problems.extend(loaded.err().into_iter().flatten());
                self.metrics.reload("refused");
                Err(problems)
            }
        }
    }
}

/// Says which rules judge from now on.
fn in_force(service: Service) -> Service {
    if let Some(filter) = service.judge.rules() {
        service
            .metrics
            .filter_in_force(filter.version(), filter.rule_count());
    }
    service
}

/// The rules that a configuration names.
///
/// # Errors
/// Every problem of every rule file.
pub(super) fn rules(config: &Config) -> Result<RuleSet, Vec<Problem>> {
    match &config.filter.rules {
        Some(folder) => RuleSet::load(folder),
        None => RuleSet::stock(),
    }
}

/// The filter that a configuration asks for: its rules, and what was learnt unless it is not wanted.
///
/// # Errors
/// Every problem of every rule file, and of what was learnt.
pub(super) fn filter(config: &Config, learnt: bool) -> Result<Filter, Vec<Problem>> {
    let filter = rules(config).and_then(|rules| Filter::new(rules, config.filter.thresholds))?;
    if !learnt || !config.filter.classifier {
        return Ok(filter);
    }
    let (_, memory) = memory(config)?;
    Ok(filter.remembering(Arc::new(memory)))
}

/// What was learnt, on top of what popgate came with. Without a data directory, as in the
/// demonstration, nothing was.
fn memory(config: &Config) -> Result<(Option<Knowledge>, Memory), Vec<Problem>> {
    let (knowledge, memory) = if config.data_dir.as_os_str().is_empty() {
        (None, Memory::default())
    } else {
        let read = Knowledge::read(&config.data_dir);
        let read = read.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
        (Some(read.0), read.1)
    };
    match config.filter.shipped_model {
        true => Ok((knowledge, memory.with_shipped())),
        false => Ok((knowledge, memory)),
    }
}

/// The filter as [`filter`] makes it, but taking over what other processes teach it.
fn learning_filter(config: &Config) -> Result<Filter, Vec<Problem>> {
    let filter = filter(config, false)?;
    if !config.filter.classifier {
        return Ok(filter);
    }
    let (knowledge, memory) = memory(config)?;
    let memory = Arc::new(memory);
    if let Some(knowledge) = knowledge {
        let followed = knowledge.follow(&memory);
        followed.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
    }
    Ok(filter.remembering(memory))
}

/// Everything that a session needs, and every problem on the way to it.
pub(super) fn service(
    config: &Config,
    metrics: &Arc<Metrics>,
    own: &Arc<[SocketAddr]>,
) -> Result<Service, Vec<Problem>> {
    let mut problems = Vec::new();
    let filter = learning_filter(config)
        .map_err(|more| problems.extend(more))
        .ok();
    let dialler = dialler(config, own)
        .map_err(|problem| problems.push(problem))
        .ok();
    let quarantine = match config.filter.thresholds.drop_at {
        Some(_) => Quarantine::open(&config.data_dir).map(|it| Some(Arc::new(it))),
        None => Ok(None),
    };
    let quarantine = quarantine
        .map_err(|error| {
            let message = format!("{error}; name a folder that popgate may write to");
            problems.push(config.problem("data.dir", message));
        })
        .ok();
    let (Some(filter), Some(dialler), Some(quarantine)) = (filter, dialler, quarantine) else {
        return Err(problems);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Service {
        dialler,
        judge: Judge::new(
            Engine::Rules(Arc::new(filter)),
            config.timeouts.filter,
            cores,
        ),
        style: Style {
            headers: config.filter.headers,
            subject_mark: config.filter.subject_mark.clone(),
        },
        hold: HoldLimits {
            bytes: config.filter.hold_bytes,
            time: config.filter.hold_time,
        },
        timeouts: config.timeouts,
        quarantine,
        metrics: Arc::clone(metrics),
        piece: usize::MAX,
    })
}

fn dialler(config: &Config, own: &Arc<[SocketAddr]>) -> Result<Dialler, Problem> {
    let Some(upstream) = &config.upstream else {
        let message = "no upstream; write [[upstream]] and host = \"pop.example.net\", or give --upstream HOST";
        return Err(config.problem("upstream", message));
    };
    let tls = match upstream.tls {
        TlsMode::Off => None,
        TlsMode::Implicit | TlsMode::Starttls => {
            let trusted = client_config(upstream.ca_file.as_deref());
            Some(
                trusted
                    .map_err(|error| config.problem("upstream[0].ca_file", error.to_string()))?,
            )
        }
    };
    Ok(Dialler::new(
        upstream.clone(),
        tls,
        config.timeouts.connect,
        Arc::clone(own),
    ))
}
