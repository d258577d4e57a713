//! Notifies the service manager: ready, reloading, stopping, alive (sd_notify(3)). Does nothing without one.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

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

/// Sends the watchdog's keep-alive, twice as often as the manager requires; never returns.
pub(super) async fn alive() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut beat = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        beat.tick().await;
        say(&[NotifyState::Watchdog]);
    }
}
