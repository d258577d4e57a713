//! From an accepted connection to a running session.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus::IntGauge;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinError;

use super::overrides::SessionRuntime;
use crate::config::ListenTls;
use crate::metrics::{ConnectionOutcome, GaugeGuard, Metrics};
use crate::net::heartbeat::Heartbeats;
use crate::net::places::{Full, Places};
use crate::net::quota::counted;
use crate::net::workers::{Session, Workers};
use crate::net::{DrainSignal, Handover, handover};
use crate::session::{self, Listener, Refusal, Service, SessionPlace};
use crate::thread_priority::Priority;

/// Where sessions run.
#[derive(Debug)]
pub(super) enum Runner {
    /// On threads of their own.
    Workers {
        /// Accept, and serve clients until they have logged in: strangers wait for sessions, not sessions for
        /// strangers.
        logins: Workers,
        /// Serve clients that have logged in.
        sessions: Arc<Workers>,
    },
    /// On the runtime that the server was started on; the end of each session is reported.
    Current(UnboundedSender<Result<(), JoinError>>),
}

impl Runner {
    /// Each thread of sessions is one of the `loops`.
    pub(super) fn start(
        runtime: SessionRuntime,
        loops: &Heartbeats,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        match runtime {
            SessionRuntime::Workers => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let start = |name: &str, priority| -> io::Result<Workers> {
                    let workers = Workers::start(cores, name, priority)?;
                    for number in 0..cores {
                        if let Some(event_loop) = workers.event_loop(number) {
                            let name = format!("{name}-{number}");
                            event_loop.spawn(heartbeat(loops, metrics, &name));
                        }
                    }
                    Ok(workers)
                };
                Ok(Self::Workers {
                    logins: start("logins", Priority::Low)?,
                    sessions: Arc::new(start("sessions", Priority::Normal)?),
                })
            }
            SessionRuntime::Current(ended) => Ok(Self::Current(ended)),
        }
    }

    /// The event loop that this listener accepts on.
    pub(super) fn accepts_on(&self, listener: usize) -> Handle {
        let of_workers = match self {
            Self::Workers { logins, .. } => logins.event_loop(listener),
            Self::Current(_) => None,
        };
        of_workers.cloned().unwrap_or_else(Handle::current)
    }

    /// Runs a session, which is made on the event loop that it begins on.
    fn run(&self, session: impl FnOnce(Handover) -> Session + Send + 'static) {
        match self {
            Self::Workers { logins, sessions } => {
                let sessions = Arc::clone(sessions);
                logins.run(Box::new(move || {
                    let handover = Handover::possible();
                    let session = session(handover.clone());
                    Box::pin(async move {
                        if let Some(session) = handover::run(session, handover).await {
                            sessions.run(Box::new(move || session));
                        }
                    })
                }));
            }
            Self::Current(ended) => {
                let ended = ended.clone();
                let session = tokio::spawn(session(Handover::none()));
                tokio::spawn(async move { ended.send(session.await) });
            }
        }
    }
}

/// The heartbeat of a loop with this name.
pub(super) fn heartbeat(
    loops: &Heartbeats,
    metrics: &Metrics,
    name: &str,
) -> impl Future<Output = ()> + Send + use<> {
    let lag = metrics.loop_lag(name);
    loops
        .add(name)
        .run(move |late| lag.observe(late.as_secs_f64()))
}

/// Starts the sessions of one listener.
pub(super) struct Acceptor {
    number: usize,
    name: String,
    runner: Arc<Runner>,
    service: Arc<ArcSwap<Service>>,
    metrics: Arc<Metrics>,
    active: IntGauge,
    pending: IntGauge,
    signal: Arc<DrainSignal>,
    places: Arc<Places>,
}

impl Acceptor {
    pub(super) fn new(
        number: usize,
        name: &str,
        runner: Arc<Runner>,
        service: Arc<ArcSwap<Service>>,
        metrics: &Arc<Metrics>,
        signal: Arc<DrainSignal>,
        places: Arc<Places>,
    ) -> Self {
        Self {
            number,
            name: name.to_owned(),
            runner,
            service,
            metrics: Arc::clone(metrics),
            active: metrics.sessions(name),
            pending: metrics.sessions_pending(name),
            signal,
            places,
        }
    }

    /// Starts the session of an accepted connection, or refuses it.
    pub(super) fn serve(&self, tcp: TcpStream, from: SocketAddr) {
        let service = self.service.load_full();
        let place = match self.places.enter(counted(from.ip()), service.places()) {
            Ok(place) => place,
            Err(full) => {
                self.metrics
                    .connection(&self.name, ConnectionOutcome::Refused);
                return turn_away(&tcp, from, &service, self.number, full);
            }
        };
        let open = GaugeGuard::new(&self.active);
        let pending = GaugeGuard::new(&self.pending);
        let (number, drain) = (self.number, self.signal.drain());
        self.runner.run(move |handover| {
            let place = SessionPlace {
                place,
                pending: Some(pending),
                drain,
                handover,
            };
            Box::pin(async move {
                // Counts down when the session ends, also by a panic.
                let _open = open;
                match tokio::net::TcpStream::from_std(tcp) {
                    Ok(tcp) => session::run(service, tcp, number, place).await,
                    Err(error) => tracing::warn!(%error, "a client closed before it was served"),
                }
            })
        });
    }
}

/// Sends a client the error about too many sessions, if that is possible at once and in plain text.
fn turn_away(mut tcp: &TcpStream, from: SocketAddr, service: &Service, number: usize, full: Full) {
    let refusal = match full {
        Full::All => Refusal::Sessions,
        Full::Pending => Refusal::PendingSessions,
    };
    session::report_refusal(service, from, &refusal);
    let port = service.listeners.get(number);
    let speaks_first =
        |port: &Listener| matches!(port.protection, ListenTls::Off | ListenTls::Starttls);
    if port.is_some_and(speaks_first) {
        // The client may have closed already.
        let _ = tcp.write(refusal.line().as_bytes());
    }
}
