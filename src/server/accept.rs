//! From an accepted connection to a running session.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus::IntGauge;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinError;

use super::overrides::SessionRuntime;
use crate::config::ListenTls;
use crate::metrics::{ConnectionOutcome, GaugeGuard, Metrics};
use crate::net::DrainSignal;
use crate::net::listen::Accepted;
use crate::net::workers::{Job, Workers};
use crate::session::{self, Listener, Service};

/// The response when there are too many sessions.
const FULL: &[u8] = b"-ERR [SYS/TEMP] popgate has too many sessions; try again later\r\n";

/// The runtime of the sessions.
#[derive(Debug)]
pub(super) enum Runner {
    Workers(Workers),
    Current(UnboundedSender<Result<(), JoinError>>),
}

impl Runner {
    pub(super) fn start(runtime: SessionRuntime) -> io::Result<Self> {
        match runtime {
            SessionRuntime::Workers => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Workers::start(cores).map(Self::Workers)
            }
            SessionRuntime::Current(ended) => Ok(Self::Current(ended)),
        }
    }

    fn run(&self, session: Job) {
        match self {
            Self::Workers(workers) => workers.run(session),
            Self::Current(ended) => {
                let ended = ended.clone();
                let session = tokio::spawn(session());
                tokio::spawn(async move { ended.send(session.await) });
            }
        }
    }
}

/// Starts the sessions of one listener.
pub(super) struct Acceptor {
    number: usize,
    name: String,
    runner: Arc<Runner>,
    service: Arc<ArcSwap<Service>>,
    metrics: Arc<Metrics>,
    active: IntGauge,
    signal: Arc<DrainSignal>,
}

impl Acceptor {
    pub(super) fn new(
        number: usize,
        name: &str,
        runner: Arc<Runner>,
        service: Arc<ArcSwap<Service>>,
        metrics: &Arc<Metrics>,
        signal: Arc<DrainSignal>,
    ) -> Self {
        Self {
            number,
            name: name.to_owned(),
            runner,
            service,
            metrics: Arc::clone(metrics),
            active: metrics.sessions(name),
            signal,
        }
    }

    pub(super) fn serve(&self, Accepted { tcp, permit }: Accepted) {
        let service = self.service.load_full();
        let Some(permit) = permit else {
            self.metrics
                .connection(&self.name, ConnectionOutcome::Refused);
            self.metrics.refused("sessions");
            turn_away(&tcp, &service, self.number);
            return;
        };
        let open = GaugeGuard::new(&self.active);
        let (number, drain) = (self.number, self.signal.drain());
        self.runner.run(Box::new(move || {
            Box::pin(async move {
                // Both are released when the session ends, also by a panic.
                let (_open, _permit) = (open, permit);
                match tokio::net::TcpStream::from_std(tcp) {
                    Ok(tcp) => session::run(service, tcp, number, drain).await,
                    Err(error) => tracing::warn!(%error, "a client closed before it was served"),
                }
            })
        }));
    }
}

/// Sends a client the error about too many sessions, if that is possible at once and in plain text.
fn turn_away(mut tcp: &TcpStream, service: &Service, number: usize) {
    service.log_turned_away();
    let port = service.listeners.get(number);
    let speaks_first =
        |port: &Listener| matches!(port.protection, ListenTls::Off | ListenTls::Starttls);
    if port.is_some_and(speaks_first) {
        // The client may have closed already.
        let _ = tcp.write(FULL);
    }
}
