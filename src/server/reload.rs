//! Reloading: a new configuration, new rules, new certificates for the sessions that begin afterwards.
//!
//! A reload that fails changes nothing. Sockets are bound once, at the start: by the time of a reload the
//! privilege to bind them has been dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::certificates::{self, Certificates, Listeners};
use super::describe::announce;
use super::overrides::Overrides;
use super::service::{self, Persistent};
use crate::admin::{LastReload, Reloaded};
use crate::config::{Config, Listen};
use crate::schema::Problem;
use crate::session::{Listener, Service};

/// Applies a new configuration to sessions that begin after it.
#[derive(Debug, Clone)]
pub struct Reloader {
    /// The configuration that the server was built from.
    pub(super) initial: Arc<Config>,
    pub(super) bound: Arc<[Listen]>,
    pub(super) service: Arc<ArcSwap<Service>>,
    pub(super) certificates: Arc<Certificates>,
    pub(super) persistent: Persistent,
    /// For those who ask how the last one went.
    pub(super) last: Arc<LastReload>,
}

impl Reloader {
    /// Applies a configuration, of which these problems are known already.
    ///
    /// # Errors
    /// Every problem; everything stays as it was then.
    pub fn reload(&self, config: &Config, problems: Vec<Problem>) -> Result<(), Vec<Problem>> {
        let applied = self.apply(config, problems);
        let problems = applied.as_ref().err().into_iter().flatten();
        self.last.record(Reloaded {
            at: SystemTime::now(),
            problems: problems.map(ToString::to_string).collect(),
        });
        applied
    }

    fn apply(&self, config: &Config, mut problems: Vec<Problem>) -> Result<(), Vec<Problem>> {
        let metrics = &self.persistent.metrics;
        let before = self.certificates.load();
        let opened = certificates::listeners(config, &before, &BTreeMap::new());
        let opened = opened.unwrap_or_else(|more| {
            problems.extend(more);
            Listeners::default()
        });
        let (listeners, postponed) = self.listeners(config, &opened.listeners);
        if problems.is_empty() {
            let opened = self.persistent.store.open(config, metrics, None);
            problems.extend(opened.err());
        }
        match service::open(config, listeners, &self.persistent, Overrides::default()) {
            Ok(mut service) if problems.is_empty() => {
                service.limits.sessions = self.initial.limits.sessions;
                service.limits.pending_sessions = self.initial.limits.pending_sessions;
                let link = self.initial.console.link(self.initial.admin);
                service.style.console = link.map(Arc::from);
                for what in postponed {
                    tracing::warn!("{what}");
                }
                announce(&service);
                // Before the first session needs it.
                service.judge.compile();
                self.service.store(Arc::new(service));
                metrics.forget_certificates();
                certificates::report(metrics, &opened.certificates);
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

    /// The bound listeners with their new settings, and the changes that need a restart.
    fn listeners(&self, config: &Config, opened: &[Listener]) -> (Vec<Listener>, Vec<String>) {
        let before = self.service.load();
        let mut matched = vec![false; config.listen.len()];
        let (mut ports, mut postponed) = (Vec::new(), Vec::new());
        for (bound, old) in self.bound.iter().zip(&before.listeners) {
            let mut wanted = config.listen.iter().enumerate();
            let found = wanted.find(|(place, it)| !matched[*place] && it.address == bound.address);
            match found {
                Some((place, _)) => {
                    matched[place] = true;
                    let mut port = opened.get(place).unwrap_or(old).clone();
                    if port.tproxy != bound.tproxy {
                        let address = bound.address;
                        postponed.push(format!(
                            "tproxy of [[listen]] {address} has changed, and waits for a restart"
                        ));
                        // The socket stays as it was bound.
                        port = old.clone();
                    }
                    ports.push(port);
                }
                None => {
                    postponed.push(format!(
                        "[[listen]] {} is gone, and is listened on until a restart",
                        bound.address
                    ));
                    ports.push(old.clone());
                }
            }
        }
        for (wanted, matched) in config.listen.iter().zip(matched) {
            if !matched {
                let address = wanted.address;
                postponed.push(format!(
                    "[[listen]] {address} is new, and waits for a restart"
                ));
            }
        }
        postponed.extend(self.needs_restart(config));
        (ports, postponed)
    }

    /// Settings that are read once.
    fn needs_restart(&self, config: &Config) -> impl Iterator<Item = String> {
        let initial = &self.initial;
        [
            (initial.admin != config.admin, "[admin] address"),
            (initial.console != config.console, "[console]"),
            (initial.process != config.process, "[process]"),
            (
                initial.store != config.store || initial.data_dir != config.data_dir,
                "[data], as far as the store is concerned,",
            ),
            (initial.log.format != config.log.format, "[log] format"),
            (
                initial.limits.sessions != config.limits.sessions,
                "limits.sessions",
            ),
            (
                initial.limits.pending_sessions != config.limits.pending_sessions,
                "limits.pending_sessions",
            ),
            (
                initial.timeouts.drain != config.timeouts.drain,
                "timeouts.drain",
            ),
        ]
        .into_iter()
        .filter(|(changed, _)| *changed)
        .map(|(_, what)| format!("{what} has changed, and waits for a restart"))
    }
}
