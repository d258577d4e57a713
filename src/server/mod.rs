//! The running server: built from a configuration, run until it is stopped, reloaded in between.
//!
//! In: a [`Config`](crate::config::Config), sockets and a signal to stop; out: sessions that are
//! served. [`build`] opens everything that can fail (sockets, certificates, rules, stores) and
//! reports all problems together; only then does [`run`] serve anyone.
//!
//! It prints nothing and never exits the process: the command line does.

mod accept;
mod build;
pub mod certificates;
pub mod daemon;
pub mod describe;
pub mod diagnosis;
pub mod filter;
pub mod log;
pub mod mailbox_name;
mod notify;
pub mod open_files;
pub mod privileges;
mod reload;
mod service;
pub mod signals;
pub mod upstreams;
mod watch;

pub use build::{BuildError, Overrides, Root, SessionRuntime, build};
pub use reload::Reloader;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::admin;
use crate::config::{Config, Listen};
use crate::filter::Filter;
use crate::metrics::Metrics;
use crate::net::{DrainSignal, listen};
use crate::schema::Problem;
use crate::session::Service;

use accept::{Acceptor, Runner};
use certificates::Certificates;
use service::Persistent;

/// A server that is bound and loaded, but does not accept yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    admin: Option<TcpListener>,
    /// The configuration that it was built from.
    initial: Arc<Config>,
    /// The `[[listen]]` section of each listener.
    bound: Arc<[Listen]>,
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    service: Arc<ArcSwap<Service>>,
    certificates: Arc<Certificates>,
    persistent: Persistent,
    sessions: SessionRuntime,
    drain: Arc<DrainSignal>,
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

    /// What applies a new configuration.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            initial: Arc::clone(&self.initial),
            bound: Arc::clone(&self.bound),
            service: Arc::clone(&self.service),
            certificates: Arc::clone(&self.certificates),
            persistent: self.persistent.clone(),
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
    let runner = Arc::new(Runner::start(server.sessions)?);
    let permits = Arc::new(Semaphore::new(server.initial.limits.sessions));
    let mut accepting = tokio::task::JoinSet::new();
    for (number, listener) in server.listeners.into_iter().enumerate() {
        let acceptor = Acceptor::new(
            number,
            &server.bound[number].name,
            Arc::clone(&runner),
            Arc::clone(&server.service),
            &metrics,
            Arc::clone(&signal),
        );
        let permits = Arc::clone(&permits);
        accepting.spawn(listen::accept(listener, permits, move |accepted| {
            acceptor.serve(accepted);
        }));
    }
    let admin = server.admin.map(|listener| {
        let served = admin::serve(listener, Arc::clone(&metrics), Arc::clone(&signal));
        tokio::spawn(served)
    });
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
    tracing::info!("stopping: no new sessions, running ones may end; once more cuts them off");
    tokio::select! {
        () = signal.drained() => {}
        () = tokio::time::sleep(limit) => {
            tracing::warn!("sessions were still busy after {limit:?}; closing them");
        }
        () = abort => tracing::warn!("second stop signal; closing running sessions"),
    }
    drop(admin);
    Ok(())
}

/// Checks what [`build`] would open, but sockets and stores: adds every problem, and counts the rules.
pub fn check(config: &Config, problems: &mut Vec<Problem>) -> usize {
    let rules = filter::rules(config);
    let rules = rules.and_then(|rules| Filter::new(rules, config.filter.thresholds));
    let count = match &rules {
        Ok(filter) => filter.rule_count(),
        Err(_) => 0,
    };
    problems.extend(rules.err().into_iter().flatten());
    let listeners = certificates::listeners(config, &[], &BTreeMap::new());
    problems.extend(listeners.err().into_iter().flatten());
    if !config.upstreams.is_empty() {
        problems.extend(upstreams::check(config).err().into_iter().flatten());
    }
    problems.extend(upstreams::token_services(config).err());
    count
}

#[cfg(test)]
mod tests;
