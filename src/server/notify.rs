//! Notifies the service manager: ready, reloading, stopping, alive (sd_notify(3), or the status of a Windows service). Does nothing without one.

use std::convert::Infallible;
use std::time::Duration;

use crate::net::heartbeat::Heartbeats;

/// All sockets are bound and all rules are loaded.
pub(super) fn ready() {
    system::ready();
}

/// Nothing is served but the pages of the first run, until a person has filled them in.
pub(super) fn waiting() {
    system::waiting();
}

/// A reload begins; [`ready`] ends it.
pub(super) fn reloading() {
    system::reloading();
}

/// No new sessions, running ones may end.
pub(super) fn stopping() {
    system::stopping();
}

/// Sends the watchdog's keep-alive, twice as often as the manager requires, while all event loops run; never returns.
pub(super) async fn alive(loops: &Heartbeats) -> Infallible {
    // The manager restarts a process of which a part of the sessions gets no answer.
    beat(|within| loops.standstill(within).is_none()).await
}

/// The same of the first run, which has one event loop: a beat of it is all that is to be known.
pub(super) async fn alive_alone() -> Infallible {
    beat(|_| true).await
}

/// Sends the keep-alive as long as the process runs as it should, for this time.
async fn beat(runs: impl Fn(Duration) -> bool) -> Infallible {
    let Some(limit) = system::watchdog() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        if runs(limit / 2) {
            system::alive();
        }
    }
}

/// systemd, or what takes its place.
#[cfg(unix)]
mod system {
    use std::time::Duration;

    use sd_notify::NotifyState;

    /// Sends a state; a failure is only logged.
    fn say(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            tracing::warn!(%error, "the service manager cannot be notified");
        }
    }

    pub(super) fn ready() {
        say(&[NotifyState::Ready, NotifyState::Status("serving")]);
    }

    /// The unit of a person is started without settings.
    pub(super) fn waiting() {
        let status = "no settings yet: `popgate open` shows the pages that ask for them";
        say(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    pub(super) fn reloading() {
        // The timestamp distinguishes a reload from the previous one.
        if let Ok(moment) = NotifyState::monotonic_usec_now() {
            say(&[NotifyState::Reloading, moment]);
        }
    }

    pub(super) fn stopping() {
        say(&[
            NotifyState::Stopping,
            NotifyState::Status("running sessions end"),
        ]);
    }

    pub(super) fn watchdog() -> Option<Duration> {
        sd_notify::watchdog_enabled()
    }

    pub(super) fn alive() {
        say(&[NotifyState::Watchdog]);
    }
}

/// The service manager of Windows has neither reloads nor a watchdog.
#[cfg(windows)]
mod system {
    use std::time::Duration;

    use crate::server::windows_service;

    pub(super) fn ready() {
        windows_service::running();
    }

    pub(super) fn waiting() {
        windows_service::waiting();
    }

    pub(super) fn reloading() {}

    pub(super) fn stopping() {
        windows_service::stopping();
    }

    pub(super) fn watchdog() -> Option<Duration> {
        None
    }

    pub(super) fn alive() {}
}
