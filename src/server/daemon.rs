//! The server as a process: stops and reloads on signals, reloads when rule files change, and notifies the
//! service manager.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::reload::Reloader;
use super::running::Server;
use super::signals::{ReloadSignal, StopSignals};
use super::{log, notify, watch};
use crate::config::Config;
use crate::schema::Problem;

/// Reads the configuration anew, with every problem.
pub type LoadConfig = dyn Fn() -> (Config, Vec<Problem>) + Send + Sync;

/// Runs a server until a signal stops it. `serving` is called once signals are received.
///
/// # Errors
/// The system's, when signals, threads or sockets cannot be used.
pub async fn run(
    server: Server,
    load: Arc<LoadConfig>,
    serving: impl FnOnce(&Server),
) -> io::Result<()> {
    let mut stops = StopSignals::new()?;
    let reload_signal = ReloadSignal::new()?;
    serving(&server);
    if let Err(error) = log::queue(server.metrics().log_lines_lost()) {
        tracing::warn!(%error, "no thread for the log: its reader can delay sessions");
    }
    notify::ready();
    let loops = Arc::clone(server.loops());
    let reloader = server.reloader();
    // One at a time: what was read first must not replace what was read later.
    let turn = Arc::new(Mutex::new(()));
    if let Some(console) = server.console() {
        let (reloader, load, turn) = (reloader.clone(), Arc::clone(&load), Arc::clone(&turn));
        console.reload_with(Arc::new(move || match reload(&reloader, &*load, &turn) {
            Ok(_) => Ok(()),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
        }));
    }
    let rules = server.initial.filter.rules.clone();
    let reloading = tokio::spawn(reload_on_change(reloader, load, turn, reload_signal, rules));
    let (shutdown, abort) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (first, second) = (Arc::clone(&shutdown), Arc::clone(&abort));
    tokio::spawn(async move {
        stops.next().await;
        notify::stopping();
        first.notify_one();
        stops.next().await;
        second.notify_one();
    });
    tokio::select! {
        served = super::run(server, shutdown.notified(), abort.notified()) => {
            reloading.abort();
            served
        }
        never = notify::alive(&loops) => match never {},
    }
}

/// Reloads at each signal, and when the folder of rules has changed.
async fn reload_on_change(
    reloader: Reloader,
    load: Arc<LoadConfig>,
    turn: Arc<Mutex<()>>,
    mut signal: ReloadSignal,
    mut rules: Option<PathBuf>,
) {
    let mut seen = watch::snapshot(rules.as_deref());
    loop {
        tokio::select! {
            () = signal.next() => {}
            () = watch::changed(rules.clone(), seen) => {
                tracing::info!("the rule files have changed");
            }
        }
        notify::reloading();
        // Taken before reading: changes during a reload cause another one.
        seen = watch::snapshot(rules.as_deref());
        let (reloader, load, turn) = (reloader.clone(), Arc::clone(&load), Arc::clone(&turn));
        // Reading files and compiling rules would delay clients.
        match tokio::task::spawn_blocking(move || reload(&reloader, &*load, &turn)).await {
            Ok(Ok(config)) if config.filter.rules != rules => {
                rules = config.filter.rules;
                seen = watch::snapshot(rules.as_deref());
            }
            Ok(_) => {}
            Err(_) => tracing::error!("a reload failed; everything stays as it was"),
        }
        notify::ready();
    }
}

/// Reloads; the new configuration if it was applied.
fn reload(
    reloader: &Reloader,
    load: &LoadConfig,
    turn: &Mutex<()>,
) -> Result<Config, Vec<Problem>> {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let (config, problems) = load();
    match reloader.reload(&config, problems) {
        Ok(()) => {
            log::change(&config.log.level);
            tracing::info!("reloaded; new sessions use the new settings and rules");
            Ok(config)
        }
        Err(problems) => {
            for problem in &problems {
                tracing::error!("{problem}");
            }
            tracing::error!("nothing was reloaded; everything stays as it was");
            Err(problems)
        }
    }
}
