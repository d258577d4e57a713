//! A built server: it accepts, drains and stops.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::accept::{Acceptor, Runner, heartbeat};
use super::admin_thread::AdminThread;
use super::certificates::{self, Certificates};
use super::overrides::SessionRuntime;
use super::reload::Reloader;
use super::service::Persistent;
use super::shared_lessons::LessonFollower;
use super::store_upkeep::Upkeep;
use crate::admin::{Console, LastReload};
use crate::config::{Config, Listen};
use crate::metrics::Metrics;
use crate::net::heartbeat::Heartbeats;
use crate::net::places::Places;
use crate::net::{DrainSignal, listen};
use crate::session::Service;

/// A server that is bound and loaded, but does not accept yet.
#[derive(Debug)]
pub struct Server {
    pub(super) listeners: Vec<TcpListener>,
    pub(super) admin: Option<TcpListener>,
    /// The configuration that it was built from.
    pub(super) initial: Arc<Config>,
    /// The `[[listen]]` section of each listener.
    pub(super) bound: Arc<[Listen]>,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) admin_address: Option<SocketAddr>,
    pub(super) service: Arc<ArcSwap<Service>>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) persistent: Persistent,
    /// Ends when the server does.
    pub(super) upkeep: Option<Upkeep>,
    pub(super) lessons: Option<LessonFollower>,
    pub(super) sessions: SessionRuntime,
    pub(super) drain: Arc<DrainSignal>,
    pub(super) loops: Arc<Heartbeats>,
    pub(super) console: Option<Arc<Console>>,
    pub(super) last_reload: Arc<LastReload>,
}

impl Server {
    /// The addresses that clients connect to, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of metrics and health.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Every socket: its protocol and its address.
    pub fn sockets(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let listeners = self.bound.iter().zip(&self.addresses);
        let listeners = listeners.map(|(listen, address)| (listen.tls.label(), *address));
        listeners.chain(self.admin_address.map(|address| ("admin", address)))
    }

    /// All metrics.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.persistent.metrics
    }

    /// The service for new sessions.
    pub fn service(&self) -> Arc<Service> {
        self.service.load_full()
    }

    /// Signals all sessions to end once no response is pending, while the listeners stay open.
    pub fn drain_signal(&self) -> &Arc<DrainSignal> {
        &self.drain
    }

    /// The console, if it is served.
    pub fn console(&self) -> Option<&Arc<Console>> {
        self.console.as_ref()
    }

    /// The event loops, once it runs.
    pub fn loops(&self) -> &Arc<Heartbeats> {
        &self.loops
    }

    /// What applies a new configuration.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            initial: Arc::clone(&self.initial),
            bound: Arc::clone(&self.bound),
            service: Arc::clone(&self.service),
            certificates: Arc::clone(&self.certificates),
            persistent: self.persistent.clone(),
            last: Arc::clone(&self.last_reload),
        }
    }
}

/// Serves until `shutdown` is ready, then lets running sessions end; when `abort` is ready after that, or
/// `timeouts.drain` has passed, it closes them.
///
/// # Errors
/// The system's, when threads or sockets cannot be used.
pub async fn run(
    server: Server,
    shutdown: impl Future<Output = ()>,
    abort: impl Future<Output = ()>,
) -> io::Result<()> {
    let signal = server.drain;
    let metrics = server.persistent.metrics;
    let loops = server.loops;
    let runner = Arc::new(Runner::start(server.sessions, &loops, &metrics)?);
    let beating = tokio::spawn(heartbeat(&loops, &metrics, "main"));
    let places = Arc::<Places>::default();
    let mut accepting = tokio::task::JoinSet::new();
    for (number, listener) in server.listeners.into_iter().enumerate() {
        let acceptor = Acceptor::new(
            number,
            &server.bound[number].name,
            Arc::clone(&runner),
            Arc::clone(&server.service),
            &metrics,
            Arc::clone(&signal),
            Arc::clone(&places),
        );
        let accept = listen::accept(listener, move |tcp, from| acceptor.serve(tcp, from));
        accepting.spawn_on(accept, &runner.accepts_on(number));
    }
    let admin = server.admin.map(|listener| {
        let (metrics, signal) = (Arc::clone(&metrics), Arc::clone(&signal));
        AdminThread::start(listener, metrics, signal, loops, server.console)
    });
    let admin = admin.transpose()?;
    certificates::report(&metrics, &server.certificates.load());
    let refreshing = tokio::spawn(certificates::refresh(
        Arc::clone(&server.certificates),
        Arc::clone(&metrics),
    ));
    tokio::select! {
        () = shutdown => {}
        Some(Ok(Err(error))) = accepting.join_next() => return Err(error),
    }
    refreshing.abort();
    // No new clients: the sockets close with their tasks.
    accepting.shutdown().await;
    signal.stop();
    let limit = server.initial.timeouts.drain;
    tracing::info!("stopping: no new sessions, running ones may end; another signal closes them");
    tokio::select! {
        biased;
        () = signal.drained() => {}
        () = tokio::time::sleep(limit) => {
            tracing::warn!("sessions were still busy after {limit:?}; closing them");
        }
        () = abort => tracing::warn!("closing running sessions at once"),
    }
    drop((server.upkeep, server.lessons));
    let store = server.persistent.store;
    // Sessions have handed over all that they will; a disk that hangs delays the end by some seconds.
    if tokio::task::spawn_blocking(move || store.finish())
        .await
        .is_err()
    {
        tracing::error!("the store could not be closed");
    }
    drop(admin);
    beating.abort();
    Ok(())
}
