//! Notifies the service manager: ready, reloading, stopping, alive (sd_notify(3)). Does nothing without one.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::net::heartbeat::Heartbeats;

/// Sends a state; a failure is only logged.
fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be notified");
    }
}

/// All sockets are bound and all rules are loaded.
pub(super) fn ready() {
    say(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// A reload begins; [`ready`] ends it.
pub(super) fn reloading() {
    // The timestamp distinguishes a reload from the previous one.
    if let Ok(moment) = NotifyState::monotonic_usec_now() {
        say(&[NotifyState::Reloading, moment]);
    }
}

/// No new sessions, running ones may end.
pub(super) fn stopping() {
    say(&[
        NotifyState::Stopping,
        NotifyState::Status("running sessions end"),
    ]);
}

/// Sends the watchdog's keep-alive, twice as often as the manager requires, while all event loops run; never returns.
pub(super) async fn alive(loops: &Heartbeats) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        // The manager restarts a process of which a part of the sessions gets no answer.
        if loops.standstill(limit / 2).is_none() {
            say(&[NotifyState::Watchdog]);
        }
    }
}
